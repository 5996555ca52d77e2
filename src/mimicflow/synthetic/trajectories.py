"""The known probability of death within a year of the first intensive care, by hidden courses.

Every admission has a hidden course, standard normal and independent of the terms of ``truth``.
Codes and drugs of the admission reveal it (``revealing``). The log-odds of death within a year
of leaving the index admission, the one of the first intensive care, follow the courses up to then:
the last counts most, each one before it half as much. Courses of one patient are slightly
negatively correlated, as relapse and remission are; hence their mean says little, and their order
much.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

from mimicflow.synthetic.draws import pick_by_group, poisson_rows
from mimicflow.synthetic.population import Chunk

BASE_RATE = 0.20
"""Share who die within the year: the only truth left once labels are permuted."""

HALVING = 0.5
"""What a course counts beside that of the visit after it."""

_INTERCEPT, _RECENT, _FRAILTY = -2.62, 2.42, 0.25
_LARGEST_REBOUND = 0.3
_WIDTH = 0.8  # how far from the course of the admission its entries lie
_FARTHEST = 12  # squared distance, in widths, beyond which all entries are alike
_REBOUND = 0.85  # share of the negative correlation at which courses would sum to zero


def rebound(n_admissions: np.ndarray) -> np.ndarray:
    """Return the correlation of any two courses of a patient with so many admissions, shape (n,).

    With more admissions it is weaker, since n variables cannot have less than -1/(n - 1).
    """
    least = _REBOUND / np.maximum(n_admissions - 1, 1)
    return np.where(n_admissions > 1, -np.minimum(least, _LARGEST_REBOUND), 0.0)


def draw_courses(rng: np.random.Generator, patient: np.ndarray) -> np.ndarray:
    """Draw the hidden course of each admission.

    Parameters
    ----------
    rng : Generator
        Source of chance.
    patient : ndarray of int, shape (admissions,)
        Row of the patient.

    Returns
    -------
    ndarray, shape (admissions,)
        Standard normal each; correlated within a patient as ``rebound`` says.
    """
    own = rng.standard_normal(len(patient))
    n = np.bincount(patient)[patient]
    mean = np.bincount(patient, own)[patient] / n
    correlation = rebound(n)
    return np.sqrt(1 - correlation) * (own - mean) + np.sqrt(1 + (n - 1) * correlation) * mean


def recent_course(
    course: np.ndarray, patient: np.ndarray, correlation: np.ndarray, last: np.ndarray
) -> np.ndarray:
    """Sum courses up to an admission, each visit back counting half, to unit variance.

    Parameters
    ----------
    course, patient : ndarray, shape (admissions,)
        Hidden course and row of the patient, in time order within each patient, patients ascending.
    correlation : ndarray, shape (n,)
        Correlation of any two courses of the patient of each entry of ``last``.
    last : ndarray of int, shape (n,)
        Rows of the admissions up to which (inclusive) the courses count.

    Returns
    -------
    ndarray, shape (n,)
        Standard normal.
    """
    position = last - np.searchsorted(patient, patient[last])
    total, weights, squares = np.zeros((3, len(last)))
    for back in range(position.max(initial=-1) + 1):
        reached = position >= back
        weight = HALVING**back
        total[reached] += weight * course[last[reached] - back]
        weights += weight * reached
        squares += weight**2 * reached
    return total / np.sqrt((1 - correlation) * squares + correlation * weights**2)


def death_probability(recent: np.ndarray, frailty: np.ndarray) -> np.ndarray:
    """Return the probability of death within a year of leaving the index admission, shape (n,).

    Parameters
    ----------
    recent : ndarray, shape (n,)
        As ``recent_course`` gives it.
    frailty : ndarray, shape (n,)
        Of the patient, standard normal.
    """
    return expit(_INTERCEPT + _RECENT * recent + _FRAILTY * frailty)


def draw_index(chunk: Chunk, admissions: pd.DataFrame, icustays: pd.DataFrame) -> pd.DataFrame:
    """Find each patient's first intensive care, and how likely death within a year of it is.

    Parameters
    ----------
    chunk : Chunk
        The people.
    admissions, icustays : DataFrame
        As in ``Visits``, ``course`` included, before any death.

    Returns
    -------
    DataFrame
        One row per patient with intensive care: patient, subject_id, hadm_id, stay_id, admittime,
        dischtime, p_everything, would_die.
    """
    first = icustays.sort_values(["intime", "stay_id"]).drop_duplicates("patient")
    first = first.sort_values("patient", ignore_index=True)
    last = first["admission"].to_numpy()
    owner = admissions["patient"].to_numpy()
    patient = owner[last]
    correlation = rebound(np.bincount(owner, minlength=len(chunk.patients))[patient])
    recent = recent_course(admissions["course"].to_numpy(), owner, correlation, last)
    probability = death_probability(recent, chunk.patients["frailty"].to_numpy()[patient])
    if chunk.permute_labels:
        probability = np.full(len(first), BASE_RATE)
    names = ["patient", "subject_id", "hadm_id", "admittime", "dischtime"]
    return admissions.loc[last, names].reset_index(drop=True).assign(
        stay_id=first["stay_id"],
        p_everything=probability,
        would_die=chunk.stream("one-year deaths").random(len(first)) < probability,
    )  # fmt: skip


def revealing(
    rng: np.random.Generator, admissions: pd.DataFrame, entries: pd.DataFrame, mean: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw entries of a vocabulary whose ``course`` lies near that of the admission.

    How many there are says nothing of the course, so that the length of a record does not either.

    Parameters
    ----------
    rng : Generator
        Source of chance.
    admissions : DataFrame
        With column ``course``.
    entries : DataFrame
        Vocabulary; its column ``course`` is the course at which an entry is most typical (grave
        ones above zero), empty for entries that reveal nothing.
    mean : float
        Entries per admission.

    Returns
    -------
    admission, entry : ndarray of int, shape (n,)
        Rows of ``admissions``, ascending, and of ``entries``.
    """
    revealing_entries = np.flatnonzero(entries["course"].notna())
    typical = entries["course"].to_numpy(float)[revealing_entries]
    distance = (admissions["course"].to_numpy()[:, None] - typical) / _WIDTH
    admission = poisson_rows(rng, np.full(len(admissions), mean))
    # Never quite zero: a dying patient may have a cataract, too.
    logit = -0.5 * np.minimum(distance**2, _FARTHEST)
    picked = pick_by_group(rng, admission, logit, np.ones(len(revealing_entries)))
    return admission, revealing_entries[picked]
