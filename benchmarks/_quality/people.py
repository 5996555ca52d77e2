"""People for made ECG: real rhythms, from Holter recordings, and real beats, from 12-lead ECGs.

Rhythms are RR series of the open Holter sets (normal, heart failure, before ventricular
fibrillation, atrial fibrillation); beats are the median P, QRS and T waves of a lead of LUDB, cut
at the boundaries that cardiologists marked. Nobody is both a person to tune on and one to report.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import wfdb
from scipy.signal import butter, sosfiltfilt

LUDB_HZ = 500
LEADS = ("i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6")
LEAST_QRS_MV = 0.25
SHORTEST_S, LONGEST_S = 0.24, 2.5  # RR intervals of the Holter sets that are taken
FIBRILLATING = ("35", "36", "37", "50")  # records of sddb
SINUS = ("30", "31", "34", "45", "46", "52", "38", "41", "44", "47", "48")
BEATS = frozenset("NLRBAaJSVrFejnE/fQ?")
PARTS = ("tune", "report")
ARCHIVES = ("ludb/data", "holter-beats/chf/chf_rr_secs", "holter-beats/normal/normal_rr_secs")


@dataclass(frozen=True)
class Waves:
    """The waves of one lead of one person, each (samples at 500 Hz in mV, first sample from R).

    ``p`` and ``t`` may be missing; ``rr`` is the RR interval in s at which they were recorded.
    """

    qrs: tuple[np.ndarray, int]
    p: tuple[np.ndarray, int] | None
    t: tuple[np.ndarray, int] | None
    rr: float

    @property
    def height(self) -> float:
        """Range of the QRS complex, in mV."""
        return float(np.ptp(self.qrs[0]))


class People:
    """Rhythms and beats of the people of one part."""

    def __init__(self, shared: Path, part: str) -> None:
        self._shared, self._odd = shared / "open-real", PARTS.index(part)
        self._unpacked = tempfile.TemporaryDirectory()
        for name in ARCHIVES:
            with tarfile.open(self._shared / f"{name}.tar.gz") as archive:
                archive.extractall(self._unpacked.name, filter="data")

    def of_part(self, people: list) -> list:
        """Return every second one."""
        return people[self._odd :: 2]

    def waves(self, rng: np.random.Generator) -> Waves:
        """Draw a lead of a person whose QRS complexes can be seen."""
        numbers = self.of_part([str(number) for number in range(1, 201)])
        while True:
            found = _waves(
                Path(self._unpacked.name, "data"), rng.choice(numbers), rng.choice(LEADS)
            )
            if found and found.height >= LEAST_QRS_MV:
                return found

    def rhythm(
        self, rng: np.random.Generator, kind: str, seconds: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw RR intervals in s, and the marks of the beats that end them, of a stretch."""
        if kind in {"chf", "normal"}:
            files = sorted(Path(self._unpacked.name, kind).glob("*.txt"))
            series = _text(rng.choice(self.of_part(files)))
        elif kind == "nsrdb":
            files = sorted((self._shared / "holter-beats/nsrdb").glob("*.atr"))
            series = _marked(rng.choice(self.of_part(files)).with_suffix(""), "atr", 128)
        else:
            record = rng.choice(self.of_part(list(FIBRILLATING if kind == "af" else SINUS)))
            path = self._shared / "holter-beats/sddb" / record
            audited = path.with_suffix(".atr").exists()
            series = _marked(path, "atr" if audited else "ari", 250)
        return _stretch(rng, *series, seconds)


def _stretch(
    rng: np.random.Generator, rr: np.ndarray, marks: np.ndarray, seconds: float
) -> tuple[np.ndarray, np.ndarray]:
    ends = np.cumsum(rr)
    for _ in range(2000):
        start = rng.uniform(0, ends[-1] - seconds - 20)
        part = slice(*np.searchsorted(ends, [start, start + seconds + 8]))
        if len(rr[part]) > 10 and rr[part].min() > SHORTEST_S and rr[part].max() < LONGEST_S:
            return rr[part].copy(), marks[part].copy()
    raise SystemExit("a Holter recording without a stretch that can be used")


@cache
def _text(file: Path) -> tuple[np.ndarray, np.ndarray]:
    rr = np.loadtxt(file)[1:]
    return rr, np.full(len(rr), "N")


@cache
def _marked(path: Path, extension: str, rate: int) -> tuple[np.ndarray, np.ndarray]:
    annotation = wfdb.rdann(str(path), extension)
    beats = np.isin(annotation.symbol, list(BEATS))
    return np.diff(annotation.sample[beats]) / rate, np.array(annotation.symbol)[beats][1:]


@cache
def _waves(folder: Path, number: str, lead: str) -> Waves | None:
    record = wfdb.rdrecord(str(folder / number))
    names = [name.lower() for name in record.sig_name]
    band = butter(2, [0.5, 100], "bandpass", fs=LUDB_HZ, output="sos")
    ecg = sosfiltfilt(band, record.p_signal[:, names.index(lead)])
    marked = list(_boundaries(wfdb.rdann(str(folder / number), lead)))
    r_peaks = [peak for kind, _, peak, _ in marked if kind == "N"]
    if len(r_peaks) < 4:
        return None
    qrs = _median_wave(ecg, marked, r_peaks, "N", (-1, 1))
    if qrs is None:
        return None
    p, t = (
        _median_wave(ecg, marked, r_peaks, kind, away)
        for kind, away in (("p", (-200, -20)), ("t", (30, 350)))
    )
    return Waves(qrs, p, t, float(np.median(np.diff(r_peaks))) / LUDB_HZ)


def _boundaries(annotation: wfdb.Annotation) -> Iterator[tuple[str, int, int, int]]:
    """Yield kind, first, peak and last sample of each wave that has all three."""
    symbols, samples = annotation.symbol, annotation.sample
    for place in range(1, len(symbols) - 1):
        if symbols[place] in "pNt" and (symbols[place - 1], symbols[place + 1]) == ("(", ")"):
            yield symbols[place], samples[place - 1], samples[place], samples[place + 1]


def _median_wave(
    ecg: np.ndarray, marked: list, r_peaks: list[int], kind: str, away: tuple[int, int]
) -> tuple[np.ndarray, int] | None:
    """Return the median wave of a kind around R peaks, from line to line, and where it begins."""
    spans = [
        (first - r_peak, last - r_peak)
        for r_peak in r_peaks
        for other, first, peak, last in marked
        if other == kind and away[0] <= peak - r_peak < away[1]
    ]
    if len(spans) < 3:
        return None
    first, last = np.median(spans, axis=0).astype(int) + np.array([-5, 5])
    cut = [ecg[r + first : r + last] for r in r_peaks if r + first >= 0 and r + last < len(ecg)]
    wave = np.median(cut, axis=0)
    wave = wave - np.linspace(wave[0], wave[-1], len(wave))
    return wave * np.hanning(len(wave) + 2)[1:-1] ** 0.15, int(first)
