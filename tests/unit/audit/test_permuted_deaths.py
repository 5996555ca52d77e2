"""The future goes to another patient as a whole: who sees the past alone can but guess."""

import numpy as np
import pandas as pd
import pytest
from made_hospital_tables import MORTALITY, typed, write

from mimicflow.audit import permuted_deaths
from mimicflow.audit.findings import read_findings, verdict
from mimicflow.audit.permuted_deaths import TIMES, exchange_futures, refit_permuted_deaths
from mimicflow.audit.permuted_labels import audit_permuted_labels
from mimicflow.concepts import opened
from mimicflow.evaluation.study import Study
from mimicflow.mortality.cohort import build_icu_cohort

TABLES = (
    *("patients", "admissions", "icustays"),
    *("diagnoses_icd", "procedures_icd", "prescriptions"),
)
EMBEDDING = {"dimensions": 8, "window": 5, "min_count": 1, "epochs": 3, "negative": 5}
OPTIONS = {
    "min_age": 18,
    "horizon": 365,
    "split": MORTALITY["split"],
    "embedding": EMBEDDING,
    "pos_weight": "balanced",
    "baselines": {"lightgbm": {"n_estimators": 20, "learning_rate": 0.1, "num_leaves": 4}},
}
LABELS = ("prediction_time", "reversed_times", "survivors", "label_clock", "label_days")


def of_protocol(**changed):
    audited = {**MORTALITY["protocols"]["audited"], **changed}
    reading = {key: audited[key] for key in ("repeated_codes", "code_names")} | {"max_visits": 20}
    seen = ("prediction_time", "visits", "late_rows", "reversed_times")
    return {
        "labels": {key: audited[key] for key in LABELS},
        "visits": {**{key: audited[key] for key in seen}, **reading},
        "reading": reading,
        "embedding": audited["embedding"],
    }


def hospital(n=360, seed=0):
    """Return tables: an ICU stay of every patient; who does not die soon comes back three times."""
    rng = np.random.default_rng(seed)
    rows = {name: [] for name in TABLES}
    for patient in range(1, n + 1):
        begin = pd.Timestamp("2150-01-01") + pd.Timedelta(days=int(rng.integers(0, 3000)))
        end = begin + pd.Timedelta(days=5, hours=int(rng.integers(0, 20)))
        # The past says who dies, too: exchanged futures must lose that.
        grave = rng.random() < 0.5
        dies = rng.random() < (0.6 if grave else 0.1)
        dod = end.normalize() + pd.Timedelta(days=40) if dies else None
        rows["patients"].append((patient, "FM"[patient % 2], 60, 2150, dod))
        later = [] if dies else [end + pd.Timedelta(days=60 * k) for k in (1, 2, 3)]
        for number, admitted in enumerate([begin, *later]):
            hadm = 10 * patient + number
            out = end if number == 0 else admitted + pd.Timedelta(days=2)
            rows["admissions"].append((patient, hadm, admitted, out, "HOME", 0))
            code = ("R6521" if grave else "I10") if number == 0 else "Z5189"
            rows["diagnoses_icd"].append((patient, hadm, 1, code, 10))
            rows["prescriptions"].append((patient, hadm, admitted, "Heparin"))
        rows["icustays"].append((patient, 10 * patient, patient, begin, end))
    columns = {
        "patients": ["subject_id", "gender", "anchor_age", "anchor_year", "dod"],
        "admissions": [
            *("subject_id", "hadm_id", "admittime", "dischtime"),
            *("discharge_location", "hospital_expire_flag"),
        ],
        "icustays": ["subject_id", "hadm_id", "stay_id", "intime", "outtime"],
        "diagnoses_icd": ["subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"],
        "procedures_icd": ["subject_id"],
        "prescriptions": ["subject_id", "hadm_id", "starttime", "drug"],
    }
    return {name: typed(name, pd.DataFrame(rows[name], columns=columns[name])) for name in TABLES}


def refit(folder, permutations, protocols, models=("lightgbm",)):
    """Return where the predictions of each permutation, protocol and model are."""
    paths = {name: write(rows, folder, name) for name, rows in hospital().items()}
    cohort = {name: paths[name] for name in ("patients", "admissions", "icustays")}
    build_icu_cohort(cohort, OPTIONS, folder / "stays.parquet", folder / "steps.parquet")
    runs = {}
    for permutation in permutations:
        outputs = {
            (protocol, model): folder / f"{permutation}_{protocol}_{model}.parquet"
            for protocol in protocols
            for model in models
        }
        refit_permuted_deaths(
            paths,
            folder / "stays.parquet",
            OPTIONS,
            protocols,
            outputs,
            permutation=permutation,
            seed=0,
        )
        runs |= {(permutation, *key): path for key, path in outputs.items()}
    return runs


