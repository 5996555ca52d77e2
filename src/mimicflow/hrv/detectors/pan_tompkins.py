"""Find QRS complexes by Pan and Tompkins' thresholds, as NeuroKit2 has them in two methods.

Both look for peaks of an energy above a threshold between the level of complexes and that of noise.
Both levels follow the signal, and where a complex is overdue it is sought again. The energy is that
of the slope (``pantompkins1985``; Pan & Tompkins, 1985, doi 10.1109/TBME.1985.325532) or of a
stationary wavelet transform (``kalidas2017``; Kalidas & Tamil, 2017, doi 10.1109/BIBE.2017.00-12).
"""

from __future__ import annotations

import numpy as np
from scipy import signal
from scipy.ndimage import uniform_filter1d

WINDOW_S = 0.12
SETTLING_S = 0.2
LEAST_OVERDUE_S = 0.25  # between a missed complex and its neighbours
OVERDUE = 1.66  # mean RR intervals
REMEMBERED = 8  # RR intervals, of which the mean is
NEW = 0.125  # weight of the newest peak in its level
BETWEEN = 0.25  # where the threshold lies between the levels of noise and of complexes

# Low-pass decomposition filter of Daubechies' wavelet with three vanishing moments (db3).
_DB3 = np.array(
    [0.035226291882100656, -0.08544127388224149, -0.13501102001039084,
     0.4598775021193313, 0.8068915093133388, 0.3326705529509569]
)  # fmt: skip
_LEVELS = 3
_LOW_PASS_HZ = 10.0
_HIGH_PASS_HZ = 0.01


def pan_tompkins(cleaned: np.ndarray, sampling_rate: float, min_delay_s: float = 0.3) -> np.ndarray:
    """Find QRS complexes by the energy of the slope, averaged over the 120 ms before.

    Parameters are those of all detectors.

    Returns
    -------
    numpy.ndarray
        (n_complexes,) int64, samples in rising order, up to 120 ms behind the R peaks.
    """
    steepness = np.diff(cleaned) ** 2
    width = int(WINDOW_S * sampling_rate)
    energy = uniform_filter1d(steepness, width, origin=(width - 1) // 2)
    head = min(width - 1, len(steepness))
    energy[:head] = np.cumsum(steepness[:head]) / np.arange(1, head + 1)
    energy[: int(SETTLING_S * sampling_rate)] = 0
    return _peaks_above_noise(energy, sampling_rate, min_delay_s)


def kalidas(cleaned: np.ndarray, sampling_rate: float, min_delay_s: float = 0.3) -> np.ndarray:
    """Find QRS complexes by the energy of the third level of a stationary wavelet transform.

    Parameters are those of all detectors.

    Returns
    -------
    numpy.ndarray
        (n_complexes,) int64, samples in rising order, some 50 ms behind the R peaks.
    """
    n = len(cleaned)
    padded = np.pad(cleaned, (0, -n % 2**_LEVELS), "edge")
    band = signal.butter(
        3, [_HIGH_PASS_HZ, _LOW_PASS_HZ], "bandpass", output="sos", fs=sampling_rate
    )
    energy = signal.sosfilt(band, _third_detail(padded) ** 2)[:n]
    return _peaks_above_noise(energy, sampling_rate, min_delay_s)


def _third_detail(values: np.ndarray) -> np.ndarray:
    """Detail of the third level of the stationary wavelet transform with db3, periodic, (n,)."""
    high_pass = _DB3[::-1] * np.array([-1, 1, -1, 1, -1, 1])
    for level in range(_LEVELS - 1):
        values = _spread_filter(values, _DB3, 2**level)
    return _spread_filter(values, high_pass, 2 ** (_LEVELS - 1))


def _spread_filter(values: np.ndarray, taps: np.ndarray, spread: int) -> np.ndarray:
    """Convolve periodically with taps that lie ``spread`` samples apart, centred, (n,)."""
    n, half = len(values), len(taps) // 2 * spread
    places = np.arange(-half, len(values) + half) % n
    around = values[places]
    result = np.zeros(n)
    for number, tap in enumerate(taps):
        shift = 2 * half - number * spread
        result += tap * around[shift : shift + n]
    return result


def _peaks_above_noise(energy: np.ndarray, sampling_rate: float, min_delay_s: float) -> np.ndarray:
    """Return the peaks of an energy that are complexes, (n_complexes,) int64."""
    least = int(min_delay_s * sampling_rate)
    least_missed = int(min(LEAST_OVERDUE_S, min_delay_s) * sampling_rate)
    candidates, _ = signal.find_peaks(energy, plateau_size=(1, 1))
    heights = energy[candidates]
    found: list[int] = []
    complexes = noise = 0.0
    last, last_number = 0, -1
    for number, (place, height) in enumerate(
        zip(candidates.tolist(), heights.tolist(), strict=True)
    ):
        threshold = noise + BETWEEN * (complexes - noise)
        if height <= threshold or place <= last + least:
            noise += NEW * (height - noise)
            continue
        if len(found) > REMEMBERED and place - last > int(
            OVERDUE * ((found[-1] - found[-1 - REMEMBERED]) // REMEMBERED)
        ):
            skipped = slice(last_number + 1, number)
            between = (candidates[skipped] > last + least_missed) & (
                candidates[skipped] < place - least_missed
            )
            missed = np.flatnonzero(between & (heights[skipped] > threshold / 2))
            if len(missed):
                found.append(int(candidates[skipped][missed[np.argmax(heights[skipped][missed])]]))
        found.append(place)
        last, last_number = place, number
        complexes += NEW * (height - complexes)
    return np.asarray(found, dtype=np.int64)
