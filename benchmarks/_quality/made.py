"""Made ECG: real rhythms and real beats put together, with what spoils an ECG added to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfiltfilt

from _quality.people import LUDB_HZ, People, Waves

SECONDS = 300
KINDS = ("normal", "chf", "nsrdb", "sddb", "af", "paced", "fast", "slow", "bigeminy")
SINUS = ("normal", "chf", "nsrdb", "sddb")
RATES_HZ = (125, 250, 250, 360, 500)
NOISES = ("wander", "muscle", "electrode")
SNR_DB = (24, 12, 6, 0, -6)
LOST = ("flat", "lead off", "railed", "no signal", "asystole", "fibrillation")
FEW_VENTRICULAR = 0.1  # of the beats: more is a bigeminy or a trigeminy
_FAST, _SLOW = (130, 220), (26, 45)  # beats per minute
_GRAIN_MV = 0.006  # noise of every recording


@dataclass(frozen=True)
class Epoch:
    """Five minutes of one lead: what it is, mV, Hz, and the times of its beats in s.

    Sinus rhythm is one of few ventricular beats.
    """

    kind: str
    sinus: bool
    ecg: np.ndarray
    rate: int
    beats: np.ndarray
    height: float

    def with_noise(self, rng: np.random.Generator, noise: str, snr_db: float) -> np.ndarray:
        """Add noise of a power relative to that of QRS complexes: their range squared over 8."""
        power = self.height**2 / 8 / 10 ** (snr_db / 10)
        return self.ecg + np.sqrt(power) * _noise(rng, noise, len(self.ecg), self.rate)


def draw_epoch(rng: np.random.Generator, people: People, kind: str) -> Epoch:
    """Draw an epoch of a kind of rhythm."""
    while True:
        waves = people.waves(rng)
        source = kind if kind in (*SINUS, "af") else "nsrdb"
        rr, marks = people.rhythm(rng, source, 1300 if kind in {"fast", "paced"} else SECONDS)
        rr, marks = _changed(rng, kind, rr, marks)
        if rr.min() > 0.24:
            break
    rate = int(rng.choice(RATES_HZ))
    ecg, beats = _draw(rng, waves, rr, marks, rate, kind)
    grain = _GRAIN_MV * rng.standard_normal(len(ecg))
    ventricular = float(np.mean(np.isin(marks, ["V", "E"])))
    sinus = kind in SINUS and ventricular < FEW_VENTRICULAR
    return Epoch(kind, sinus, ecg + grain, rate, beats, waves.height)


def spoil(rng: np.random.Generator, epoch: Epoch, how: str) -> np.ndarray:
    """Replace a minute of an epoch, or all of it, by what is no signal or has no beats."""
    ecg, rate = epoch.ecg.copy(), epoch.rate
    first = int(rng.uniform(10, SECONDS - 80) * rate)
    part = slice(first, first + 60 * rate)
    clock = np.arange(60 * rate) / rate
    match how:
        case "flat":
            for start in rng.uniform(2, SECONDS - 8, 10):  # ten lines of four seconds
                line = slice(int(start * rate), int((start + 4) * rate))
                ecg[line] = ecg[line.start]
        case "lead off":
            ecg[part] = 0.0
        case "railed":
            ecg[first : first + 4 * rate] = 5.0
        case "no signal":
            return np.full(len(ecg), np.nan)
        case "asystole":
            ecg[part] = 0.01 * rng.standard_normal(60 * rate)
        case "fibrillation":
            hertz = rng.uniform(3.5, 7) + np.cumsum(rng.normal(0, 0.02, len(clock)))
            size = 0.35 + 0.15 * np.sin(clock * rng.uniform(0.4, 1.2))
            turn = 2 * np.pi * np.cumsum(np.clip(hertz, 3, 8)) / rate
            ecg[part] = size * np.sin(turn) + _GRAIN_MV * rng.standard_normal(len(clock))
    return ecg


def _changed(
    rng: np.random.Generator, kind: str, rr: np.ndarray, marks: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Make of a normal rhythm a fast, slow, paced one, or a bigeminy."""
    if kind in {"fast", "slow"}:
        rr = rr * 60 / rng.uniform(*(_FAST if kind == "fast" else _SLOW)) / rr.mean()
    elif kind == "paced":
        rr = np.full(len(rr), 60 / float(rng.integers(50, 100)))
    elif kind == "bigeminy":
        marks = np.where(np.arange(len(rr)) % 2, "V", marks)
        rr = rr * np.where(np.arange(len(rr)) % 2, 0.62, 1.38)
    return rr, marks


