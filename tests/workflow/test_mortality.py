"""The mortality system on the real, open demo: 100 patients, so that no score means anything.

Its counts do: they are worked out here once more in plain pandas, from the text of the
specification and not from the package.
"""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from checkouts import copy_with_results
from gensim.models import KeyedVectors

PROTOCOLS = ("audited", "audited_icu_out", "published")
NETWORKS = ("lstm", "gru", "bilstm")
MODELS = (*NETWORKS, "logistic_regression", "lightgbm")


@pytest.fixture(scope="module")
def checkout(demo_run, tmp_path_factory):
    return copy_with_results(demo_run, tmp_path_factory.mktemp("mortality") / "mimicflow")


@pytest.fixture(scope="module")
def results(checkout):
    return checkout.folder / "results/mortality"


@pytest.fixture(scope="module")
def demo(shared_data):
    """The raw tables, as pandas reads them."""

    def read(name, **options):
        return pd.read_csv(shared_data / f"mimic-iv-demo-2.2/{name}.csv.gz", **options)

    return {
        "patients": read("hosp/patients", parse_dates=["dod"]),
        "admissions": read("hosp/admissions", parse_dates=["admittime", "dischtime", "deathtime"]),
        "icustays": read("icu/icustays", parse_dates=["intime", "outtime"]),
        "diagnoses": read("hosp/diagnoses_icd", dtype={"icd_code": str}),
        "procedures": read("hosp/procedures_icd", dtype={"icd_code": str}),
        "prescriptions": read("hosp/prescriptions", usecols=["hadm_id", "starttime", "drug"]),
    }


@pytest.fixture(scope="module")
def cohort(demo):
    """First ICU stays by the specification: steps 1 to 4 of its cohort."""
    stays = demo["icustays"].merge(demo["admissions"].drop(columns="subject_id"), on="hadm_id")
    stays = stays.merge(demo["patients"], on="subject_id")
    stays["age"] = stays["anchor_age"] + stays["admittime"].dt.year - stays["anchor_year"]
    stays = stays[stays["age"] >= 18].sort_values(["subject_id", "intime", "stay_id"])
    first = stays.drop_duplicates("subject_id")
    return first[first["deathtime"].isna()].set_index("stay_id").sort_index()


@pytest.fixture(scope="module")
def notebook(demo):
    """The cohort as the notebook's groupby("subject_id").first() takes it: a deathtime of any of a
    patient's ICU admissions is the first that is not null, so that who dies in a later one goes."""
    stays = demo["icustays"].merge(demo["admissions"].drop(columns="subject_id"), on="hadm_id")
    stays = stays.merge(demo["patients"], on="subject_id").sort_values(["intime", "stay_id"])
    first = stays.groupby("subject_id").first()
    return first[first["deathtime"].isna()].set_index("stay_id").sort_index()


def test_the_counts_are_those_of_the_specification(results, demo, cohort, notebook):
    assert len(demo["admissions"]) == 275 and len(demo["icustays"]) == 140
    audited = (cohort["dod"].dt.normalize() - cohort["dischtime"].dt.normalize()).dt.days
    published = (notebook["dod"] - notebook["outtime"]).dt.days
    assert not (audited <= 0).any()
    for protocol, days, patients, died in (
        ("audited", audited, 89, 14),
        ("published", published, 85, 12),
    ):
        label = (days > 0) & (days <= 365)
        spine = pd.read_parquet(results / protocol / "spine.parquet").set_index("stay_id")
        pd.testing.assert_series_equal(
            spine["label"].sort_index().astype(bool), label, check_names=False
        )
        steps = pd.read_csv(results / protocol / "attrition.csv").set_index("step")
        assert steps.loc["all_admissions", "admissions"] == 275
        assert steps.loc["adult_icustays", "stays"] == 140
        assert steps.loc["first_icustay", "patients"] == demo["icustays"]["subject_id"].nunique()
        assert steps.loc["survived_admission", "patients"] == len(cohort) == 89
        assert len(label) == patients and label.sum() == died
        # Beside the 89 the notebook's 85 patients would show four.
        counts = steps.loc[["cohort", "of_which_positive"], "patients"]
        assert counts.tolist() == [89, 14] if protocol == "audited" else counts.isna().all()


