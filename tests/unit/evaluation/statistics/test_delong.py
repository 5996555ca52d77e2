"""DeLong's variance: by definition, by hand, as R's pROC, clustered, and in repeated samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score

from mimicflow.evaluation.statistics.delong import auroc_interval, compare_aurocs, delong_covariance

# Patients with aneurysmal subarachnoid haemorrhage (Turck et al. 2010, doi
# 10.1007/s00134-009-1641-y), the example of R's pROC: outcome, and the order of three markers,
# which is all that an ROC curve sees.
ASAH = pd.read_csv(Path(__file__).with_name("asah_ranks.csv"))


def by_definition(label, scores, patient=None):
    """Compare every positive with every negative; sums within patients as Obuchowski wrote them."""
    label = np.asarray(label) == 1
    m, n = label.sum(), (~label).sum()
    beats = [
        (s[label][:, None] > s[~label]) + (s[label][:, None] == s[~label]) / 2 for s in scores.T
    ]
    aurocs = np.array([wins.mean() for wins in beats])
    v10 = np.stack([wins.mean(axis=1) for wins in beats])
    v01 = np.stack([wins.mean(axis=0) for wins in beats])
    if patient is None:
        return aurocs, np.atleast_2d(np.cov(v10)) / m + np.atleast_2d(np.cov(v01)) / n
    x, y = (np.zeros((len(aurocs), len(np.unique(patient)))) for _ in range(2))
    for unit, who in enumerate(np.unique(patient)):
        ours, theirs = patient[label] == who, patient[~label] == who
        x[:, unit] = v10[:, ours].sum(axis=1) - ours.sum() * aurocs
        y[:, unit] = v01[:, theirs].sum(axis=1) - theirs.sum() * aurocs
    i10, i01 = len(np.unique(patient[label])), len(np.unique(patient[~label]))
    units = x.shape[1]
    s10, s01 = x @ x.T * i10 / ((i10 - 1) * m), y @ y.T * i01 / ((i01 - 1) * n)
    s11 = x @ y.T * units / (units - 1)
    return aurocs, s10 / m + s01 / n + (s11 + s11.T) / (m * n)


def sample(n=150, seed=0, decimals=1):
    generator = np.random.default_rng(seed)
    label = (generator.random(n) < 0.4).astype(int)
    scores = np.round(generator.normal(size=(n, 3)) + label[:, None], decimals)
    return label, scores, generator.integers(0, n // 3, size=n)


@pytest.mark.parametrize("decimals", [1, 12])
@pytest.mark.parametrize("clustered", [False, True])
def test_covariance_is_that_of_all_pairs(decimals, clustered):
    label, scores, patient = sample(decimals=decimals)
    who = patient if clustered else None
    aurocs, covariance = delong_covariance(label, scores, who)
    expected_aurocs, expected = by_definition(label, scores, who)
    np.testing.assert_allclose(aurocs, expected_aurocs, rtol=1e-12)
    np.testing.assert_allclose(covariance, expected, rtol=1e-10)
    assert aurocs == pytest.approx([roc_auc_score(label, s) for s in scores.T])


def test_by_hand():
    # Positives 3 and 1, negatives 2 and 0. 3 outranks both, 1 outranks one: shares 1 and 1/2.
    # 2 is outranked by one of two positives, 0 by both: shares 1/2 and 1. The AUROC is 3/4.
    # Each class has variance (1/4)^2 + (1/4)^2 = 1/8, divided by its size 2: 1/16 + 1/16 = 1/8.
    (auroc,), ((variance,),) = delong_covariance([1, 1, 0, 0], [3, 1, 2, 0])
    assert (auroc, variance) == (0.75, 0.125)
    # Too few for an interval; three times as many of each have a sixth of a share as variance.
    assert np.isnan(auroc_interval([1, 1, 0, 0], [3, 1, 2, 0])[1:]).all()
    label, score = np.tile([1, 1, 0, 0], 3), np.tile([3, 1, 2, 0], 3)
    (_,), ((variance,),) = delong_covariance(label, score)
    estimate = auroc_interval(label, score, level=0.5)
    # 0.7267 is the 75th percentile of Student's t with five degrees of freedom; logit 3/4 is ln 3.
    margin = 0.7267 * np.sqrt(variance) / (0.75 * 0.25)
    expected = [1 / (1 + np.exp(-(np.log(3) + sign * margin))) for sign in (-1, 1)]
    assert estimate == pytest.approx((0.75, *expected), abs=1e-4)


def test_an_auroc_at_the_end_of_its_scale_has_the_exact_interval_of_as_many_pairs():
    label, bound = np.arange(30) >= 20, 0.025 ** (1 / 10)
    assert auroc_interval(label, np.arange(30)) == pytest.approx((1, bound, 1))
    assert auroc_interval(label, -np.arange(30)) == pytest.approx((0, 0, 1 - bound))


def test_by_hand_with_patients():
    # The same rows; 3 and 2 are of one patient, 1 and 0 of another. Errors, as shares of the
    # class: 3 gives (1 - 3/4)/2 = 1/8, 1 gives -1/8, 2 gives -1/8, 0 gives 1/8.
    # Positives 2/1 * (1/64 + 1/64) = 1/16, negatives the same. Both together: 2/1 times
    # (1/8 * -1/8 + -1/8 * 1/8) = -1/16, counted twice. 1/16 + 1/16 - 2/16 = 0.
    _, ((variance,),) = delong_covariance([1, 1, 0, 0], [3, 1, 2, 0], [7, 8, 7, 8])
    assert variance == pytest.approx(0, abs=1e-16)


@pytest.mark.parametrize(
    ("first", "second", "z", "p", "interval"),
    # pROC's own tests of roc.test (github.com/xrobin/pROC, tests/testthat/test-roc.test.R).
    [
        (
            "wfns",
            "s100b",
            2.20898359144091,
            0.0271757822291882,
            (0.0104061769564846, 0.174214419249478),
        ),
        (
            "wfns",
            "ndka",
            2.79777591868904,
            0.00514557970691098,
            (0.0634011709339876, 0.3600405634833566),
        ),
        (
            "ndka",
            "s100b",
            -1.39077002573558,
            0.164295175223054,
            (-0.2876917446341914, 0.0488706064228094),
        ),
    ],
)
def test_paired_test_as_in_proc(first, second, z, p, interval):
    """A patient per row, and pROC's statistic; pROC takes it as normal, we as Student's t."""
    patient = np.arange(len(ASAH["poor"]))
    found = compare_aurocs(ASAH["poor"], ASAH[first], ASAH[second], patient)
    assert found.t == pytest.approx(z, rel=1e-12)
    assert 2 * norm.sf(abs(found.t)) == pytest.approx(p, rel=1e-12)
    assert found.difference == found.first - found.second
    degrees = int(np.sum(ASAH["poor"])) - 1  # the rarer class
    assert found.p == pytest.approx(2 * student.sf(abs(z), degrees))
    wider = student.isf(0.025, degrees) / norm.isf(0.025)
    center = found.difference
    assert (found.low, found.high) == pytest.approx(
        [center + wider * (end - center) for end in interval], rel=1e-12
    )


def test_interval_as_in_proc():
    """The interval of ndka, from test-ci.auc.R; the AUROC of wfns, from the placements' tests."""
    expected = (0.611957994579946, 0.501244999271703, 0.722670989888189)  # on the plain scale
    (auroc,), ((variance,),) = delong_covariance(ASAH["poor"], ASAH["ndka"])
    margin = norm.isf(0.025) * np.sqrt(variance)
    assert (auroc, auroc - margin, auroc + margin) == pytest.approx(expected, rel=1e-12)
    ours = auroc_interval(ASAH["poor"], ASAH["ndka"])  # moved a little, as far as logits move it
    assert ours == pytest.approx(expected, abs=0.01)
    assert ours.high - ours.value < ours.value - ours.low
    assert auroc_interval(ASAH["poor"], ASAH["wfns"]).value == pytest.approx(0.823678861788618)


