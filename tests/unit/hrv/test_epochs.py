"""One epoch in, measures and a reason out; whatever comes in."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from mimicflow.ecg.clean import resample
from mimicflow.errors import ConfigError, InputError
from mimicflow.hrv.epochs import REASONS, EpochRule, measure_epoch
from mimicflow.hrv.measures import MEASURES, hrv_measures

RATE = 250
N = 300 * RATE
KEEP_ALL = EpochRule(good_share=-1)
NO_RULE = EpochRule(good_share=-1, max_gap_s=np.inf, max_missing=1, max_flat_s=np.inf, min_rate=0)


@pytest.fixture(scope="module")
def ecg(ecg_of) -> np.ndarray:
    intervals = 0.8 + 0.04 * np.sin(np.arange(370)) + 0.02 * np.sin(np.arange(370) / 7)
    beats = 0.5 + np.cumsum(intervals)
    return ecg_of(beats[beats < 299.4], noise=0.03)


def bad_inputs() -> dict[str, tuple[np.ndarray, str]]:
    generator = np.random.default_rng(0)
    noise = generator.normal(0, 0.1, N)
    half_off = np.where(np.arange(N) < N // 2, noise, 0.02)
    gaps = np.where(np.arange(N) % 5000 < 60, np.nan, noise)
    every_tenth = np.where(np.arange(N) % 10 == 0, np.nan, noise)
    return {
        "empty": (np.empty(0), "too_short"),
        "one sample": (np.ones(1), "too_short"),
        "below 4 s": (noise[: 4 * RATE - 1], "too_short"),
        "all NaN": (np.full(N, np.nan), "no_signal"),
        "all infinite": (np.full(N, -np.inf), "no_signal"),
        "one finite sample": (np.r_[np.full(N - 1, np.nan), 0.1], "gaps"),
        "runs of NaN": (gaps, "gaps"),
        "every tenth NaN": (every_tenth, "gaps"),
        "constant": (np.full(N, 0.7), "flat"),
        "zero": (np.zeros(N), "flat"),
        "integers": (np.zeros(N, dtype=np.int16), "flat"),
        "lead comes off": (half_off, "flat"),
        "noise": (noise, "low_quality"),
        "asystole": (1e-2 * noise.cumsum(), "low_quality"),
        "slow drift": (np.sin(np.arange(N) / 2000), "few_beats"),
        "mains": (np.sin(2 * np.pi * 60 * np.arange(N) / RATE), "few_beats"),
        "one step": (np.repeat([0.0, 1.0], N // 2) + 1e-3 * noise, "flat"),
        "huge": (1e12 * noise, "low_quality"),
        "tiny": (1e-12 * noise, "flat"),
    }


@pytest.mark.parametrize("name", bad_inputs())
def test_bad_input_has_a_reason_and_no_warning(name):
    signal, reason = bad_inputs()[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        epoch = measure_epoch(signal, RATE)
        measure_epoch(signal, RATE, rule=NO_RULE)
    assert epoch.reason == reason and reason in REASONS
    assert epoch.measures.shape == (43,) and np.isnan(epoch.measures).all()


@pytest.mark.parametrize("beats_per_minute", [12, 20, 35, 60, 150, 190])
@pytest.mark.parametrize("noise", [0, 0.02])
def test_constant_rates_have_no_warning(ecg_of, beats_per_minute, noise):
    signal = ecg_of(np.arange(1, 299, 60 / beats_per_minute), noise=noise)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        epoch = measure_epoch(signal, RATE, rule=NO_RULE)
    assert epoch.reason == ""
    if beats_per_minute >= 60 or not noise:  # between slow beats, the method finds beats in noise
        assert abs(epoch.n_beats - beats_per_minute * 298 / 60) < 3
        assert epoch.measures[0] == pytest.approx(60_000 / beats_per_minute, rel=0.02)


def test_kept_epoch(ecg):
    epoch = measure_epoch(ecg, RATE, rule=EpochRule(good_index=0.5))
    assert epoch.reason == "" and np.isfinite(epoch.measures).all()
    assert epoch.n_beats == len(epoch.quality) == len(epoch.r_peaks)
    assert epoch.good_share == np.mean(epoch.quality >= 0.5) > 0.8
    np.testing.assert_array_equal(epoch.measures, hrv_measures(epoch.r_peaks, RATE))


def test_share_must_be_greater(ecg):
    share = measure_epoch(ecg, RATE, rule=KEEP_ALL).good_share
    assert measure_epoch(ecg, RATE, rule=EpochRule(good_share=share)).reason == "low_quality"
    assert measure_epoch(ecg, RATE, rule=EpochRule(good_share=share - 1e-9)).reason == ""


def test_short_gaps_are_filled_and_long_ones_are_not(ecg):
    broken = ecg.copy()
    broken[1000 : 1000 + int(0.2 * RATE)] = np.nan
    assert measure_epoch(broken, RATE, rule=KEEP_ALL).reason == ""
    broken[1000 + int(0.2 * RATE)] = np.nan
    dropped = measure_epoch(broken, RATE, rule=KEEP_ALL)
    assert dropped.reason == "gaps" and dropped.n_beats == 0 and np.isnan(dropped.good_share)


def test_fewest_beats_grow_with_the_epoch(ecg_of):
    slow = ecg_of(np.arange(1, 299, 8.0), noise=0)
    lenient = EpochRule(good_share=-1, max_flat_s=10)
    assert measure_epoch(slow, RATE, rule=lenient).reason == "few_beats"
    assert measure_epoch(slow, RATE, rule=replace(lenient, min_rate=5)).reason == ""


def test_short_epoch(ecg):
    epoch = measure_epoch(ecg[: 20 * RATE], RATE, rule=KEEP_ALL)
    measures = dict(zip(MEASURES, epoch.measures, strict=True))
    assert epoch.reason == "" and 22 <= epoch.n_beats <= 26
    assert np.isnan(measures["SDANN1"]) and np.isfinite(measures["RMSSD"])
    assert np.isnan(measures["VLF"])  # 20 s resolve no such slow rhythm


@pytest.mark.parametrize("rate", [125, 360, 500])
def test_other_rates_are_resampled_first(ecg, rate):
    other = resample(ecg, RATE, rate)
    epoch = measure_epoch(other, rate, rule=KEEP_ALL)
    direct = measure_epoch(resample(other, rate, RATE), RATE, rule=KEEP_ALL)
    np.testing.assert_array_equal(epoch.measures, direct.measures)
    original = measure_epoch(ecg, RATE, rule=KEEP_ALL)
    assert np.abs(epoch.r_peaks - original.r_peaks).max() <= 1


def test_target_rate_is_an_argument(ecg):
    fine = measure_epoch(ecg, RATE, target_rate=500, rule=KEEP_ALL)
    coarse = measure_epoch(ecg, RATE, rule=KEEP_ALL)
    np.testing.assert_array_equal(fine.measures, hrv_measures(fine.r_peaks, 500))
    assert fine.measures[0] == pytest.approx(coarse.measures[0], rel=0.01)


def test_input_is_left_alone(ecg):
    before = ecg.copy()
    measure_epoch(ecg, RATE)
    np.testing.assert_array_equal(ecg, before)


@pytest.mark.parametrize("ecg", [np.zeros((2, N)), np.array(["a"] * N), np.zeros(N, dtype=bool)])
def test_not_a_row_of_numbers(ecg):
    with pytest.raises(InputError, match="one row of numbers"):
        measure_epoch(ecg, RATE)


@pytest.mark.parametrize("rates", [(50, 250), (250, 50)])
def test_rates_too_low(rates):
    with pytest.raises(ConfigError, match="too low"):
        measure_epoch(np.zeros(N), rates[0], target_rate=rates[1])
