"""The tables of calibration, before and after each correction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_predictions import TITLES, table, write
from scipy.special import logit

from mimicflow.evaluation.calibration_table import SCORES, calibrate_models, recalibrate
from mimicflow.evaluation.predictions import PredictionsError, read_predictions
from mimicflow.evaluation.statistics.calibrated import calibration_errors
from mimicflow.evaluation.statistics.clusters import rarer
from mimicflow.evaluation.statistics.jackknife import estimate, jackknife
from mimicflow.evaluation.statistics.recalibration import FITS, calibrated
from mimicflow.evaluation.study import Study


def corrected_of(path: Path) -> pd.DataFrame:
    return recalibrate(read_predictions(path), path)


@pytest.fixture
def run(tmp_path):
    def run(tables, **options):
        calibrate_models(
            write(tmp_path, tables),
            dict.fromkeys(tables, "all"),
            tmp_path / "calibration.csv",
            tmp_path / "reliability.csv",
            tmp_path / "reliability.png",
            Study(seed=3, titles=TITLES, **options),
        )
        assert (tmp_path / "reliability.png").stat().st_size > 10_000
        return [pd.read_csv(tmp_path / f"{name}.csv") for name in ("calibration", "reliability")]

    return run


def test_every_score_before_and_after_each_correction(run, tmp_path):
    measured, bins = run({"a": table(600, 2, 1), "x": table(400)}, synthetic=True)
    names = ["model", "title", "recalibration"]
    assert list(measured.columns) == [*names, "score", "value", "low", "high", "calibrated_up_to"]
    counts = ["bin", "n", "events"]
    assert list(bins.columns) == [*names, *counts, "predicted", "observed", "low", "high"]
    for model, title in (("a", "Model A"), ("x", "x")):
        rows = measured[measured["model"] == model]
        assert set(rows["title"]) == {title}
        assert rows["score"].tolist() == [*SCORES] * 4
        methods = ["none", "temperature", "isotonic", "beta"]
        assert rows["recalibration"].drop_duplicates().tolist() == methods
    values = measured[measured["model"] == "a"].set_index(["recalibration", "score"])["value"]
    for score in ("brier", "log_loss", "ece", "ici"):
        assert values["beta", score] < values["none", score]
    assert abs(values["beta", "calibration_intercept"]) < 0.2
    assert values["none", "calibration_intercept"] < -0.5
    sizes = bins.groupby(["model", "recalibration"])["n"].sum()
    assert (sizes["a"] == 600).all() and (sizes["x"] == 400).all()


def test_intervals_are_by_patient_and_errors_have_what_a_calibrated_model_has(run, tmp_path):
    measured, _ = run({"a": table(600, 2, 1)}, synthetic=True)
    corrected = corrected_of(tmp_path / "a.parquet")
    found = jackknife(corrected["label"], corrected["beta"], corrected["subject_id"])
    patients = rarer(corrected["label"], corrected["subject_id"])
    rows = measured[measured["recalibration"] == "beta"].set_index("score")
    for score in SCORES[:-2]:
        ends = estimate(score, found[score], patients)[1:]
        assert tuple(rows.loc[score, ["low", "high"]]) == pytest.approx(ends)
        assert np.isnan(rows.at[score, "calibrated_up_to"])
    errors = calibration_errors(
        corrected["label"], corrected["beta"], corrected["subject_id"], seed=3
    )
    for error, found in errors.items():
        assert tuple(rows.loc[error, ["value", "calibrated_up_to"]]) == pytest.approx(found)
        assert rows.loc[error, ["low", "high"]].isna().all()


def test_without_validation_patients_only_the_model_itself_is_shown(run):
    frame = table(200)
    measured, bins = run({"a": frame[frame["split"] == "test"]}, synthetic=True)
    assert set(measured["recalibration"]) == set(bins["recalibration"]) == {"none"}


def test_a_slope_that_is_not_defined_has_no_interval(run):
    frame = table(200)
    frame["probability"] = 0.4
    measured, bins = run({"a": frame[frame["split"] == "test"]}, synthetic=True)
    slope = measured[measured["score"] == "calibration_slope"]
    assert slope[["value", "low", "high"]].isna().all(axis=None)
    assert bins["bin"].tolist() == [1]


def test_bins_of_real_patients_are_never_small(run):
    frame = table(400, shift=-3)
    generator = np.random.default_rng(0)
    frame["label"] = (generator.random(len(frame)) < frame["probability"]).astype(int)
    frame = frame[frame["split"] == "test"]
    _, synthetic = run({"a": frame}, synthetic=True)
    _, real = run({"a": frame}, synthetic=False)
    assert synthetic["events"].min() < 10 <= real["events"].min()
    assert len(real) < len(synthetic) and real["n"].sum() == 400


def test_each_fold_is_corrected_by_its_own_validation_patients(tmp_path):
    frame = table(600, 2, 1)
    # Fold 0 alone was fitted by an overconfident model.
    odd = frame["fold"] == 0
    frame.loc[odd, "probability"] = calibrated(logit(frame.loc[odd, "probability"]), 0.5)
    path = write(tmp_path, {"a": frame})["a"]
    found = corrected_of(path)
    assert list(found.columns) == ["stay_id", "subject_id", "fold", "label", "none", *FITS]
    assert found["stay_id"].tolist() == list(range(600))
    test = frame[frame["split"] == "test"].sort_values("stay_id", ignore_index=True)
    assert found["none"].tolist() == test["probability"].tolist()
    for fold in range(5):
        inner = frame[(frame["split"] == "validation") & (frame["fold"] == fold)]
        rows = found[found["fold"] == fold]
        for method, fit in FITS.items():
            correct = fit(inner["probability"].to_numpy(), inner["label"].to_numpy())
            assert rows[method].tolist() == correct(rows["none"].to_numpy()).tolist()


@settings(max_examples=15, deadline=None)
@given(stay=st.integers(0, 119), probability=st.floats(0, 1), flip=st.booleans())
def test_a_test_patient_changes_no_other(tmp_path_factory, stay, probability, flip):
    folder = tmp_path_factory.mktemp("changed")
    frame = table(120, 2, 1, folds=2)
    before = corrected_of(write(folder, {"a": frame})["a"])
    row = (frame["split"] == "test") & (frame["stay_id"] == stay)
    frame.loc[row, "probability"] = probability
    if flip:
        frame.loc[row, "label"] = 1 - frame.loc[row, "label"]
    after = corrected_of(write(folder, {"a": frame})["a"])
    others = before["stay_id"] != stay
    pd.testing.assert_frame_equal(before[others], after[others])


def test_without_validation_patients_nothing_is_corrected(tmp_path):
    frame = table(60)
    path = write(tmp_path, {"a": frame[frame["split"] == "test"]})["a"]
    assert list(corrected_of(path).columns) == ["stay_id", "subject_id", "fold", "label", "none"]


def test_faulty_validation_patients_are_refused(tmp_path):
    frame = table(60)
    inner = frame["split"] == "validation"
    one_class = frame[~inner | (frame["fold"] != 2) | (frame["label"] == 1)]
    with pytest.raises(PredictionsError, match=r"a\.parquet: validation of fold 2: all"):
        corrected_of(write(tmp_path, {"a": one_class})["a"])
    absent = frame[~inner | (frame["fold"] != 3)]
    with pytest.raises(PredictionsError, match="validation of fold 3: no predictions"):
        corrected_of(write(tmp_path, {"a": absent})["a"])
    leaked = frame.assign(fold=frame["fold"].where(~inner, (frame["fold"] + 1) % 5))
    with pytest.raises(PredictionsError, match="more than one split"):
        corrected_of(write(tmp_path, {"a": leaked})["a"])
