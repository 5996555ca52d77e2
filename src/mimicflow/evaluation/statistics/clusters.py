"""Tests and intervals where patients, not their rows, are the independent units.

With few patients the standard error is itself uncertain: Student's t stands where the normal
distribution would call too much significant.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import beta
from scipy.stats import t as student
from statsmodels.stats.multitest import multipletests

FEWEST = 5
"""Patients of the rarer class without whom no interval is given, and no p value."""

_ROUNDING = 1e-14  # of a difference between equal models


class Significance(NamedTuple):
    """A confidence interval, Student's t statistic against 0 and its two-sided p value."""

    low: float
    high: float
    t: float
    p: float


def rarer(label: np.ndarray, patient: np.ndarray) -> int:
    """Return how many patients the rarer class comes from.

    What two classes differ by is known no better than the class of fewer patients is.

    Parameters
    ----------
    label : numpy.ndarray of shape (n,)
        0 or 1.
    patient : numpy.ndarray of shape (n,)
        Patient of each row.
    """
    label, patient = np.asarray(label) == 1, np.asarray(patient)
    return min(len(np.unique(patient[rows])) for rows in (label, ~label))


def patients_behind(
    score: str, label: np.ndarray, patient: np.ndarray, flagged: np.ndarray | None = None
) -> int:
    """Return how many patients a score is known no better than.

    Parameters
    ----------
    score : str
        A share of rows is known by the patients of these rows: a sensitivity by those with events,
        a PPV by those who are flagged. All others compare the classes: the rarer one counts.
    label, patient : numpy.ndarray of shape (n,)
        As in `rarer`.
    flagged : numpy.ndarray of shape (n,), optional
        Whether each row is; without it no PPV and no NPV is known by anybody.
    """
    event = np.asarray(label) == 1
    yes = np.zeros(len(event), dtype=bool) if flagged is None else np.asarray(flagged) == 1
    no = np.zeros(len(event), dtype=bool) if flagged is None else np.asarray(flagged) == 0
    shares = {"sensitivity": event, "specificity": ~event, "accuracy": event | ~event}
    shares |= {"ppv": yes, "precision": yes, "npv": no}
    if score not in shares:
        return rarer(label, patient)
    return len(np.unique(np.asarray(patient)[shares[score]]))


def exact_share(share: float, patients: float, level: float = 0.95) -> tuple[float, float]:
    """Return the exact confidence interval of a share of so many independent patients.

    Parameters
    ----------
    share : float
        From 0 to 1.
    patients : float
        How many there are; not whole where they stand for others who are alike. An AUROC of 1 is
        the share of as many pairs of an event patient and another, none of whom is in two pairs,
        as the rarer class has patients.
    level : float
        Of the interval.

    Notes
    -----
    Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404.
    """
    tail, hits = (1 - level) / 2, share * patients
    low = beta.ppf(tail, hits, patients - hits + 1) if share > 0 else 0.0
    high = beta.isf(tail, hits + 1, patients - hits) if share < 1 else 1.0
    return float(low), float(high)


def against_zero(value: float, error: float, degrees: int, level: float = 0.95) -> Significance:
    """Return the interval of an estimate, and the test that it is 0.

    Parameters
    ----------
    value, error : float
        The estimate and its standard error, of clusters. An error of 0 is that of an estimate that
        no patient changes: nothing is known of it, unless it is 0 itself, as between equal models.
    degrees : int
        Of freedom: the patients less one. With fewer than `FEWEST` nothing is said.
    level : float
        Of the interval.

    Returns
    -------
    Significance
        NaN where the error is NaN or patients are too few.
    """
    equal = abs(value) < _ROUNDING
    if np.isnan(error) or degrees < FEWEST - 1 or (error == 0 and not equal):
        return Significance(*[float("nan")] * 4)
    t = 0.0 if error == 0 else value / error
    margin = float(student.isf((1 - level) / 2, degrees)) * error
    return Significance(value - margin, value + margin, t, float(2 * student.sf(abs(t), degrees)))


def jackknife_error(statistic: Callable[[np.ndarray], float], patient: np.ndarray) -> float:
    """Return the standard error of a statistic, by leaving out one patient after the other.

    Parameters
    ----------
    statistic : callable
        Of the places (ints) of the rows that are left.
    patient : numpy.ndarray of shape (n,)
        Patient of each row; NaN is returned for a single one.

    Notes
    -----
    Tukey's jackknife, of patients: Efron and Stein 1981, doi:10.1214/aos/1176345462.
    """
    patients = np.unique(patient)
    if len(patients) < 2:
        return float("nan")
    left = np.array([statistic(np.flatnonzero(patient != one)) for one in patients])
    return float(np.sqrt((len(left) - 1) * np.mean((left - left.mean()) ** 2)))


def holm(p: np.ndarray) -> np.ndarray:
    """Return p values corrected for being one of a family (Holm 1979).

    Parameters
    ----------
    p : numpy.ndarray of shape (comparisons,)
        All p values of the family. NaN are not of it, and stay NaN.
    """
    p = np.asarray(p, dtype=np.float64)
    corrected, known = np.full(len(p), np.nan), ~np.isnan(p)
    if known.any():
        corrected[known] = multipletests(p[known], method="holm")[1]
    return corrected
