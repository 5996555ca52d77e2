"""Draw what precedes and follows the emergency department: admissions, intensive care, death."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mimicflow.synthetic.deaths import draw_deaths
from mimicflow.synthetic.draws import choose
from mimicflow.synthetic.planned import planned_admissions
from mimicflow.synthetic.population import DAY, HOUR, Chunk, unique_ids, year_of
from mimicflow.synthetic.terminal import terminal_admissions
from mimicflow.synthetic.trajectories import draw_courses, draw_index

_ICD10_FROM = 2015
_INTENSIVE, _CHRONIC_ADMISSIONS, _LATE = 2.2, 5.2, 8
"""Intensive care stays expected of a patient with many admissions, how many are many, and how much
likelier late ones are: the power of the position among them."""

_PROLONGED = 3  # times the length of a planned admission without intensive care


@dataclass(frozen=True)
class Visits:
    """Everything that happened to the patients of a chunk until they died.

    Parameters
    ----------
    alive : ndarray of bool, shape (stays,)
        Whether the patient lived to see each emergency stay; the others never happened.
    admissions : DataFrame
        Hospital admissions; ``stay`` is the row of the emergency stay, -1 without one,
        ``course`` the hidden course.
    icustays : DataFrame
        Intensive care stays; ``admission`` is the row of ``admissions``.
    death : ndarray of int, shape (patients,)
        Seconds since 1970; ``NEVER`` where no death is known.
    mortality : DataFrame
        One row per patient who left the admission of the first intensive care alive: subject_id,
        hadm_id, stay_id, p_everything, died (within a year).
    """

    alive: np.ndarray
    admissions: pd.DataFrame
    icustays: pd.DataFrame
    death: np.ndarray
    mortality: pd.DataFrame


def draw_visits(chunk: Chunk) -> Visits:
    """Draw admissions and intensive care, then the deaths that end some of them."""
    admissions = _draw_admissions(chunk)
    intensive = _intensive(chunk, admissions)
    admissions = _prolonged(admissions, intensive)
    icustays = _draw_icustays(chunk, admissions, intensive)
    index = draw_index(chunk, admissions, icustays)
    death = draw_deaths(chunk, admissions, icustays, index)
    kept = admissions["admittime"].to_numpy() < death[admissions["patient"]]
    icustays = icustays[kept[icustays["admission"]]].reset_index(drop=True)
    renumbered = np.cumsum(kept) - 1
    icustays["admission"] = renumbered[icustays["admission"]]
    admissions = admissions[kept]
    last = terminal_admissions(chunk, admissions, index, death)
    admissions = pd.concat([admissions, last], ignore_index=True)
    died_inside = admissions["dischtime"].to_numpy() == death[admissions["patient"]]
    left = index["dischtime"].to_numpy() < death[index["patient"]]
    mortality = index.loc[left].rename(columns={"would_die": "died"})
    mortality = mortality[["subject_id", "hadm_id", "stay_id", "p_everything", "died"]]
    return Visits(
        _alive(chunk.stays, death), admissions.assign(dies=died_inside), icustays, death,
        mortality.reset_index(drop=True),
    )  # fmt: skip


def _alive(stays: pd.DataFrame, death: np.ndarray) -> np.ndarray:
    """Say which emergency stays took place; none ends in a death that the truth has averted."""
    dies = death[stays["patient"]]
    averted = (stays["disposition"] == "EXPIRED") & (stays["outtime"] != dies)
    return (stays["intime"].to_numpy() < dies) & ~averted.to_numpy()


def icd_version(chunk: Chunk, patient: np.ndarray, time: np.ndarray) -> np.ndarray:
    """ICD-9 before, ICD-10 from the year that is the patient's 2015; 9 or 10, shape (n,)."""
    people = chunk.patients.iloc[patient]
    real_anchor = people["anchor_year_group"].str[:4].astype(int).to_numpy() + 1
    real_year = year_of(time) - people["anchor_year"].to_numpy() + real_anchor
    return np.where(real_year >= _ICD10_FROM, 10, 9)


