"""Put beats right that come too early or late, are missing or too many, as NeuroKit2 does.

``neurokit2.signal_fixpeaks`` with the method ``Kubios``, which is ``correct_artifacts`` of its
``ecg_peaks``: differences of RR intervals, and their distance from the median of those around, are
compared with how they spread in the 91 intervals around (Lipponen & Tarvainen, 2019,
doi 10.1080/03091902.2019.1640306).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

SLOPE, OFFSET = 0.13, 0.17  # of the lines that bound ectopic beats
SPREADS = 5.2  # quartile deviations
AROUND = 91  # intervals, of which the spread is taken
MEDIAN_OF = 11  # intervals


@dataclass(frozen=True)
class Artifacts:
    """Numbers of beats, each list in rising order.

    Parameters
    ----------
    extra, missed, misplaced : list of int
        Beats that are none, beats before which one is missing, beats that came early or late:
        ectopic ones, then those after a long or a short interval.
    """

    extra: list[int]
    missed: list[int]
    misplaced: tuple[list[int], list[int]]

    def __len__(self) -> int:
        return len(self.extra) + len(self.missed) + sum(map(len, self.misplaced))


def correct_artifacts(r_peaks: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Correct beats until no fewer have to be.

    Parameters
    ----------
    r_peaks : numpy.ndarray
        (n_beats,) samples in rising order, at least four.
    sampling_rate : float
        Hz.

    Returns
    -------
    numpy.ndarray
        (n,) samples in rising order, of the same type; the number of beats may be another.
    """
    artifacts = find_artifacts(r_peaks, sampling_rate)
    corrected = _corrected(r_peaks, artifacts)
    while artifacts and len(further := find_artifacts(corrected, sampling_rate)) < len(artifacts):
        artifacts, corrected = further, _corrected(corrected, further)
    return corrected


def find_artifacts(r_peaks: np.ndarray, sampling_rate: float) -> Artifacts:
    """Find the beats that have to be put right; parameters are those of `correct_artifacts`."""
    rr = np.ediff1d(r_peaks, to_begin=0) / sampling_rate
    rr[0] = np.mean(rr[1:])
    change = np.ediff1d(rr, to_begin=0)
    change[0] = np.mean(change[1:])
    change = _relative(change, _threshold(change))
    beside, after = _neighbours(change)
    median = pd.Series(rr).rolling(MEDIAN_OF, center=True, min_periods=1).median().to_numpy()
    distance = rr - median
    distance[distance < 0] *= 2
    limit = _threshold(distance)
    distance = _relative(distance, limit)

    found = Artifacts([], [], ([], []))
    beat = 0
    while beat < len(rr) - 2:
        if not abs(change[beat]) > 1:
            beat += 1
            continue
        if _is_ectopic(change[beat], beside[beat]):
            found.misplaced[0].append(beat)
            beat += 1
            continue
        candidates = [beat]
        if abs(change[beat + 1]) < abs(change[beat + 2]):
            candidates.append(beat + 1)
        for other in candidates:
            beat += 1
            long = change[other] > 1 and after[other] < -1
            short = change[other] < -1 and after[other] > 1
            if not (long or short or abs(distance[other]) > 3):
                continue
            if short and abs(rr[other] + rr[other + 1] - median[other]) < limit[other]:
                found.extra.append(other)
            elif long and abs(rr[other] / 2 - median[other]) < limit[other]:
                found.missed.append(other)
            else:
                found.misplaced[1].append(other)
    return found


def _is_ectopic(change: float, beside: float) -> bool:
    if change > 1:
        return bool(beside < -SLOPE * change - OFFSET)
    return bool(change < -1 and beside > -SLOPE * change + OFFSET)


def _threshold(values: np.ndarray) -> np.ndarray:
    rolling = pd.Series(np.abs(values)).rolling(AROUND, center=True, min_periods=1)
    spread = rolling.quantile(0.75).to_numpy() - rolling.quantile(0.25).to_numpy()
    return np.asarray(SPREADS * (spread / 2))


def _relative(values: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    return np.divide(values, threshold, out=np.full_like(values, np.nan), where=threshold != 0)


def _neighbours(change: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Strongest opposite of a change among those beside it, and weakest among the next two."""
    padded = np.pad(change, 2, "reflect")
    before, following, second = padded[1:-3], padded[3:-1], padded[4:]
    beside, after = np.zeros(len(change)), np.zeros(len(change))
    up, down = change > 0, change < 0
    beside[up] = np.maximum(before, following)[up]
    beside[down] = np.minimum(before, following)[down]
    level = change >= 0
    after[level] = np.minimum(following, second)[level]
    after[down] = np.maximum(following, second)[down]
    return beside, after


def _corrected(r_peaks: np.ndarray, artifacts: Artifacts) -> np.ndarray:
    """Delete extra beats, add missing ones, move misplaced ones between their neighbours."""
    missed, misplaced = artifacts.missed, list(artifacts.misplaced)
    if artifacts.extra:
        r_peaks = np.delete(r_peaks, artifacts.extra)
        missed = _renumbered(missed, artifacts.extra, -1)
        misplaced = [_renumbered(beats, artifacts.extra, -1) for beats in misplaced]
    if missed:
        places = np.array([beat for beat in missed if 1 < beat < len(r_peaks)], dtype=np.int64)
        previous = r_peaks[places - 1]
        between = previous + (r_peaks[places] - previous) / 2
        r_peaks = np.insert(r_peaks, places, between.astype(r_peaks.dtype))
        misplaced = [_renumbered(beats, missed, 1) for beats in misplaced]
    for beats in misplaced:
        places = np.array([beat for beat in beats if 1 < beat < len(r_peaks) - 1], dtype=np.int64)
        if len(places):
            previous = r_peaks[places - 1]
            between = previous + (r_peaks[places + 1] - previous) / 2
            kept = np.delete(r_peaks, places)
            r_peaks = np.sort(np.concatenate([kept, between]).astype(r_peaks.dtype), kind="stable")
    return r_peaks


def _renumbered(beats: list[int], changed: list[int], step: int) -> list[int]:
    for beat in changed:
        beats = [other + step if other > beat else other for other in beats]
    return sorted(set(beats))