def test_a_patient_per_row_changes_nothing():
    label, scores, _ = sample()
    plain, clustered = (
        delong_covariance(label, scores),
        delong_covariance(label, scores, np.arange(150)),
    )
    np.testing.assert_allclose(plain[1], clustered[1], rtol=1e-12)


def test_copies_of_a_row_are_no_new_patients():
    label, scores, _ = sample(60)
    one = delong_covariance(label, scores, np.arange(60))[1]
    three = delong_covariance(
        np.repeat(label, 3), np.repeat(scores, 3, axis=0), np.repeat(np.arange(60), 3)
    )
    np.testing.assert_allclose(three[1], one, rtol=1e-12)


def test_models_that_order_alike_do_not_differ():
    label, scores, patient = sample()
    found = compare_aurocs(label, scores[:, 0], np.exp(scores[:, 0]), patient)
    assert found[2:] == (0, 0, 0, 0, 1)


@pytest.mark.parametrize("other", [-np.arange(10), np.zeros(10)])
def test_of_a_difference_that_no_patient_changes_nothing_is_said(other):
    """Of five patients who are all ranked right, the next may not be."""
    rising, label = np.arange(10), np.repeat([0, 1], 5)
    found = compare_aurocs(label, rising, other, patient=rising)
    assert found.difference == found.first - found.second > 0
    assert np.isnan(found[3:]).all()


