"""Draw when each patient dies: ``trajectories`` decides the year after intensive care."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

from mimicflow.synthetic.population import DAY, HOUR, Chunk

NEVER = np.iinfo(np.int64).max
"""Time of death where none is known."""

_DECIDED_DAYS = 366
_LATEST_DAY = 300  # so that counting from intensive care or from discharge gives the same year


def draw_deaths(
    chunk: Chunk, admissions: pd.DataFrame, icustays: pd.DataFrame, index: pd.DataFrame
) -> np.ndarray:
    """Draw the time of death of each patient.

    Patients who leave their index admission alive die within the following year if the truth says
    so, and of nothing else. All others, and these later, may die on a ward, in the emergency
    department or at home; the frail more often.

    Parameters
    ----------
    chunk : Chunk
        The people.
    admissions, icustays : DataFrame
        As in ``Visits``, before any death.
    index : DataFrame
        As ``draw_index`` gives it.

    Returns
    -------
    ndarray of int, shape (patients,)
        Seconds since 1970, ``NEVER`` where no death is known.
    """
    rng = chunk.stream("deaths")
    episodes = _episodes(chunk, admissions)
    stays = chunk.stays
    expired = stays[stays["disposition"] == "EXPIRED"]
    patients = [_inside(rng, chunk, admissions, icustays), expired]
    times = [patients[0]["dischtime"], expired["outtime"]]
    home = _before_episodes(_at_home(rng, chunk), episodes)
    patient = np.concatenate([*(part["patient"] for part in patients), np.arange(len(home))])
    time = np.concatenate([*times, home])

    decided_from, decided_until, leaving = (
        np.full(len(home), value, np.int64) for value in (NEVER, -1, -1)
    )
    decided_from[index["patient"]] = index["admittime"]
    decided_until[index["patient"]] = index["dischtime"] + _DECIDED_DAYS * DAY
    leaving[index["patient"]] = index["dischtime"]
    left_to_chance = (time < decided_from[patient]) | (time >= decided_until[patient])
    left_to_chance |= time == leaving[patient]
    death = np.full(len(home), NEVER)
    np.minimum.at(death, patient[left_to_chance], time[left_to_chance])

    alive = death[index["patient"]] > index["dischtime"]
    later = np.full(len(home), NEVER)
    within = index[alive & index["would_die"]]
    later[within["patient"]] = _within_a_year(rng, index["dischtime"].to_numpy())[within.index]
    return np.minimum(death, _before_episodes(later, episodes))


def _inside(
    rng: np.random.Generator, chunk: Chunk, admissions: pd.DataFrame, icustays: pd.DataFrame
) -> pd.DataFrame:
    """Admissions that would end in death."""
    intensive = np.isin(np.arange(len(admissions)), icustays["admission"])
    planned = (admissions["stay"] < 0).to_numpy()
    logit = np.where(intensive, -3.0, np.where(planned, -6.0, -5.0))
    logit = logit + 0.8 * chunk.patients["frailty"].to_numpy()[admissions["patient"]]
    logit = logit + 0.5 * admissions["illness"].to_numpy()
    return admissions[rng.random(len(admissions)) < expit(logit)]


def _at_home(rng: np.random.Generator, chunk: Chunk) -> np.ndarray:
    """Deaths within a year after the last emergency stay, shape (patients,)."""
    last = chunk.stays.drop_duplicates("patient", keep="last")
    frailty = chunk.patients["frailty"].to_numpy()
    dies = rng.random(len(last)) < expit(-4.0 + 0.8 * frailty)
    time = last["outtime"].to_numpy() + (last["admission_days"].to_numpy() * DAY).astype(np.int64)
    time += (rng.uniform(1, 360, len(last)) * DAY).astype(np.int64)
    return np.where(dies, time, NEVER)


def _within_a_year(rng: np.random.Generator, leaving: np.ndarray) -> np.ndarray:
    """Moments 1 to 300 calendar days after leaving, most of them early, shape (n,)."""
    day = 1 + (rng.beta(0.8, 1.6, len(leaving)) * _LATEST_DAY).astype(np.int64)
    return (leaving // DAY + np.minimum(day, _LATEST_DAY)) * DAY + rng.integers(0, DAY, len(day))


def _episodes(chunk: Chunk, admissions: pd.DataFrame) -> pd.DataFrame:
    """Time in the emergency department and on the wards after it: patient, start, end."""
    stays, names = chunk.stays[["patient", "intime", "outtime"]], ["patient", "start", "end"]
    inside = admissions[["patient", "admittime", "dischtime"]].set_axis(names, axis=1)
    from_ed = (admissions["stay"] >= 0).to_numpy()
    inside.loc[from_ed, "start"] = stays["intime"].to_numpy()[admissions["stay"][from_ed]]
    return pd.concat([stays.set_axis(names, axis=1), inside])


def _before_episodes(death: np.ndarray, episodes: pd.DataFrame) -> np.ndarray:
    """Move deaths that would fall into an episode to the hour before it, which then never comes."""
    moment = death[episodes["patient"]]
    during = episodes[(episodes["start"] < moment) & (moment < episodes["end"])]
    moved = death.copy()
    np.minimum.at(moved, during["patient"].to_numpy(), during["start"].to_numpy() - HOUR)
    return moved