def _draw(
    rng: np.random.Generator,
    waves: Waves,
    rr: np.ndarray,
    marks: np.ndarray,
    rate: int,
    kind: str,
) -> tuple[np.ndarray, np.ndarray]:
    times = np.cumsum(rr) - rr[0] - 1.0
    ecg = np.zeros(SECONDS * rate)
    clock = np.arange(len(ecg)) / rate
    ventricular = _ventricular(rng, waves.height)
    breath = 2 * np.pi * rng.uniform(12, 22) / 60
    sizes = 1 + 0.06 * np.sin(breath * times) + 0.02 * rng.standard_normal(len(times))
    following = np.append(rr[1:], rr[-1])
    for time, size, before, after, mark in zip(times, sizes, rr, following, marks, strict=True):
        if mark in "VE":
            _place(ecg, ventricular, time, rate, size)
            continue
        _place(ecg, waves.qrs, time, rate, size)
        if kind == "paced":
            spike = round((time + waves.qrs[1] / LUDB_HZ - 0.004) * rate)
            if 0 <= spike < len(ecg):
                ecg[spike] += waves.height
        if waves.p and kind != "af" and mark not in "SAaJ":
            nearer = np.clip(np.sqrt(before / waves.rr), 0.6, 1)
            _place(ecg, (waves.p[0], waves.p[1] * nearer), time, rate, size)
        if waves.t:
            longer = np.sqrt(np.clip(after / waves.rr, 0.25, 2))
            _place(ecg, (waves.t[0], waves.t[1] * longer), time, rate, size, longer)
    if kind == "af":
        turn = 2 * np.pi * rng.uniform(5, 7) * clock + 0.9 * np.sin(4.4 * clock)
        ecg += rng.uniform(0.02, 0.05) * np.sin(turn)
    return ecg, times[(times >= 0) & (times < SECONDS)]


def _place(
    ecg: np.ndarray,
    wave: tuple[np.ndarray, float],
    time: float,
    rate: int,
    size: float,
    longer: float = 1.0,
) -> None:
    samples, offset = wave
    first = time + offset / LUDB_HZ
    last = first + (len(samples) - 1) / LUDB_HZ * longer
    places = np.arange(max(0, int(np.ceil(first * rate))), min(len(ecg), int(last * rate) + 1))
    if len(places):
        at = (places / rate - first) * LUDB_HZ / longer
        ecg[places] += size * np.interp(at, np.arange(len(samples)), samples)


def _ventricular(rng: np.random.Generator, height: float) -> tuple[np.ndarray, int]:
    seconds = (np.arange(330) - 60) / LUDB_HZ
    width = rng.uniform(0.028, 0.04)
    size = height * rng.uniform(1, 1.6) * rng.choice([1, -1])
    qrs = np.exp(-0.5 * (seconds / width) ** 2)
    t_wave = -0.5 * np.exp(-0.5 * ((seconds - 0.22) / 0.06) ** 2)
    wave = size * (qrs + t_wave)
    return (wave - wave[0]) * np.clip((329 - np.arange(330)) / 40, 0, 1), -60


def _noise(rng: np.random.Generator, noise: str, n: int, rate: int) -> np.ndarray:
    """Draw noise of variance 1, of the kinds of the MIT-BIH Noise Stress Test Database."""
    if noise == "wander":
        walk = np.cumsum(rng.standard_normal(n))
        drawn = sosfiltfilt(butter(2, [0.05, 0.6], "bandpass", fs=rate, output="sos"), walk)
    elif noise == "muscle":
        slow = sosfiltfilt(butter(2, 0.3, fs=rate, output="sos"), rng.standard_normal(n))
        highest = min(120, 0.475 * rate)
        band = butter(2, [12, highest], "bandpass", fs=rate, output="sos")
        drawn = sosfiltfilt(band, rng.standard_normal(n)) * np.exp(0.5 * slow * np.sqrt(rate))
    else:
        band = butter(2, [0.5, 8], "bandpass", fs=rate, output="sos")
        drawn = sosfiltfilt(band, rng.standard_normal(n))
        drawn /= drawn.std()
        clock = np.arange(n) / rate
        for centre in rng.uniform(0, n / rate, rng.poisson(0.7 * n / rate)):
            width, size, shape = rng.uniform(0.03, 0.3), 4 * rng.normal(), rng.integers(3)
            near = slice(max(0, int((centre - 5 * width) * rate)), int((centre + 5 * width) * rate))
            u = (clock[near] - centre) / width
            drawn[near] += (
                size
                * (
                    np.exp(-0.5 * u**2),
                    -1.6 * u * np.exp(-0.5 * u**2),
                    (u > 0) * np.exp(-np.clip(u, 0, 9)),
                )[shape]
            )
    drawn = drawn - drawn.mean()
    return drawn / drawn.std()
