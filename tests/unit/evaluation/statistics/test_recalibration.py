"""Corrections undo what is known to be wrong, and never look at a test outcome."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from betacal import BetaCalibration
from hypothesis import given, settings
from hypothesis import strategies as st
from made_predictions import draw, table, write
from scipy.special import logit
from sklearn.metrics import log_loss, roc_auc_score

from mimicflow.evaluation.predictions import PredictionsError
from mimicflow.evaluation.statistics.calibration import calibration_line
from mimicflow.evaluation.statistics.recalibration import (
    FITS,
    calibrated,
    fit_beta,
    fit_temperature,
    recalibrate,
)


@pytest.mark.parametrize(
    ("method", "scale", "shift"),
    [
        ("temperature", 2, 0),  # has no shift to give
        ("isotonic", 2, 1),
        ("isotonic", 0.5, -0.7),
        ("beta", 2, 1),
        ("beta", 0.5, -0.7),
    ],
)
def test_each_method_undoes_a_known_error_on_fresh_patients(method, scale, shift):
    label, probability = draw(6000, scale, shift, seed=1)
    fresh, predicted = draw(20_000, scale, shift, seed=2)
    before = calibration_line(fresh, predicted)
    after = calibration_line(fresh, FITS[method](probability, label)(predicted))
    assert abs(before.slope - 1) > 0.4
    assert after.slope == pytest.approx(1, abs=0.1)
    if method != "temperature":
        assert abs(before.intercept) > 0.4
        assert after.intercept == pytest.approx(0, abs=0.07)


@pytest.mark.parametrize("method", ["temperature", "beta"])
def test_smooth_corrections_keep_the_order_of_patients(method):
    label, probability = draw(500, 2, 1)
    fresh, predicted = draw(500, 2, 1, seed=3)
    corrected = FITS[method](probability, label)(predicted)
    assert roc_auc_score(fresh, corrected) == roc_auc_score(fresh, predicted)


def test_isotonic_is_flat_beyond_what_was_seen():
    correct = FITS["isotonic"](np.array([0.2, 0.4, 0.6]), np.array([0, 1, 1]))
    assert correct(np.array([0.0, 0.3, 0.4, 1.0])).tolist() == pytest.approx([0, 0.5, 1, 1])


def test_beta_equals_the_package_of_its_authors():
    label, probability = draw(4000, 0.6, 0.5)
    with warnings.catch_warnings():  # the package silences all warnings of the process
        theirs = BetaCalibration().fit(probability, label).predict(probability)
    ours = FITS["beta"](probability, label)(probability)
    assert ours == pytest.approx(theirs, abs=5e-3)
    # Their solver stops earlier; statsmodels finds the same minimum as ours.
    assert log_loss(label, ours) <= log_loss(label, theirs)
    design = np.column_stack([np.log(probability), -np.log1p(-probability), np.ones(4000)])
    exact = sm.GLM(label, design, family=sm.families.Binomial()).fit().params
    assert fit_beta(probability, label) == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize(
    ("probability", "label", "corrected"),
    [
        ([0.1, 0.2, 0.7, 0.9], [0, 0, 1, 1], [0, 0, 1, 1]),  # separated: as steep as is allowed
        ([0.9, 0.7, 0.2, 0.1], [0, 0, 1, 1], [0.5] * 4),  # the wrong way round: flat
        ([0.0, 0.0, 1.0, 1.0], [0, 1, 0, 1], [0.5] * 4),  # certain and wrong
    ],
)
def test_beta_stays_within_limits_in_tiny_samples(probability, label, corrected):
    coefficients = fit_beta(np.array(probability), np.array(label))
    assert np.isfinite(coefficients).all()
    assert ((coefficients[:2] >= 0) & (coefficients[:2] <= 20)).all()
    correct = FITS["beta"](np.array(probability), np.array(label))
    assert correct(np.array(probability)) == pytest.approx(np.array(corrected), abs=1e-3)


def test_temperature_finds_the_scale_of_overconfident_logits():
    generator = np.random.default_rng(0)
    true_logits = generator.normal(0, 2, 20_000)
    labels = generator.random(20_000) < calibrated(true_logits, 1.0)
    assert fit_temperature(3 * true_logits, labels) == pytest.approx(3, rel=0.05)


def test_temperature_stays_within_limits_when_classes_separate():
    assert fit_temperature(np.array([-1.0, 1.0]), np.array([0, 1])) == pytest.approx(0.05, rel=0.01)
    assert fit_temperature(np.array([1.0, -1.0]), np.array([0, 1])) == pytest.approx(20, rel=0.01)


def test_each_fold_is_corrected_by_its_own_validation_patients(tmp_path):
    frame = table(600, 2, 1)
    # Fold 0 alone was fitted by an overconfident model.
    odd = frame["fold"] == 0
    frame.loc[odd, "probability"] = calibrated(logit(frame.loc[odd, "probability"]), 0.5)
    path = write(tmp_path, {"a": frame})["a"]
    found = recalibrate(path)
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
    before = recalibrate(write(folder, {"a": frame})["a"])
    row = (frame["split"] == "test") & (frame["stay_id"] == stay)
    frame.loc[row, "probability"] = probability
    if flip:
        frame.loc[row, "label"] = 1 - frame.loc[row, "label"]
    after = recalibrate(write(folder, {"a": frame})["a"])
    others = before["stay_id"] != stay
    pd.testing.assert_frame_equal(before[others], after[others])


def test_without_validation_patients_nothing_is_corrected(tmp_path):
    frame = table(60)
    path = write(tmp_path, {"a": frame[frame["split"] == "test"]})["a"]
    assert list(recalibrate(path).columns) == ["stay_id", "subject_id", "fold", "label", "none"]


def test_faulty_validation_patients_are_refused(tmp_path):
    frame = table(60)
    inner = frame["split"] == "validation"
    one_class = frame[~inner | (frame["fold"] != 2) | (frame["label"] == 1)]
    with pytest.raises(PredictionsError, match=r"a\.parquet: validation of fold 2: all"):
        recalibrate(write(tmp_path, {"a": one_class})["a"])
    absent = frame[~inner | (frame["fold"] != 3)]
    with pytest.raises(PredictionsError, match="validation of fold 3: no predictions"):
        recalibrate(write(tmp_path, {"a": absent})["a"])
    leaked = frame.assign(fold=frame["fold"].where(~inner, (frame["fold"] + 1) % 5))
    with pytest.raises(PredictionsError, match="more than one split"):
        recalibrate(write(tmp_path, {"a": leaked})["a"])
