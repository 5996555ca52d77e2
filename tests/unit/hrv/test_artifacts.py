"""Corrected beats: those of NeuroKit2, beat by beat, and RR intervals that are right again."""

import neurokit2
import numpy as np
import pytest

from mimicflow.hrv.artifacts import correct_artifacts

RATE = 250


def sinus(seed: int, n: int = 380) -> np.ndarray:
    generator = np.random.default_rng(seed)
    breath = 0.03 * np.sin(np.arange(n) / 3.3)
    return np.cumsum(0.8 + breath + generator.normal(0, 0.01, n))


def spoilt(seed: int) -> np.ndarray:
    """Some beats early, missing and too many, in samples."""
    generator = np.random.default_rng(seed)
    beats = sinus(seed)
    early = generator.integers(5, 370, 6)
    beats[early] -= generator.uniform(0.1, 0.4, 6)
    beats = np.delete(beats, generator.integers(5, 370, generator.integers(0, 5)))
    beats = np.r_[beats, generator.uniform(5, 290, generator.integers(0, 5))]
    return np.unique(np.rint(np.sort(beats) * RATE).astype(np.int64))


@pytest.mark.parametrize("seed", range(40))
def test_the_beats_are_those_of_neurokit(seed):
    peaks = spoilt(seed)
    _, expected = neurokit2.signal_fixpeaks(peaks, RATE, iterative=True, method="Kubios")

    corrected = correct_artifacts(peaks, RATE)

    np.testing.assert_array_equal(corrected, expected)
    assert not np.array_equal(corrected, peaks)


def test_irregular_rhythms_too():
    generator = np.random.default_rng(1)
    for _ in range(20):
        peaks = np.cumsum(generator.integers(90, 300, 300))
        _, expected = neurokit2.signal_fixpeaks(peaks, RATE, iterative=True, method="Kubios")
        np.testing.assert_array_equal(correct_artifacts(peaks, RATE), expected)


def test_a_missing_and_an_extra_beat_are_put_right():
    beats = sinus(3) * RATE
    wrong = np.sort(np.r_[np.delete(beats, 100), beats[200] + 70])

    corrected = correct_artifacts(wrong, RATE)

    assert len(corrected) == len(beats)
    assert np.abs(corrected - beats).max() < 0.05 * RATE
    assert np.ptp(np.diff(corrected)) < 1.2 * np.ptp(np.diff(beats))


def test_a_regular_rhythm_stays():
    peaks = np.arange(1, 300) * 200
    np.testing.assert_array_equal(correct_artifacts(peaks, RATE), peaks)
