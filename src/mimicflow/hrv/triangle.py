"""Compute HTI and TINN: the histogram of RR intervals and a triangle over it.

Task Force (1996, doi 10.1161/01.CIR.93.5.1043), as ``neurokit2.hrv_time`` carries it out. There
the left foot of the triangle stays on the first edge above the shortest interval (its loop over
left feet is entered with the right feet used up), and only the right foot is fitted. The squared
error is a sum over bins, so that cumulative sums give it for all right feet at once.
"""

from __future__ import annotations

import numpy as np

BIN_MS = 1000 / 128
# A triangle with a larger squared error is none for NeuroKit2; without any, TINN is 0.
LARGEST_ERROR = 2.0**14
# Errors that differ by less, relatively, are the same but for rounding.
SAME_ERROR = 1e-9


def triangle_measures(rr: np.ndarray) -> tuple[float, float]:
    """Return HTI, and TINN in ms.

    Parameters
    ----------
    rr : numpy.ndarray
        (n,) RR intervals in ms, n at least 1.

    Returns
    -------
    tuple of float
        HTI: number of intervals over the highest count. TINN: base of the triangle; 0 when none
        fits, NaN when no edge of a bin lies above the shortest interval.
    """
    edges = np.arange(0, rr.max() + BIN_MS, BIN_MS)
    counts, _ = np.histogram(rr, bins=edges)
    return float(len(rr) / counts.max()), _tinn(counts, edges, rr.min(), rr.max())


def _tinn(counts: np.ndarray, edges: np.ndarray, shortest: float, longest: float) -> float:
    """Measure the base of the triangle with its top on the highest bin, in ms."""
    top = int(np.argmax(counts))
    left = int(np.searchsorted(edges, shortest, side="right"))
    if left == len(edges):
        return np.nan
    after_right = int(np.searchsorted(edges, longest))
    if left >= top or after_right <= top + 1:
        return 0.0
    errors = _errors(counts[top], counts[left:top][::-1])[-1] + _errors(
        counts[top], counts[top + 1 : after_right]
    )
    best = float(errors.min())
    margin = SAME_ERROR * max(best, 1.0)
    if best >= LARGEST_ERROR + margin:
        return 0.0
    rights = np.flatnonzero(errors <= best + margin) + top + 1
    if len(rights) > 1 or best > LARGEST_ERROR - margin:
        rights = _untie(counts, edges, left, top, rights)
    return float(edges[rights[0]] - edges[left]) if len(rights) else 0.0


def _errors(height: float, counts: np.ndarray) -> np.ndarray:
    """Squared errors of one side of the triangle, for feet 1, 2, … bins from its top.

    Parameters
    ----------
    height : float
        Count of the highest bin.
    counts : numpy.ndarray
        (n,) counts of the bins beside it, going outwards.

    Returns
    -------
    numpy.ndarray
        (n,) sums over the bins up to the foot of (count - line)².
    """
    width = np.arange(1.0, len(counts) + 1)
    squares, sums = np.cumsum(counts.astype(float) ** 2), np.cumsum(counts.astype(float))
    weighted = np.cumsum(counts * width)
    line_squares = (width - 1) * (2 * width - 1) / (6 * width)  # of 1 - k/width, k up to width
    errors = squares - 2 * height * (sums - weighted / width) + height**2 * line_squares
    return np.asarray(errors)


def _untie(
    counts: np.ndarray, edges: np.ndarray, left: int, top: int, rights: np.ndarray
) -> np.ndarray:
    """Choose among equally good right feet as NeuroKit2 does: by the rounding of its lines."""
    least, chosen = LARGEST_ERROR, rights[:0]
    for right in rights:
        line = np.zeros(right + 1)
        for (first, last), ends in (
            ((left, top), [0, counts[top]]),
            ((top, right), [counts[top], 0]),
        ):
            slope = np.polyfit(edges[[first, last]], ends, deg=1)
            line[first : last + 1] = np.polyval(slope, edges[first : last + 1])
        error = float(np.sum((counts[left : right + 1] - line[left:]) ** 2))
        if error < least:
            least, chosen = error, np.array([right])
    return chosen