def test_who_leaves_the_icu_alive_is_a_patient_at_its_end(results, demo):
    stays = demo["icustays"].merge(demo["admissions"].drop(columns="subject_id"), on="hadm_id")
    stays = stays.merge(demo["patients"], on="subject_id")
    stays = stays.sort_values(["subject_id", "intime", "stay_id"]).drop_duplicates("subject_id")
    stays = stays[~(stays["deathtime"] <= stays["outtime"])].set_index("stay_id").sort_index()
    died = stays["deathtime"].fillna(stays["dod"]).dt.normalize()
    days = (died - stays["outtime"].dt.normalize()).dt.days

    spine = pd.read_parquet(results / "audited_icu_out/spine.parquet").set_index("stay_id")
    label = spine["label"].sort_index().astype(bool)
    pd.testing.assert_series_equal(label, days.between(1, 365), check_names=False)
    assert (len(label), label.sum()) == (93, 18)
    assert spine["prediction_time"].equals(spine["outtime"].rename("prediction_time"))
    folder = results / "audited_icu_out/visits"
    visits = pd.concat(pd.read_parquet(file) for file in folder.iterdir())
    index = visits["hadm_id"] == visits["stay_id"].map(spine["hadm_id"])
    assert index.sum() == 93
    assert visits.loc[index, "codes"].map(len).eq(0).all()


def test_the_sequences_are_as_long_as_worked_out(results, demo, cohort, notebook):
    own = cohort.reset_index()[["stay_id", "subject_id", "hadm_id", "dischtime"]]
    visits = demo["admissions"].merge(own, on="subject_id", suffixes=("", "_index"))
    known = visits[visits["dischtime"] <= visits["dischtime_index"]]

    every = visits[visits["stay_id"].isin(notebook.index)]
    for protocol, rows, total in (("audited", known, 133), ("published", every, 232)):
        shards = [pd.read_parquet(file) for file in (results / protocol / "visits").iterdir()]
        found = pd.concat(shards)
        counts = rows.groupby("stay_id").size()
        kept = found.groupby("stay_id").size().sort_index()
        assert counts.sum() == total
        assert (
            found.groupby("stay_id")["n_visits"]
            .first()
            .sort_index()
            .equals(counts.astype("int32").rename("n_visits"))
        )
        assert kept.to_dict() == counts.clip(upper=20).to_dict()
        newest = rows.sort_values(["admittime", "hadm_id"]).groupby("stay_id").tail(1)
        last = found.sort_values("position").groupby("stay_id").tail(1)
        assert dict(zip(last["stay_id"], last["hadm_id"], strict=True)) == dict(
            zip(newest["stay_id"], newest["hadm_id"], strict=True)
        )


def test_the_codes_of_a_visit_are_those_of_the_tables(results, demo, cohort):
    blank = "".join([" ", "\t", "\r", "\n"])
    expected: dict[int, set[str]] = {}
    for table, name in (("diagnoses", "ICD"), ("procedures", "PROC")):
        rows = demo[table]
        codes = name + rows["icd_version"].astype(str) + ":" + rows["icd_code"].str.strip(blank)
        for hadm_id, code in zip(rows["hadm_id"], codes, strict=True):
            expected.setdefault(hadm_id, set()).add(code)
    # Orders of the index admission that are dated after its end, the prediction, are unknown.
    ends = cohort.set_index("hadm_id")["dischtime"]
    drugs = demo["prescriptions"].dropna(subset=["hadm_id", "drug"])
    late = pd.to_datetime(drugs["starttime"]) > drugs["hadm_id"].map(ends)
    assert drugs.loc[late, "hadm_id"].nunique() == 14
    drugs = drugs[~late]
    for hadm_id, drug in zip(drugs["hadm_id"], drugs["drug"], strict=True):
        if name := " ".join(drug.split()):  # a run of blanks is one
            expected.setdefault(hadm_id, set()).add(f"DRUG:{name.lower()}")

    visits = pd.concat(
        pd.read_parquet(file) for file in (results / "audited/visits").iterdir()
    ).set_index("hadm_id")["codes"]
    assert {hadm_id: set(codes) for hadm_id, codes in visits.items()} == {
        hadm_id: expected.get(hadm_id, set()) for hadm_id in visits.index
    }
    assert all(len(codes) == len(set(codes)) for codes in visits)


