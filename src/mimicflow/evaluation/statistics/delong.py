"""Variance of AUROCs and tests of their difference without resampling.

DeLong et al. 1988 (doi 10.2307/2531595): an AUROC is the mean, over the positives, of the share of
negatives that each outranks (its structural component), and likewise over the negatives; the
covariance of several AUROCs follows from the covariances of these components. Sorting each class
gives all of them in O(n log n), as the midranks of Sun and Xu do (2014, doi
10.1109/LSP.2014.2337313).

Given the patient of each row, Obuchowski's estimator for clustered data is taken (1997, doi
10.2307/2533958): components are summed within patients, which are then the independent units.
With one row per patient it equals DeLong's exactly; no factor of sample size is left between them.

Intervals of an AUROC are made on the logit scale, within 0 and 1, and of Student's t.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from mimicflow.evaluation.statistics.clusters import FEWEST, against_zero, exact_share, rarer
from mimicflow.evaluation.statistics.metrics import Estimate

_ROUNDING = 1e-20  # of a variance


class AurocDifference(NamedTuple):
    """Two AUROCs, their difference with its interval, Student's t and two-sided p value."""

    first: float
    second: float
    difference: float
    low: float
    high: float
    t: float
    p: float


def delong_covariance(
    label: np.ndarray, probability: np.ndarray, patient: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the AUROCs of k models on the same rows, and their covariance.

    Parameters
    ----------
    label : numpy.ndarray of shape (n,)
        0 or 1, both present.
    probability : numpy.ndarray of shape (n,) or (n, k)
        Of label 1, by each model; any score will do.
    patient : numpy.ndarray of shape (n,), optional
        Patient of each row. Without it, rows are taken as independent.

    Returns
    -------
    aurocs : numpy.ndarray of shape (k,)
    covariance : numpy.ndarray of shape (k, k)
        NaN when a class has a single row, or a single patient.
    """
    label = np.asarray(label) == 1
    positive, negative = np.flatnonzero(label), np.flatnonzero(~label)
    scores = np.asarray(probability).reshape(len(label), -1).T
    shares = [_components(score[positive], score[negative]) for score in scores]
    one, other = (np.stack(of_class) for of_class in zip(*shares, strict=True))
    aurocs = one.mean(axis=1)
    # Deviations as shares of their class: their sums are those of the AUROC's error.
    one = (one - aurocs[:, None]) / len(positive)
    other = (other - aurocs[:, None]) / len(negative)
    if patient is None:
        return aurocs, _products(one, one, len(positive)) + _products(other, other, len(negative))
    units, unit = np.unique(patient, return_inverse=True)
    with_one, with_other = (len(np.unique(unit[rows])) for rows in (positive, negative))
    one = _sum_by(unit[positive], one, len(units))
    other = _sum_by(unit[negative], other, len(units))
    both = _products(one, other, len(units))
    within = _products(one, one, with_one) + _products(other, other, with_other)
    return aurocs, within + both + both.T


def auroc_interval(
    label: np.ndarray,
    probability: np.ndarray,
    level: float = 0.95,
    patient: np.ndarray | None = None,
) -> Estimate:
    """Return an AUROC with its confidence interval, made on the logit scale.

    Parameters
    ----------
    label, probability : numpy.ndarray of shape (n,)
        0/1, and the probability of 1.
    level : float
        Of the interval.
    patient : numpy.ndarray of shape (n,), optional
        As in `delong_covariance`; every row is a patient of its own unless given.

    Returns
    -------
    Estimate
        Without interval (NaN) where the rarer class comes from fewer than `FEWEST` patients, or no
        patient changes the AUROC, as that of equal predictions; of an AUROC of 0 or 1 with the
        exact one of as many pairs.
    """
    (auroc,), ((variance,),) = delong_covariance(label, probability, patient)
    patients = rarer(label, np.arange(len(label)) if patient is None else patient)
    if patients < FEWEST:
        return Estimate(float(auroc), float("nan"), float("nan"))
    if auroc in (0, 1):
        return Estimate(float(auroc), *exact_share(auroc, patients, level))
    if variance < _ROUNDING:
        return Estimate(float(auroc), float("nan"), float("nan"))
    error = np.sqrt(variance) / (auroc * (1 - auroc))
    margin = student.isf((1 - level) / 2, patients - 1) * error
    low, high = expit([logit(auroc) - margin, logit(auroc) + margin])
    return Estimate(float(auroc), float(low), float(high))


def compare_aurocs(
    label: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    patient: np.ndarray,
    level: float = 0.95,
) -> AurocDifference:
    """Test whether two models on the same rows have the same AUROC.

    Parameters
    ----------
    label : numpy.ndarray of shape (n,)
        0 or 1, both present.
    first, second : numpy.ndarray of shape (n,)
        Probability of label 1 by either model.
    patient : numpy.ndarray of shape (n,)
        Patient of each row: the rows of one are not independent, so there is no test without.
    level : float
        Of the interval of the difference.

    Returns
    -------
    AurocDifference
        Of the first less the second; interval and p value are of Student's t with as many degrees
        of freedom as the rarer class has patients, less one. Models that order all rows alike have
        difference 0, t 0 and p 1.
    """
    aurocs, covariance = delong_covariance(label, np.column_stack([first, second]), patient)
    difference = float(aurocs[0] - aurocs[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    # Equal components leave a variance of rounding only, of either sign.
    rounding = 1e-14 * float(np.trace(covariance))
    error = 0.0 if variance <= rounding else float(np.sqrt(variance))
    tested = against_zero(difference, error, rarer(label, patient) - 1, level)
    return AurocDifference(float(aurocs[0]), float(aurocs[1]), difference, *tested)


def _components(positive: np.ndarray, negative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of the other class that each row is on the right side of, ties half."""
    (m,), (n,) = positive.shape, negative.shape
    rank_positive, rank_negative = np.argsort(positive), np.argsort(negative)
    above, below = positive[rank_positive], negative[rank_negative]
    outranked = [np.searchsorted(below, above, side) for side in ("left", "right")]
    of_positive, of_negative = np.empty(m), np.empty(n)
    of_positive[rank_positive] = sum(outranked) / (2 * n)
    # A negative is outranked by all positives that outrank more negatives than lie below it.
    not_above = sum(np.cumsum(np.bincount(found, minlength=n)[:n]) for found in outranked)
    of_negative[rank_negative] = 1 - not_above / (2 * m)
    return of_positive, of_negative


def _products(one: np.ndarray, other: np.ndarray, units: int) -> np.ndarray:
    """Return the sum of products over independent units, unbiased; NaN for a single unit."""
    factor = units / (units - 1) if units > 1 else np.nan
    return factor * (one @ other.T)


def _sum_by(unit: np.ndarray, values: np.ndarray, units: int) -> np.ndarray:
    return np.stack([np.bincount(unit, weights=row, minlength=units) for row in values])
