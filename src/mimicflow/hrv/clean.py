"""Clean one ECG lead before R peaks are sought.

The same filters as :mod:`mimicflow.ecg.clean` has, but bit by bit those of
``neurokit2.ecg_clean`` (Makowski et al., 2021, doi 10.3758/s13428-020-01516-y) and not only
within 1e-6 mV: the search for R peaks compares the signal with a multiple of itself, so that in
a flat stretch rounding alone decides what is a peak.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import signal

from mimicflow.ecg.clean import HIGH_PASS_HZ, HIGH_PASS_ORDER
from mimicflow.errors import ConfigError

LOWEST_RATE_HZ = 100


def clean_lead(ecg: np.ndarray, sampling_rate: float, powerline: float = 60) -> np.ndarray:
    """Remove baseline wander and mains hum as ``neurokit2.ecg_clean`` does.

    A Butterworth high-pass (0.5 Hz, order 5), then an average over one period of the mains, both
    forwards and backwards.

    Parameters
    ----------
    ecg : numpy.ndarray
        (n,) in mV, finite, at least 1 s (:func:`mimicflow.ecg.clean.fill_missing` makes it
        finite).
    sampling_rate : float
        Hz, at least 100.
    powerline : float
        Hz of the mains: 60 in North America, 50 elsewhere.

    Returns
    -------
    numpy.ndarray
        (n,) float64, mV.

    Raises
    ------
    ConfigError
        For a sampling rate below 100 Hz.
    """
    check_rate(sampling_rate)
    # In single precision the filter would be another one: rounding feeds back.
    steady = signal.sosfiltfilt(_high_pass(sampling_rate), np.asarray(ecg, dtype=float))
    taps = int(sampling_rate / powerline)
    if taps <= 1:  # a period of the mains is shorter than two samples
        return np.asarray(steady)
    return np.asarray(signal.filtfilt(np.ones(taps), [taps], steady, method="pad"))


def check_rate(sampling_rate: float) -> None:
    """Refuse a sampling rate at which beats cannot be placed.

    Raises
    ------
    ConfigError
        Below 100 Hz.
    """
    if not sampling_rate >= LOWEST_RATE_HZ:
        raise ConfigError(
            f"a sampling rate of {sampling_rate:g} Hz is too low for heart-rate variability",
            remedy=f"use a lead with at least {LOWEST_RATE_HZ} Hz",
        )


@lru_cache(maxsize=16)
def _high_pass(sampling_rate: float) -> np.ndarray:
    return np.asarray(
        signal.butter(HIGH_PASS_ORDER, HIGH_PASS_HZ, "highpass", output="sos", fs=sampling_rate)
    )
