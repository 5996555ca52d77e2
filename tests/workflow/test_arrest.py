"""The arrest system at its default size: what is known of the synthetic ICU must come out again."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from checkouts import copy_repository
from sklearn.metrics import roc_auc_score

from mimicflow.arrest.selection import select_features
from mimicflow.arrest.training import fit_arrest_model
from mimicflow.evaluation.statistics.delong import auroc_interval

MODELS = ("hrv", "clinical", "both")


@pytest.fixture(scope="module")
def checkout(repository, tmp_path_factory):
    copied = copy_repository(repository, tmp_path_factory.mktemp("arrest") / "mimicflow")
    targets = ("results/arrest/comparison.csv", "results/arrest/epochs.csv")
    run = copied.snakemake("--", *targets)
    assert run.returncode == 0, run.stdout + run.stderr
    return copied


@pytest.fixture(scope="module")
def results(checkout):
    return checkout.folder / "results/arrest"


@pytest.fixture(scope="module")
def predictions(results):
    return {model: pd.read_parquet(results / f"{model}/predictions.parquet") for model in MODELS}


@pytest.fixture(scope="module")
def truth(checkout):
    return pd.read_parquet(checkout.folder / "results/synthetic/truth_arrest.parquet")


def hidden_state(epochs, truth):
    """The last hidden state that is known at the end of each epoch."""
    known = truth.astype({"stay_id": str}).sort_values("time")
    merged = pd.merge_asof(
        epochs.sort_values("end"), known, left_on="end", right_on="time", by="stay_id"
    )
    return merged.sort_values("epoch_id", ignore_index=True)


def test_the_oracle_is_above_hrv_and_hrv_above_the_vital_signs(results, predictions, truth):
    test = {model: table[table["split"] == "test"] for model, table in predictions.items()}
    oracle = hidden_state(test["hrv"], truth)
    auroc = {
        model: roc_auc_score(table["label"], table["probability"]) for model, table in test.items()
    }
    best = roc_auc_score(oracle["label"], oracle["u"])
    compared = pd.read_csv(results / "comparison.csv")
    primary = compared[compared["horizon_h"] == 24].set_index("model")

    assert oracle["u"].notna().all()
    assert best > auroc["hrv"] > auroc["clinical"] > 0.55
    assert auroc["hrv"] > 0.8
    for model in MODELS:
        assert primary.loc[model, "auroc"] == pytest.approx(auroc[model], abs=1e-12)
    assert primary.loc["hrv", "auroc_difference"] > 0
    assert primary.loc["hrv", "p"] < 0.05


def test_no_patient_is_on_two_sides(results, predictions):
    spine = pd.read_parquet(results / "spine.parquet")

    for column in ("split", "fold"):
        assert spine.groupby("subject_id")[column].nunique().max() == 1
    assert set(spine.loc[spine["split"] == "test", "fold"]) == {-1}
    for table in predictions.values():
        parts = {part: set(rows["subject_id"]) for part, rows in table.groupby("split")}
        assert parts.keys() == {"validation", "test"}
        assert not parts["validation"] & parts["test"]
    for table in predictions.values():
        assert predictions["hrv"]["epoch_id"].equals(table["epoch_id"])


def test_epochs_end_half_an_hour_before_the_first_arrest(checkout, results):
    folder = checkout.folder / "results/synthetic/registry"
    arrests = pd.read_csv(folder / "arrests.csv", dtype={"stay_id": str}, parse_dates=["cpr_time"])
    first = arrests.groupby("stay_id")["cpr_time"].min()
    epochs = pd.read_parquet(results / "epochs.parquet")
    before = (epochs["stay_id"].map(first) - epochs["end"]) / pd.Timedelta(hours=1)

    assert set(epochs.loc[before.notna(), "label"]) == {1}
    assert before.min() >= 0.5 and before.max() < 24
    assert np.allclose(before.dropna(), epochs.loc[before.notna(), "hours_to_arrest"])
    # a control is a stay of which no arrest is listed, timed or not
    assert not set(epochs.loc[epochs["label"] == 0, "stay_id"]) & set(arrests["stay_id"])


def test_what_was_left_out_is_counted_with_its_reason(results):
    exclusions = pd.read_csv(results / "exclusions.csv").set_index("reason")
    epochs = pd.read_csv(results / "epochs.csv")
    planned = pd.read_parquet(results / "epochs.parquet")

    for reason in (
        *("too_young", "other_icu", "no_recording", "arrest_time_unknown"),
        *("arrest_before_record", "lead_absent", "low_rate", "overlap_part"),
    ):
        assert exclusions.loc[reason, ["stays", "recordings"]].max() > 0, reason
    assert epochs["epochs"].sum() == len(planned)
    assert {"kept", "gaps", "flat", "low_quality", "no_signal"} <= set(epochs["reason"])


@pytest.mark.parametrize("model", ["hrv", "both"])
def test_the_fitted_model_scores_a_recording_as_the_workflow_did(
    checkout, results, predictions, model
):
    scanned = pd.concat(map(pd.read_parquet, sorted((results / "recordings").glob("*.parquet"))))
    plan = pd.read_parquet(results / "epochs.parquet")
    test = (
        predictions[model]
        .query("split == 'test'")
        .merge(plan[["epoch_id", "recording_id", "first_sample"]], on="epoch_id")
    )
    # of a recording that is looked at from its beginning on, with nothing of the stay before it
    first = plan.sort_values("start").drop_duplicates("stay_id")
    whole = first[first["first_sample"] == 0]["recording_id"]
    number = test[test["recording_id"].isin(whole)]["recording_id"].value_counts().index[0]
    record = scanned.set_index("recording_id").loc[number, "record"]
    file = checkout.folder / "results/synthetic/registry" / record
    command = ["arrest", "score", str(file), "--model", str(results / model)]

    run = subprocess.run(
        [sys.executable, "-m", "mimicflow", *command, "--output", str(checkout.folder)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "synthetic" in (run.stdout + run.stderr).lower()
    scored = pd.read_csv(checkout.folder / f"{file.name}.csv", parse_dates=["time"])
    assert (checkout.folder / f"{file.name}.png").stat().st_size > 10_000
    ours = test[test["recording_id"] == number].merge(scored, left_on="end", right_on="time")
    assert len(ours) == (test["recording_id"] == number).sum() > 0
    np.testing.assert_allclose(ours["probability_x"], ours["probability_y"], rtol=1e-9)


def test_measures_planted_without_signal_are_not_accepted(results, tmp_path):
    """A number for each patient may stay undecided by chance, since few patients have events."""
    features = pd.read_parquet(results / "hrv/features.parquet")
    generator = np.random.default_rng(0)
    patients = features["subject_id"].unique()
    another = dict(zip(patients, generator.permutation(patients), strict=True))
    of_patient = dict(zip(patients, generator.normal(size=len(patients)), strict=True))
    real = ["SD2", "IALS", "HTI", "PIP"]
    table = features.drop(columns=features.columns[9:].difference(real)).assign(
        noise=generator.normal(size=len(features)),
        patient_noise=features["subject_id"].map(of_patient),
        other_patient=features["subject_id"]
        .map(another)
        .map(features.groupby("subject_id")["IALS"].median()),
    )
    table.to_parquet(tmp_path / "features.parquet")

    select_features(
        tmp_path / "features.parquet",
        {"rounds": 100, "trees": 100, "shadow": "patient"},
        0,
        tmp_path / "selected.csv",
    )

    selected = pd.read_csv(tmp_path / "selected.csv").set_index("feature")
    decision, hits = selected["decision"], selected["hits"]
    planted = ["noise", "patient_noise", "other_patient"]
    assert "accepted" not in set(decision[planted]) and decision["noise"] == "rejected"
    assert decision["IALS"] == "accepted" and (hits[planted] < hits["IALS"]).all()


def test_with_permuted_labels_nothing_is_predicted(checkout, results, tmp_path):
    features = pd.read_parquet(results / "hrv/features.parquet")
    patients = features.groupby("subject_id").agg(label=("label", "max"), split=("split", "first"))
    # within each part, so that every fold keeps events
    fold = features.groupby("subject_id")["fold"].first()
    shuffled = patients.groupby(fold)["label"].transform(
        lambda labels: np.random.default_rng(1).permutation(labels)
    )
    features["label"] = features["subject_id"].map(shuffled)
    features["hours_to_arrest"] = np.where(features["label"] == 1, 12.0, np.nan)
    features.to_parquet(tmp_path / "features.parquet")
    arrest = yaml.safe_load((checkout.folder / "config.yaml").read_text())["arrest"]
    names = ("model", "calibration", "description", "predictions", "rounds")

    fit_arrest_model(
        tmp_path / "features.parquet",
        results / "hrv/selected_features.csv",
        results / "hrv/best_params.json",
        results / "weights.parquet",
        options={
            **{key: arrest[key] for key in ("tuning", "preprocessing")},
            "epoch_minutes": 5,
            "event_window_h": [0.5, 24],
            "specificity": 0.8,
            "confidence": "none",
        },
        seed=0,
        synthetic=True,
        kind="hrv",
        outputs={name: tmp_path / name for name in names},
    )

    for _, part in pd.read_parquet(tmp_path / "predictions").groupby("split"):
        estimate = auroc_interval(
            part["label"].to_numpy(), part["probability"].to_numpy(), 0.99, part["subject_id"]
        )
        # All equal, and without an interval, where calibration found nothing.
        assert estimate.value == 0.5 or estimate.low <= 0.5 <= estimate.high


def test_epochs_and_measures_fan_out_per_group_of_recordings(checkout):
    planned = checkout.planned("--forceall", "--", "results/arrest/comparison.csv")

    assert planned["scan_recordings"] == planned["measure_hrv"] == planned["measure_vitals"] == 4
    assert planned["add_slopes"] == 4
    assert checkout.planned("--", "results/arrest/comparison.csv") == {}
