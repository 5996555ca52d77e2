"""Thresholds whose PPV or specificity is promised to patients not seen yet."""

import numpy as np
import pytest
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from mimicflow.evaluation.statistics.metrics import choose_thresholds
from mimicflow.evaluation.statistics.promises import (
    _ppv,
    _specificity,
    lower_bound,
    lowest_promised,
)

PREVALENCE, APART = 0.45, 2.0  # of events, and by how many SDs their scores lie higher


def sample(seed, patients, rows=1):
    """Return rows of patients, who keep half of the variance of their scores and their label."""
    generator = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), rows)
    label = (generator.random(patients) < PREVALENCE).astype(int)[patient]
    own, each = generator.normal(size=patients)[patient], generator.normal(size=len(patient))
    return label, np.sqrt(0.5) * (own + each) + APART * label, patient


def true_ppv(threshold):
    hits, false = PREVALENCE * norm.sf(threshold - APART), (1 - PREVALENCE) * norm.sf(threshold)
    return hits / (hits + false)


def chosen(rule, value, confidence, runs, **of):
    rules = {rule: [value], "confidence": confidence}
    return np.array(
        [
            next(iter(choose_thresholds(label, score, rules, patient).values()))
            for label, score, patient in (sample(run, **of) for run in range(runs))
        ]
    )


def test_a_promised_ppv_is_kept_by_new_patients_and_an_unpromised_one_is_not():
    """130 validation rows, as a fold has them."""
    promised = chosen("ppv", 0.8, 0.95, 400, patients=130)
    given = ~np.isnan(promised)
    assert given.mean() > 0.4  # the others are told that nothing can be promised
    assert (true_ppv(promised[given]) >= 0.8).mean() >= 0.95
    lucky = chosen("ppv", 0.8, "none", 200, patients=130)
    assert (true_ppv(lucky) < 0.8).mean() > 0.4


@pytest.mark.parametrize(("patients", "rows"), [(130, 1), (60, 20)])
def test_a_promised_specificity_is_kept_by_new_patients(patients, rows):
    promised = chosen("specificity", 0.8, 0.95, 200, patients=patients, rows=rows)
    assert not np.isnan(promised).any()
    assert (norm.cdf(promised) >= 0.8).mean() >= 0.93
    lucky = chosen("specificity", 0.8, "none", 200, patients=patients, rows=rows)
    assert (norm.cdf(lucky) < 0.8).mean() > 0.4


def test_rows_of_one_patient_do_not_count_as_many():
    label, score, patient = sample(0, 60, rows=20)
    by_row = lowest_promised(label, score, np.arange(len(label)), "specificity", 0.8, 0.05)
    assert lowest_promised(label, score, patient, "specificity", 0.8, 0.05) > by_row
    assert lowest_promised(label, score, patient % 3, "ppv", 0.8, 0.05) != by_row


def test_few_patients_get_no_promise(caplog):
    label, score, patient = sample(0, 15)
    rules = {"ppv": [0.8], "specificity": [0.9], "youden": True, "confidence": 0.95}
    found = choose_thresholds(label, score, rules, patient)
    assert np.isnan([found["ppv_0.8"], found["specificity_0.9"]]).all()
    assert np.isfinite(found["youden"])  # no promise
    assert "a ppv of 0.8 cannot be promised with these data" in caplog.text
    assert np.isnan(
        lowest_promised(np.ones(9, int), score[:9], patient[:9], "specificity", 0.9, 0.05)
    )


def test_of_many_rows_the_lowest_threshold_is_near_the_value():
    label, score, patient = sample(0, 40_000)
    for rule, value in (("ppv", 0.8), ("specificity", 0.9)):
        threshold = lowest_promised(label, score, patient, rule, value, 0.05)
        flagged = score >= threshold
        reached = label[flagged].mean() if rule == "ppv" else (~flagged[label == 0]).mean()
        assert value < reached < value + 0.02
        assert threshold in score


def test_equal_rows_are_flagged_together():
    label, score, patient = sample(0, 400)
    rounded = np.round(score, 0)
    threshold = lowest_promised(label, rounded, patient, "ppv", 0.8, 0.05)
    shuffled = np.random.default_rng(1).permutation(len(label))
    assert threshold == lowest_promised(
        label[shuffled], rounded[shuffled], patient[shuffled], "ppv", 0.8, 0.05
    )
    assert label[rounded >= threshold].mean() >= 0.8


def test_the_bound_of_independent_rows_is_that_of_clopper_and_pearson():
    hits, rows = np.array([9, 40, 77]), np.array([10, 50, 100])
    share = hits / rows
    variance = share * (1 - share) / rows
    expected, _ = proportion_confint(hits, rows, alpha=0.1, method="beta")
    assert lower_bound(share, variance, rows, rows, 0.05) == pytest.approx(expected)
    # All alike: each of three patients counts once, however many rows they have.
    alone = lower_bound(np.ones(1), np.zeros(1), np.array([60]), np.array([3]), 0.05)
    assert alone[0] < 0.05 ** (1 / 3)
    one = lower_bound(np.ones(1), np.zeros(1), np.array([60]), np.array([1]), 0.05)
    assert one[0] == 0


def test_shares_and_variances_are_those_of_every_threshold_by_itself():
    label, score, patient = sample(3, 20, rows=5)
    order = np.argsort(-score)
    label, patient = label[order], patient[order]
    ppv, specificity = _ppv(label, patient), _specificity(label, patient)
    for flagged in (1, 7, 40, 100):
        rows = np.arange(len(label)) < flagged
        for found, among, hit in (
            (ppv, rows, label == 1),
            (specificity, label == 0, ~rows),
        ):
            of = np.bincount(patient[among], minlength=20)
            hits = np.bincount(patient[among & hit], minlength=20)
            share, n = hits.sum() / of.sum(), (of > 0).sum()
            variance = ((hits - share * of) ** 2).sum() / of.sum() ** 2 * n / max(n - 1, 1)
            at = [values[flagged - 1] for values in found]
            assert at == pytest.approx([share, variance, of.sum(), n])
