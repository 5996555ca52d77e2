"""Epochs of real recordings and of synthetic rhythms, and what NeuroKit2 makes of them."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import neurokit2
import numpy as np
import pytest
import wfdb
from neurokit2.hrv.hrv_nonlinear import (
    _hrv_nonlinear_fragmentation,
    _hrv_nonlinear_poincare,
    _hrv_nonlinear_poincare_hra,
)

from mimicflow.ecg.clean import resample
from mimicflow.hrv.measures import MEASURES

RATE = 250
EPOCH_S = 300
POWERLINE = 50
# P, Q, R, S and T waves: place in s after the R peak, width in s, height in mV
WAVES = ((-0.2, 0.025, 0.12), (-0.03, 0.01, -0.1), (0, 0.012, 1), (0.03, 0.01, -0.2))
T_WAVE = (0.25, 0.04, 0.25)
NONLINEAR_PARTS = (
    _hrv_nonlinear_poincare,
    _hrv_nonlinear_fragmentation,
    _hrv_nonlinear_poincare_hra,
)


@dataclass(frozen=True)
class Chain:
    """What NeuroKit2 finds in one epoch."""

    cleaned: np.ndarray
    r_peaks: np.ndarray
    quality: np.ndarray
    measures: np.ndarray


@pytest.fixture(scope="session")
def ecg_of() -> Callable[..., np.ndarray]:
    return synthetic_ecg


@pytest.fixture(scope="session")
def epoch(request: pytest.FixtureRequest) -> Callable[[str], np.ndarray]:
    """Look up an epoch by name: of a recording at 250 Hz, or of a synthetic rhythm."""

    @cache
    def lookup(name: str) -> np.ndarray:
        if name in RHYTHMS:
            return synthetic_ecg(*RHYTHMS[name]())
        record, lead, start = name.split(":")
        path = str(request.getfixturevalue("shared_data") / "ecg-long" / record)
        rate = wfdb.rdheader(path).fs
        first = int(start) * rate
        samples = wfdb.rdrecord(
            path, sampfrom=first, sampto=first + EPOCH_S * rate, channel_names=[lead]
        )
        signal = samples.p_signal[:, 0]
        assert len(signal) == EPOCH_S * rate and np.isfinite(signal).all()
        return resample(signal, rate, RATE)

    return lookup


@pytest.fixture(scope="session")
def neurokit_measures() -> Callable[..., np.ndarray]:
    """Compute the 43 measures from R peaks with NeuroKit2's own functions.

    With ``fast``, of the non-linear domain only the parts needed are called: its entropies take
    a hundred times as long as everything else, and need more beats.
    """

    def compute(r_peaks: np.ndarray, sampling_rate: float = RATE, fast: bool = True) -> np.ndarray:
        values: dict[str, float] = {}
        domains = [neurokit2.hrv_time, neurokit2.hrv_frequency]
        with warnings.catch_warnings():  # of divisions by zero, and of long-term indices
            warnings.simplefilter("ignore", RuntimeWarning)
            warnings.simplefilter("ignore", neurokit2.misc.NeuroKitWarning)
            for domain in domains if fast else [*domains, neurokit2.hrv_nonlinear]:
                try:
                    row = domain(r_peaks, sampling_rate=sampling_rate).iloc[0]
                except ZeroDivisionError:  # equal intervals: NeuroKit2 has no non-linear values
                    continue
                values.update(row.rename(lambda name: name.removeprefix("HRV_")))
            if fast:
                intervals = np.diff(r_peaks) / sampling_rate * 1000
                for part in NONLINEAR_PARTS:
                    part(intervals, out=values)
        return np.array([values.get(name, np.nan) for name in MEASURES], dtype=float)

    return compute


@pytest.fixture(scope="session")
def neurokit_of_intervals() -> Callable[..., np.ndarray]:
    """Compute the 43 measures with NeuroKit2 of RR intervals (ms) and their ends (s)."""

    def compute(rr: np.ndarray, ends: np.ndarray, rate: float) -> np.ndarray:
        given = {"RRI": rr, "RRI_Time": ends}
        values: dict[str, float] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            warnings.simplefilter("ignore", neurokit2.misc.NeuroKitWarning)
            for domain in (neurokit2.hrv_time, neurokit2.hrv_frequency, neurokit2.hrv_nonlinear):
                row = domain(given, sampling_rate=rate).iloc[0]
                values.update(row.rename(lambda name: name.removeprefix("HRV_")))
        return np.array([values.get(name, np.nan) for name in MEASURES], dtype=float)

    return compute


@pytest.fixture(scope="session")
def neurokit_chain(epoch, neurokit_measures) -> Callable[[str], Chain]:
    """Run NeuroKit2's whole chain on an epoch, once in a session."""

    @cache
    def run(name: str) -> Chain:
        cleaned = neurokit2.ecg_clean(epoch(name), sampling_rate=RATE, powerline=POWERLINE)
        _, info = neurokit2.ecg_peaks(cleaned, sampling_rate=RATE)
        r_peaks = info["ECG_R_Peaks"]
        quality = neurokit2.ecg_quality(cleaned, rpeaks=r_peaks, sampling_rate=RATE)
        return Chain(cleaned, r_peaks, quality, neurokit_measures(r_peaks, fast=False))

    return run


