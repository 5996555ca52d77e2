"""Compute the 8 frequency-domain measures, as ``neurokit2.hrv_frequency`` defines them.

RR intervals interpolated at 100 Hz with a quadratic spline, Welch's spectrum of three
half-overlapping halves (Hann), its highest density set to 1, areas of bands by trapezoids.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import rfftfreq
from scipy.interpolate import PPoly, make_interp_spline
from scipy.signal import ZoomFFT
from scipy.signal.windows import hann

from mimicflow.hrv.intervals import Intervals

INTERPOLATION_HZ = 100
BANDS_HZ = {
    "ULF": (0.0, 0.0033),
    "VLF": (0.0033, 0.04),
    "LF": (0.04, 0.15),
    "HF": (0.15, 0.4),
    "VHF": (0.4, 0.5),
}
HIGHEST_HZ = 0.5
FASTEST_HZ = 5.0  # beyond half the rate of any heart: the highest density lies below


def frequency_measures(intervals: Intervals) -> dict[str, float]:
    """Describe the rhythms of the RR intervals.

    Parameters
    ----------
    intervals : Intervals
        At least three. Where some are missing the spline runs on.

    Returns
    -------
    dict
        The measures of the group ``frequency``. A band without power, or too narrow for the
        length of the epoch, is NaN; all are NaN when all intervals are equal (NeuroKit2 then
        gives the spectrum of its rounding errors).
    """
    if np.ptp(intervals.rr) == 0:
        areas = dict.fromkeys(BANDS_HZ, np.nan)
    else:
        areas = _band_areas(*_spectrum(_interpolate(intervals)))
    total = np.nansum(list(areas.values()))
    lf, hf = areas["LF"], areas["HF"]
    return {
        **{band: areas[band] for band in ("VLF", "LF", "HF", "VHF")},
        "LFHF": lf / hf,
        "LFn": lf / total if total else np.nan,
        "HFn": hf / total if total else np.nan,
        "LnHF": float(np.log(hf)),
    }


def _interpolate(intervals: Intervals) -> np.ndarray:
    """RR intervals (ms) at 100 Hz, from the end of the first to the end of the last."""
    rr = intervals.rr
    # NeuroKit2 adds them up where none is missing, and rounding decides on the last sample.
    times = np.cumsum(rr / 1000) if intervals.adjacent.all() else intervals.ends
    step = 1 / INTERPOLATION_HZ
    grid = np.arange(times[0], times[-1] + step, step)
    # The same spline in pieces: four times as fast on a dense grid.
    pieces = PPoly.from_spline(make_interp_spline(times, rr, k=2, check_finite=False))
    values = pieces(grid)
    values[grid > times[-1]] = rr[-1]
    return np.asarray(values)


def _spectrum(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies (Hz) up to 0.5 Hz that the length resolves, and densities (highest: 1)."""
    n = len(values)
    lowest = 2 * INTERPOLATION_HZ / (n / 2)
    length = min(int(2 / lowest * INTERPOLATION_HZ), int(n / 2))  # two periods of the lowest one
    hop = length - length // 2
    windows = np.lib.stride_tricks.sliding_window_view(values - np.mean(values), length)[::hop]
    # Padded to twice the length, of which only what is low is computed: it may be a prime number.
    frequencies = rfftfreq(2 * length, 1 / INTERPOLATION_HZ)
    frequencies = frequencies[frequencies < FASTEST_HZ]
    transform = ZoomFFT(length, [0, len(frequencies) / (2 * length)], m=len(frequencies), fs=1.0)
    transformed = transform(windows * hann(length, sym=False))
    power = np.mean(transformed.real**2 + transformed.imag**2, axis=0)
    power[1:] *= 2  # the negative frequencies; there is one of 0 Hz
    wanted = (frequencies >= lowest) & (frequencies <= HIGHEST_HZ)
    return frequencies[wanted], power[wanted] / power.max()


def _band_areas(frequencies: np.ndarray, densities: np.ndarray) -> dict[str, float]:
    """Area of the spectrum in each band; NaN where there is none."""
    areas = {}
    for band, (low, high) in BANDS_HZ.items():
        inside = (frequencies >= low) & (frequencies < high)
        area = float(np.trapezoid(densities[inside], frequencies[inside]))
        areas[band] = area if area != 0 else np.nan
    return areas