def test_bare_codes_have_no_prefix(results):
    published = pd.concat(
        pd.read_parquet(file) for file in (results / "published/visits").iterdir()
    )
    codes = published["codes"].explode().dropna()

    assert not codes.str.match(r"(ICD|PROC)\d+:|DRUG:").any()


def test_one_split_serves_all_protocols_and_models(results):
    parts = {
        protocol: pd.read_parquet(results / protocol / "spine.parquet").set_index("stay_id")[
            "split"
        ]
        for protocol in PROTOCOLS
    }
    assert parts["audited"].loc[parts["published"].index].equals(parts["published"])
    assert parts["audited_icu_out"].loc[parts["audited"].index].equals(parts["audited"])
    sizes = parts["audited"].value_counts()
    assert sizes["test"] == 18 and sizes["validation"] == 14
    for protocol in PROTOCOLS:
        for model in MODELS:
            predictions = pd.read_parquet(results / protocol / model / "predictions.parquet")
            held_out = parts[protocol][parts[protocol] != "train"]
            assert predictions.set_index("stay_id")["split"].equals(held_out)


def test_the_audited_embedding_knows_codes_of_training_patients_only(results):
    spine = pd.read_parquet(results / "audited/spine.parquet").set_index("stay_id")["split"]
    visits = pd.concat(pd.read_parquet(file) for file in (results / "audited/visits").iterdir())
    codes = visits.explode("codes").dropna(subset="codes")
    trained = set(codes.loc[codes["stay_id"].map(spine) == "train", "codes"])
    every = set(codes["codes"])

    vectors = KeyedVectors.load_word2vec_format(str(results / "audited/med2vec.kv"), binary=True)
    assert len(vectors) == len(trained) < len(every)


def test_models_load_without_unpickling_and_name_their_embedding(results):
    for protocol in PROTOCOLS:
        hashes = set()
        for model in MODELS:
            content = torch.load(results / protocol / f"{model}.pth", weights_only=True)
            assert {"name", "features", "vocabulary_hash"} <= set(content)
            hashes.add(content["vocabulary_hash"])
        assert len(hashes) == 1


def test_every_file_of_the_specification_is_there(results):
    for protocol in PROTOCOLS:
        names = ["attrition.csv", "table_one.csv", "visits.csv", "visits.png", "neighbours.csv"]
        for model in MODELS:
            names += [
                f"{model}/{file}"
                for file in (
                    *("predictions.parquet", "repeats.csv", "curves.npz", "roc.png", "prc.png"),
                    *("confusion.png", "classification_report.csv", "reliability.png"),
                    "errors.csv",
                )
            ]
        for network in NETWORKS:
            names += [f"{network}/history.csv", f"{network}/history.png"]
        assert [name for name in names if not (results / protocol / name).is_file()] == []


def test_the_comparison_holds_all_models_and_calls_the_data_real(results):
    table = pd.read_csv(results / "comparison.csv")

    assert list(zip(table["protocol"], table["model"], strict=True)) == [
        (protocol, model) for protocol in PROTOCOLS for model in MODELS
    ]
    # 18, 19 and 17 test patients: the counts would show who is in one protocol only.
    assert table[["n", "patients", "events"]].isna().all(axis=None)
    assert set(table["repeats"]) == {2}
    assert set(table["data"]) == {"real"}
    assert dict(zip(table["protocol"], table["optimistic"], strict=True)) == {
        "audited": False,
        "audited_icu_out": False,
        "published": True,
    }
    for protocol, rows in table.groupby("protocol"):
        spine = pd.read_parquet(results / protocol / "spine.parquet")
        tested = spine.loc[spine["split"] == "test", "label"].astype(bool)
        enough = min(tested.sum(), (~tested).sum()) >= 5  # patients, without whom nothing is said
        assert enough == (protocol == "audited_icu_out")
        others = rows[rows["model"] != "lstm"]
        assert others["p"].notna().all() if enough else others["p"].isna().all()
        assert rows["auroc"].between(rows["auroc_low"], rows["auroc_high"]).all() == enough
    times = pd.read_csv(results.parent / "benchmarks/mortality/times.csv")
    assert len(times) == 2 * len(table)
    assert np.isfinite(times["train_seconds"]).all()