def test_equal_predictions_have_no_interval():
    label, patient = np.repeat([0, 1], 20), np.arange(40)
    found = auroc_interval(label, np.full(40, 0.3), patient=patient)
    assert found.value == 0.5 and np.isnan(found[1:]).all()


def test_of_fewer_than_five_patients_nothing_is_said():
    rising, label = np.arange(10), np.repeat([0, 1], [6, 4])
    found = compare_aurocs(label, rising, -rising, patient=rising)
    assert found.difference == 1
    assert np.isnan(found[3:]).all()


def test_a_single_row_of_a_class_has_no_variance():
    estimate = auroc_interval([1, 0, 0], [0.3, 0.2, 0.5])
    assert estimate.value == 0.5
    assert np.isnan(estimate.low)
    assert np.isnan(compare_aurocs([1, 0, 0], [1, 2, 3], [3, 1, 1], [1, 2, 3]).p)


def test_intervals_of_clustered_rows_cover_the_truth():
    """Four rows of each patient share an effect; two normals at distance 1 have a known AUROC."""
    generator = np.random.default_rng(5)
    true = 0.7602499389065233  # Phi(1 / sqrt(2))
    covered = np.zeros(2)
    for _ in range(1200):
        patient = np.repeat(np.arange(80), 4)
        label = np.repeat(np.arange(80) % 2, 4)
        share = 0.6
        score = np.sqrt(share) * generator.normal(size=80)[patient] + label
        score += np.sqrt(1 - share) * generator.normal(size=320)
        for kind, who in enumerate((None, patient)):
            estimate = auroc_interval(label, score, patient=who)
            covered[kind] += estimate.low <= true <= estimate.high
    unclustered, clustered = covered / 1200
    assert 0.93 <= clustered <= 0.97
    assert unclustered < 0.85


labelled = st.lists(
    st.tuples(st.integers(0, 1), st.integers(-20, 20), st.integers(0, 5)), min_size=6, max_size=40
).filter(lambda rows: 1 < sum(row[0] for row in rows) < len(rows) - 1)


@settings(deadline=None)
@given(rows=labelled, clustered=st.booleans())
def test_monotone_transforms_change_nothing(rows, clustered):
    label, score, patient = np.array(rows).T
    who = patient if clustered else None
    plain = delong_covariance(label, score, who)
    for transformed in (score * 3 - 7, np.exp(score / 10), np.tanh(score / 40)):
        found = delong_covariance(label, transformed, who)
        np.testing.assert_array_equal(found[0], plain[0])
        np.testing.assert_array_equal(found[1], plain[1])


@settings(deadline=None)
@given(rows=labelled, clustered=st.booleans())
def test_other_label_and_other_sign_mirror_each_other(rows, clustered):
    label, score, patient = np.array(rows).T
    who = patient if clustered else None
    (auroc,), covariance = delong_covariance(label, score, who)
    for other_label, other_score, mirrored in (
        (1 - label, -score, auroc),
        (1 - label, score, 1 - auroc),
        (label, -score, 1 - auroc),
    ):
        (found,), spread = delong_covariance(other_label, other_score, who)
        assert found == pytest.approx(mirrored, abs=1e-12)
        np.testing.assert_allclose(spread, covariance, atol=1e-12)
