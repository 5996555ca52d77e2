"""The lowest threshold whose PPV or specificity can be promised for patients not seen yet.

The lowest threshold at which a sample has the value is too low in more than half of the cases: it
is the luckiest of many. A promise is kept with a given confidence, so it is made only where a
lower confidence bound reaches the value.

- The bound is Korn and Graubard's (1998): Clopper and Pearson's for as many rows as those of
  independent patients would be, by the variance between patients, and wider where they are few.
- Thresholds are looked at from the highest down, and the search ends at the first whose bound
  misses the value: of so ordered tests each may use the whole error (fixed-sequence testing, as in
  Learn then Test, Angelopoulos et al. 2021, arXiv:2110.01052). Specificity begins at the top. For
  PPV few rows are flagged there, and nothing could be shown: its search begins anew where 1, 2 and
  4 times as many patients are flagged as are needed if all of them are hits, with a third of the
  error each.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import beta, t

PROMISED = ("specificity", "ppv")
"""What a threshold may be to reach."""

_STARTS = (1, 2, 4)  # times the fewest patients by whom a PPV can be shown
_TINY = 1e-9


def lowest_promised(
    label: np.ndarray,
    probability: np.ndarray,
    patient: np.ndarray,
    what: str,
    value: float,
    error: float,
) -> float:
    """Return the lowest threshold by which a value is reached.

    Parameters
    ----------
    label, probability, patient : numpy.ndarray of shape (n,)
        0/1, probability of 1, and whose row it is; of patients that are not reported.
    what : {"specificity", "ppv"}
        What is to be reached.
    value : float
        By patients not seen yet, in (0, 1).
    error : float
        In how many of such samples the promise may be broken, e.g. 0.05.

    Returns
    -------
    float
        A probability that occurs; NaN where nothing can be promised.
    """
    order = np.argsort(-np.asarray(probability, dtype=np.float64), kind="stable")
    probability = np.asarray(probability, dtype=np.float64)[order]
    label = np.asarray(label, dtype=np.int64)[order]
    patient = np.unique(np.asarray(patient)[order], return_inverse=True)[1]
    last = np.r_[probability[1:] != probability[:-1], True]  # equal rows are flagged together
    if what == "ppv":
        share, variance, rows, patients = (of[last] for of in _ppv(label, patient))
        error /= len(_STARTS)
        fewest = np.ceil(np.log(error) / np.log(value))
        starts = [int(np.searchsorted(patients, times * fewest)) for times in _STARTS]
    else:
        if label.all():
            return float("nan")
        share, variance, rows, patients = (of[last] for of in _specificity(label, patient))
        starts = [0]
    reached = lower_bound(share, variance, rows, patients, error) >= value
    missed = np.append(np.flatnonzero(~reached), len(reached))
    # The last of an unbroken row of reached ones, from each start.
    found = [missed[np.searchsorted(missed, start)] - 1 for start in starts]
    found = [end for start, end in zip(starts, found, strict=True) if end >= start]
    return float(probability[last][max(found)]) if found else float("nan")


def lower_bound(
    share: np.ndarray, variance: np.ndarray, rows: np.ndarray, patients: np.ndarray, error: float
) -> np.ndarray:
    """Return Korn and Graubard's one-sided lower bound of a share.

    Parameters
    ----------
    share, variance : numpy.ndarray of shape (k,)
        Of rows, and the share's variance by patient.
    rows, patients : numpy.ndarray of shape (k,)
        That the share is of.
    error : float
        How often the bound may lie above the truth.

    Notes
    -----
    Korn and Graubard 1998, Survey Methodology 24(2):193-201. Where all rows are alike, each
    patient counts once.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = np.where(variance > 0, share * (1 - share) / variance, patients)
        few = t.ppf(1 - error, np.maximum(rows - 1, 1)) / t.ppf(1 - error, patients - 1)
    effective = np.where(patients > 1, np.minimum(np.minimum(effective, rows) * few**2, rows), 0)
    hits = np.maximum(effective * share, _TINY)
    return np.asarray(np.where(effective > 0, beta.ppf(error, hits, effective - hits + 1), 0.0))


def _ppv(label: np.ndarray, patient: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return PPV, its variance, rows and patients of the first 1, 2, … rows, (n,) each."""
    rows = pd.DataFrame({"patient": patient, "label": label}).groupby("patient")
    before = rows.cumcount().to_numpy()
    hits_before = rows["label"].cumsum().to_numpy() - label
    flagged, patients = np.arange(1, len(label) + 1), np.cumsum(before == 0)
    share = np.cumsum(label) / flagged
    # Sums over patients of hits², hits x rows and rows², row by row.
    hits_2 = np.cumsum((2 * hits_before + 1) * label)
    hits_rows = np.cumsum(hits_before + label * (before + 1))
    rows_2 = np.cumsum(2 * before + 1)
    spread = hits_2 - 2 * share * hits_rows + share**2 * rows_2
    return share, _variance(spread, flagged, patients), flagged, patients


def _specificity(label: np.ndarray, patient: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return specificity, its variance, rows and patients where the first 1, 2, … are flagged."""
    negative = 1 - label
    own = np.bincount(patient, weights=negative)
    rows = pd.DataFrame({"patient": patient, "negative": negative}).groupby("patient")
    before = rows["negative"].cumsum().to_numpy() - negative
    total, patients = np.full(len(label), negative.sum()), np.full(len(label), (own > 0).sum())
    flagged = np.cumsum(negative) / total
    flagged_2 = np.cumsum((2 * before + 1) * negative)
    flagged_own = np.cumsum(own[patient] * negative)
    spread = flagged_2 - 2 * flagged * flagged_own + flagged**2 * (own**2).sum()
    return 1 - flagged, _variance(spread, total, patients), total, patients


def _variance(spread: np.ndarray, rows: np.ndarray, patients: np.ndarray) -> np.ndarray:
    # Sums of whole numbers: what is far below one is rounding.
    spread = np.where(spread > _TINY * rows, spread, 0)
    return np.asarray(spread / rows**2 * patients / np.maximum(patients - 1, 1))