def test_the_leaks_are_priced_on_the_patients_of_either_protocol(results):
    leak = pd.read_csv(results / "leak.csv")

    assert leak["model"].drop_duplicates().tolist() == list(MODELS)
    assert set(leak["leak"]) == {"all"}
    sizes = leak[["n_published", "n_audited", "n_both"]].drop_duplicates()
    assert len(sizes) == 1 and sizes["n_audited"].item() == 18
    assert sizes[["n_published", "n_both"]].isna().all(axis=None)  # 17: all but one patient


def test_what_was_read_is_reported_and_nothing_else_is_needed(checkout, results):
    tables = json.loads((results / "manifest.json").read_text())["tables"]

    assert {path: tables[path]["rows"] for path in tables} == {
        "hosp/patients": 100,
        "hosp/admissions": 275,
        "hosp/diagnoses_icd": 4506,
        "hosp/procedures_icd": 722,
        "hosp/prescriptions": 18087,
        "icu/icustays": 140,
    }
    assert not (checkout.folder / "results/synthetic").exists()


def test_small_groups_are_hidden_in_tables_of_real_patients(results):
    for protocol in PROTOCOLS:
        table = pd.read_csv(results / protocol / "table_one.csv", dtype=str).fillna("")
        cells = table[["overall", "alive", "died"]].stack()
        counts = cells[cells.str.fullmatch(r"\d+ \(.*\)")].str.extract(r"^(\d+)")[0].astype(int)
        assert not counts.between(1, 9).any()
        # Beside the patients of `audited`, those of another protocol would show who is in one only.
        assert (cells == "<10").any() if protocol == "audited" else (cells == "hidden").all()
        shown = pd.read_csv(results / protocol / "visits.csv", dtype=str)["patients"]
        assert not shown[shown.str.isdigit()].astype(int).between(1, 9).any()


def test_a_second_run_has_nothing_to_do_and_a_protocols_key_reruns_its_own(checkout):
    arguments = ("mortality", "--configfile", "presets/tiny.yaml", "demo.yaml")
    assert checkout.planned(*arguments) == {}

    change = {"mortality": {"protocols": {"audited": {"stopping": "last"}}}}
    (checkout.folder / "change.yaml").write_text(yaml.safe_dump(change))
    planned = checkout.planned(*arguments, "change.yaml")

    assert planned["train_visit_network"] == 3
    assert not {"fit_embedding", "extract_visit_codes", "fit_bag_of_codes"} & set(planned)


def test_the_price_of_one_leak_is_that_of_one_network_more(checkout):
    (checkout.folder / "priced.yaml").write_text(
        yaml.safe_dump({"mortality": {"priced_keys": ["survivors"]}})
    )

    planned = checkout.planned(
        "mortality", "--configfile", "presets/tiny.yaml", "demo.yaml", "priced.yaml"
    )

    assert planned["label_deaths"] == planned["train_visit_network"] == planned["price_leaks"] == 1
    assert not {"fit_bag_of_codes", "compare_protocols", "build_icu_cohort"} & set(planned)


def test_the_log_of_the_visits_says_how_many_have_no_codes(checkout):
    logs = checkout.folder / "results/logs/extract_visit_codes"
    text = "".join(file.read_text() for file in logs.glob("audited_[0-9]*.log"))

    found = re.findall(r"visit_codes: (\d+) visits in the sequences", text)
    assert sum(map(int, found)) == 133
