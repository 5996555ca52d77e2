"""Compare the QRS complexes of an epoch with one another.

A beat comes again: a complex that looks like no other of five minutes is no complex, or hidden by
noise. Normal beats, ectopic ones of the same origin and paced ones each have their like, so that no
rhythm is taken for noise, and the index is absolute: it does not depend on how bad the worst beat
of the epoch is. Where complexes that are alike fit each other best is when, between samples, their
beats were.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.ndimage import uniform_filter1d

QRS_S = 0.06  # before and after the R peak
SHIFT_S = 0.03  # by which an R peak is moved at most
SMOOTHING_S = 0.02
FEWEST_ALIKE = 3
ALIKE_SHARE = 0.03  # of the beats, that have to be alike
MOST_COMPARED = 400  # beats that each is compared with
ALIKE = 0.9  # correlation
MOST_SHAPES = 3  # of which beats are aligned with a mean of their own


def whole_complexes(r_peaks: np.ndarray, n_samples: int, sampling_rate: float) -> np.ndarray:
    """Say which complexes the ends of the epoch do not cut, (n_beats,) bool."""
    margin = QRS_S * sampling_rate
    return (r_peaks >= margin) & (r_peaks < n_samples - margin)


@dataclass(frozen=True)
class BeatShapes:
    """The QRS complexes of an epoch.

    Parameters
    ----------
    cleaned : numpy.ndarray
        (n,), finite.
    r_peaks : numpy.ndarray
        (n_beats,) samples in rising order.
    sampling_rate : float
        Hz.
    """

    cleaned: np.ndarray
    r_peaks: np.ndarray
    sampling_rate: float

    @cached_property
    def quality(self) -> np.ndarray:
        """Correlation of each beat with the last of those that it is most like, (n_beats,).

        That many are 3 % of the beats, and three at least. A beat without so many others is 0.
        """
        alike = self._likeness
        n_alike = max(FEWEST_ALIKE, int(np.ceil(ALIKE_SHARE * alike.shape[1])))
        if alike.shape[1] <= n_alike:
            return np.zeros(len(self.r_peaks))
        # Each beat is among those that it is compared with, or as good: itself is left out.
        return np.partition(alike, -n_alike - 1, axis=1)[:, -n_alike - 1].astype(float)

    def without(self, none: np.ndarray) -> BeatShapes:
        """Return the shapes without those that are no beats, (n_beats,) bool."""
        return replace(self, r_peaks=self.r_peaks[~none]) if none.any() else self

    def aligned(self) -> np.ndarray:
        """Move R peaks to where their complex fits the mean of those alike best.

        (n_beats,) samples. Between samples, by at most 30 ms. A complex of a rare shape stays where
        it is.
        """
        moved = self.r_peaks.astype(float)
        for members in self.groups[:MOST_SHAPES]:
            moved[members] += self._shifts(members)
        return np.maximum.accumulate(moved)

    @cached_property
    def groups(self) -> list[np.ndarray]:
        """Numbers of the beats of each shape, three or more, the commonest first."""
        groups = []
        alike = self._likeness >= ALIKE
        left = np.ones(len(self.r_peaks), dtype=bool)
        counts = alike.sum(axis=0)
        while len(counts) and counts.max() >= FEWEST_ALIKE:
            of_shape = left & alike[:, np.argmax(counts)]
            groups.append(np.flatnonzero(of_shape))
            left &= ~of_shape
            counts = counts - alike[of_shape].sum(axis=0)
        return groups

    @cached_property
    def _shape(self) -> np.ndarray:
        """Number of the group of each beat, (n_beats,); that of beats of no group is the last."""
        shape = np.full(len(self.r_peaks), len(self.groups))
        for number, members in enumerate(self.groups):
            shape[members] = number
        return shape

    def _shifts(self, members: np.ndarray) -> np.ndarray:
        """By how many samples each member has to be moved to fit their mean best."""
        reach = self._reach
        windows = self._windows[members]
        mean = windows.mean(axis=0)[reach:-reach]
        n, n_shifts = len(mean), 2 * reach + 1
        # The least squared distance over shifts, from products and running sums of squares.
        placed = np.zeros((windows.shape[1], n_shifts))
        for shift in range(n_shifts):
            placed[shift : shift + n, shift] = mean
        squares = np.cumsum(np.pad(windows**2, ((0, 0), (1, 0))), axis=1)
        distance = squares[:, n:] - squares[:, :-n] - 2 * windows @ placed
        best = distance.argmin(axis=1)
        inner = np.clip(best, 1, n_shifts - 2)
        row = np.arange(len(members))
        before, here, after = (distance[row, inner + step] for step in (-1, 0, 1))
        bend = before - 2 * here + after
        between = np.divide(before - after, 2 * bend, out=np.zeros(len(row)), where=bend > 0)
        # At the end of the range no minimum was found.
        found = (best == inner) & (np.abs(between) <= 1)
        return np.where(found, inner - reach + between, 0.0)

    def share_of_alike(self, chosen: np.ndarray) -> np.ndarray:
        """Return which share of the beats alike to each are among those chosen, (n_beats,)."""
        alike = self._likeness >= ALIKE
        among = (alike & chosen[self._compared]).sum(axis=1)
        return among / np.maximum(alike.sum(axis=1), 1)

    def slope(self, members: np.ndarray) -> float:
        """Return the largest slope of the mean complex of some beats, in mV/s."""
        mean = self._mean_around(members)
        return float(np.abs(mean[2:] - mean[:-2]).max() / 2 * self.sampling_rate)

    def steepness(self, members: np.ndarray) -> float:
        """Return the largest slope of the mean complex of some beats to its height, in 1/s.

        Of T waves it is lower than of any QRS complexes, also of ventricular ones.
        """
        mean = self._mean_around(members)
        height = abs(mean[len(mean) // 2])
        return self.slope(members) / height if height > 0 else 0.0

    def likeness_of_means(self, some: np.ndarray, others: np.ndarray) -> float:
        """Return the likeness of the mean of some complexes to that of others."""
        return _likeness(self._mean(some), self._mean(others))

    def likeness_to_others(self, members: np.ndarray) -> float:
        """Return the likeness of the mean of some complexes to what follows other beats as soon.

        Other beats of the shape that most of them follow; as soon in proportion to the root of the
        RR interval, as T waves do. Nearly 1 for T waves of which some were taken for beats; NaN
        without three other beats.
        """
        r_peaks, before = self.r_peaks, members - 1
        due = (r_peaks[members] - r_peaks[before]) / np.sqrt(r_peaks[members + 1] - r_peaks[before])
        shape = np.argmax(np.bincount(self._shape[before], minlength=1))
        other = self._shape == shape
        other[members] = other[before] = other[-1] = False
        others = np.flatnonzero(other)
        if len(others) < FEWEST_ALIKE:
            return np.nan
        later = np.median(due) * np.sqrt(r_peaks[others + 1] - r_peaks[others])
        after = replace(self, r_peaks=r_peaks[others] + np.rint(later).astype(np.int64))
        return _likeness(self._mean(members), after._mean(np.arange(len(others))))

    def _mean_around(self, members: np.ndarray) -> np.ndarray:
        half = round(QRS_S * self.sampling_rate)
        around = self.r_peaks[members, None] + np.arange(-half - 1, half + 2)
        return np.asarray(self.cleaned[np.clip(around, 0, len(self.cleaned) - 1)].mean(axis=0))

    def _mean(self, members: np.ndarray) -> np.ndarray:
        return np.asarray(self._complexes[members].mean(axis=0))

    @property
    def _reach(self) -> int:
        return max(2, round(SHIFT_S * self.sampling_rate))

    @cached_property
    def _windows(self) -> np.ndarray:
        """Samples around each R peak, smoothed, (n_beats, length), a shift wider than a QRS."""
        width = max(1, round(SMOOTHING_S * self.sampling_rate))
        smooth = uniform_filter1d(self.cleaned, width, mode="nearest")
        wide = round(QRS_S * self.sampling_rate) + self._reach
        offsets = np.arange(-wide, wide + 1)
        return smooth[np.clip(self.r_peaks[:, None] + offsets, 0, len(smooth) - 1)]

    @cached_property
    def _compared(self) -> np.ndarray:
        """Numbers of the beats that each is compared with, drawn: every second may be ectopic."""
        numbers = np.arange(len(self.r_peaks))
        if len(numbers) <= MOST_COMPARED:
            return numbers
        return np.sort(np.random.default_rng(0).permutation(numbers)[:MOST_COMPARED])

    @cached_property
    def _complexes(self) -> np.ndarray:
        """Samples of each QRS complex around their mean, (n_beats, length)."""
        complexes = self._windows[:, self._reach : -self._reach]
        return (complexes - complexes.mean(axis=1, keepdims=True)).astype(np.float32)

    @cached_property
    def _likeness(self) -> np.ndarray:
        """Likeness of each beat to others, (n_beats, n_compared): to all, or to some.

        Correlation times how close the sizes are: 2ab / (a² + b²).
        """
        complexes, others = self._complexes, self._complexes[self._compared]
        power, power_others = (np.einsum("ij,ij->i", some, some) for some in (complexes, others))
        together = power[:, None] + power_others
        products = 2 * complexes @ others.T
        return np.divide(products, together, out=np.zeros_like(products), where=together > 0)


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    together = float(one @ one + other @ other)
    return float(2 * one @ other) / together if together > 0 else 0.0
