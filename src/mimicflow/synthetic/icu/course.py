"""The hidden course of a stay and the known risk of cardiac arrest that follows from it.

One hidden state ``u`` moves as a stationary Ornstein-Uhlenbeck process of mean 0 and variance 1;
the hazard of arrest depends on the present ``u`` alone and rises with it, and the length of a stay
does not depend on it. Hence the probability of an arrest within the next day, given everything that
has happened, is a rising function of the present ``u``: no score ranks epochs better than ``u``.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.signal import lfilter
from scipy.special import expit
from scipy.stats import norm

STEP_H = 1 / 12
"""Hours from one value of a course to the next."""

MEMORY_H = 96.0
"""Hours in which the correlation of ``u`` with itself falls to 1/e."""

_LARGEST_HAZARD = 0.4  # per hour
_STEEPNESS = 5.0
_HALF_WAY = 2.1  # the state with half the largest hazard
_SOONEST_H, _HORIZON_H = 0.5, 24.0
_STATES = np.linspace(-5.0, 5.0, 801)
_MOST_LIKELY_MOVES = 21  # nodes of the Gauss-Hermite rule of one step


def slow_noise(rng: np.random.Generator, n: int, memory_h: float) -> np.ndarray:
    """Draw a stationary Ornstein-Uhlenbeck process of mean 0 and variance 1.

    Parameters
    ----------
    rng : Generator
        Random stream.
    n : int
        Number of values, ``STEP_H`` apart.
    memory_h : float
        Hours in which its correlation falls to 1/e.

    Returns
    -------
    ndarray, shape (n,)
    """
    kept = np.exp(-STEP_H / memory_h)
    shocks = rng.standard_normal(n)
    shocks[1:] *= np.sqrt(1 - kept**2)
    return np.asarray(lfilter([1], [1, -kept], shocks))


def draw_course(rng: np.random.Generator, hours: float) -> np.ndarray:
    """Draw the hidden state from the beginning of a stay to its end.

    Parameters
    ----------
    rng : Generator
        Random stream of the stay.
    hours : float
        Length of the stay.

    Returns
    -------
    ndarray, shape (n,)
        ``u`` every ``STEP_H`` hours, the first at the beginning, the last not before the end.
    """
    return slow_noise(rng, int(np.ceil(hours / STEP_H)) + 1, MEMORY_H)


def hazard(u: np.ndarray) -> np.ndarray:
    """Return arrests per hour in the state ``u``, of the same shape."""
    return np.asarray(_LARGEST_HAZARD * expit(_STEEPNESS * (np.asarray(u) - _HALF_WAY)))


def arrest_hour(rng: np.random.Generator, course: np.ndarray) -> float:
    """Draw when the heart arrests.

    Parameters
    ----------
    rng : Generator
        Random stream of the stay.
    course : ndarray, shape (n,)
        As ``draw_course`` gives it.

    Returns
    -------
    float
        Hours since the beginning of the stay; NaN when it does not arrest before the end.
    """
    threshold = rng.exponential()
    steps = STEP_H * hazard(course[:-1])
    sums = np.concatenate([[0.0], np.cumsum(steps)])
    if sums[-1] <= threshold:
        return float("nan")
    step = int(np.searchsorted(sums, threshold, side="right")) - 1
    return STEP_H * (step + float((threshold - sums[step]) / steps[step]))


def state_at(course: np.ndarray, hours: np.ndarray) -> np.ndarray:
    """Read a course between its values, shape of ``hours`` (since the beginning of the stay)."""
    return np.interp(hours, np.arange(len(course)) * STEP_H, course)


def oracle_risk(u: np.ndarray, permute_labels: bool = False) -> np.ndarray:
    """Return the probability of an arrest 0.5 to 24 h from now, in a patient who stays that long.

    Parameters
    ----------
    u : ndarray
        Present hidden states.
    permute_labels : bool
        Arrests were shuffled over the stays: the mean risk is all that can be known.

    Returns
    -------
    ndarray
        Of the shape of ``u``.
    """
    table = _risk_table()
    if permute_labels:
        weight = norm.pdf(_STATES)
        return np.full(np.shape(u), float(table @ weight / weight.sum()))
    return np.interp(u, _STATES, table)


@cache
def _risk_table() -> np.ndarray:
    """Risk in each of ``_STATES``: the backward equation of survival, step by step."""
    kept = np.exp(-STEP_H / MEMORY_H)
    nodes, weights = np.polynomial.hermite_e.hermegauss(_MOST_LIKELY_MOVES)
    later = kept * _STATES[:, None] + np.sqrt(1 - kept**2) * nodes
    weights = weights / weights.sum()
    survives = np.exp(-STEP_H * hazard(_STATES))
    survival, soon = np.ones(len(_STATES)), np.ones(len(_STATES))
    for step in range(1, round(_HORIZON_H / STEP_H) + 1):
        survival = survives * (np.interp(later, _STATES, survival) @ weights)
        if step == round(_SOONEST_H / STEP_H):
            soon = survival
    return np.asarray(soon - survival)