def _draw_admissions(chunk: Chunk) -> pd.DataFrame:
    people = chunk.patients
    planned = planned_admissions(chunk).assign(stay=-1, illness=0.0)
    both = pd.concat([_from_emergency(chunk), planned], ignore_index=True)
    both = both.sort_values(["patient", "admittime"], kind="stable", ignore_index=True)
    patient, rng = both["patient"].to_numpy(), chunk.stream("admission details")
    return both.assign(
        subject_id=people["subject_id"].to_numpy()[patient],
        frailty=people["frailty"].to_numpy()[patient],
        course=draw_courses(chunk.stream("courses"), patient),
        hadm_id=unique_ids(rng, 20_000_000, chunk.number, len(both), part=0, parts=2),
        discharge_location=choose(rng, "discharge_location", len(both)),
        careunit=choose(rng, "careunit", len(both)),
    )


def _from_emergency(chunk: Chunk) -> pd.DataFrame:
    stays, rng = chunk.stays, chunk.stream("visits")
    from_ed = np.flatnonzero(stays["admitted"])
    arrived, left = (stays[name].to_numpy()[from_ed] for name in ("intime", "outtime"))
    # The order to admit is written while the patient still waits for a bed.
    boarding = 1.2 * HOUR * np.exp(0.6 * rng.standard_normal(len(from_ed)))
    admitted = left - np.minimum(boarding, 0.6 * (left - arrived)).astype(np.int64) // 60 * 60
    days = stays["admission_days"].to_numpy()[from_ed]
    discharged = left + (days * DAY).astype(np.int64) // 60 * 60
    return pd.DataFrame(
        {
            "patient": stays["patient"].to_numpy()[from_ed],
            "stay": from_ed,
            "admittime": admitted,
            "dischtime": discharged,
            "latest": discharged,
            "illness": chunk.hidden["illness"].to_numpy()[from_ed],
        }
    )


def _intensive(chunk: Chunk, admissions: pd.DataFrame) -> np.ndarray:
    """Rows with intensive care: the likelier, the more admissions there are, and late ones most."""
    patient = admissions["patient"].to_numpy()
    n = np.bincount(patient)[patient]
    rank = np.arange(len(patient)) - np.searchsorted(patient, patient) + 1
    weight = (rank / n) ** _LATE
    share = weight / np.bincount(patient, weight)[patient]
    expected = _INTENSIVE * -np.expm1(-((n / _CHRONIC_ADMISSIONS) ** 1.5)) * share
    expected *= np.exp((0.5 * admissions["illness"] + 0.2 * admissions["frailty"]).to_numpy())
    drawn = chunk.stream("intensive care").random(len(admissions))
    return np.flatnonzero(drawn < -np.expm1(-expected))


def _prolonged(admissions: pd.DataFrame, intensive: np.ndarray) -> pd.DataFrame:
    """Let planned admissions last longer where they lead to intensive care."""
    start, end, latest = (
        admissions[name].to_numpy(copy=True) for name in ("admittime", "dischtime", "latest")
    )
    longer = start + _PROLONGED * (end - start)
    end[intensive] = np.maximum(end, np.minimum(longer, latest))[intensive]
    return admissions.assign(dischtime=end).drop(columns="latest")


def _draw_icustays(chunk: Chunk, admissions: pd.DataFrame, admission: np.ndarray) -> pd.DataFrame:
    rng = chunk.stream("intensive care stays")
    start, end = (admissions[name].to_numpy()[admission] for name in ("admittime", "dischtime"))
    length = end - start
    into = start + (rng.uniform(0.05, 0.25, len(admission)) * length).astype(np.int64)
    out = into + (rng.uniform(0.2, 0.6, len(admission)) * length).astype(np.int64)
    return pd.DataFrame(
        {
            "admission": admission,
            "patient": admissions["patient"].to_numpy()[admission],
            "stay_id": unique_ids(rng, 30_000_000, chunk.number, len(admission), part=2, parts=4),
            "intime": into,
            "outtime": out,
            "careunit": choose(rng, "icu_careunit", len(admission)),
        }
    )
