"""Net benefit: whether acting on predictions is worth more than treating everybody or nobody.

The net benefit of acting from a threshold probability t on is TP/n - FP/n * t/(1 - t): true
positives, less false positives at the exchange rate that t stands for (Vickers and Elkin 2006,
doi:10.1177/0272989X06295361). One vectorised function gives the value and those without each
patient; tests compare it with the package dcurves.
"""

from __future__ import annotations

import numpy as np


def probability_grid(lowest: float, highest: float, step: float) -> list[float]:
    """Return evenly spaced probabilities, both ends included where the step reaches them.

    Parameters
    ----------
    lowest, highest, step : float
        In (0, 1); rounded to six digits, so that 0.3 is 0.3.
    """
    n_steps = int(round((highest - lowest) / step, 6))
    return [round(lowest + number * step, 6) for number in range(n_steps + 1)]


def net_benefit(
    label: np.ndarray,
    probability: np.ndarray,
    thresholds: np.ndarray,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return the net benefit per patient of acting on predictions of at least each threshold.

    Parameters
    ----------
    label, probability : numpy.ndarray of shape (n,)
        0/1, and the probability of 1.
    thresholds : numpy.ndarray of shape (k,)
        In (0, 1).
    weights : numpy.ndarray of shape (weightings, n), optional
        How often each row counts; once unless given.

    Returns
    -------
    numpy.ndarray of shape (k,), or (weightings, k) with weights
        In true positives per row. At most the share of events.
    """
    thresholds = np.asarray(thresholds, dtype=np.float64)
    order = np.argsort(-np.asarray(probability, dtype=np.float64), kind="stable")
    falling = -np.asarray(probability, dtype=np.float64)[order]
    flagged = np.searchsorted(falling, -thresholds, side="right")  # rows at or above each
    counted = np.ones((1, len(order)), dtype=np.int64) if weights is None else weights
    counted = counted[:, order]
    events = counted * np.asarray(label, dtype=np.int64)[order]
    positive, true_positive = _sums_of_first(counted, flagged), _sums_of_first(events, flagged)
    odds = thresholds / (1 - thresholds)
    benefit = true_positive - (positive - true_positive) * odds
    result = benefit / counted.sum(axis=1, keepdims=True)
    return result[0] if weights is None else result


def _sums_of_first(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sum the first ``counts`` columns, (rows, k)."""
    sums = np.cumsum(values, axis=1)
    return np.where(counts > 0, sums[:, np.maximum(counts, 1) - 1], 0)
