"""Find QRS complexes where the energy between 8 and 20 Hz stands out from its surroundings.

The band is the one in which complexes differ most from P and T waves, from wander and from muscle
(Elgendi, 2013, doi 10.1371/journal.pone.0073557). The threshold is a share of the usual height of
complexes in the seconds around, a median, so that one artefact neither hides nor makes beats.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import signal
from scipy.ndimage import median_filter, uniform_filter1d

BAND_HZ = (8.0, 20.0)
WINDOW_S = 0.1
BLOCK_S = 2.5  # holds at least one beat from 24 beats per minute on
BLOCKS = 7  # around, of which the usual height is the median
LEAST_HEIGHT = 0.4  # of a complex, to the usual one
LEAST_OVERDUE_HEIGHT = 0.2  # where one is missing
LEAST_LEVEL = 0.2  # of the usual height here, to that of the whole signal: below is no beat
LEAST_LEVEL_MV = 0.03
T_WAVE_S = 0.36  # that soon after a complex comes a T wave, if it is lower
T_WAVE_HEIGHT = 0.55
TALL_T_WAVE_HEIGHT = 0.85  # where nearly every complex has one
TALL_T_WAVES = 0.4  # of the peaks: nearly every second one
HALF_QRS_S = 0.06
TALL = 1.3  # heights of a usual beat
STEEP = 0.25  # of the slope of a usual beat
TALL_AFTER_S = 0.25  # of a beat at least
OVERDUE = 1.6  # usual RR intervals without a beat
AWAY = 0.4  # of the usual RR interval, from a missed beat to its neighbours
NEIGHBOURS = 9  # RR intervals around, of which the usual one is the median


def qrs_energy(cleaned: np.ndarray, sampling_rate: float, min_delay_s: float = 0.2) -> np.ndarray:
    """Find QRS complexes by their energy and that of their neighbours.

    Parameters are those of all detectors.

    Returns
    -------
    numpy.ndarray
        (n_complexes,) int64, samples in rising order, each amid its complex.
    """
    energy = _energy(cleaned, sampling_rate)
    places, _ = signal.find_peaks(energy, distance=max(1, int(min_delay_s * sampling_rate)))
    heights = energy[places]
    relative = heights / _level(energy, sampling_rate, places)
    soon = T_WAVE_S * sampling_rate
    chosen = _without_t_waves(np.flatnonzero(relative > LEAST_HEIGHT), places, heights, soon)
    overdue = _overdue(chosen, places, relative)
    found = places[np.sort(np.concatenate([chosen, overdue]))]
    return np.union1d(found, _tall(cleaned, found, sampling_rate, min_delay_s)).astype(np.int64)


def _energy(cleaned: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Root mean square over 100 ms of what lies in the band, (n,) mV."""
    band = signal.sosfiltfilt(_band_pass(sampling_rate), cleaned)
    window = round(WINDOW_S * sampling_rate)
    squares = uniform_filter1d(band * band, window, mode="nearest")
    return np.sqrt(np.maximum(squares, 0))  # a running sum may end below 0


def _level(energy: np.ndarray, sampling_rate: float, places: np.ndarray) -> np.ndarray:
    """Usual height of a complex in the seconds around each place, (n_places,) mV."""
    block = int(BLOCK_S * sampling_rate)
    n_blocks = max(1, len(energy) // block)
    heights = energy[: n_blocks * block].reshape(n_blocks, -1).max(axis=1)
    usual = median_filter(heights, BLOCKS, mode="mirror")
    least = max(LEAST_LEVEL * float(np.median(heights)), LEAST_LEVEL_MV)
    centres = (np.arange(n_blocks) + 0.5) * block
    return np.interp(places, centres, np.maximum(usual, least))


def _without_t_waves(
    chosen: np.ndarray, places: np.ndarray, heights: np.ndarray, soon: float
) -> np.ndarray:
    """Leave out what is much lower than a neighbour that is close: T waves, and P waves."""
    kept: list[int] = []
    for number in chosen.tolist():
        close = kept and places[number] - places[kept[-1]] < soon
        if close and heights[number] < T_WAVE_HEIGHT * heights[kept[-1]]:
            continue
        if close and heights[kept[-1]] < T_WAVE_HEIGHT * heights[number]:
            kept.pop()
        kept.append(number)
    found = np.asarray(kept, dtype=np.int64)
    follows = np.diff(places[found], prepend=-np.inf) < soon
    tall = follows & (heights[found] < TALL_T_WAVE_HEIGHT * np.roll(heights[found], 1))
    return found[~tall] if tall.sum() > TALL_T_WAVES * len(found) else found


def _overdue(chosen: np.ndarray, places: np.ndarray, relative: np.ndarray) -> np.ndarray:
    """Return lower peaks in intervals that are much longer than those around, one for each."""
    intervals = np.diff(places[chosen])
    if len(intervals) < NEIGHBOURS:
        return chosen[:0]
    # Mirrored: an odd interval at an end would be usual, if it were repeated.
    usual = median_filter(intervals, NEIGHBOURS, mode="mirror")
    found = []
    for number in np.flatnonzero(intervals > OVERDUE * usual):
        first, last = chosen[number] + 1, chosen[number + 1]
        away = AWAY * usual[number]
        between = np.arange(first, last)
        far = (places[between] > places[first - 1] + away) & (places[between] < places[last] - away)
        far &= relative[between] > LEAST_OVERDUE_HEIGHT
        if far.any():
            found.append(between[far][np.argmax(relative[between][far])])
    return np.asarray(found, dtype=np.int64)


def _tall(
    cleaned: np.ndarray, found: np.ndarray, sampling_rate: float, min_delay_s: float
) -> np.ndarray:
    """Find what is taller than beats and nearly as steep: ventricular beats, slow to rise.

    Their energy lies below the band. A T wave may be as tall, but not as steep.
    """
    if len(found) < NEIGHBOURS:
        return found[:0]
    half = round(HALF_QRS_S * sampling_rate)
    height, slope = _height_and_slope(cleaned, found, half)
    # Of the lower beats, since every second one may be ventricular.
    tall, steep = TALL * np.quantile(height, 0.25), STEEP * np.median(slope)
    delay = max(1, int(min_delay_s * sampling_rate))
    peaks, _ = signal.find_peaks(np.abs(cleaned), height=tall, distance=delay)
    after = np.searchsorted(found, peaks)
    before = peaks - np.where(after > 0, found[after - 1], -len(cleaned))
    ahead = np.append(found, 2 * len(cleaned))[after] - peaks
    beats = (before > TALL_AFTER_S * sampling_rate) & (ahead > delay)
    beats &= _height_and_slope(cleaned, peaks, half)[1] > steep
    follows = beats & (before < T_WAVE_S * sampling_rate)
    if follows.sum() > TALL_T_WAVES * len(found):
        beats &= ~follows
    return peaks[beats]


def _height_and_slope(
    cleaned: np.ndarray, places: np.ndarray, half: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest voltage and change around each place, (n,) each."""
    offsets = np.arange(-half, half + 1)
    around = np.clip(places[:, None] + offsets, 1, len(cleaned) - 2)
    height = np.abs(cleaned[around]).max(axis=1, initial=0)
    change = np.abs(cleaned[around + 1] - cleaned[around - 1]).max(axis=1, initial=0)
    return height, change / 2


@lru_cache(maxsize=16)
def _band_pass(sampling_rate: float) -> np.ndarray:
    return np.asarray(signal.butter(1, BAND_HZ, "bandpass", output="sos", fs=sampling_rate))
