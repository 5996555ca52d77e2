"""Add admissions without an emergency: the chronically ill come again and again."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

from mimicflow.synthetic.draws import poisson_rows
from mimicflow.synthetic.population import DAY, HOUR, Chunk, seconds

ADULT_AGE = 18
_LONGEST_HISTORY = 1780  # days before the anchor year, whose earliest is 2115; MIMIC starts in 2110
_SLOT = 140  # days between planned admissions; less in crowded histories
_SHORTEST_SLOT = 25
_FOLLOW_UP_SLOT = 90
_LONGEST_STAY = 40


def planned_admissions(chunk: Chunk) -> pd.DataFrame:
    """Draw planned admissions before the anchor year and after the last emergency stay.

    Each has a slot of time of its own, so that two days at least lie between any two visits.

    Returns
    -------
    DataFrame
        patient (row of ``chunk.patients``), admittime, dischtime, and how late the discharge
        could be without meeting another visit (``latest``); s.
    """
    rng = chunk.stream("planned admissions")
    people, stays = chunk.patients, chunk.stays
    frailty = people["frailty"].to_numpy()
    chronic = rng.random(len(people)) < expit(-1.1 + 0.3 * frailty)
    often = np.round(np.exp(1.65 + 0.75 * rng.standard_normal(len(people)))).astype(np.int64)
    adult_days = 365 * (people["anchor_age"].to_numpy() - ADULT_AGE)
    span = np.minimum(_LONGEST_HISTORY, adult_days)
    history = rng.poisson(0.45 * np.exp(0.5 * frailty)) + chronic * often
    history = np.minimum(history, span // _SHORTEST_SLOT)
    slot = np.minimum(_SLOT, span / np.maximum(history, 1))
    patient = np.repeat(np.arange(len(people)), history)
    back = _count_within(patient) + 1
    anchor = seconds(people["anchor_year"].to_numpy())[patient]
    before = _within_slots(rng, patient, anchor - _days(back * slot[patient]), slot[patient])

    last = stays.drop_duplicates("patient", keep="last")
    left = last["outtime"].to_numpy() + _days(last["admission_days"].to_numpy())
    patient = poisson_rows(rng, 0.1 + 0.8 * chronic)
    free = left[patient] + _days(3 + _FOLLOW_UP_SLOT * _count_within(patient))
    after = _within_slots(rng, patient, free, np.full(len(patient), float(_FOLLOW_UP_SLOT)))
    return pd.concat([before, after], ignore_index=True)


def _days(days: np.ndarray) -> np.ndarray:
    return (days * DAY).astype(np.int64)


def _count_within(patient: np.ndarray) -> np.ndarray:
    """Position of each row among those of its patient; ``patient`` is ascending."""
    return np.arange(len(patient)) - np.searchsorted(patient, patient)


def _within_slots(
    rng: np.random.Generator, patient: np.ndarray, start: np.ndarray, slot: np.ndarray
) -> pd.DataFrame:
    """Admit on the morning of a day in the first half of each slot (days), most for a night."""
    n = len(patient)
    admitted = start + _days(rng.uniform(0.05, 0.5, n) * slot)
    admitted += (9 * HOUR - admitted % DAY) + rng.integers(-120, 240, n) * 60
    longest = np.minimum(0.35 * slot, _LONGEST_STAY)
    length = np.clip(1.5 * np.exp(0.7 * rng.standard_normal(n)), 0.4, longest)
    return pd.DataFrame(
        {
            "patient": patient,
            "admittime": admitted,
            "dischtime": admitted + _days(length) // 60 * 60,
            "latest": admitted + _days(longest) // 60 * 60,
        }
    )
