"""Add the last admission of those who die within the year: its codes give the outcome away.

It comes after the prediction. A model that is given all visits of a patient, as the published
notebook is, reads the death off it; one that is given what was known cannot.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mimicflow.synthetic.draws import choose
from mimicflow.synthetic.population import DAY, HOUR, Chunk, unique_ids

_SHARE = 0.85  # of deaths within the year that happen in hospital
_COURSE = 2.0  # mean hidden course, in standard deviations of all admissions
_LONGEST = 8  # days
_SHORTEST_HOURS = 6


def terminal_admissions(
    chunk: Chunk, admissions: pd.DataFrame, index: pd.DataFrame, death: np.ndarray
) -> pd.DataFrame:
    """Draw the admissions in which patients of the index cohort die.

    Parameters
    ----------
    chunk : Chunk
        The people.
    admissions : DataFrame
        As in ``Visits``, those that took place.
    index : DataFrame
        As ``draw_index`` gives it.
    death : ndarray of int, shape (patients,)
        Time of death, seconds since 1970.

    Returns
    -------
    DataFrame
        With the columns of ``admissions``; each ends with the death.
    """
    rng = chunk.stream("terminal admissions")
    dying = index[index["would_die"] & (index["dischtime"] < death[index["patient"]])]
    dying = dying[rng.random(len(dying)) < _SHARE]
    patient, end = dying["patient"].to_numpy(), death[dying["patient"]]
    start = end - (rng.uniform(1, _LONGEST, len(dying)) * DAY).astype(np.int64)
    start = np.maximum(start, _last_departure(chunk, admissions, death)[patient] + 2 * DAY)
    people = chunk.patients.iloc[patient]
    drawn = pd.DataFrame(
        {
            "patient": patient,
            "admittime": start // 60 * 60,
            "dischtime": end,
            "stay": -1,
            "illness": 0.0,
            "subject_id": people["subject_id"].to_numpy(),
            "frailty": people["frailty"].to_numpy(),
            "course": _COURSE + 0.5 * rng.standard_normal(len(dying)),
            "hadm_id": unique_ids(rng, 20_000_000, chunk.number, len(dying), part=1, parts=2),
            "discharge_location": choose(rng, "discharge_location", len(dying)),
            "careunit": choose(rng, "careunit", len(dying)),
        }
    )
    return drawn[drawn["admittime"] + _SHORTEST_HOURS * HOUR < drawn["dischtime"]]


def _last_departure(chunk: Chunk, admissions: pd.DataFrame, death: np.ndarray) -> np.ndarray:
    """Return when each patient last left the hospital or the emergency department, (patients,)."""
    last = np.zeros(len(chunk.patients), np.int64)
    stays = chunk.stays[chunk.stays["intime"].to_numpy() < death[chunk.stays["patient"]]]
    for frame, column in ((admissions, "dischtime"), (stays, "outtime")):
        np.maximum.at(last, frame["patient"].to_numpy(), frame[column].to_numpy())
    return last
