"""RR intervals of an epoch, without those that span lost signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Intervals:
    """RR intervals that can be believed.

    Parameters
    ----------
    rr : numpy.ndarray
        (n,) ms.
    ends : numpy.ndarray
        (n,) s at which each ends, from any zero.
    adjacent : numpy.ndarray of bool
        (n - 1,) whether an interval begins where the one before it ends. Differences are taken of
        such pairs only.
    """

    rr: np.ndarray
    ends: np.ndarray
    adjacent: np.ndarray

    @classmethod
    def between(
        cls, r_peaks: np.ndarray, sampling_rate: float, broken: np.ndarray | None = None
    ) -> Intervals:
        """Take the intervals between R peaks.

        Parameters
        ----------
        r_peaks : numpy.ndarray
            (n_beats,) samples in rising order.
        sampling_rate : float
            Hz.
        broken : numpy.ndarray of bool, optional
            (n_beats - 1,) intervals in which a beat may have been lost.
        """
        rr = np.diff(r_peaks) / sampling_rate * 1000
        ends = r_peaks[1:] / sampling_rate
        if broken is None or not broken.any():
            return cls(rr, ends, np.ones(max(len(rr) - 1, 0), dtype=bool))
        kept = np.flatnonzero(~broken)
        return cls(rr[kept], ends[kept], np.diff(kept) == 1)

    def __len__(self) -> int:
        return len(self.rr)

    @property
    def differences(self) -> np.ndarray:
        """Successive differences, (n_pairs,) ms."""
        return np.diff(self.rr)[self.adjacent]

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Intervals that follow each other, (n_pairs,) each, in ms: points of a Poincaré plot."""
        return self.rr[:-1][self.adjacent], self.rr[1:][self.adjacent]
