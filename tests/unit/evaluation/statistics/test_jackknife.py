"""Leaving patients out is scikit-learn's score of the rest, and the intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import binomtest
from scipy.stats import t as student
from sklearn.metrics import average_precision_score, brier_score_loss, recall_score, roc_auc_score

from mimicflow.evaluation.statistics import jackknife as module
from mimicflow.evaluation.statistics.clusters import FEWEST, rarer
from mimicflow.evaluation.statistics.jackknife import (
    SCALES,
    SHARES,
    all_weightings,
    estimate,
    jackknife,
    weightings,
)


def sample(n: int, seed: int = 1, ties: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    label = (generator.random(n) < 0.43).astype(int)
    probability = 1 / (1 + np.exp(-generator.normal(size=n) - 1.5 * (label - 0.5)))
    patient = generator.integers(0, max(2, n // 3), size=n)
    return label, np.round(probability, 1) if ties else probability, patient


@pytest.mark.parametrize("ties", [False, True])
def test_every_score_is_that_of_scikit_learn_on_the_rows_that_are_left(ties):
    label, probability, patient = sample(150, ties=ties)
    flagged = np.stack([probability >= 0.4, probability >= 0.6], axis=1)
    found = jackknife(label, probability, patient, flagged=flagged)
    for place, left_out in enumerate([-1, *np.unique(patient)]):
        rest = patient != left_out
        expected = [
            score(label[rest], probability[rest])
            for score in (roc_auc_score, average_precision_score, brier_score_loss)
        ]
        ours = [found[name][place] for name in ("auroc", "auprc", "brier")]
        assert ours == pytest.approx(expected, abs=1e-12)
        for rule in range(2):
            expected = recall_score(label[rest], flagged[rest, rule])
            assert found["sensitivity"][place, rule] == pytest.approx(expected, abs=1e-12)


def test_the_first_weighting_is_of_everybody_and_each_other_lacks_one_patient():
    weights = all_weightings(np.array([7, 7, 3, 9, 3, 7]), 0)

    assert weights.tolist() == [[1, 1, 1], [0, 1, 1], [1, 0, 1], [1, 1, 0]]


def test_of_many_patients_groups_are_left_out_each_patient_once(monkeypatch):
    monkeypatch.setattr(module, "GROUPS", 10)
    weights = np.concatenate(list(weightings(101, seed=3)))

    assert weights.shape == (11, 101)
    assert (weights[0] == 1).all()
    assert ((weights[1:] == 0).sum(axis=0) == 1).all()
    assert sorted((weights[1:] == 0).sum(axis=1)) == [10] * 9 + [11]
    assert not np.array_equal(weights, np.concatenate(list(weightings(101, seed=4))))


def test_the_order_of_rows_and_the_size_of_blocks_change_nothing(monkeypatch):
    label, probability, patient = sample(120)
    once = jackknife(label, probability, patient)
    monkeypatch.setattr(module, "_CELLS_AT_ONCE", 500)
    shuffled = np.random.default_rng(0).permutation(120)
    again = jackknife(label[shuffled], probability[shuffled], patient[shuffled])
    for name in once:
        np.testing.assert_allclose(once[name], again[name], rtol=0, atol=1e-9)


def test_groups_give_the_standard_error_that_patients_give(monkeypatch):
    label, probability, patient = sample(3000)
    whole = estimate("auroc", jackknife(label, probability, patient)["auroc"], 400)
    monkeypatch.setattr(module, "GROUPS", 200)
    grouped = estimate("auroc", jackknife(label, probability, patient)["auroc"], 400)

    assert grouped.high - grouped.low == pytest.approx(whole.high - whole.low, rel=0.1)


def test_the_mean_of_normal_values_has_the_interval_of_student():
    values = np.random.default_rng(0).normal(size=40)
    weights = all_weightings(np.arange(40), 0)
    found = weights @ values / weights.sum(axis=1)
    error = values.std(ddof=1) / np.sqrt(40)

    _, low, high = estimate("net_benefit", found, 40)

    margin = student.isf(0.025, 39) * error
    assert (low, high) == pytest.approx((values.mean() - margin, values.mean() + margin), rel=0.02)
    few = estimate("net_benefit", found, 6)
    assert few.high - few.low == pytest.approx(2 * student.isf(0.025, 5) * error)


def test_a_few_values_that_make_the_spread_widen_the_interval():
    """Satterthwaite: the spread of one large value among many is hardly known."""
    even = np.r_[0.0, np.tile([-1.0, 1.0], 20)]
    uneven = np.r_[0.0, np.tile([-0.01, 0.01], 19), -np.sqrt(20), np.sqrt(20)]

    widths = [np.subtract(*estimate("difference", of, 1000)[:0:-1]) for of in (even, uneven)]

    assert widths[1] > 1.3 * widths[0]


def test_an_interval_is_made_on_the_scale_of_the_score():
    found = np.r_[0.9, np.tile([0.89, 0.91], 30)]
    moved = logit(found[1:])
    margin = (estimate("difference", np.r_[0.0, moved - moved.mean()], 60)).high

    _, low, high = estimate("auroc", found, 60)

    assert (low, high) == pytest.approx(tuple(expit(logit(0.9) + np.array([-margin, margin]))))


def test_a_score_at_the_end_of_its_scale_without_one_patient_is_moved_by_the_slope():
    found = np.r_[0.95, np.repeat(0.94, 19), 1.0]

    _, low, high = estimate("auroc", found, 20)

    assert 0.1 < low < 0.95 < high < 1


@pytest.mark.parametrize(("hits", "n"), [(17, 18), (1, 18), (30, 60), (59, 60)])
def test_a_share_of_independent_patients_has_the_exact_interval_of_one_less(hits, n):
    """The jackknife's variance is that of n - 1; Clopper and Pearson's interval by scipy."""
    outcome = np.r_[np.ones(hits), np.zeros(n - hits)]
    weights = all_weightings(np.arange(n), 0)

    share, low, high = estimate("sensitivity", weights @ outcome / weights.sum(axis=1), n)

    assert share == hits / n
    exact = binomtest(hits, n).proportion_ci(method="exact")
    assert exact.low - 0.02 < low < exact.low and exact.high < high < exact.high + 0.02


def test_the_rows_of_a_patient_tell_as_much_of_a_share_as_they_differ():
    """Rows that are all the same of a patient are one; rows that are a fair sample are many."""
    generator = np.random.default_rng(5)
    patient = np.repeat(np.arange(60), 10)
    weights = all_weightings(patient, 0)[:, patient]
    widths = []
    for flagged in ((generator.random(60) < 0.3)[patient], generator.random(600) < 0.3):
        found = weights @ flagged / weights.sum(axis=1)
        _, low, high = estimate("specificity", found, 60)
        widths.append(high - low)

    assert 2.5 < widths[0] / widths[1] < 4  # the root of 10


@pytest.mark.parametrize(
    ("score", "value", "expected"),
    [
        ("sensitivity", 1.0, (0.025 ** (1 / 18), 1.0)),
        ("specificity", 0.0, (0.0, 1 - 0.025 ** (1 / 18))),
        ("auroc", 1.0, (0.025 ** (1 / 18), 1.0)),
        ("auprc", 1.0, (np.nan, np.nan)),
        ("false_alarms_per_day", 0.0, (np.nan, np.nan)),
    ],
)
def test_the_end_of_a_scale_has_the_exact_interval_of_a_share_or_none(score, value, expected):
    found = np.full(60, value)

    assert estimate(score, found, 18)[1:] == pytest.approx(expected, nan_ok=True)


def test_the_end_of_a_scale_is_found_through_the_rounding_of_weights():
    for value, end in ((-1e-16, 0.0), (1 - 1e-15, 1.0)):
        found = estimate("specificity", np.r_[value, np.full(60, end)], 18)
        assert found == estimate("specificity", np.full(61, end), 18)
        assert str(found).startswith(f"{end:.3f} (")


def test_too_few_patients_have_no_interval():
    found = np.r_[0.8, np.tile([0.79, 0.81], 10)]

    assert np.isnan(estimate("auroc", found, FEWEST - 1).low)
    assert estimate("auroc", found, FEWEST).low < 0.8


def test_a_score_that_one_patient_alone_defines_has_no_interval():
    found = np.r_[0.8, np.tile([0.79, 0.81], 10), np.nan]

    assert np.isnan(estimate("ppv", found, 20)[1:]).all()


def test_a_difference_of_the_same_weightings_is_paired():
    one = np.r_[0.8, np.tile([0.7, 0.9], 10)]
    other = one - np.r_[0.1, np.tile([0.099, 0.101], 10)]

    value, low, high = estimate("difference", one - other, 20)

    assert value == pytest.approx(0.1)
    assert 0.05 < low < high < 0.15  # the spread of one alone is a hundred times as large


@pytest.mark.parametrize("score", ["difference", "auroc", "log_loss", "brier"])
def test_what_no_patient_changes_has_no_interval(score):
    """As an AUROC of equal predictions, or that of a model that is always right less it."""
    assert np.isnan(estimate(score, np.full(60, 0.5), 18)[1:]).all()


def test_equal_models_differ_by_nothing():
    assert estimate("difference", np.zeros(60), 18) == (0, 0, 0)


def test_every_score_has_a_known_scale():
    for score in (*SHARES, *SCALES):
        value, low, high = estimate(score, np.r_[0.8, np.tile([0.79, 0.81], 10)], 20)
        assert low < value < high


def clustered(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return 72 patients of whom about 18 have events, with rows that are alike; AUROC 0.92."""
    event = generator.random(72) < 0.25
    patient = np.repeat(np.arange(72), 1 + generator.poisson(13, 72))
    noise = generator.normal(size=72)[patient] + generator.normal(size=len(patient))
    label = event[patient].astype(int)
    return label, noise / np.sqrt(2) + 1.987 * label, patient


def test_the_interval_of_an_auroc_with_eighteen_event_patients_holds_the_truth():
    """Percentiles of a bootstrap hold it in 0.90 of such samples, these in 0.95 of 1,000."""
    generator, held = np.random.default_rng(0), []
    for _ in range(300):
        label, score, patient = clustered(generator)
        found = jackknife(label, expit(score), patient)["auroc"]
        _, low, high = estimate("auroc", found, rarer(label, patient))
        held.append(low <= 0.92 <= high)

    assert np.mean(held) > 0.925
