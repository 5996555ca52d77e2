"""Measure the signal quality of each beat: how close it lies to the mean beat.

The index ``averageQRS`` of ``neurokit2.ecg_quality`` (Makowski et al., 2021,
doi 10.3758/s13428-020-01516-y), 1 for the beat closest to the mean one and 0 for the furthest.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

FEWEST_BEATS = 4
BEFORE_PEAK = 0.35  # of a mean beat; the rest lies after the peak


def average_qrs_quality(
    cleaned: np.ndarray, r_peaks: np.ndarray, sampling_rate: float
) -> np.ndarray:
    """Rate each beat by its distance from the mean beat.

    Each sample of a beat is standardised over all beats; the distance is the absolute mean of
    a beat's samples, scaled to 0–1 over the beats and turned round.

    Parameters
    ----------
    cleaned : numpy.ndarray
        (n,), finite.
    r_peaks : numpy.ndarray
        (n_beats,), samples in rising order, at least four.
    sampling_rate : float
        Hz of ``cleaned``.

    Returns
    -------
    numpy.ndarray
        (n_beats,), 0–1. Beats that the ends of the signal cut off have 0; NaN where all others
        are equally far, so that there is nothing to scale.
    """
    beats, whole = _beats(cleaned, r_peaks, sampling_rate)
    quality = np.zeros(len(r_peaks))
    if len(beats) == 0:
        return quality
    quality[whole] = np.nan
    if len(beats) > 1:
        distance = np.abs(_mean_standardised(beats))
        low, high = distance.min(), distance.max()
        if high > low:
            quality[whole] = np.abs(1 / (high - low) * (distance - low) - 1)
    return quality


def good_share(quality: np.ndarray, good_index: float) -> float:
    """Return the share of beats with an index of at least ``good_index``; 0 without beats.

    Parameters
    ----------
    quality : numpy.ndarray
        (n_beats,).
    good_index : float
        The least index of a good beat.

    Returns
    -------
    float
        0–1.
    """
    return float(np.mean(quality >= good_index)) if len(quality) else 0.0


def _beats(
    cleaned: np.ndarray, r_peaks: np.ndarray, sampling_rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cut out the samples around each peak, (n, length), and say which beats are whole."""
    duration = 60 / _mean_rate(r_peaks, sampling_rate, len(cleaned))
    start, end = -(BEFORE_PEAK * duration), (1 - BEFORE_PEAK) * duration
    # NeuroKit2 counts from a margin before the signal and rounds towards it; so do we, since for
    # a paced rhythm start and end can be whole numbers but for the last bit.
    margin = int((end - start) * sampling_rate)
    firsts = (r_peaks + margin + start * sampling_rate).astype(np.int64) - margin
    afters = (r_peaks + margin + end * sampling_rate).astype(np.int64) - margin
    length = int((afters - firsts).min())
    whole = (firsts >= 0) & (afters <= len(cleaned))
    windows = np.lib.stride_tricks.sliding_window_view(cleaned, length)
    return windows[firsts[whole]], whole


def _mean_rate(r_peaks: np.ndarray, sampling_rate: float, n_samples: int) -> float:
    """Mean over all samples of the rate between the peaks, in beats per minute."""
    periods = np.ediff1d(r_peaks, to_begin=0) / sampling_rate
    periods[0] = np.mean(periods[1:])
    first, last = r_peaks[0], r_peaks[-1]
    period = np.empty(n_samples)
    period[first : last + 1] = PchipInterpolator(r_peaks, periods)(np.arange(first, last + 1))
    period[:first], period[last + 1 :] = period[first], period[last]
    return float(np.mean(60 / period))


def _mean_standardised(beats: np.ndarray) -> np.ndarray:
    """Mean over the samples of each beat after standardising each sample over the beats."""
    means = beats.mean(axis=0)
    spreads = beats.std(axis=0, ddof=1)
    varied = spreads > 0  # a sample that is the same in all beats says nothing
    if not varied.any():
        return np.zeros(len(beats))
    weights = np.divide(1, spreads, out=np.zeros_like(spreads), where=varied)
    return np.asarray((beats - means) @ weights / varied.sum())
