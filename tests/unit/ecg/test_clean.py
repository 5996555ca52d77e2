"""Cleaning: equal to NeuroKit2, and what a filter must do."""

import warnings

import neurokit2
import numpy as np
import pytest
import scipy.signal

from mimicflow.ecg.clean import clean_ecg, fill_missing, fit_length, resample
from mimicflow.ecg.records import read_record
from mimicflow.errors import ConfigError

RATE = 500
TIME = np.arange(10 * RATE) / RATE


def amplitude(signals: np.ndarray, frequency: float) -> float:
    """Amplitude of a sine in the middle of a signal, away from the ends."""
    middle = slice(2 * RATE, 8 * RATE)
    wave = np.exp(-2j * np.pi * frequency * TIME[middle])
    return float(abs(2 * np.mean(signals[..., middle] * wave)))


@pytest.mark.parametrize("powerline", [50, 60])
def test_equals_neurokit_on_open_records(shared_data, powerline):
    folder = shared_data / "ecg-12lead"
    headers = sorted(folder.rglob("*.hea"))
    assert len(headers) == 40
    for file in headers:
        record = read_record(folder, str(file.with_suffix("").relative_to(folder)))
        cleaned = clean_ecg(record.signals, record.sampling_rate, powerline=powerline)
        expected = [
            neurokit2.ecg_clean(lead, sampling_rate=500, method="neurokit", powerline=powerline)
            for lead in record.signals
        ]
        np.testing.assert_allclose(cleaned, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("rate", "powerline"), [(80, 60), (100, 50), (250, 50), (360, 50), (1000, 60)]
)
def test_equals_neurokit_at_other_rates(rate, powerline):
    signals = np.random.default_rng(0).normal(size=(2, 12, 8 * rate)).cumsum(axis=-1)
    cleaned = clean_ecg(signals, rate, powerline=powerline)
    assert cleaned.shape == signals.shape
    for batch, lead in ((0, 0), (1, 11)):
        signal = signals[batch, lead]
        expected = neurokit2.ecg_clean(signal, sampling_rate=rate, powerline=powerline)
        np.testing.assert_allclose(cleaned[batch, lead], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("powerline", "kept"),
    [
        (50, [0.876, 0.576, 0.409, 0.056, 0, 0.026]),
        (60, [0.920, 0.709, 0.578, 0.207, 0.057, 0.002]),
    ],
)
def test_amplitude_kept_by_the_moving_average(powerline, kept):
    for frequency, expected in zip([10, 20, 25, 40, 50, 60], kept, strict=True):
        cleaned = clean_ecg(np.sin(2 * np.pi * frequency * TIME), RATE, powerline=powerline)
        assert amplitude(cleaned, frequency) == pytest.approx(expected, abs=6e-4)


def test_notch_takes_the_mains_and_keeps_the_qrs():
    for frequency, expected in ((60, 0), (20, 1), (40, 1), (0.05, 0)):
        cleaned = clean_ecg(np.sin(2 * np.pi * frequency * TIME), RATE, "notch", powerline=60)
        assert amplitude(cleaned, frequency) == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("method", ["neurokit", "notch"])
def test_mains_beyond_the_band_leave_the_high_pass_alone(method):
    signals = np.random.default_rng(0).normal(size=(12, 1000))
    sos = scipy.signal.butter(5, 0.5, "highpass", output="sos", fs=100)
    expected = scipy.signal.sosfiltfilt(sos, signals)
    np.testing.assert_array_equal(clean_ecg(signals, 100, method, 60), expected)


def test_missing_samples_take_the_last_value():
    ecg = np.array([np.nan, np.inf, 1, 2, np.nan, np.nan, 3, -np.inf])
    expected = [1, 1, 1, 2, 2, 2, 3, 3]
    np.testing.assert_array_equal(fill_missing(ecg), expected)
    several = np.stack([ecg, np.arange(8.0), np.full(8, np.nan)])
    np.testing.assert_array_equal(fill_missing(several), [expected, np.arange(8), np.zeros(8)])
    whole = np.arange(3.0)
    assert fill_missing(whole) is whole


def test_a_gap_beside_an_offset_is_no_step():
    """Of 1 mV; filled with 0 it left an artefact of 1 mV."""
    ecg = neurokit2.ecg_simulate(duration=10, sampling_rate=RATE, random_state=1)
    broken = ecg + 1.0
    broken[1000:1100] = np.nan
    with warnings.catch_warnings():  # of the missing samples
        warnings.simplefilter("ignore", neurokit2.misc.NeuroKitWarning)
        expected = neurokit2.ecg_clean(broken, sampling_rate=RATE, powerline=60)

    cleaned = clean_ecg(np.stack([broken, broken]), RATE)

    np.testing.assert_allclose(cleaned[0], expected, atol=1e-6)
    np.testing.assert_array_equal(cleaned[0], cleaned[1])
    away = np.r_[0:900, 1200:5000]
    assert np.abs(cleaned[0] - clean_ecg(ecg, RATE))[away].max() < 0.3
    assert np.isnan(broken).sum() == 100  # the input is left alone


def test_unknown_method_is_named():
    with pytest.raises(ConfigError, match="pantompkins"):
        clean_ecg(np.zeros((12, 1000)), RATE, "pantompkins")


def test_resample_keeps_low_and_removes_high_frequencies():
    low, high = np.sin(2 * np.pi * 5 * TIME), np.sin(2 * np.pi * 95 * TIME)
    slow = resample(np.stack([low, high]), RATE, 100)
    assert slow.shape == (2, 1000)
    np.testing.assert_allclose(slow[0, 50:-50], low[::5][50:-50], atol=0.01)
    assert abs(slow[1, 50:-50]).max() < 0.02  # would alias to 5 Hz
    assert resample(low, RATE, RATE) is low
    assert resample(np.ones((3, 250)), 250, 500).shape == (3, 500)
    np.testing.assert_allclose(resample(np.ones((3, 1000)), RATE, 100), 1)  # no sag at the ends


def test_fit_length():
    signals = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(fit_length(signals, 2), [[0, 1], [3, 4]])
    np.testing.assert_array_equal(fit_length(signals, 4), [[0, 1, 2, 0], [3, 4, 5, 0]])


def test_without_cleaning_only_gaps_are_filled():
    signals = np.array([[5, np.nan, 7.0], [1, 2, 3]])
    kept = clean_ecg(signals, RATE, "none")
    np.testing.assert_array_equal(kept, [[5, 5, 7], [1, 2, 3]])
    assert kept.dtype == np.float64
