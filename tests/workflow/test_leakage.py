"""What the models see of the tiny hospital, by the checks of the package icu-leakage-check.

And whom a search of better settings sees: no test patient.
"""

import pandas as pd
import pytest
import yaml
from checkouts import copy_with_results
from made_hospital_tables import OPTIONS
from sandboxes import faults_of, jobs_of
from sklearn.metrics import roc_auc_score

from mimicflow.arrest.features import KEYS
from mimicflow.concepts import static_features
from mimicflow.concepts.extract import extract_concept
from mimicflow.mortality.sequences import VisitSequences

SYSTEMS = ("admission", "mortality", "arrest")
PATIENT = {"label": "label", "split": "split", "patient_id": "subject_id"}
# Where features come from, in the words of that package: "prior" are earlier admissions.
SOURCES = {
    "pmh": "diagnoses_icd.prior",
    "hx_meds": "prescriptions.prior",
    "labs": "labevents.valuenum",
    "timing": "edstays.intime",
    "prior_stays": "edstays.prior",
}


@pytest.fixture(scope="module")
def package():
    return pytest.importorskip("icu_leakage_check", reason="not installed: icu-leakage-check")


@pytest.fixture(scope="module")
def admission(clean_results):
    """The stays of the tiny run with what the models see of them, and whence that comes."""
    table = static_features()
    spine = pd.read_parquet(clean_results / "cohort/spine.parquet")
    keys = ["stay_id", "subject_id", "prediction_time", "label", "split"]
    features = pd.read_parquet(clean_results / "final_ecgs.parquet")
    features = features[["stay_id", *table["name"]]]
    groups = table.set_index("name")["group"]
    sources = {name: SOURCES[group] for name, group in groups.items() if group in SOURCES}
    return spine[keys].merge(features, on="stay_id"), {
        **PATIENT,
        "stay_id": "stay_id",
        "index_time": "prediction_time",
        "dataset": "mimic-iv",
        "split_strategy": "patient",
        "feature_sources": sources,
    }


@pytest.fixture(scope="module")
def mortality(clean_results):
    spine = pd.read_parquet(clean_results / "mortality/audited/spine.parquet")
    path = clean_results / "mortality/audited/sequences.npz"
    vectors = VisitSequences.read(path)
    means = vectors.means()[vectors.rows_of(spine["stay_id"].to_numpy(), path)]
    keys = ["stay_id", "subject_id", "label", "split"]
    return spine[keys].join(pd.DataFrame(means).add_prefix("med2vec_")), {
        **PATIENT, "stay_id": "stay_id", "dataset": "mimic-iv", "split_strategy": "patient"
    }  # fmt: skip


@pytest.fixture(scope="module")
def arrest(clean_results):
    epochs = pd.read_parquet(clean_results / "arrest/both/features.parquet")
    others = [name for name in KEYS if name in epochs and name not in PATIENT.values()]
    return epochs, {**PATIENT, "exclude_columns": others, "split_strategy": "patient"}


def failed(result):
    return {finding.check_id for finding in result.findings if finding.status == "fail"}


@pytest.mark.parametrize("system", SYSTEMS)
def test_another_authors_checks_find_nothing_in_what_the_models_see(package, request, system):
    table, given = request.getfixturevalue(system)

    result = package.audit(table, **given)
    ran = {finding.check_id for finding in result.findings if finding.status != "skipped"}
    assert {"entity_overlap", "duplicate_records", "hindsight_features"} <= ran
    assert {"single_feature_dominance", "missingness_proxy"} <= ran
    assert failed(result) == set(), result.summary()


@pytest.mark.parametrize("system", SYSTEMS)
def test_they_find_a_patient_on_two_sides(package, request, system):
    table, given = request.getfixturevalue(system)
    again = table[table["split"] == "test"].head(1).assign(split="train")

    result = package.audit(pd.concat([table, again], ignore_index=True), **given)
    assert "entity_overlap" in failed(result)


def test_they_find_the_outcome_among_the_features(package, admission):
    table, given = admission

    result = package.audit(table.assign(disposition_ADMITTED=table["label"]), **given)
    assert "single_feature_dominance" in failed(result)
    [finding] = [one for one in result.findings if one.status == "fail"]
    assert finding.affected == ["disposition_ADMITTED"]


