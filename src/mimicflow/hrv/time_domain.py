"""Compute the 20 time-domain measures, as ``neurokit2.hrv_time`` defines them.

Pham et al. (2021, doi 10.3390/s21123998) describe each.
"""

from __future__ import annotations

import numpy as np

from mimicflow.hrv.intervals import Intervals
from mimicflow.hrv.triangle import triangle_measures

MAD_TO_SD = 1.4826
WINDOW_MS = 60_000
FEWEST_WINDOWS = 3


def time_measures(intervals: Intervals) -> dict[str, float]:
    """Describe the RR intervals without regard to rhythm, and their successive differences.

    Parameters
    ----------
    intervals : Intervals
        At least three, two pairs of them adjacent.

    Returns
    -------
    dict
        The measures of the group ``time``, in the units of the table. TINN is NaN where the
        histogram has no edge above the shortest interval, SDANN1 and SDNNI1 below three minutes.
    """
    rr, differences = intervals.rr, intervals.differences
    mean, sd = np.mean(rr), np.std(rr, ddof=1)
    rmssd = np.sqrt(np.mean(differences**2))
    median = np.median(rr)
    mad = np.median(np.abs(rr - median)) * MAD_TO_SD
    prc20, quartile1, quartile3, prc80 = np.percentile(rr, [20, 25, 75, 80])
    sdann, sdnni = _by_minute(rr)
    hti, tinn = triangle_measures(rr)
    measures = {
        "MeanNN": mean, "SDNN": sd, "SDANN1": sdann, "SDNNI1": sdnni,
        "RMSSD": rmssd, "SDSD": np.std(differences, ddof=1),
        "CVNN": sd / mean, "CVSD": rmssd / mean,
        "MedianNN": median, "MadNN": mad, "MCVNN": mad / median, "IQRNN": quartile3 - quartile1,
        "Prc20NN": prc20, "Prc80NN": prc80,
        "pNN50": _percentage_above(differences, 50), "pNN20": _percentage_above(differences, 20),
        "MinNN": rr.min(), "MaxNN": rr.max(), "HTI": hti, "TINN": tinn,
    }  # fmt: skip
    return {name: float(value) for name, value in measures.items()}


def _percentage_above(differences: np.ndarray, limit_ms: float) -> float:
    """Large successive differences in percent of the RR intervals (one more than differences)."""
    return float(np.sum(np.abs(differences) > limit_ms) / (len(differences) + 1) * 100)


def _by_minute(rr: np.ndarray) -> tuple[float, float]:
    """SDANN1 and SDNNI1: the spread between one-minute windows, and the mean spread inside."""
    times = np.cumsum(rr / 1000)
    ends = (times - times[0]) * 1000 + rr[0]  # ms at which each interval ends
    n_windows = int(np.round(ends[-1] / WINDOW_MS))
    if n_windows < FEWEST_WINDOWS:
        return np.nan, np.nan
    limits = np.arange(n_windows) * WINDOW_MS
    firsts = np.searchsorted(ends, limits)
    # NeuroKit2 leaves out the last interval of each window.
    lasts = np.searchsorted(ends, limits + WINDOW_MS) - 1
    windows = [rr[first : max(last, first)] for first, last in zip(firsts, lasts, strict=True)]
    means = np.array([np.mean(window) for window in windows if len(window)])
    spreads = np.array([np.std(window, ddof=1) for window in windows if len(window) > 1])
    sdann = float(np.std(means, ddof=1)) if len(means) > 1 else np.nan
    return sdann, float(np.mean(spreads)) if len(spreads) else np.nan
