"""Epochs of one stay against each other, on stays that are worked out by hand."""

from __future__ import annotations

import made_arrest_predictions as made
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from mimicflow.arrest.results.within_stays import concordance_by_stay, score_within_stays
from mimicflow.evaluation.statistics.jackknife import all_weightings

NONE = np.nan
# Patient, stay, hours to the arrest, probability.
HAND = pd.DataFrame(
    [
        ("a", "A", 2.0, 0.9),  # above both far ones
        ("a", "A", 5.0, 0.5),  # tied with one, above the other: 3.5 of 4 pairs
        ("a", "A", 7.0, 0.5),
        ("a", "A", 9.0, 0.1),
        *(("b", "B", 1.0, 0.2) for _ in range(20)),  # below the far one, in all of 20 pairs
        ("b", "B", 8.0, 0.6),
        ("c", "C", 1.0, 0.9),  # near only
        ("d", "D", 9.0, 0.9),  # far only
        ("e", "E", NONE, 0.99),  # without an arrest
    ],
    columns=["subject_id", "stay_id", "hours_to_arrest", "probability"],
).assign(label=lambda frame: frame["hours_to_arrest"].notna().astype(int))
ONCE = np.ones((1, 5))


def test_ties_count_half_and_stays_with_one_side_do_not_count():
    stays = concordance_by_stay(HAND, 6).set_index("stay_id")
    assert stays["concordance"].to_dict() == pytest.approx(
        {"A": 3.5 / 4, "B": 0.0, "C": NONE, "D": NONE}, nan_ok=True
    )
    assert stays["far"].to_dict() == {"A": 2, "B": 1, "C": 0, "D": 1}


def test_each_stay_counts_once_however_long_it_was_recorded():
    found = score_within_stays(HAND, 6, ONCE, 0)
    assert found.auroc.value == pytest.approx(3.5 / 8)  # by pairs, 3.5 of 24
    assert (found.patients, found.stays, found.near, found.far) == (2, 2, 22, 3)


def test_stays_of_a_patient_count_together():
    weighed = score_within_stays(HAND, 6, np.array([[3.0, 1, 0, 0, 0]]), 0).auroc
    assert weighed.value == pytest.approx(3 * 3.5 / 4 / 4)
    nobody = score_within_stays(HAND, 6, np.array([[0.0, 0, 1, 1, 1]]), 0).auroc
    assert np.isnan(nobody.value)


def test_at_the_longest_horizon_nothing_is_far():
    found = score_within_stays(HAND, 24, ONCE, 10)
    assert np.isnan(found.auroc.value) and found.stays == 0 and not found.suppressed


def test_a_patient_who_differs_from_others_does_not_help_within():
    """Across stays the event patients are far above all others; within, nothing but noise."""
    table = made.predictions(stays=80, events=40)
    generator = np.random.default_rng(3)
    table["probability"] = 0.5 * table["label"] + 0.4 * generator.random(len(table))
    weights = all_weightings(table["subject_id"].to_numpy(), 0)
    value, low, high = score_within_stays(table, 6, weights, 0).auroc
    assert low < value < high < low + 0.1 and value == pytest.approx(0.5, abs=0.04)


def test_few_real_patients_are_hidden_also_by_subtraction():
    hidden = score_within_stays(HAND, 6, ONCE, 3)
    assert hidden.suppressed and hidden.stays is None and np.isnan(hidden.auroc.value)
    several = [HAND.assign(subject_id=f"{n}", stay_id=HAND["stay_id"] + f"{n}") for n in range(12)]
    one_sided = HAND[HAND["stay_id"] == "C"].assign(subject_id="x", stay_id="X")
    both = pd.concat([*several, one_sided])
    shown = score_within_stays(both, 6, np.ones((1, 13)), 10)
    assert shown.auroc.value == pytest.approx(3.5 / 8)
    assert not shown.suppressed and shown.stays is None  # one patient has one side only


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """Thirty stays whose risk rises before the arrest, each by its own amount."""
    generator, hours = np.random.default_rng(0), np.linspace(23.5, 0.6, 20)
    truth = norm.cdf(generator.normal(0.5, 0.8, 200_000) / np.sqrt(2)).mean()
    stay = np.repeat([f"{n:02d}" for n in range(30)], len(hours))
    hits = 0
    weights = all_weightings(stay, 0)
    for _ in range(100):
        rise = np.repeat(generator.normal(0.5, 0.8, 30), len(hours))
        nature = np.repeat(generator.normal(0, 1, 30), len(hours))
        far = np.tile(hours, 30)
        risk = rise * (far <= 6) + nature + generator.normal(0, 1, len(far))
        epochs = pd.DataFrame({"subject_id": stay, "stay_id": stay, "label": 1})
        epochs = epochs.assign(hours_to_arrest=far, probability=norm.cdf(risk))
        low, high = score_within_stays(epochs, 6, weights, 0).auroc[1:]
        hits += low <= truth <= high
    assert 89 <= hits <= 99
