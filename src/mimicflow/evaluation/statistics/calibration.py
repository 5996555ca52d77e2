"""How well probabilities agree with what happened, in the large and along their range.

A calibrated model has intercept 0, slope 1 and integrated calibration index near 0, which it does
not reach on a finite sample: what it does reach is in
`mimicflow.evaluation.statistics.calibrated`, with the expected calibration error.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.nonparametric.smoothers_lowess import lowess
from statsmodels.tools.tools import add_constant

EPSILON = 1e-6
"""Probabilities are moved this far away from 0 and 1 before their logit is taken."""

BINS = 10
"""Bins of the reliability diagram and of the expected calibration error."""

SPAN = 0.75
"""Share of the rows in each local regression of the index, as in Austin and Steyerberg's loess."""

KNOTS = 201
"""Local regressions of the index, at equally spaced ranks; between two the curve is straight."""


class CalibrationLine(NamedTuple):
    """Intercept with the slope fixed at 1, and slope of the two-parameter model."""

    intercept: float
    slope: float


def clipped_logit(probability: np.ndarray) -> np.ndarray:
    """Return the logit of (n,) probabilities, moved into [EPSILON, 1 - EPSILON] first."""
    return logit(np.clip(np.asarray(probability, dtype=np.float64), EPSILON, 1 - EPSILON))


def calibration_line(label: np.ndarray, probability: np.ndarray) -> CalibrationLine:
    """Return Cox's calibration intercept and slope.

    Parameters
    ----------
    label : numpy.ndarray of shape (n,)
        0 or 1.
    probability : numpy.ndarray of shape (n,)
        Of label 1.

    Returns
    -------
    CalibrationLine
        ``intercept`` of ``logit P(1) = a + logit(p)`` (calibration in the large; negative when
        too much is predicted) and ``slope`` of ``logit P(1) = a' + b logit(p)`` (below 1 when the
        predictions are too extreme). NaN where no finite estimate exists: one class only, and for
        the slope also constant predictions or perfect separation.

    Notes
    -----
    Cox 1958, doi:10.1093/biomet/45.3-4.562; Van Calster et al. 2019, doi:10.1186/s12916-019-1466-7.
    """
    label = np.asarray(label, dtype=np.float64)
    line = clipped_logit(probability)
    events, others = line[label == 1], line[label == 0]
    if not len(events) or not len(others):
        return CalibrationLine(float("nan"), float("nan"))
    # The intercept makes the mean prediction equal the observed share. It is sought between the
    # two shifts that bring the largest and the smallest prediction to that share, because the
    # usual Newton steps diverge where predictions near 0 or 1 are wrong.
    share = label.mean()
    intercept = brentq(
        lambda shift: expit(line + shift).mean() - share,
        logit(share) - line.max() - 1,
        logit(share) - line.min() + 1,
    )
    if events.min() >= others.max() or others.min() >= events.max():
        return CalibrationLine(float(intercept), float("nan"))
    model = GLM(label, add_constant(line), family=Binomial())
    return CalibrationLine(float(intercept), float(model.fit().params[1]))


def quantile_bins(probability: np.ndarray, bins: int = BINS) -> np.ndarray:
    """Assign each row to a bin of (nearly) equal size, in the order of the probabilities.

    Parameters
    ----------
    probability : numpy.ndarray of shape (n,)
        Equal probabilities share a bin, so that some bins may be larger and others empty.
    bins : int
        At most this many.

    Returns
    -------
    numpy.ndarray of int64, shape (n,)
        0 to ``bins - 1``.
    """
    probability = np.asarray(probability, dtype=np.float64)
    # The last row of each bin but the last; whole numbers, so that no rounding moves an edge.
    last = -(-np.arange(1, bins) * len(probability) // bins) - 1
    edges = np.sort(probability)[np.maximum(last, 0)]
    return np.searchsorted(edges, probability, side="left").astype(np.int64)


def integrated_calibration_index(label: np.ndarray, probability: np.ndarray) -> float:
    """Return the mean distance of the smoothed observed share and the prediction.

    Parameters
    ----------
    label, probability : numpy.ndarray of shape (n,)
        0/1, and the probability of 1.

    Notes
    -----
    Austin and Steyerberg 2019, doi:10.1002/sim.8281. Their loess is locally quadratic; this is
    Cleveland's locally linear lowess, of the same span and without robustness rounds (which would
    take the rarer class for outliers). Where the nearest ``SPAN`` of the rows are tied there is
    no line to fit, and the curve is the observed share of the tied rows.
    """
    return float(np.mean(np.abs(smoothed(label, probability) - probability)))


def smoothed(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return the observed share at each prediction, (n,) in [0, 1], by local linear regression.

    Parameters are those of `integrated_calibration_index`.
    """
    label = np.asarray(label, dtype=np.float64)
    probability = np.asarray(probability, dtype=np.float64)
    order = np.lexsort((label, probability))  # the order of the rows must not matter
    x, y = probability[order], label[order]
    knots = np.unique(x[np.linspace(0, len(x) - 1, KNOTS).astype(np.int64)])
    with np.errstate(invalid="ignore"):  # 0/0 at a knot of nothing but tied rows, filled below
        curve = lowess(y, x, frac=SPAN, it=0, xvals=knots)
    for knot in np.flatnonzero(np.isnan(curve)):
        curve[knot] = y[x == knots[knot]].mean()
    return np.clip(np.interp(probability, knots, curve), 0.0, 1.0)


def enough_patients(label: pd.Series, patient: pd.Series, smallest: int) -> bool:
    """Return whether events and non-events each come from at least ``smallest`` patients."""
    patients = patient.groupby(label.to_numpy()).nunique()
    return all(patients.get(outcome, 0) >= smallest for outcome in (0, 1))
