"""Find R peaks where the signal is steepest: sample by sample NeuroKit2's method ``neurokit``.

A QRS complex is where the signal is steeper than it is around; its R peak is the most prominent
local maximum inside (Makowski et al., 2021, doi 10.21105/joss.02621 and
``neurokit2.ecg_findpeaks``). All complexes are searched in one pass.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

SLOPE_WINDOW_S = 0.1
SURROUNDINGS_S = 0.75
STEEPER_THAN_SURROUNDINGS = 1.5
SHORTEST_TO_MEAN_LENGTH = 0.4


def neurokit(cleaned: np.ndarray, sampling_rate: float, min_delay_s: float = 0.3) -> np.ndarray:
    """Find the R peaks of a cleaned lead.

    Parameters are those of all detectors.

    Returns
    -------
    numpy.ndarray
        (n_beats,) int64, samples in rising order; empty when there is none.
    """
    starts, ends = _qrs_complexes(cleaned, sampling_rate)
    if len(starts) == 0:
        return np.empty(0, dtype=np.int64)
    candidates = _most_prominent_maxima(cleaned, starts, ends)
    delay = int(np.rint(sampling_rate * min_delay_s))
    peaks, last = [], 0  # the start of the signal counts as a peak
    for peak in candidates.tolist():
        if peak - last > delay:
            peaks.append(peak)
            last = peak
    return np.asarray(peaks, dtype=np.int64)


def _qrs_complexes(cleaned: np.ndarray, sampling_rate: float) -> tuple[np.ndarray, np.ndarray]:
    """First sample and the one after the last of each complex that is long enough."""
    slope = np.abs(np.gradient(cleaned))
    steepness = _moving_average(slope, sampling_rate * SLOPE_WINDOW_S)
    surroundings = _moving_average(steepness, sampling_rate * SURROUNDINGS_S)
    steep = steepness > STEEPER_THAN_SURROUNDINGS * surroundings
    starts = np.flatnonzero(~steep[:-1] & steep[1:])
    ends = np.flatnonzero(steep[:-1] & ~steep[1:])
    if len(starts):  # a complex that was cut off by the beginning has an end only
        ends = ends[ends > starts[0]]
    n = min(len(starts), len(ends))
    if n == 0:
        return starts[:0], ends[:0]
    starts, ends = starts[:n], ends[:n]
    lengths = ends - starts
    long_enough = lengths >= np.mean(lengths) * SHORTEST_TO_MEAN_LENGTH
    return starts[long_enough], ends[long_enough]


def _moving_average(values: np.ndarray, n_samples: float) -> np.ndarray:
    return np.asarray(uniform_filter1d(values, int(np.rint(n_samples)), mode="nearest"))


def _most_prominent_maxima(cleaned: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """One sample for each complex that has a local maximum."""
    edges = np.zeros(len(cleaned) + 1, dtype=np.int8)
    edges[starts] += 1
    edges[ends] -= 1
    # No comparison holds with NaN: a complex cannot be left when prominences are measured.
    inside = np.where(np.cumsum(edges[:-1], dtype=np.int8) > 0, cleaned, np.nan)
    maxima, properties = find_peaks(inside, prominence=(None, None))
    complexes = np.searchsorted(starts, maxima, side="right")
    order = np.lexsort((-properties["prominences"], complexes))  # stable: the earlier one wins
    _, first = np.unique(complexes[order], return_index=True)
    return np.asarray(maxima[order][first])
