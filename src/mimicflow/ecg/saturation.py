"""Find samples at the rail of the amplifier: an ECG that is cut off shows nothing there."""

from __future__ import annotations

import numpy as np

SHORTEST_S = 0.2  # longer than a QRS complex whose peak is cut off
FAR_MV = 0.5  # from the rail to the usual voltage: nearer it may be the line between beats


def without_saturated(signals: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return signals whose samples at a rail are missing.

    A rail is the highest or lowest value of a lead, held to the last bit for 0.2 s.

    Parameters
    ----------
    signals : numpy.ndarray
        (leads, n) mV, NaN where missing.
    sampling_rate : float
        Hz.

    Returns
    -------
    numpy.ndarray
        (leads, n) float64; the same array where no lead is saturated.
    """
    shortest = int(np.ceil(SHORTEST_S * sampling_rate))
    finite = np.isfinite(signals)
    lost = np.zeros(signals.shape, dtype=bool)
    for rail in (
        np.where(finite, signals, -np.inf).max(axis=-1),
        np.where(finite, signals, np.inf).min(axis=-1),
    ):
        at_rail = signals == rail[:, None]
        for lead in np.flatnonzero(at_rail.sum(axis=-1) >= shortest):
            if abs(rail[lead] - np.median(signals[lead, finite[lead]])) <= FAR_MV:
                continue
            edges = np.flatnonzero(np.diff(at_rail[lead], prepend=False, append=False))
            for first, end in edges.reshape(-1, 2):
                lost[lead, first:end] = end - first >= shortest
    return np.where(lost, np.nan, signals) if lost.any() else signals