@pytest.fixture(scope="module")
def refitted(tmp_path_factory):
    """Predictions of the audited protocol and of one that sees later visits, twice exchanged."""
    protocols = {"audited": of_protocol(), "future": of_protocol(visits="all")}
    return refit(tmp_path_factory.mktemp("deaths"), (1, 2), protocols)


def test_the_past_says_nothing_and_later_visits_give_the_outcome_away(refitted, tmp_path):
    study = Study(synthetic=True)
    audit_permuted_labels(refitted, {"future"}, 2, tmp_path / "found.csv", study)
    found = read_findings(tmp_path / "found.csv").dropna(subset="permutation")
    audited, future = (found[found["protocol"] == name] for name in ("audited", "future"))
    assert audited["passed"].all()
    assert future["passed"].isna().all()
    assert future["low"].min() > 0.8
    # Were they judged, they would fail.
    audit_permuted_labels(refitted, (), 4, tmp_path / "all.csv", study)
    judged = read_findings(tmp_path / "all.csv").dropna(subset="permutation")
    assert not judged.loc[judged["protocol"] == "future", "passed"].any()


def test_futures_that_are_not_exchanged_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(permuted_deaths, "exchange_futures", lambda tables, *_: dict(tables))
    runs = refit(tmp_path, (1,), {"audited": of_protocol()})
    audit_permuted_labels(runs, (), 1, tmp_path / "found.csv", Study(synthetic=True))
    assert verdict(read_findings(tmp_path / "found.csv")).failed == 1


def test_permutations_differ_and_keep_how_many_die(refitted):
    tables = {run: pd.read_parquet(path) for run, path in refitted.items()}
    one, two = tables[1, "audited", "lightgbm"], tables[2, "audited", "lightgbm"]
    assert not one.equals(two)
    assert one["label"].sum() == two["label"].sum() > 20  # stratified, of equally many deaths
    assert one["stay_id"].is_unique


def test_a_future_follows_the_discharge_of_another_as_it_followed_the_own(tmp_path):
    """To the second, however far it is moved, and the past stays as it was."""
    before = hospital(80)
    paths = {name: write(rows, tmp_path, name) for name, rows in before.items()}
    cohort = {name: paths[name] for name in ("patients", "admissions", "icustays")}
    build_icu_cohort(cohort, OPTIONS, tmp_path / "stays.parquet", tmp_path / "steps.parquet")
    folder = tmp_path / "exchanged"
    folder.mkdir()

    written = exchange_futures(paths, tmp_path / "stays.parquet", np.random.default_rng(3), folder)

    own, moved = before["admissions"], pd.read_parquet(written["admissions"])
    index = own[own["hadm_id"] % 10 == 0].set_index("subject_id")["dischtime"]
    since = {
        name: (rows["admittime"] - rows["subject_id"].map(index)).set_axis(rows["hadm_id"])
        for name, rows in (("own", own), ("moved", moved))
    }
    assert since["moved"].to_dict() == since["own"].to_dict()
    both = own.merge(moved, on="hadm_id", suffixes=("", "_moved"))
    past = both["hadm_id"] % 10 == 0
    assert (both["subject_id"] == both["subject_id_moved"])[past].all()
    assert (both["subject_id"] != both["subject_id_moved"])[~past].mean() > 0.9
    orders = pd.read_parquet(written["prescriptions"]).merge(moved, on="hadm_id")
    assert (orders["starttime"] == orders["admittime"]).all()
    assert (orders["subject_id_x"] == orders["subject_id_y"]).all()
    died = pd.read_parquet(written["patients"]).set_index("subject_id")["dod"].dropna()
    after = pd.to_datetime(died) - index.loc[died.index].dt.normalize()
    assert (after == pd.Timedelta(days=40)).all()
    assert set(moved.loc[moved["hadm_id"] % 10 > 0, "subject_id"]).isdisjoint(died.index)


def test_all_kinds_of_times_are_moved(tmp_path):
    """DuckDB's names of them; a new one would stay behind."""
    paths = {name: write(rows, tmp_path, name) for name, rows in hospital(5).items()}
    with opened(paths, {}, 500) as connection:
        for name in paths:
            kinds = map(str, connection.table(name).types)
            assert {kind for kind in kinds if kind.startswith(("TIME", "DATE"))} <= TIMES.keys()
