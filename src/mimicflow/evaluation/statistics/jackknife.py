"""Confidence intervals by leaving out one patient, with all rows, after the other.

A weighting says how often each patient counts: the first counts everybody once, each other one
leaves a patient out. Every score of a weighting is the score of the rows weighted by it, see
`mimicflow.evaluation.statistics.weighted`, so that nothing is sorted a thousand times. How far the
scores of those left spread is the standard error (Tukey's jackknife), and Student's t makes an
interval of it: with few patients the standard error is itself uncertain.

`benchmarks/interval_coverage.py` measures how often these intervals hold the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from mimicflow.evaluation.statistics.clusters import FEWEST, exact_share
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.statistics.weighted import WeightedScores

GROUPS = 1000
"""Of more patients than this, groups are left out, as many as this."""
MANY, FEWER_GROUPS = 100_000, 200
"""Of more patients than this, fewer groups: each costs a pass over all rows."""

SHARES = (
    *("sensitivity", "specificity", "ppv", "npv", "precision", "accuracy"),
    *("observed", "prevalence", "event_sensitivity", "control_stays_alarmed", "lead_time_share"),
)
"""Shares of rows: their intervals are those of as many patients as would spread alike."""
AREAS = ("auroc", "auroc_within")
"""Shares of pairs of rows."""
SCALES = {
    **dict.fromkeys((*AREAS, "auprc", "f1", "brier", "event_sensitivity_chance"), "logit"),
    **dict.fromkeys(("mean_probability", "mean_probability_moved"), "logit"),
    **dict.fromkeys(("log_loss", "alarms_per_event_stay", "false_alarms_per_day"), "log"),
    "mean_abs_shap": "log",
    **dict.fromkeys(("calibration_intercept", "calibration_intercept_moved"), ""),
    **dict.fromkeys(("calibration_slope", "net_benefit", "difference"), ""),
}
"""Other score -> the scale on which its interval is made: that on which it is nearer to normal."""

_ROUNDING = 1e-12  # of a score that no patient changes, relative to it
_CELLS_AT_ONCE = 2_000_000  # rows x weightings held in memory together; 16 MB per array


class _Scale(NamedTuple):
    """A scale on which a score is nearer to normal: the way there and back, and the slope there."""

    there: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[float], float]


_WAYS = {
    "logit": _Scale(logit, expit, lambda share: 1 / (share * (1 - share))),
    "log": _Scale(np.log, np.exp, lambda rate: 1 / rate),
    "": _Scale(np.asarray, np.asarray, lambda _: 1.0),
}


def weightings(patients: int, seed: int | tuple[int, ...], rows: int = 0) -> Iterator[np.ndarray]:
    """Yield weightings of patients, in blocks.

    Parameters
    ----------
    patients : int
        How many there are.
    seed : int
        Of the groups that are left out where there are more than `GROUPS` patients.
    rows : int
        Rows of the table that will be weighted: the more, the smaller the blocks.

    Yields
    ------
    numpy.ndarray of float64, shape (block, patients)
        The very first row counts everybody once; each other one leaves out a patient or group.
    """
    group = np.arange(patients)
    groups = GROUPS if patients <= MANY else FEWER_GROUPS
    if patients > groups:
        group = np.random.default_rng(seed).permutation(patients) % groups
    left_out = np.arange(-1, min(patients, groups))  # nobody, then each group
    size = max(1, _CELLS_AT_ONCE // max(1, patients, rows))
    for start in range(0, len(left_out), size):
        yield (group != left_out[start : start + size, None]).astype(np.float64)


def all_weightings(patient: np.ndarray, seed: int | tuple[int, ...]) -> np.ndarray:
    """Return all `weightings` together of the patients of (n,) rows, sorted.

    Returns
    -------
    numpy.ndarray of float64, shape (1 + groups, patients)
    """
    return np.concatenate(list(weightings(len(np.unique(patient)), seed)))


def jackknife(
    label: np.ndarray,
    probability: np.ndarray,
    patient: np.ndarray,
    seed: int | tuple[int, ...] = 0,
    flagged: np.ndarray | None = None,
    among: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return every score of every weighting.

    Parameters
    ----------
    label, probability : numpy.ndarray of shape (n,)
        0/1, and the probability of 1.
    patient : numpy.ndarray of shape (n,)
        Patient of each row.
    seed : int
        As in `weightings`.
    flagged : numpy.ndarray of bool, shape (n, k), optional
        Decisions by k rules.
    among : numpy.ndarray, optional
        The patients that are left out one by one, those of the rows among them: so two tables that
        share some of their patients are compared.

    Returns
    -------
    dict of numpy.ndarray, shape (1 + groups,) or (1 + groups, k)
        ``auroc, auprc, brier, log_loss, calibration_intercept, calibration_slope``, and with
        ``flagged`` also ``sensitivity, specificity, ppv, npv, f1``; everybody's first, for
        `estimate`. NaN where a score is undefined, for instance an AUROC of one class.
    """
    patients, row_patient = np.unique(patient, return_inverse=True)
    scorer = WeightedScores(label, probability, row_patient, flagged)
    everyone = patients if among is None else np.unique(among)
    places = np.searchsorted(everyone, patients)
    found = [
        scorer(weights[:, places]) for weights in weightings(len(everyone), seed, len(row_patient))
    ]
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def estimate(score: str, found: np.ndarray, patients: int, level: float = 0.95) -> Estimate:
    """Return a score with its confidence interval.

    Parameters
    ----------
    score : str
        A name in `SHARES` or `SCALES`.
    found : numpy.ndarray of shape (1 + groups,)
        The score of every weighting, everybody's first.
    patients : int
        Than whom the score is known no better, see
        `mimicflow.evaluation.statistics.clusters.patients_behind`.
    level : float
        Of the interval.

    Returns
    -------
    Estimate
        Without interval (NaN) where there are fewer than `FEWEST` patients or the score is
        undefined without one of them, where none of them changes it, unless it is 0 as between
        equal models, and at the end of its scale; a share or area there, as 18 of 18 or an AUROC
        of 1, has the exact interval of so many patients.

    Notes
    -----
    A share has the exact interval of as many independent patients as would spread alike (Korn and
    Graubard 1998, ISSN 0714-0045): one miss in eighteen is as little known as it is rare.

    Of all other scores the degrees of freedom are those of Satterthwaite (1946,
    doi:10.2307/3002019), estimated from the spread of the scores, and never more than the patients
    less one. Where a score without one patient is at the end of its scale, the standard error is
    moved there by the delta method.
    """
    found = np.asarray(found, dtype=np.float64)
    if score in (*SHARES, *AREAS):  # sums of weights that are no whole numbers miss the ends
        ends = np.clip(np.round(found), 0, 1) + 0.0  # no -0
        found = np.where(np.abs(found - ends) < _ROUNDING, ends, found)
    value, left = float(found[0]), found[1:]
    nothing = Estimate(value, float("nan"), float("nan"))
    undefined = np.isnan(value) or np.isnan(left).any() or len(left) < FEWEST
    if undefined or patients < FEWEST:
        return nothing
    if score in (*SHARES, *AREAS) and value in (0.0, 1.0):
        return Estimate(value, *exact_share(value, patients, level))
    if value and np.ptp(left) <= _ROUNDING * abs(value):
        return nothing
    if score in SHARES:
        return Estimate(value, *_as_independent(value, _variance(left), patients, level))
    scale = _WAYS[SCALES[score]]
    with np.errstate(divide="ignore", invalid="ignore"):  # ends of the scale, looked at below
        there = scale.there(np.r_[value, left])
    middle, moved = float(there[0]), there[1:]
    if not np.isfinite(middle):
        return nothing
    if not np.isfinite(moved).all():
        moved = left * scale.slope(value)
    margin = _margin(moved, patients, level)
    low, high = scale.back(np.array([middle - margin, middle + margin]))
    return Estimate(value, float(low), float(high))


def _variance(left: np.ndarray) -> float:
    """Return the squared standard error of a score, of its values without each group."""
    return float((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum())


def _as_independent(
    share: float, variance: float, patients: int, level: float
) -> tuple[float, float]:
    """Return the exact interval of a share of independent patients who spread as much."""
    tail, alike = (1 - level) / 2, share * (1 - share) / variance
    known = student.isf(tail, max(alike - 1, 1)) / student.isf(tail, patients - 1)
    return exact_share(share, alike * min(float(known), 1) ** 2, level)


def _margin(left: np.ndarray, patients: int, level: float) -> float:
    """Return half the width of the interval of a score, of its values without each group."""
    squares = (left - left.mean()) ** 2
    total = squares.sum()
    # Of normal values this is their number; the fewer of them make the spread, the less.
    uneven = (squares**2).sum() - total**2 / len(left)
    degrees = min(patients - 1, 2 * total**2 / uneven) if uneven > 0 else patients - 1
    return float(student.isf((1 - level) / 2, max(degrees, 1)) * np.sqrt(_variance(left)))
