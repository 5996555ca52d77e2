"""Judge the beats that a detector found: good ones, those that are none, intervals to doubt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mimicflow.hrv.artifacts import correct_artifacts
from mimicflow.hrv.doubt import (
    doubtful_intervals,
    ectopic_beats,
    extra_beats,
    overdue,
    t_waves,
    too_close,
)
from mimicflow.hrv.preprocessing import Preprocessing
from mimicflow.hrv.quality import average_qrs_quality
from mimicflow.hrv.similarity import BeatShapes, whole_complexes


@dataclass(frozen=True)
class JudgedBeats:
    """The beats of an epoch.

    Parameters
    ----------
    r_peaks : numpy.ndarray
        (n_beats,) samples in rising order; aligned ones lie between samples.
    quality : numpy.ndarray
        (n_judged,) index of each complex that was judged, also of those that are no beats.
    good : numpy.ndarray of bool
        (n_judged,) whether it is good.
    doubtful : numpy.ndarray of bool
        (n_beats - 1,) intervals that cannot be believed.
    overdue : numpy.ndarray of bool
        (n_beats - 1,) intervals that cannot be believed if any signal is lost in them.
    """

    r_peaks: np.ndarray
    quality: np.ndarray
    good: np.ndarray
    doubtful: np.ndarray
    overdue: np.ndarray

    def spans(self, intervals: np.ndarray) -> np.ndarray:
        """Return where some intervals (n_beats - 1,) begin and end, (n, 2) samples."""
        return np.column_stack([self.r_peaks[:-1], self.r_peaks[1:]])[intervals]

    def corrected(self, sampling_rate: float) -> JudgedBeats:
        """Return beats that are put right, so that no interval is doubtful."""
        r_peaks = correct_artifacts(self.r_peaks, sampling_rate)
        none = np.zeros(len(r_peaks) - 1, dtype=bool)
        return replace(self, r_peaks=r_peaks, doubtful=none, overdue=none)


def judge_by_others(cleaned: np.ndarray, r_peaks: np.ndarray, steps: Preprocessing) -> JudgedBeats:
    """Judge each beat by its likeness to others, and the intervals by rhythm and noise."""
    rate, good_index = steps.sampling_rate, steps.quality.good_index
    r_peaks = r_peaks[whole_complexes(r_peaks, len(cleaned), rate)]
    shapes = BeatShapes(cleaned, r_peaks, rate)
    shapes = shapes.without(too_close(shapes))
    shapes = shapes.without(t_waves(shapes))
    quality, extra = shapes.quality, extra_beats(shapes)
    good = (quality >= good_index) | ectopic_beats(shapes)
    doubtful = doubtful_intervals(shapes.r_peaks[~extra], quality[~extra], ~good[~extra])
    places = shapes.aligned() if steps.align_beats else shapes.r_peaks
    late = overdue(shapes.r_peaks[~extra])
    return JudgedBeats(places[~extra], quality, good, doubtful, late)


def judge_by_mean(cleaned: np.ndarray, r_peaks: np.ndarray, steps: Preprocessing) -> JudgedBeats:
    """Judge each beat by its distance from the mean one, as published; all intervals count."""
    quality = average_qrs_quality(cleaned, r_peaks, steps.sampling_rate)
    places = r_peaks
    if steps.align_beats:
        places = BeatShapes(cleaned, r_peaks, steps.sampling_rate).aligned()
    good = quality >= steps.quality.good_index
    none = np.zeros(len(r_peaks) - 1, dtype=bool)
    return JudgedBeats(places, quality, good, none, none)


JUDGES: dict[str, Callable[[np.ndarray, np.ndarray, Preprocessing], JudgedBeats]] = {
    "similar_beats": judge_by_others,
    "average_qrs": judge_by_mean,
}
"""Ways to judge, by the method of quality."""
