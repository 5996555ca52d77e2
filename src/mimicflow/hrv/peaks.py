"""Find the R peaks of a cleaned lead, by one of several detectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mimicflow.errors import ConfigError
from mimicflow.hrv.detectors.neurokit import neurokit
from mimicflow.hrv.detectors.pan_tompkins import kalidas, pan_tompkins
from mimicflow.hrv.detectors.qrs_energy import qrs_energy

Find = Callable[[np.ndarray, float, float], np.ndarray]
METHODS: dict[str, Find] = {
    "qrs_energy": qrs_energy,
    "neurokit": neurokit,
    "pan_tompkins": pan_tompkins,
    "kalidas": kalidas,
}
"""Detectors by name; `neurokit` finds R peaks, the others complexes."""

# Where the R peak lies around what a detector finds, in s before and after it; some are late.
_AROUND_S = {"qrs_energy": (0.07, 0.07), "pan_tompkins": (0.16, 0.04), "kalidas": (0.12, 0.04)}
_POINTS_UP = 0.8  # of the usual deflection downwards: as high counts as up
_OPPOSITE = 2.0  # a beat that points so much more the other way than usual has its peak there


@dataclass(frozen=True)
class Detector:
    """How beats are found.

    Parameters
    ----------
    method : str
        A key of ``METHODS``.
    min_delay_s : float
        Least time between two beats, in s.
    """

    method: str = "qrs_energy"
    min_delay_s: float = 0.2

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(
                f"unknown detector {self.method!r}", remedy=f"use one of {', '.join(METHODS)}"
            )


def find_r_peaks(
    cleaned: np.ndarray, sampling_rate: float, detector: Detector | None = None
) -> np.ndarray:
    """Find the R peaks of a cleaned lead.

    Parameters
    ----------
    cleaned : numpy.ndarray
        (n,), finite, as :func:`mimicflow.hrv.clean.clean_lead` returns it; at least 0.75 s.
    sampling_rate : float
        Hz.
    detector : Detector, optional
        How they are found.

    Returns
    -------
    numpy.ndarray
        (n_beats,) int64, samples in rising order; empty when there is none.
    """
    detector = detector or Detector()
    places = METHODS[detector.method](cleaned, sampling_rate, detector.min_delay_s)
    if detector.method not in _AROUND_S or len(places) == 0:
        return places
    before, after = (round(s * sampling_rate) for s in _AROUND_S[detector.method])
    return np.unique(_largest_deflection(cleaned, places, before, after))


def _largest_deflection(
    cleaned: np.ndarray, places: np.ndarray, before: int, after: int
) -> np.ndarray:
    """Move each place to the peak of its complex, up or down as most complexes point."""
    offsets = np.arange(-before, after + 1)
    around = cleaned[np.clip(places[:, None] + offsets, 0, len(cleaned) - 1)]
    up, down = around.max(axis=1), -around.min(axis=1)
    direction = 1 if np.median(up) >= _POINTS_UP * np.median(down) else -1
    usual, other = (up, down) if direction > 0 else (down, up)
    directions = np.where(other > _OPPOSITE * usual, -direction, direction)
    shift = np.argmax(around * directions[:, None], axis=1)
    return np.clip(places + offsets[shift], 0, len(cleaned) - 1)
