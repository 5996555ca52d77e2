"""List the 43 measures, and compute them from R peaks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mimicflow.hrv.frequency import frequency_measures
from mimicflow.hrv.nonlinear import nonlinear_measures
from mimicflow.hrv.quality import FEWEST_BEATS
from mimicflow.hrv.time_domain import time_measures
from mimicflow.reference import reference

# measure, group (time, frequency, nonlinear), unit and text, in the order of all outputs
TABLE = pd.read_csv(reference("hrv_measures.csv"), keep_default_na=False)
MEASURES: tuple[str, ...] = tuple(TABLE["measure"])


def hrv_measures(r_peaks: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Compute all measures of heart-rate variability.

    Equal to ``hrv_time``, ``hrv_frequency`` and ``hrv_nonlinear`` of NeuroKit2 0.2.13. When all
    RR intervals are equal (a pacemaker), only the time domain has values: NeuroKit2's non-linear
    domain stops with an error, and its spectrum is that of rounding errors.

    Parameters
    ----------
    r_peaks : numpy.ndarray
        (n_beats,) samples in rising order.
    sampling_rate : float
        Hz.

    Returns
    -------
    numpy.ndarray
        (43,) float64 in the order of ``MEASURES``; all NaN below four beats.
    """
    if len(r_peaks) < FEWEST_BEATS:
        return np.full(len(MEASURES), np.nan)
    rr = np.diff(r_peaks) / sampling_rate * 1000
    values = {**time_measures(rr), **frequency_measures(rr)}
    if np.ptp(rr) > 0:
        values.update(nonlinear_measures(rr))
    return np.array([values.get(name, np.nan) for name in MEASURES])
