"""Clean ECGs, all leads at once.

The method ``neurokit`` is that of ``neurokit2.ecg_clean`` (Makowski et al., 2021,
doi 10.3758/s13428-020-01516-y), equal to it per lead within 1e-6 mV.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
from scipy import signal
from scipy.ndimage import uniform_filter1d

from mimicflow.errors import ConfigError

METHODS = ("neurokit", "notch", "none")
HIGH_PASS_HZ = 0.5
HIGH_PASS_ORDER = 5
NOTCH_QUALITY = 30.0


def clean_ecg(
    signals: np.ndarray,
    sampling_rate: float,
    method: str = "neurokit",
    powerline: float = 60,
) -> np.ndarray:
    """Remove baseline wander and mains hum, without shifting anything in time.

    Two methods start with a 5th-order Butterworth high-pass of 0.5 Hz, run forwards and
    backwards. ``neurokit`` then averages over one period of the mains (forwards and backwards),
    which also damps the QRS complex; ``notch`` removes the mains frequency alone (Q 30) and keeps
    it. ``none`` leaves signals as they were recorded, for an encoder that was trained on such.

    Parameters
    ----------
    signals : numpy.ndarray
        (..., n) in mV. Missing samples hold the one before; see `fill_missing`.
    sampling_rate : float
        Hz of ``signals``.
    method : {"neurokit", "notch", "none"}
        What to do against the mains.
    powerline : float
        Hz of the mains: 60 in North America, 50 elsewhere.

    Returns
    -------
    numpy.ndarray
        (..., n) float64, mV.

    Raises
    ------
    ConfigError
        For an unknown method.
    """
    if method not in METHODS:
        raise ConfigError(f"unknown cleaning method {method!r}", remedy=f"use one of {METHODS}")
    filled = fill_missing(signals)
    if method == "none":
        return np.asarray(filled, dtype=float)
    steady = _high_pass(filled, sampling_rate)
    if method == "neurokit":
        # NeuroKit2 averages over two samples where a period of the mains has hardly any.
        taps = int(sampling_rate / powerline) if sampling_rate >= 100 else 2
        return _moving_average(steady, taps)
    if powerline >= sampling_rate / 2:  # the record holds no such frequency
        return steady
    notch = signal.iirnotch(powerline, NOTCH_QUALITY, fs=sampling_rate)
    return np.asarray(signal.filtfilt(*notch, steady, axis=-1))


def fill_missing(signals: np.ndarray) -> np.ndarray:
    """Repeat the last finite sample where one is missing, the first one at the start.

    A value of its own, such as 0, would be a step, which the high-pass spreads over seconds.

    Parameters
    ----------
    signals : numpy.ndarray
        (..., n); a row without any finite sample becomes 0.

    Returns
    -------
    numpy.ndarray
        (..., n) finite; the same array where nothing is missing, else float64.
    """
    finite = np.isfinite(signals)
    if finite.all():
        return signals
    first = finite.argmax(axis=-1, keepdims=True)
    places = np.maximum.accumulate(np.where(finite, np.arange(signals.shape[-1]), first), axis=-1)
    filled = np.take_along_axis(np.asarray(signals, dtype=float), places, axis=-1)
    return np.where(finite.any(axis=-1, keepdims=True), filled, 0.0)


def _high_pass(signals: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Filter as ``scipy.signal.sosfiltfilt`` does, with the start state computed only once."""
    sections, start, padding = _high_pass_design(sampling_rate)
    start = start.reshape(len(sections), *[1] * (signals.ndim - 1), 2)
    filtered = _odd_extension(signals, padding)
    for _ in ("forwards", "backwards"):
        filtered, _ = signal.sosfilt(sections, filtered, zi=start * filtered[..., :1])
        filtered = filtered[..., ::-1]
    return np.asarray(filtered[..., padding:-padding])


@lru_cache(maxsize=16)
def _high_pass_design(sampling_rate: float) -> tuple[np.ndarray, np.ndarray, int]:
    sections = signal.butter(
        HIGH_PASS_ORDER, HIGH_PASS_HZ, "highpass", output="sos", fs=sampling_rate
    )
    return sections, signal.sosfilt_zi(sections), 3 * (HIGH_PASS_ORDER + 1)


def _moving_average(signals: np.ndarray, taps: int) -> np.ndarray:
    """Average forwards and backwards, as ``filtfilt`` with ``taps`` equal weights does."""
    if taps <= 1:
        return signals
    averaged = _odd_extension(signals, taps)
    # An even number of taps has no middle: the second pass leans to the other side.
    for origin in (0, taps % 2 - 1):
        uniform_filter1d(averaged, taps, axis=-1, output=averaged, origin=origin)
    return np.asarray(averaged[..., taps:-taps])


def _odd_extension(signals: np.ndarray, n: int) -> np.ndarray:
    """Continue signals by ``n`` samples at both ends, turned by 180 degrees."""
    first, last = signals[..., :1], signals[..., -1:]
    before, after = signals[..., n:0:-1], signals[..., -2 : -n - 2 : -1]
    return np.concatenate([2 * first - before, signals, 2 * last - after], axis=-1)


def resample(signals: np.ndarray, sampling_rate: float, target_rate: float) -> np.ndarray:
    """Bring cleaned signals to another rate, with an anti-aliasing filter.

    Parameters
    ----------
    signals : numpy.ndarray
        (..., n), finite.
    sampling_rate, target_rate : float
        Hz, before and after.

    Returns
    -------
    numpy.ndarray
        (..., ceil(n * target_rate / sampling_rate)).
    """
    if sampling_rate == target_rate:
        return signals
    ratio = (Fraction(target_rate) / Fraction(sampling_rate)).limit_denominator(1000)
    # padtype "line": the ends are not pulled towards zero
    return np.asarray(
        signal.resample_poly(signals, ratio.numerator, ratio.denominator, axis=-1, padtype="line")
    )


def fit_length(signals: np.ndarray, n_samples: int) -> np.ndarray:
    """Keep the first ``n_samples``, or add zeros at the end.

    Parameters
    ----------
    signals : numpy.ndarray
        (..., n).
    n_samples : int
        Wanted length.

    Returns
    -------
    numpy.ndarray
        (..., n_samples).
    """
    missing = n_samples - signals.shape[-1]
    if missing <= 0:
        return signals[..., :n_samples]
    return np.pad(signals, [(0, 0)] * (signals.ndim - 1) + [(0, missing)])
