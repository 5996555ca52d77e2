"""Corrections undo what is known to be wrong, and never look at a test outcome."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from betacal import BetaCalibration
from made_predictions import draw
from sklearn.metrics import log_loss, roc_auc_score

from mimicflow.evaluation.statistics.calibration import calibration_line
from mimicflow.evaluation.statistics.recalibration import (
    FITS,
    calibrated,
    fit_beta,
    fit_temperature,
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
