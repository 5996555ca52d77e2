"""Say what a stretch of ECG without beats is: asystole, fibrillation of the ventricles, or noise.

The first two are what a patient has, the last is what a recording has. A ventricle that fibrillates
oscillates: half a period later the voltage is the opposite (filter leakage, Kuo & Dillman, 1978;
compared by Amann et al., 2005, doi 10.1186/1475-925X-4-60).
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter1d

PAUSE_S = 4.0  # without a beat: an asystole, as monitors count it
MOVING_PAUSE_S = 2.0  # that holds a whole second away from the beats at its ends
STILL_MV = 0.1  # range of one second without a beat
STILL_TO_BEAT = 0.25  # the same, to the height of beats
WINDOW_S = 4.0
STEP_S = 1.0
FIBRILLATION_S = 8.0  # of oscillation, before it is called so
LEAKAGE = 0.45
FIBRILLATION_HZ = (2.0, 9.0)
FIBRILLATION_MV = 0.15  # range of an oscillation
SMOOTHING_S = 0.04
FAST_S, FEWEST_FAST, AMONG = 0.34, 20, 30  # s from beat to beat, and how many of how many


def pauses(r_peaks: np.ndarray, n_samples: int, sampling_rate: float) -> np.ndarray:
    """Stretches of four seconds and more without a beat, ends of the epoch included, (n, 2)."""
    bounds = np.r_[0, r_peaks, n_samples]
    long = np.flatnonzero(np.diff(bounds) >= PAUSE_S * sampling_rate)
    return np.column_stack([bounds[long], bounds[long + 1]]).astype(np.int64)


def is_fast(r_peaks: np.ndarray, sampling_rate: float) -> bool:
    """Whether beats follow each other for seconds as fast as when the ventricles fibrillate."""
    fast = np.cumsum(np.diff(r_peaks, prepend=0) < FAST_S * sampling_rate)
    return bool(np.max(fast[AMONG:] - fast[:-AMONG], initial=0) >= FEWEST_FAST)


def is_still(cleaned: np.ndarray, sampling_rate: float, beat_mv: float) -> bool:
    """Whether nothing moves between two beats: no second has the range of a small complex.

    Parameters
    ----------
    cleaned : numpy.ndarray
        (n,) mV, from beat to beat; half a second at either end is left aside.
    sampling_rate : float
        Hz.
    beat_mv : float
        Height of the beats around; infinite where there is none.
    """
    margin, second = int(sampling_rate / 2), int(sampling_rate)
    inner = cleaned[margin:-margin]
    seconds = inner[: len(inner) // second * second].reshape(-1, second)
    if not len(seconds):
        return False
    ranges = np.ptp(seconds, axis=1)
    return bool(np.quantile(ranges, 0.9) <= min(STILL_MV, STILL_TO_BEAT * beat_mv))


def moving_pauses(cleaned: np.ndarray, r_peaks: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Find pauses in which something moves, beats of a lead that fades for instance.

    (n_beats - 1,) bool, of two seconds and more; parameters as of `is_still`, R peaks may lie
    between samples.
    """
    places = np.rint(r_peaks).astype(np.int64)
    moving = np.diff(places) >= MOVING_PAUSE_S * sampling_rate
    height = float(np.median(np.abs(cleaned[places]))) if len(places) else np.inf
    for pause in np.flatnonzero(moving):
        between = cleaned[places[pause] : places[pause + 1]]
        moving[pause] = not is_still(between, sampling_rate, height)
    return moving


def fibrillates(cleaned: np.ndarray, sampling_rate: float, near: np.ndarray | None = None) -> bool:
    """Whether eight seconds in a row oscillate as the ventricles do when they fibrillate.

    Parameters
    ----------
    cleaned : numpy.ndarray
        (n,) mV, finite.
    sampling_rate : float
        Hz.
    near : numpy.ndarray, optional
        (n, 2) first and last samples of stretches: what is more than eight seconds away from all
        of them is not looked at.
    """
    if near is not None and not len(near):
        return False
    width = max(1, int(SMOOTHING_S * sampling_rate))
    smooth = uniform_filter1d(cleaned, width, mode="nearest")
    length, step = int(WINDOW_S * sampling_rate), int(STEP_S * sampling_rate)
    if len(smooth) < length:
        return False
    windows = np.lib.stride_tricks.sliding_window_view(smooth, length)[::step]
    numbers = np.arange(len(windows))
    if near is not None:
        first, away = step * numbers[:, None], FIBRILLATION_S * sampling_rate
        close = (first <= near[:, 1] + away) & (first + length >= near[:, 0] - away)
        numbers = np.flatnonzero(close.any(axis=1))
    oscillates = np.zeros(len(windows), dtype=bool)
    oscillates[numbers] = _oscillates(windows[numbers], sampling_rate)
    edges = np.flatnonzero(np.diff(oscillates, prepend=False, append=False))
    longest = np.max(edges[1::2] - edges[::2], initial=0)
    return bool((longest - 1) * STEP_S + WINDOW_S >= FIBRILLATION_S and longest > 0)


def _oscillates(windows: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Whether the voltage of each window is the opposite half a period later, (n_windows,) bool."""
    oscillates = np.ptp(windows, axis=1) >= FIBRILLATION_MV
    centred = windows - windows.mean(axis=1, keepdims=True)
    # Half a mean period, in samples: pi times the share of voltage to its change.
    change = np.abs(np.diff(windows, axis=1)).sum(axis=1)
    voltage = np.abs(centred[:, 1:]).sum(axis=1)
    half = np.pi * np.divide(voltage, change, out=np.full(len(change), np.inf), where=change > 0)
    low, high = (sampling_rate / (2 * hertz) for hertz in reversed(FIBRILLATION_HZ))
    oscillates &= (half >= low) & (half <= high)
    for number in np.flatnonzero(oscillates):
        lag = round(half[number])
        now, then = centred[number, lag:], centred[number, :-lag]
        leakage = np.abs(now + then).sum() / (np.abs(now) + np.abs(then)).sum()
        oscillates[number] = leakage <= LEAKAGE
    return oscillates
