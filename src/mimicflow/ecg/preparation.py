"""Make the waveforms of an encoder, in the same way of patients and of golden ECGs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mimicflow.ecg.clean import clean_ecg, resample
from mimicflow.ecg.records import LEADS


def signal_of(
    *, sampling_rate: float, seconds: float, cleaning: str, powerline: float, **_: Any
) -> dict[str, Any]:
    """Return how waveforms are made: configuration subtree ``ecg``, what does not matter left out.

    It is kept with a store, and with each model that was fitted on one.
    """
    return {
        "sampling_rate": sampling_rate,
        "seconds": seconds,
        "cleaning": cleaning,
        "powerline": powerline,
        "leads": ",".join(LEADS),
    }


def made_as(signals: np.ndarray, sampling_rate: float, signal: Mapping[str, Any]) -> np.ndarray:
    """Clean signals of a file, and bring them to the rate of a store.

    Parameters
    ----------
    signals : numpy.ndarray
        (12, n) in mV.
    sampling_rate : float
        Hz of the file.
    signal : mapping
        As `signal_of` returns it.

    Returns
    -------
    numpy.ndarray
        (12, samples at the rate of the store) float64, mV.
    """
    cleaned = clean_ecg(signals, sampling_rate, signal["cleaning"], signal["powerline"])
    return resample(cleaned, sampling_rate, signal["sampling_rate"])
