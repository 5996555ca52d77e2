"""Calibration measures against statsmodels, worked examples and cases without an answer."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from made_predictions import draw
from scipy.special import expit, logit

from mimicflow.evaluation.statistics.calibration import (
    EPSILON,
    calibration_line,
    integrated_calibration_index,
    quantile_bins,
    smoothed,
)


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


rows = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0, 1e-6, 0.001, 0.1, 0.3, 0.5, 0.9, 0.999, 1])),
    min_size=1,
    max_size=30,
)


@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (2, 0.5), (0.5, -1)])
def test_line_equals_statsmodels(scale, shift):
    label, probability = draw(2000, scale, shift)
    line, family = logit(probability), sm.families.Binomial()
    intercept = sm.GLM(label, np.ones(2000), family=family, offset=line).fit().params[0]
    slope = sm.Logit(label, sm.add_constant(line)).fit(disp=False).params[1]
    assert calibration_line(label, probability) == pytest.approx((intercept, slope), abs=1e-6)
    assert slope == pytest.approx(1 / scale, rel=0.1)


def test_line_by_hand():
    # 1 of 4 at 0.5 and 3 of 4 at 0.9: logits -ln 3 and ln 3 over predicted logits 0 and ln 9.
    label = np.array([1, 0, 0, 0, 1, 1, 1, 0])
    probability = np.repeat([0.5, 0.9], 4)
    found = calibration_line(label, probability)
    assert found.slope == pytest.approx(1.0, abs=1e-6)
    # expit(a) + expit(a + ln 9) = 1 at a = -ln 3.
    assert found.intercept == pytest.approx(-np.log(3))


@pytest.mark.parametrize(
    ("label", "probability", "has_intercept"),
    [
        ([1, 1, 1], [0.2, 0.5, 0.9], False),  # one class
        ([0], [0.5], False),
        ([0, 1, 1, 0], [0.3] * 4, True),  # constant
        ([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.8], True),  # separated
        ([0, 0, 1, 1], [0.1, 0.5, 0.5, 0.8], True),  # separated but for a tie
        ([1, 0, 0, 0], [0.1, 0.2, 0.7, 0.8], True),  # separated the wrong way round
        ([0, 0, 1, 1], [0, 0, 1, 1], True),  # beyond the logit
    ],
)
def test_line_without_finite_estimate_is_nan(label, probability, has_intercept):
    found = calibration_line(np.array(label), np.array(probability))
    assert np.isnan(found.slope)
    assert np.isfinite(found.intercept) == has_intercept


@given(rows)
def test_intercept_makes_the_mean_right_however_wrong_the_predictions(pairs):
    label, probability = np.array(pairs).T
    found = calibration_line(label, probability)
    if 0 < label.sum() < len(label):
        line = logit(np.clip(probability, EPSILON, 1 - EPSILON))
        assert expit(line + found.intercept).mean() == pytest.approx(label.mean(), abs=1e-6)


def test_bins_are_tenths_and_ties_share_one():
    assert quantile_bins(np.arange(20) / 20).tolist() == sorted([*range(10)] * 2)
    sizes = np.bincount(quantile_bins(np.random.default_rng(0).random(30_421)))
    assert len(sizes) == 10 and sizes.max() - sizes.min() == 1
    assert quantile_bins(np.array([0.2, 0.2, 0.2, 0.8]), 2).tolist() == [0, 0, 0, 1]
    assert set(quantile_bins(np.full(7, 0.4))) == {0}
    assert quantile_bins(np.array([0.9, 0.1, 0.5])).tolist() == [6, 0, 3]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.integers(1, 12))
def test_bins_rise_with_the_probability(probability, bins):
    probability = np.sort(np.array(probability))
    found = quantile_bins(probability, bins)
    assert (np.diff(found) >= 0).all() and found.min() >= 0 and found.max() < bins
    assert all(len(set(found[probability == value])) == 1 for value in probability)
    if len(set(probability)) == len(probability) >= bins:
        sizes = np.bincount(found, minlength=bins)
        assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("shift", [0.1, -0.05])
def test_index_of_a_constant_error_is_that_error(shift):
    # On a grid each prediction occurs 100 times, and p - shift of them are events: the curve is
    # a line, which a local linear regression finds exactly.
    grid = np.arange(20, 81, 10) / 100
    label = np.concatenate([np.arange(100) < round(100 * (p - shift)) for p in grid]).astype(int)
    probability = np.repeat(grid, 100)
    assert integrated_calibration_index(label, probability) == pytest.approx(abs(shift), abs=1e-9)
    order = np.random.default_rng(0).permutation(len(label))
    assert integrated_calibration_index(label[order], probability[order]) == pytest.approx(
        abs(shift), abs=1e-9
    )


@pytest.mark.parametrize("shift", [0, -5])
def test_index_equals_lowess_at_every_row(shift):
    label, probability = draw(3000, 1.5, shift)
    order = np.lexsort((label, probability))
    exact = sm.nonparametric.lowess(
        label[order], probability[order], frac=0.75, it=0, return_sorted=False
    )
    expected = np.mean(np.abs(np.clip(exact, 0, 1) - probability[order]))
    assert integrated_calibration_index(label, probability) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(
    ("label", "probability", "curve"),
    [
        ([0, 1, 1, 0], [0.4] * 4, [0.5] * 4),
        ([1], [0.2], [1]),
        ([0, 1], [0.2, 0.7], [0, 1]),
        ([0, 1, 1, 0, 1], [0.3, 0.3, 0.3, 0.3, 0.9], [0.5, 0.5, 0.5, 0.5, 1]),
    ],
)
def test_curve_of_tied_rows_is_their_share(label, probability, curve):
    assert smoothed(np.array(label), np.array(probability)).tolist() == curve


@given(rows)
def test_index_is_always_defined(pairs):
    label, probability = np.array(pairs).T
    assert 0 <= integrated_calibration_index(label, probability) <= 1


def test_calibrated_predictions_score_well_and_soon():
    label, probability = draw(30_000)
    start = time.perf_counter()
    line, index = (
        score(label, probability) for score in (calibration_line, integrated_calibration_index)
    )
    assert time.perf_counter() - start < 2
    assert line.intercept == pytest.approx(0, abs=0.05)
    assert line.slope == pytest.approx(1, abs=0.05)
    assert index < 0.01
