"""Find samples at the rail of the amplifier: an ECG that is cut off shows nothing there."""

from __future__ import annotations

import numpy as np

SHORTEST_S = 0.2  # longer than a QRS complex whose peak is cut off
FAR_MV = 0.5  # from the rail to the usual voltage: nearer it may be the line between beats


def saturated(signals: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Find the samples at a rail: the highest or lowest value of a lead, held for 0.2 s.

    Held to the last bit: the crest of a slow wave is no rail.

    Parameters
    ----------
    signals : numpy.ndarray
        (leads, n) mV, NaN where missing.
    sampling_rate : float
        Hz.

    Returns
    -------
    numpy.ndarray of bool
        (leads, n).
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
            usual = np.median(signals[lead, finite[lead]])
            if usual == rail[lead] and not (finite[lead] <= at_rail[lead]).all():
                # More than half is at the rail: what is not there says where the ECG lies.
                usual = np.median(signals[lead, finite[lead] & ~at_rail[lead]])
            if abs(rail[lead] - usual) <= FAR_MV:
                continue
            for first, end in runs(at_rail[lead]):
                lost[lead, first:end] |= end - first >= shortest
    return lost


def without_saturated(signals: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return (leads, n) signals of which samples at a rail are missing; see `saturated`."""
    lost = saturated(signals, sampling_rate)
    return np.where(lost, np.nan, signals) if lost.any() else signals


def runs(mask: np.ndarray) -> np.ndarray:
    """Return runs of True, each from its first place to the one behind its last, (n, 2)."""
    return np.flatnonzero(np.diff(mask, prepend=False, append=False)).reshape(-1, 2)
