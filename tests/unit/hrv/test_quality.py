"""The index per beat, and the cases in which there is nothing to compare."""

import neurokit2
import numpy as np
import pytest

from mimicflow.hrv.quality import average_qrs_quality, good_share

RATE = 250


def beats_of(heights: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """One triangle a second, of given heights, whole to both sides, and where their tops are."""
    peaks = 125 + 250 * np.arange(len(heights))
    signal = np.zeros(250 * len(heights) + 100)
    for peak, height in zip(peaks, heights, strict=True):
        signal[peak - 10 : peak + 11] += height * (1 - np.abs(np.arange(-10, 11)) / 10)
    return signal, peaks


def test_closest_beat_has_one_and_furthest_has_zero():
    signal, peaks = beats_of([1, 1.1, 0.9, 1, 3])
    quality = average_qrs_quality(signal, peaks, RATE)
    # distances from the mean height 1.4: 0.4, 0.3, 0.5, 0.4, 1.6, on a scale from 0.3 to 1.6
    np.testing.assert_allclose(quality, 1 - np.array([0.1, 0, 0.2, 0.1, 1.3]) / 1.3, atol=1e-9)


def test_beats_cut_off_by_the_ends_have_zero():
    signal, peaks = beats_of([5, 1, 1.1, 0.9, 1, 5])
    quality = average_qrs_quality(signal[80:-200], peaks - 80, RATE)
    assert quality[0] == quality[-1] == 0
    assert quality[1:-1].max() == 1
    nothing_whole = average_qrs_quality(signal[:1000], np.array([5, 10, 15, 999]), RATE)
    np.testing.assert_array_equal(nothing_whole, np.zeros(4))


def test_equal_beats_cannot_be_ranked():
    signal, peaks = beats_of([1] * 6)
    quality = average_qrs_quality(signal, peaks, RATE)
    assert np.isnan(quality).all()
    assert good_share(quality, 0.9) == 0
    one_whole = average_qrs_quality(signal[:560], np.array([1, 125, 375, 558]), RATE)
    np.testing.assert_array_equal(one_whole[[0, -1]], 0)


@pytest.mark.parametrize("first", [0, 7, 140])
def test_paced_windows_of_unequal_length(first):
    """35 % of the period is a whole number of samples but for the last bit: NeuroKit2 fails."""
    peaks = np.arange(first, 74_999, 380)
    signal = np.random.default_rng(0).normal(size=75_000)
    with pytest.raises(ValueError, match="zero-size"):
        neurokit2.ecg_quality(signal, rpeaks=peaks, sampling_rate=RATE)
    quality = average_qrs_quality(signal, peaks, RATE)
    assert quality.shape == peaks.shape and quality.max() == 1
    assert quality[1:-1].min() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("period", [100, 200, 250, 400])
def test_paced_windows_of_a_whole_number_of_samples(period):
    peaks = np.arange(1, 30_000, period)
    signal = np.random.default_rng(0).normal(size=30_100)
    expected = neurokit2.ecg_quality(signal, rpeaks=peaks, sampling_rate=RATE)[peaks]
    ours = average_qrs_quality(signal, peaks, RATE)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6)


def test_share_counts_the_limit_itself():
    assert good_share(np.array([0.9, 0.89, 1, 0]), 0.9) == 0.5
    assert good_share(np.empty(0), 0.9) == 0
