"""Sizes by Riley's criteria are those that the papers and their packages print."""

import numpy as np
import pytest

from mimicflow.evaluation.statistics import sample_size as needed


def rounded_up(*sizes):
    return [int(np.ceil(size)) for size in sizes]


def test_development_needs_what_pmsampsize_prints():
    """Example of BMJ 2020;368:m441 and of the package: 24 parameters, share of events 0.174."""
    sizes = (
        needed.for_shrinkage(0.288, 24),
        needed.for_optimism(0.288, 24, 0.174),
        needed.for_overall_risk(0.174),
    )

    assert rounded_up(*sizes) == [623, 662, 221]
    assert needed.largest_cox_snell(0.174) == pytest.approx(0.603, abs=5e-4)


def test_from_an_auroc_development_needs_what_pmsampsize_prints():
    """It simulates a million patients for what is integrated here."""
    r2 = needed.cox_snell(0.89, 0.174)

    assert rounded_up(needed.for_shrinkage(r2, 24), needed.for_optimism(r2, 24, 0.174)) == [
        615,
        660,
    ]


def test_evaluation_needs_what_pmvalsampsize_prints():
    """Its example: share of events 0.018, AUROC 0.8, log odds normal with mean -5 and SD 2.5."""
    log_odds, weights = np.polynomial.hermite_e.hermegauss(100)
    slope = needed.for_slope(-5 + 2.5 * log_odds, weights / weights.sum())

    assert needed.for_ratio(0.018, 1) == pytest.approx(905, abs=0.5)  # found in small steps there
    assert rounded_up(needed.for_auroc(0.8, 0.018)) == [4252]
    assert slope == pytest.approx(4544, rel=0.005)  # simulated there, 10⁶ patients; of 1,000: 4501


def test_the_slope_of_a_million_simulated_patients_is_that_of_the_integral():
    """As pmvalsampsize simulates: 2,958, 1,538 and 511 of 20 % events, AUROC 0.78."""
    log_odds, weights = np.polynomial.hermite_e.hermegauss(100)
    slope = needed.for_slope(-1.75 + 1.22 * log_odds, weights / weights.sum())
    drawn = np.random.default_rng(0).normal(-1.75, 1.22, 1_000_000)

    assert slope == pytest.approx(2958, rel=0.005)
    assert needed.for_slope(drawn, np.full(1_000_000, 1e-6)) == pytest.approx(slope, rel=0.005)
    # There the standard error grows in steps of 0.0001 until the interval is wide enough.
    assert np.ceil(0.8 / (0.2 * 0.0510**2)) == 1538
    assert needed.for_ratio(0.2) == pytest.approx(1538, rel=0.005)
    assert rounded_up(needed.for_auroc(0.78, 0.2)) == [511]


def test_a_model_that_is_never_wrong_has_no_known_spread():
    assert np.isnan(needed.for_auroc(1, 0.2))
    assert needed.cox_snell(1, 0.2) == pytest.approx(needed.largest_cox_snell(0.2))
    assert needed.for_slope(*needed.predicted(1, 0.2)) > 1e4


def test_a_calibrated_model_has_the_auroc_and_the_share_that_were_asked():
    log_odds, weights = needed.predicted(0.8, 0.1)
    chance = 1 / (1 + np.exp(-log_odds))
    above = log_odds[:, None] > log_odds[None, :]
    even = (log_odds[:, None] == log_odds[None, :]) / 2
    pairs = (weights * chance)[:, None] * (weights * (1 - chance))[None, :]

    assert weights @ chance == pytest.approx(0.1)
    assert (pairs * (above + even)).sum() / pairs.sum() == pytest.approx(0.8, abs=0.01)


def test_a_model_no_better_than_chance_needs_more_than_there_can_be():
    assert needed.cox_snell(0.5, 0.2) == needed.cox_snell(0.4, 0.2) == 0
    assert np.isinf(needed.for_shrinkage(0, 10))
    assert np.isinf(needed.for_optimism(0, 10, 0.2))