@pytest.mark.parametrize(("availability", "status"), [("storetime", "pass"), ("charttime", "fail")])
def test_they_make_our_laboratory_features_again_without_the_future(
    package, admission, clean_results, tmp_path, availability, status
):
    """Rows that were stored after the prediction are taken away; the concept is asked again."""
    table, given = admission
    table = table.drop_duplicates("subject_id")
    stays = pd.read_parquet(clean_results / "cohort/spine.parquet")
    stays = stays[stays["stay_id"].isin(table["stay_id"])]
    shards = sorted((clean_results / "tables/hosp/labevents").glob("*.parquet"))
    raw = pd.concat([pd.read_parquet(shard) for shard in shards])
    events = raw.merge(stays[["subject_id", "stay_id"]], on="subject_id").assign(
        event_time=lambda rows: rows["charttime"], available_time=lambda rows: rows["storetime"]
    )

    def build(rows, index):
        stays.to_parquet(tmp_path / "spine.parquet")
        rows[raw.columns].to_parquet(tmp_path / "labevents.parquet")
        tables = {name: tmp_path / f"{name}.parquet" for name in ("spine", "labevents")}
        options = {**OPTIONS, "availability": availability}
        extract_concept("ed_labs", tables, options, tmp_path / "features.parquet")
        return pd.read_parquet(tmp_path / "features.parquet").set_index("stay_id")

    result = package.audit(
        table,
        **given,
        event_entity="stay_id",
        raw_events=events.rename(columns={"stay_id": "entity_id"}),
        feature_builder=build,
        checks=["truncation_invariance"],
    )
    assert [finding.status for finding in result.findings] == [status]


SEARCHES = """
admission:
  all_stays_model: {rounds: 1, trials: 1, space: {models.all_stays_model.dropout: {low: 0, high: 0.5}}}
  lightgbm_all: {rounds: 1, trials: 1, space: {baselines.lightgbm.num_leaves: {choices: [7, 15]}}}
mortality:
  lstm: {rounds: 2, trials: 2, space: {mortality.networks.lstm.hidden: {low: 4, high: 16}}}
  logistic_regression: {rounds: 1, trials: 1, space: {mortality.training.pos_weight: {choices: [none, balanced]}}}
"""  # noqa: E501


def test_trials_are_jobs_without_test_patients_and_more_rounds_go_on_from_them(clean_run, tmp_path):
    searches = yaml.safe_load(SEARCHES)
    copy, mine = copy_with_results(clean_run, tmp_path / "copy"), tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump({"tuning": searches}))
    arguments = ("tuning", "--configfile", "presets/tiny.yaml", str(mine))

    run = copy.snakemake(*arguments)

    assert run.returncode == 0, run.stdout + run.stderr
    for system, model, trials in (
        ("admission", "all_stays_model", 1),
        ("mortality/audited", "lstm", 4),
    ):
        folder = copy.folder / "results" / system
        table = pd.read_csv(folder / f"tuning/{model}/trials.csv")
        assert table["state"].tolist() == ["complete"] * trials and table["chosen"].sum() == 1
        fitted = pd.read_parquet(folder / model / "predictions.parquet")
        inner = fitted[fitted["split"] == "validation"]
        # Trial 0 is the configuration itself, and test patients change nothing.
        area = roc_auc_score(inner["label"], inner["probability"])
        assert table.loc[0, "auroc"] == pytest.approx(area, rel=1e-12)
    jobs = [job for job in jobs_of(copy.folder, *arguments) if "/tuning/" in job.outputs[0]]
    assert len(jobs) == 7 and faults_of(jobs, copy.folder, tmp_path) == {}
    assert copy.planned(*arguments) == {}
    searches["mortality"]["lstm"]["rounds"] = 3
    mine.write_text(yaml.safe_dump({"tuning": searches}))
    assert copy.planned(*arguments) == {
        "suggest_trials": 1,
        "try_visit_network": 2,
        "choose_trial": 1,
        "tuning": 1,
    }
