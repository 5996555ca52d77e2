"""Calibration errors beside those that a perfectly calibrated model would have on the same rows.

An error that cannot be negative is above 0 by chance alone, the more so the fewer the rows, and a
bootstrap adds the same chance once more: its interval lies above the estimate. So labels are drawn
from the predictions themselves (`mimicflow.evaluation.statistics.drawn_labels`). What the errors
of such labels are on average is taken off the expected calibration error, and up to where 95 % of
them reach stands beside both errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mimicflow.evaluation.statistics.calibration import (
    KNOTS,
    SPAN,
    integrated_calibration_index,
    quantile_bins,
)
from mimicflow.evaluation.statistics.drawn_labels import draw_labels, label_correlation

ERRORS = ("ece", "ici")
"""Expected calibration error, and integrated calibration index."""

_CELLS = 2000  # of neighbouring predictions, at most, whose drawn labels are smoothed
_ROUNDING = 1e-12  # of a determinant, relative to its terms


class CalibrationError(NamedTuple):
    """An error, and up to where it reaches in 95 % of perfectly calibrated models."""

    value: float
    calibrated_up_to: float


def calibration_errors(
    label: np.ndarray,
    probability: np.ndarray,
    patient: np.ndarray,
    draws: int = 1000,
    seed: int | tuple[int, ...] = 0,
    *,
    errors: Sequence[str] = ERRORS,
    level: float = 0.95,
) -> dict[str, CalibrationError]:
    """Return calibration errors, each with what a perfectly calibrated model would have.

    Parameters
    ----------
    label, probability, patient : numpy.ndarray of shape (n,)
        0/1, probability of 1, and whose row it is.
    draws, seed : int
        Number of draws of labels, and the seed.
    errors : sequence of str
        Some of `ERRORS`.
    level : float
        Share of calibrated models whose error lies at or below ``calibrated_up_to``.

    Returns
    -------
    dict of str to CalibrationError
        ``ece``: root of the mean squared distance of observed share and mean prediction over
        tenths of the predictions, less what it is on average where the model is calibrated; 0
        where it is no more than that. ``ici``: `integrated_calibration_index`, as it is.

    Notes
    -----
    The noise is taken off the square, where it adds up, as Bröcker 2012
    (doi:10.1007/s00382-011-1191-1) and Kumar, Liang and Ma 2019 (arXiv:1909.10155) do; theirs is
    the binomial variance, which knows nothing of patients. Others are compared with it in
    ``benchmarks/_simulations``. The band is the consistency band of Bröcker and Smith 2007
    (doi:10.1175/WAF993.1).
    """
    label, probability = np.asarray(label), np.asarray(probability, dtype=np.float64)
    squared, index = _SquaredError(probability), _Index(probability)
    correlation = label_correlation(label, probability, patient)
    drawn: dict[str, list[np.ndarray]] = {error: [] for error in errors}
    for labels in draw_labels(probability, patient, correlation, draws, seed):
        for error, values in drawn.items():
            values.append(squared(labels) if error == "ece" else index(labels))
    found = {}
    for error, blocks in drawn.items():
        of_calibrated = np.concatenate(blocks)
        if error == "ece":
            noise = of_calibrated.mean()
            value = float(_root(squared(label[None]) - noise)[0])
            of_calibrated = _root(of_calibrated - noise)
        else:
            value = integrated_calibration_index(label, probability)
        found[error] = CalibrationError(value, float(np.quantile(of_calibrated, level)))
    return found


def _root(square: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(square, 0))


class _SquaredError:
    """Mean squared distance of observed and predicted share over tenths, of many labels at once.

    Parameters
    ----------
    probability : numpy.ndarray of shape (n,)
    """

    def __init__(self, probability: np.ndarray) -> None:
        tenth = quantile_bins(probability)
        self._order = np.argsort(tenth, kind="stable")
        _, self._starts, self._size = np.unique(
            tenth[self._order], return_index=True, return_counts=True
        )
        self._predicted = np.add.reduceat(probability[self._order], self._starts)

    def __call__(self, labels: np.ndarray) -> np.ndarray:
        """Return the error of each of (draws, n) labels, (draws,)."""
        events = np.add.reduceat(labels[:, self._order], self._starts, axis=1, dtype=np.int64)
        gaps = (events - self._predicted) ** 2 / self._size
        return np.asarray(gaps.sum(axis=1) / self._size.sum())


class _Index:
    """The integrated calibration index of many labels at once.

    The curve is linear in the labels: each of its knots is a weighted mean of them, whose weights
    follow from the predictions alone. Of many rows, neighbouring predictions are taken together.

    Parameters
    ----------
    probability : numpy.ndarray of shape (n,)
    """

    def __init__(self, probability: np.ndarray) -> None:
        n = len(probability)
        self._order = np.argsort(probability, kind="stable")
        cells = min(n, _CELLS)
        self._starts = np.arange(cells) * n // cells
        self._size = np.diff(np.append(self._starts, n))
        self._x = np.add.reduceat(probability[self._order], self._starts) / self._size
        self._knots = np.unique(self._x[np.linspace(0, cells - 1, KNOTS).astype(np.int64)])
        self._weights = _knot_weights(self._x, self._size, self._knots)
        self._after = np.clip(
            np.searchsorted(self._knots, self._x), 1, max(1, len(self._knots) - 1)
        )

    def __call__(self, labels: np.ndarray) -> np.ndarray:
        """Return the index of each of (draws, n) labels, (draws,)."""
        events = np.add.reduceat(labels[:, self._order], self._starts, axis=1, dtype=np.int64)
        curve = np.clip(events / self._size @ self._weights.T, 0.0, 1.0)
        if len(self._knots) == 1:
            at = np.broadcast_to(curve, (len(curve), len(self._x)))
        else:
            low, high = self._knots[self._after - 1], self._knots[self._after]
            share = (self._x - low) / (high - low)
            at = curve[:, self._after - 1] * (1 - share) + curve[:, self._after] * share
        return np.asarray(np.abs(at - self._x) @ self._size / self._size.sum())


def _knot_weights(x: np.ndarray, size: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return the weight of each cell in the local linear regression at each knot, (knots, cells).

    The same regressions as in `mimicflow.evaluation.statistics.calibration.smoothed`.
    """
    off = x - knots[:, None]
    nearest = max(1, int(SPAN * len(x)))
    radius = np.partition(np.abs(off), nearest - 1, axis=1)[:, nearest - 1 : nearest]
    near = np.abs(off) / np.where(radius > 0, radius, 1)
    tricube = size * np.where(radius > 0, np.clip(1 - near**3, 0, 1) ** 3, off == 0)
    s0, s1, s2 = ((tricube * off**power).sum(axis=1, keepdims=True) for power in (0, 1, 2))
    determinant = s0 * s2 - s1**2
    line = determinant > _ROUNDING * s0 * s2
    tied = size * (off == 0)
    tied = tied / np.maximum(tied.sum(axis=1, keepdims=True), 1)
    linear = tricube * (s2 - s1 * off) / np.where(line, determinant, 1)
    return np.where(line, linear, tied)
