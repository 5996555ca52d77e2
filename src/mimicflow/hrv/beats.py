"""Beats that are known without samples: annotated by a person, or exported by a device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Beats:
    """The beats of a recording, or of a part of it.

    Parameters
    ----------
    places : numpy.ndarray
        (n_beats,) samples from the first one, in rising order; may lie between samples.
    symbols : numpy.ndarray of str
        (n_beats,) what each beat is, as WFDB writes it: ``N`` a normal beat, ``V`` a premature
        ventricular one, and so on.
    fibrillation : numpy.ndarray
        (n, 2) where the ventricles flutter or fibrillate, from a first sample to a last.
    n_samples : int
        Length of the recording or part.
    sampling_rate : float
        Hz at which beats are timed.
    """

    places: np.ndarray
    symbols: np.ndarray
    fibrillation: np.ndarray
    n_samples: int
    sampling_rate: float

    def part(self, first: int, n: int) -> Beats:
        """Return the beats at or after the sample ``first`` and before ``first + n``."""
        begin, end = np.searchsorted(self.places, [first, first + n])
        fibrillation = self.fibrillation - first
        within = (fibrillation[:, 0] < n) & (fibrillation[:, 1] >= 0)
        return Beats(
            self.places[begin:end] - first,
            self.symbols[begin:end],
            fibrillation[within],
            n,
            self.sampling_rate,
        )

    @property
    def intervals_ms(self) -> np.ndarray:
        """From beat to beat, (n_beats - 1,) ms."""
        return np.diff(self.places) / self.sampling_rate * 1000

    def gaps(self, longest_ms: float) -> np.ndarray:
        """Return stretches without a beat that are longer, ends included, (n, 2) samples."""
        bounds = np.r_[0, self.places, self.n_samples]
        long = np.flatnonzero(np.diff(bounds) > longest_ms * self.sampling_rate / 1000)
        return np.column_stack([bounds[long], bounds[long + 1]])
