"""Find where an ECG shows nothing: missing samples, lines, the rail of the amplifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mimicflow.ecg.saturation import runs, saturated

BLOCK_S = 0.1
SHORTEST_MISSING_S = 0.04  # that may hide the peak of a QRS complex
SHORTEST_FLAT_S = 2.5  # longer than from one beat to the next at 24 beats per minute
FLAT_MV = 0.01  # range of a line
AFTER_S = 0.1  # in which an ECG that comes back may jump
SHORTEST_HELD_S = 0.1  # of one and the same value
UNUSUAL = 1.25  # times as long as a coarse recording holds a line in an interval of this length


@dataclass(frozen=True)
class LostSignal:
    """Stretches without signal, each from a first sample to the one behind its last.

    Parameters
    ----------
    missing, flat, railed : numpy.ndarray of int
        (n, 2) samples: not there, a line, at the rail.
    missing_share : float
        Of all samples, also of runs that are too short to be a stretch.
    brief_missing, held : numpy.ndarray of int
        (n, 2) runs of any length that are missing, and those of one and the same value. Alone they
        say little; where a beat is overdue they may hide it.
    """

    missing: np.ndarray
    flat: np.ndarray
    railed: np.ndarray
    missing_share: float
    brief_missing: np.ndarray
    held: np.ndarray

    @classmethod
    def of(cls, ecg: np.ndarray, sampling_rate: float) -> LostSignal:
        """Look through an ECG.

        Parameters
        ----------
        ecg : numpy.ndarray
            (n,) mV, NaN where missing.
        sampling_rate : float
            Hz.
        """
        block = max(1, int(BLOCK_S * sampling_rate))
        finite = np.isfinite(ecg)
        brief, missing_share = runs(~finite), float(np.mean(~finite))
        missing = brief[np.diff(brief, axis=1)[:, 0] >= SHORTEST_MISSING_S * sampling_rate]
        held = runs(ecg[1:] == ecg[:-1]) + np.array([0, 1])
        held = held[np.diff(held, axis=1)[:, 0] >= SHORTEST_HELD_S * sampling_rate]
        whole = ecg[: len(ecg) // block * block].reshape(-1, block)
        with np.errstate(invalid="ignore"):
            high, low = whole.max(axis=1), whole.min(axis=1)  # NaN with a sample that is missing
            still = high - low <= FLAT_MV
        if not still.any():
            return cls(missing, missing[:0], missing[:0], missing_share, brief, held)
        railed = saturated(ecg[None, :], sampling_rate)[0]
        flat = _one_line(still & ~railed[: whole.size].reshape(whole.shape).any(axis=1), low, high)
        return cls(
            missing,
            flat[np.diff(flat, axis=1)[:, 0] * BLOCK_S >= SHORTEST_FLAT_S - BLOCK_S / 2] * block,
            runs(railed),
            missing_share,
            brief,
            held,
        )

    def longest_s(self, kind: str, sampling_rate: float) -> float:
        """Length of the longest stretch of a kind, in s; 0 without any."""
        return float(np.max(np.diff(getattr(self, kind)), initial=0)) / sampling_rate

    def share(self, kind: str, n_samples: int) -> float:
        """Share of a kind among all samples."""
        if kind == "missing":
            return self.missing_share
        return float(np.diff(getattr(self, kind)).sum() / n_samples)

    def stretches(self) -> np.ndarray:
        """All of them by their first sample, (n, 2)."""
        together = np.concatenate([self.missing, self.flat, self.railed])
        return together[np.argsort(together[:, 0], kind="stable")]

    def may_hide_beats(self, r_peaks: np.ndarray) -> np.ndarray:
        """Find intervals with a missing sample, or a hold that is unusual, (n_beats - 1,) bool.

        Coarse recordings hold the line between any two beats, for longer where beats are further
        apart.

        Parameters
        ----------
        r_peaks : numpy.ndarray
            (n_beats,) in samples of the ECG, in rising order.
        """
        holds = _longest_in(self.held, r_peaks)
        usual = float(np.median(holds)) if len(holds) else 0.0
        if usual:
            intervals = np.diff(r_peaks)
            longer = np.maximum(intervals - np.median(intervals), 0)
            holds = np.where(holds > UNUSUAL * (usual + longer), holds, 0)
        return (_longest_in(self.brief_missing, r_peaks) > 0) | (holds > 0)


def _longest_in(found: np.ndarray, r_peaks: np.ndarray) -> np.ndarray:
    """Length of the longest run that begins or ends in each interval, (n_beats - 1,) samples."""
    longest = np.zeros(len(r_peaks) + 1)
    for edge in (found[:, 0], found[:, 1] - 1):
        place = np.searchsorted(r_peaks, edge, side="right")
        np.maximum.at(longest, place, found[:, 1] - found[:, 0])
    return longest[1:-1]


def beside_lost(r_peaks: np.ndarray, lost: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return the R peaks that do not lie in lost stretches or right behind one, where ECGs jump.

    Parameters
    ----------
    r_peaks : numpy.ndarray
        (n_beats,) samples in rising order.
    lost : numpy.ndarray
        (n, 2) as of `LostSignal.stretches`, in the same samples.
    sampling_rate : float
        Hz.
    """
    kept = np.ones(len(r_peaks), dtype=bool)
    for first, end in lost:
        kept &= ~((r_peaks >= first) & (r_peaks < end + AFTER_S * sampling_rate))
    return r_peaks[kept]


def spans_lost(r_peaks: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """Find the intervals in which a beat may have been lost, (n_beats - 1,) bool."""
    overlaps = (r_peaks[:-1, None] < lost[:, 1]) & (lost[:, 0] < r_peaks[1:, None])
    return np.asarray(overlaps.any(axis=1))


def _one_line(still: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return runs of still blocks, cut where they drift: a slow wave is no line, (n, 2)."""
    lines = []
    for first, end in runs(still):
        start, bottom, top = first, low[first], high[first]
        for place in range(first + 1, end):
            bottom, top = min(bottom, low[place]), max(top, high[place])
            if top - bottom > 2 * FLAT_MV:
                lines.append((start, place))
                start, bottom, top = place, low[place], high[place]
        lines.append((start, end))
    return np.array(lines, dtype=np.int64).reshape(-1, 2)
