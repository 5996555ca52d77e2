"""Find beats that are none, and intervals in which a beat may be missing, by shape and rhythm.

One false or lost beat in five minutes of sinus rhythm doubles RMSSD, and not all that looks like
one is one. Where the complexes around are sharp, a beat of its own shape that comes early, before a
pause, is ectopic, and a long interval is a pause; where they are blurred, both are noise.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

from mimicflow.hrv.similarity import BeatShapes

T_WAVE = 0.325  # s after the R peak, for an RR interval of 1 s: its peak has come
GENTLE = 30.0  # 1/s: slope to height of a T wave, at most; of a narrow QRS complex it is more
NEARLY_ALL = 0.8
UNLIKE = 0.8  # likeness to the complex before: of another shape
HARDLY_LIKE = 0.5
REFRACTORY_S = 0.25
NEIGHBOURS = 9  # intervals around, of which the usual one is the median
REGULAR = 0.1  # usual difference of intervals to the usual one, of a rhythm that is regular
CUT = 0.85  # of the usual interval, below which both parts of one that was cut lie
WHOLE = 0.25  # by which the two together differ from it at most
SHARP = 0.99  # usual index of beats around: they are sharp
OVERDUE = 1.6  # usual intervals
PREMATURE, PAUSE = 0.9, 1.1  # usual intervals before and after an ectopic beat


def t_waves(shapes: BeatShapes) -> np.ndarray:
    """Find T waves that were taken for beats, (n_beats,) bool.

    They are alike, as no noise is, gentle, and of another shape than what they follow. They come
    when a T wave is due, or the same follows other beats, where no beat was found. Ventricular
    beats may come as soon, but not nearly all of a shape, or nothing like them follows others.
    """
    found = np.zeros(len(shapes.r_peaks), dtype=bool)
    intervals = np.diff(shapes.r_peaks) / shapes.sampling_rate
    for members in shapes.groups:
        inner = members[(members > 0) & (members < len(intervals))]
        if not len(inner) or shapes.steepness(members) >= GENTLE:
            continue
        due = T_WAVE * np.sqrt(intervals[inner - 1] + intervals[inner])
        as_due = np.mean(intervals[inner - 1] < due) > NEARLY_ALL
        after_others = shapes.likeness_to_others(inner)
        follows = after_others > UNLIKE or (as_due and not after_others < HARDLY_LIKE)
        found[members] = follows and shapes.likeness_of_means(inner, inner - 1) < UNLIKE
    return found


def too_close(shapes: BeatShapes) -> np.ndarray:
    """Find P and T waves that nearly always lie within a quarter of a second of a complex.

    (n_beats,) bool. So soon the ventricles are not excited again: of the two, the less steep is
    none. Fast beats that are alike are left alone.
    """
    found = np.zeros(len(shapes.r_peaks), dtype=bool)
    soon = np.diff(shapes.r_peaks) < REFRACTORY_S * shapes.sampling_rate
    for members in shapes.groups:
        for step, close in ((-1, np.r_[False, soon]), (1, np.r_[soon, False])):
            inner = members[close[members]]
            if len(inner) > NEARLY_ALL * len(members):
                beside = inner + step
                found[members] |= shapes.likeness_of_means(inner, beside) < UNLIKE and shapes.slope(
                    inner
                ) < shapes.slope(beside)
    return found


def extra_beats(shapes: BeatShapes) -> np.ndarray:
    """Find beats that cut a usual interval of a regular rhythm in two, (n_beats,) bool.

    Of two such beats in a row the first is one. Where the shape is that of beats that do not, it is
    an interpolated beat. Atrial fibrillation is not regular: there, none is.
    """
    extra = np.zeros(len(shapes.r_peaks), dtype=bool)
    intervals = np.diff(shapes.r_peaks)
    if len(intervals) < NEIGHBOURS:
        return extra
    usual = _running_median(intervals)
    irregular = _running_median(np.abs(intervals / usual - 1))
    first, second = intervals[:-1] / usual[:-1], intervals[1:] / usual[:-1]
    cuts = (np.maximum(first, second) < CUT) & (np.abs(first + second - 1) < WHOLE)
    cuts &= np.maximum(irregular[:-1], irregular[1:]) < REGULAR
    for beat in np.flatnonzero(cuts) + 1:
        extra[beat] = not extra[beat - 1]
    return extra & (shapes.share_of_alike(extra) > NEARLY_ALL)


def ectopic_beats(shapes: BeatShapes) -> np.ndarray:
    """Find beats that come early, before a pause, amid sharp complexes, and those like them.

    (n_beats,) bool. They are ectopic, be there enough others of their shape or not; of a couplet,
    or in a slow rhythm, an ectopic beat may lack the pause.
    """
    ectopic = np.zeros(len(shapes.r_peaks), dtype=bool)
    intervals = np.diff(shapes.r_peaks)
    if len(intervals) < NEIGHBOURS:
        return ectopic
    sharp = ~_blurred(shapes.quality)
    relative = intervals / _running_median(intervals)
    ectopic[1:-1] = (relative[:-1] < PREMATURE) & (relative[1:] > PAUSE)
    return sharp & (shapes.share_of_alike(ectopic & sharp) > 0)


def doubtful_intervals(r_peaks: np.ndarray, quality: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Find intervals that begin or end with noise, or in which it may hide a beat.

    Parameters
    ----------
    r_peaks, quality : numpy.ndarray
        (n_beats,) samples in rising order, and the index of each beat.
    noise : numpy.ndarray of bool
        (n_beats,) what is neither like others nor ectopic.

    Returns
    -------
    numpy.ndarray of bool
        (n_beats - 1,).
    """
    doubtful = noise[1:] | noise[:-1]
    intervals = np.diff(r_peaks)
    if len(intervals) < NEIGHBOURS:
        return doubtful
    blurred = _blurred(quality)
    return doubtful | (overdue(r_peaks) & (blurred[1:] | blurred[:-1]))


def overdue(r_peaks: np.ndarray) -> np.ndarray:
    """Find intervals that are much longer than those around, (n_beats - 1,) bool."""
    intervals = np.diff(r_peaks)
    if len(intervals) < NEIGHBOURS:
        return np.zeros(len(intervals), dtype=bool)
    return np.asarray(intervals > OVERDUE * _running_median(intervals))


def _blurred(quality: np.ndarray) -> np.ndarray:
    return _running_median(quality) < SHARP


def _running_median(values: np.ndarray) -> np.ndarray:
    # Mirrored: an odd value at an end would be usual, if it were repeated.
    return np.asarray(median_filter(values, NEIGHBOURS, mode="mirror"))
