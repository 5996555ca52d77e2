"""Calibration errors beside those of perfectly calibrated models."""

import numpy as np
import pytest
from scipy.special import expit

from mimicflow.evaluation.statistics.calibrated import _Index, calibration_errors
from mimicflow.evaluation.statistics.calibration import (
    integrated_calibration_index,
    quantile_bins,
)

RUNS, DRAWS = 200, 200


def simulated(seed, n=300, shift=0.0):
    """Rows of patients of their own whose log odds are off by ``shift``."""
    generator = np.random.default_rng(seed)
    log_odds = generator.normal(-0.5, 1.3, n)
    label = (generator.random(n) < expit(log_odds + shift)).astype(int)
    return label, expit(log_odds), np.arange(n)


def clustered(seed, patients=60, rows=6):
    """Rows of patients whose labels differ only where their predictions do; calibrated."""
    generator = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), rows)
    log_odds = generator.normal(-1, 1.2, patients)[patient] + generator.normal(0, 0.4, len(patient))
    label = (generator.random(patients)[patient] < expit(log_odds)).astype(int)
    return label, expit(log_odds), patient


def share_inside(make, error, runs=RUNS, **options):
    """Return in how many of the simulated models the error is no larger than a calibrated one's."""
    inside = 0
    for run in range(runs):
        found = calibration_errors(*make(run, **options), DRAWS, run, errors=[error])[error]
        inside += found.value <= found.calibrated_up_to
    return inside / runs


@pytest.mark.parametrize("error", ["ece", "ici"])
def test_a_calibrated_model_lies_in_its_band_and_a_miscalibrated_one_does_not(error):
    assert 0.91 <= share_inside(simulated, error) <= 0.985
    assert share_inside(simulated, error, shift=1.0) <= 0.02


def test_rows_of_a_patient_that_are_alike_widen_the_band():
    assert 0.88 <= share_inside(clustered, "ece", runs=100) <= 0.99
    # Taken as rows of patients of their own, a calibrated model looks miscalibrated.
    alone = [clustered(run) for run in range(40)]
    outside = [
        found.value > found.calibrated_up_to
        for label, probability, patient in alone
        for found in calibration_errors(
            label, probability, np.arange(len(patient)), DRAWS, errors=["ece"]
        ).values()
    ]
    assert np.mean(outside) > 0.4


def test_a_bootstrap_of_the_plain_error_does_not_even_hold_the_estimate():
    """Why there is no interval: each draw adds the noise of the sample once more."""
    label, probability, patient = simulated(0)
    tenth = quantile_bins(probability)

    def plain(weight):
        gaps = np.bincount(tenth, weights=weight * (label - probability))
        return np.abs(gaps).sum() / weight.sum()

    patients, unit = np.unique(patient, return_inverse=True)
    generator = np.random.default_rng(0)
    drawn = [
        plain(generator.multinomial(len(patients), np.full(len(patients), 1 / len(patients)))[unit])
        for _ in range(300)
    ]
    assert plain(np.ones(len(label))) < np.quantile(drawn, 0.05)


@pytest.mark.parametrize("n", [100, 1000])
def test_the_error_of_a_calibrated_model_is_near_0_and_that_of_another_as_it_is(n):
    off = 1.0
    _, probability, _ = simulated(0, 200_000)
    tenth = quantile_bins(probability)
    gaps = np.bincount(tenth, expit(np.log(probability / (1 - probability)) + off) - probability)
    true = np.sqrt(np.mean((gaps / np.bincount(tenth)) ** 2))
    for shift, expected, margin in ((0.0, 0.0, 0.5 / np.sqrt(n)), (off, true, 0.02)):
        found = [
            calibration_errors(*simulated(run, n, shift), 100, run, errors=["ece"])["ece"].value
            for run in range(60)
        ]
        assert np.mean(found) == pytest.approx(expected, abs=margin)
        assert min(found) >= 0


def test_the_order_of_the_rows_does_not_matter():
    label, probability, patient = clustered(0)
    shuffled = np.random.default_rng(1).permutation(len(label))
    first = calibration_errors(label, probability, patient, 50)
    second = calibration_errors(label[shuffled], probability[shuffled], patient[shuffled], 50)
    for error, found in first.items():
        assert found == pytest.approx(second[error])


@pytest.mark.parametrize(
    ("label", "probability"),
    [
        (*simulated(0, 400)[:2],),
        (*simulated(1, 5000)[:2],),
        (np.array([1]), np.array([0.2])),
        (np.array([0, 1]), np.array([0.2, 0.7])),
        (np.array([0, 1, 1, 0]), np.full(4, 0.4)),
        (np.array([0, 1, 1, 0, 1]), np.array([0.3, 0.3, 0.3, 0.3, 0.9])),
    ],
)
def test_the_smoothing_of_many_labels_is_that_of_one(label, probability):
    expected = integrated_calibration_index(label, probability)
    assert _Index(probability)(label[None])[0] == pytest.approx(expected, abs=2e-4)