def synthetic_ecg(
    beats: np.ndarray, noise: float = 0.01, wide: frozenset[int] = frozenset(), rate: int = RATE
) -> np.ndarray:
    """Draw 5 minutes of ECG with R peaks at ``beats`` (s), in mV.

    Beats whose number is in ``wide`` are ventricular: wide, tall and without a P wave.
    """
    time = np.arange(EPOCH_S * rate) / rate
    ecg = np.random.default_rng(0).normal(0, noise, len(time)) + 5 * noise * np.sin(time / 3)
    for number, beat in enumerate(beats):
        near = slice(max(0, int((beat - 1) * rate)), int((beat + 1) * rate))
        waves = ((0, 0.04, 1.5), (0.3, 0.06, -0.4)) if number in wide else (*WAVES, T_WAVE)
        for place, width, height in waves:
            ecg[near] += height * np.exp(-((time[near] - beat - place) ** 2) / (2 * width**2))
    return ecg


def _times(intervals: np.ndarray) -> np.ndarray:
    beats = 0.5 + np.cumsum(intervals)
    return beats[beats < EPOCH_S - 0.5]


def _sinus(mean: float, spread: float) -> np.ndarray:
    """RR intervals (s) with a respiratory and a slower wave, and noise."""
    number = np.arange(int(EPOCH_S / mean))
    waves = np.sin(2 * np.pi * 0.25 * mean * number) + np.sin(2 * np.pi * 0.09 * mean * number)
    return mean + spread * (waves + np.random.default_rng(1).normal(0, 0.3, len(number)))


def _bigeminy() -> tuple[np.ndarray, float, frozenset[int]]:
    beats = _times(np.tile([0.55, 1.05], 200) + np.random.default_rng(2).normal(0, 0.01, 400))
    return beats, 0.01, frozenset(range(0, len(beats), 2))


def _dropped_beats() -> tuple[np.ndarray]:
    beats = _times(_sinus(0.8, 0.03))
    return (np.delete(beats, np.arange(20, len(beats), 37)),)


RHYTHMS: dict[str, Callable[[], tuple]] = {
    "sinus": lambda: (_times(_sinus(0.85, 0.03)),),
    "atrial fibrillation": lambda: (_times(np.random.default_rng(3).uniform(0.4, 1.1, 700)),),
    "bigeminy": _bigeminy,
    "paced": lambda: (_times(np.full(400, 0.8)), 0),
    "bradycardia": lambda: (_times(_sinus(1.9, 0.08)),),
    "tachycardia": lambda: (_times(_sinus(0.4, 0.008)),),
    "dropped beats": _dropped_beats,
}
