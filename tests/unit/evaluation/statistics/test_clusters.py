"""Tests by patient: as SciPy's and statsmodels', by hand, and wrong in one run of twenty."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm, ttest_1samp
from statsmodels.stats.multitest import multipletests

from mimicflow.evaluation.statistics.clusters import (
    against_zero,
    holm,
    jackknife_error,
    patients_behind,
    rarer,
)
from mimicflow.evaluation.statistics.delong import compare_aurocs, delong_covariance


def test_a_mean_is_tested_as_by_scipy():
    values = np.array([0.3, -0.1, 0.8, 0.4, 0.2])
    error = jackknife_error(lambda rows: values[rows].mean(), np.arange(5))
    assert error == pytest.approx(values.std(ddof=1) / np.sqrt(5))
    expected = ttest_1samp(values, 0)
    low, high, t, p = against_zero(values.mean(), error, 4)
    assert (t, p) == pytest.approx((expected.statistic, expected.pvalue))
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval()))


def test_rows_of_a_patient_are_left_out_together():
    values, patient = np.repeat([0.3, -0.1, 0.8], 4), np.repeat([7, 8, 9], 4)
    once = jackknife_error(lambda rows: values[::4][rows].mean(), patient[::4])
    assert jackknife_error(lambda rows: values[rows].mean(), patient) == pytest.approx(once)


def test_the_rarer_class_decides_how_much_is_known():
    label, patient = np.array([1, 1, 1, 0, 0, 0, 0]), np.array([1, 1, 2, 3, 4, 5, 2])
    assert rarer(label, patient) == 2
    assert rarer(1 - label, patient) == 2


def test_a_share_is_known_by_the_patients_of_whom_it_is():
    label, patient = np.array([1, 1, 1, 0, 0, 0, 0]), np.array([1, 1, 2, 3, 4, 5, 2])
    flagged = np.array([1.0, 0, 1, 1, 0, np.nan, np.nan])
    found = {
        score: patients_behind(score, label, patient, flagged)
        for score in ("sensitivity", "specificity", "ppv", "precision", "npv", "accuracy", "f1")
    }
    assert list(found.values()) == [2, 4, 3, 3, 2, 5, 2]
    assert patients_behind("ppv", label, patient) == 0


def test_of_a_single_patient_nothing_can_be_said():
    assert np.isnan(jackknife_error(lambda rows: 0.0, np.zeros(3)))
    assert np.isnan(against_zero(0.2, 0.1, 0)).all()
    assert np.isnan(against_zero(0.2, float("nan"), 5)).all()


def test_holms_correction_is_of_the_known_p_values():
    p = np.array([0.01, np.nan, 0.04, 0.03])
    # By hand: 3 x 0.01; 2 x 0.03; and the largest is not below the one before it.
    assert holm(p)[[0, 2, 3]] == pytest.approx([0.03, 0.06, 0.06])
    assert np.isnan(holm(p)[1])
    assert holm(p[[0, 2]]) == pytest.approx(multipletests(p[[0, 2]], method="holm")[1])
    assert np.isnan(holm(np.array([np.nan]))).all()
    assert len(holm(np.empty(0))) == 0


def equal_models(generator):
    """72 patients with 20 epochs each, 18 of them before an arrest; two models of one AUROC."""
    patient = np.repeat(np.arange(72), 20)
    of_patient, of_row = generator.normal(size=(2, 72)), generator.normal(size=(2, len(patient)))
    label = (patient < 18).astype(int)
    return label, np.sqrt(0.7) * of_patient[:, patient] + np.sqrt(0.3) * of_row + label, patient


def test_equal_models_differ_in_one_run_of_twenty_however_many_rows_patients_have():
    generator = np.random.default_rng(3)
    found, by_row = np.zeros(2)
    for _ in range(400):
        label, scores, patient = equal_models(generator)
        found += compare_aurocs(label, *scores, patient).p < 0.05
        (first, second), covariance = delong_covariance(label, scores.T)
        error = np.sqrt([1, -1] @ covariance @ [1, -1])
        by_row += 2 * norm.sf(abs(first - second) / error) < 0.05
    assert found / 400 <= 0.06
    assert by_row / 400 > 0.5  # what rows taken as independent gave
