"""Compute the 15 non-linear measures, as ``neurokit2.hrv_nonlinear`` defines them.

Poincaré plot: Brennan et al. (2001, doi 10.1109/10.959330); CSI and CVI: Toichi et al. (1997),
modified by Jeppesen et al. (2014); fragmentation: Costa et al. (2017,
doi 10.3389/fphys.2017.00255); asymmetry: Yan et al. (2017, doi 10.1186/s12938-017-0400-z).
"""

from __future__ import annotations

import numpy as np

from mimicflow.hrv.intervals import Intervals

SHORT_SEGMENT = 3
ALTERNATION = 4


def nonlinear_measures(intervals: Intervals) -> dict[str, float]:
    """Describe the Poincaré plot of the RR intervals, its asymmetry and their fragmentation.

    Parameters
    ----------
    intervals : Intervals
        At least three, two pairs of them adjacent; not all equal.

    Returns
    -------
    dict
        The measures of the group ``nonlinear``; NaN or infinite where a denominator is 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):  # regular rhythms divide by 0
        measures = {
            **_poincare(*intervals.pairs),
            **_fragmentation(intervals.differences),
            **_asymmetry(*intervals.pairs),
        }
    return {name: float(value) for name, value in measures.items()}


def _poincare(now: np.ndarray, following: np.ndarray) -> dict[str, np.floating]:
    sd1 = np.std((now - following) / np.sqrt(2), ddof=1)
    sd2 = np.std((now + following) / np.sqrt(2), ddof=1)
    across, along = 4 * sd1, 4 * sd2
    return {
        "SD1": sd1,
        "SD2": sd2,
        "SD1SD2": sd1 / sd2,
        "S": np.pi * sd1 * sd2,
        "CSI": along / across,
        "CVI": np.log10(along * across),
        "CSI_Modified": along**2 / across,
    }


def _fragmentation(differences: np.ndarray) -> dict[str, np.floating]:
    """Segments in which the heart only slows or only quickens, and places where that changes."""
    signs = np.sign(differences)
    inflections = np.diff(signs) != 0
    segments = np.concatenate([_run_lengths(signs > 0), _run_lengths(signs < 0)])
    alternations = _run_lengths(inflections)
    return {
        "PIP": np.float64(inflections.sum() / (len(differences) + 1)),
        "IALS": np.float64(len(segments)) / segments.sum(),
        "PSS": _share(segments < SHORT_SEGMENT),
        "PAS": _share(alternations >= ALTERNATION),
    }


def _asymmetry(now: np.ndarray, following: np.ndarray) -> dict[str, np.floating]:
    """Shares of slowing beats (points above the line of identity) in the Poincaré plot."""
    slower = following > now
    distances = np.abs(following - now) / np.sqrt(2)
    angles = np.abs(np.arctan(1) - np.arctan(following / now))
    sectors = angles * (now**2 + following**2) / 2
    n_changed = np.float64(np.sum(following != now))
    return {
        "GI": distances[slower].sum() / distances.sum() * 100,
        "SI": angles[slower].sum() / angles.sum() * 100,
        "AI": sectors[slower].sum() / sectors.sum() * 100,
        "PI": np.sum(following < now) / n_changed * 100,
    }


def _run_lengths(mask: np.ndarray) -> np.ndarray:
    """Lengths of the runs of True, (n_runs,)."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return np.asarray(edges[1::2] - edges[::2])


def _share(mask: np.ndarray) -> np.floating:
    return mask.sum() / np.float64(len(mask))
