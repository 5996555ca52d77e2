"""List the 43 measures, and compute them from R peaks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mimicflow.hrv.frequency import frequency_measures
from mimicflow.hrv.intervals import Intervals
from mimicflow.hrv.nonlinear import nonlinear_measures
from mimicflow.hrv.quality import FEWEST_BEATS
from mimicflow.hrv.time_domain import time_measures
from mimicflow.reference import reference

# measure, group (time, frequency, nonlinear), unit and text, in the order of all outputs
TABLE = pd.read_csv(reference("hrv_measures.csv"), keep_default_na=False)
MEASURES: tuple[str, ...] = tuple(TABLE["measure"])
RATIOS_OF_SPREADS = ("SD1SD2", "CSI", "CSI_Modified", "CVI")


def hrv_measures(intervals: Intervals, equal_below_ms: float = 0.0) -> np.ndarray:
    """Compute all measures of heart-rate variability.

    Equal to ``hrv_time``, ``hrv_frequency`` and ``hrv_nonlinear`` of NeuroKit2 0.2.13, also where
    intervals are missing. When all RR intervals are equal (a pacemaker), only the time domain has
    values: NeuroKit2's non-linear domain stops with an error, and its spectrum is that of rounding
    errors.

    Parameters
    ----------
    intervals : Intervals
        That can be believed.
    equal_below_ms : float
        Intervals that differ by no more than this are equal, and a spread that is no larger is
        none, so that ratios to it are NaN. 0 is NeuroKit2's: an exact bigeminy, whose SD2 is that
        of rounding errors, then has a SD1SD2 of 10^14.

    Returns
    -------
    numpy.ndarray
        (43,) float64 in the order of ``MEASURES``; all NaN below three intervals or two pairs of
        adjacent ones.
    """
    if len(intervals) < FEWEST_BEATS - 1 or intervals.adjacent.sum() < FEWEST_BEATS - 2:
        return np.full(len(MEASURES), np.nan)
    values = time_measures(intervals)
    if np.ptp(intervals.rr) > equal_below_ms:
        values |= frequency_measures(intervals) | nonlinear_measures(intervals)
    spreads = (values.get("SD1", np.inf), values.get("SD2", np.inf))
    if equal_below_ms and min(spreads) <= equal_below_ms:
        values |= dict.fromkeys(RATIOS_OF_SPREADS, np.nan)
    return np.array([values.get(name, np.nan) for name in MEASURES])
