"""The whole chain, measure by measure, against NeuroKit2 0.2.13 itself."""

import warnings
from dataclasses import replace

import neurokit2
import numpy as np
import pytest

from mimicflow.hrv.clean import clean_lead
from mimicflow.hrv.epochs import measure_epoch
from mimicflow.hrv.intervals import Intervals
from mimicflow.hrv.measures import MEASURES, TABLE, hrv_measures
from mimicflow.hrv.peaks import find_r_peaks
from mimicflow.hrv.preprocessing import PUBLISHED, Quality
from mimicflow.hrv.quality import average_qrs_quality

RATE, POWERLINE = 250, 50
TOLERANCE = 1e-6
CPSC = ("21_8", "21_9", "84_1", "84_2", "92_19", "92_4")
TELEMETRY = "multi-segment/s25047/3234460_"
BEDSIDE = "multi-segment/s00001/3975656_"
# record : lead : start in s; each is 5 minutes without a missing sample
REAL = [
    *(f"mitdb/100:MLII:{300 * number}" for number in range(6)),
    *(f"cpsc2021/data_{name}:II:0" for name in CPSC),
    f"{TELEMETRY}0015:II:0", f"{TELEMETRY}0018:II:200",
    f"{TELEMETRY}0016:II:800", f"{TELEMETRY}0016:II:1320", f"{TELEMETRY}0016:II:1720",
    f"{BEDSIDE}0005:MCL1:0", f"{BEDSIDE}0005:V:3000", f"{BEDSIDE}0005:MCL1:6900",
    f"{BEDSIDE}0006:MCL1:0", f"{BEDSIDE}0006:V:4500", f"{BEDSIDE}0006:MCL1:9900",
]  # fmt: skip
RHYTHMS = [
    "sinus", "atrial fibrillation", "bigeminy", "paced",
    "bradycardia", "tachycardia", "dropped beats",
]  # fmt: skip
AS_NEUROKIT = replace(PUBLISHED, powerline=POWERLINE, quality=Quality("average_qrs", 0.9, -1))
FREQUENCY = (TABLE["group"] == "frequency").to_numpy()


def assert_measures_equal(ours: np.ndarray, expected: np.ndarray) -> None:
    """NaN and infinite where NeuroKit2 has them, within 1e-6 relative elsewhere."""
    for name, value, reference in zip(MEASURES, ours, expected, strict=True):
        np.testing.assert_allclose(value, reference, rtol=TOLERANCE, atol=0, err_msg=name)


@pytest.mark.parametrize("name", [*REAL, *RHYTHMS])
def test_chain(epoch, neurokit_chain, name):
    ecg, expected = epoch(name), neurokit_chain(name)
    cleaned = clean_lead(ecg, RATE, POWERLINE)
    np.testing.assert_array_equal(cleaned, expected.cleaned)
    r_peaks = find_r_peaks(cleaned, RATE, PUBLISHED.detector)
    np.testing.assert_array_equal(r_peaks, expected.r_peaks)
    assert len(r_peaks) > 100
    quality = average_qrs_quality(cleaned, r_peaks, RATE)
    np.testing.assert_allclose(quality, expected.quality[r_peaks], rtol=0, atol=TOLERANCE)
    whole = measure_epoch(ecg, RATE, AS_NEUROKIT)
    np.testing.assert_array_equal(whole.quality, quality)
    np.testing.assert_array_equal(whole.measures, hrv_measures(Intervals.between(r_peaks, RATE)))
    if name == "paced":
        assert np.ptp(np.diff(r_peaks)) == 0
    else:
        assert_measures_equal(whole.measures, expected.measures)
        assert np.isfinite(whole.measures).all()


def test_paced_rhythm_has_no_spectrum_and_no_nonlinear_measures(epoch, neurokit_chain):
    """All intervals are equal: NeuroKit2 fails in one domain and rates its rounding in another."""
    ours = measure_epoch(epoch("paced"), RATE, AS_NEUROKIT).measures
    expected = neurokit_chain("paced").measures
    time = (TABLE["group"] == "time").to_numpy()
    assert_measures_equal(np.where(FREQUENCY, np.nan, ours), np.where(FREQUENCY, np.nan, expected))
    assert np.isfinite(ours[time]).all() and np.isnan(ours[~time]).all()
    assert dict(zip(MEASURES, ours, strict=True))["SDNN"] == 0


def random_peaks(generator: np.random.Generator, rate: int) -> np.ndarray:
    """Rhythms of all kinds: from 4 beats up, nearly regular to chaotic, with pauses."""
    n = int(generator.choice([4, 5, 8, 20, 100, 250, 400]))
    spread = generator.choice([0.002, 0.01, 0.05, 0.3])
    intervals = np.maximum(generator.normal(generator.uniform(0.35, 1.8), spread, n), 0.31)
    if generator.random() < 0.4:
        intervals[generator.integers(0, n, 2)] *= generator.uniform(1.5, 12)
    if generator.random() < 0.2:
        intervals[::2] *= 1.6
    return np.cumsum(np.rint(intervals * rate).astype(np.int64))


@pytest.mark.parametrize("rate", [100, 128, 250, 360, 500, 1000])
def test_measures_of_random_rhythms(neurokit_measures, rate):
    generator = np.random.default_rng(rate)
    for _ in range(25):
        r_peaks = random_peaks(generator, rate)
        if np.ptp(np.diff(r_peaks)):
            expected = neurokit_measures(r_peaks, rate)
            assert_measures_equal(hrv_measures(Intervals.between(r_peaks, rate)), expected)


def test_pause_longer_than_a_window(neurokit_measures):
    intervals = np.array([0.5, *[0.8] * 100, 80, *[0.8] * 200])
    r_peaks = np.cumsum(np.rint(intervals * RATE).astype(np.int64))
    assert_measures_equal(
        hrv_measures(Intervals.between(r_peaks, RATE)), neurokit_measures(r_peaks)
    )


def test_pause_at_the_beginning_where_neurokit_fails(neurokit_measures):
    """No interval ends in the first minute: the other windows are used."""
    r_peaks = np.cumsum(np.rint(np.array([0.5, 70, *[0.9] * 130]) * RATE).astype(np.int64))
    with pytest.raises(IndexError):
        neurokit_measures(r_peaks)
    ours = dict(zip(MEASURES, hrv_measures(Intervals.between(r_peaks, RATE)), strict=True))
    assert ours["MaxNN"] == 70_000 and np.isfinite([ours["SDANN1"], ours["SDNNI1"]]).all()


@pytest.mark.parametrize(("rate", "powerline"), [(100, 50), (128, 50), (360, 60), (500, 50)])
def test_chain_at_other_rates(ecg_of, rate, powerline):
    """And with a lead that comes off: flat, then only noise."""
    beats = np.cumsum(np.random.default_rng(rate).normal(0.8, 0.05, 360))
    ecg = ecg_of(beats, rate=rate)
    ecg[100 * rate : 140 * rate] = ecg[100 * rate]
    ecg[200 * rate : 230 * rate] = np.random.default_rng(0).normal(0, 0.3, 30 * rate)
    ecg = ecg[: 280 * rate]
    cleaned = clean_lead(ecg, rate, powerline)
    expected = neurokit2.ecg_clean(ecg, sampling_rate=rate, powerline=powerline)
    np.testing.assert_array_equal(cleaned, expected)
    r_peaks = find_r_peaks(cleaned, rate, PUBLISHED.detector)
    found = neurokit2.ecg_findpeaks(expected, sampling_rate=rate)["ECG_R_Peaks"]
    np.testing.assert_array_equal(r_peaks, found)
    quality = neurokit2.ecg_quality(expected, rpeaks=found, sampling_rate=rate)[found]
    ours = average_qrs_quality(cleaned, r_peaks, rate)
    np.testing.assert_allclose(ours, quality, rtol=0, atol=TOLERANCE)


def test_missing_samples_are_filled_as_neurokit_fills_them(epoch):
    ecg = epoch("sinus").copy()
    ecg[:7] = ecg[20_000:20_040] = ecg[40_000] = ecg[-3:] = np.nan
    ours = measure_epoch(ecg, RATE, AS_NEUROKIT)
    with warnings.catch_warnings():  # of the missing samples
        warnings.simplefilter("ignore", neurokit2.misc.NeuroKitWarning)
        cleaned = neurokit2.ecg_clean(ecg, sampling_rate=RATE, powerline=POWERLINE)
    found = neurokit2.ecg_findpeaks(cleaned, sampling_rate=RATE)["ECG_R_Peaks"]
    np.testing.assert_array_equal(ours.r_peaks, found)


@pytest.mark.parametrize("rate", [128, 250])
def test_measures_where_intervals_are_missing(neurokit_of_intervals, rate):
    """NeuroKit2 takes intervals with their times, and leaves out differences over a gap."""
    generator = np.random.default_rng(rate)
    for _ in range(10):
        r_peaks = random_peaks(generator, rate)
        broken = generator.random(len(r_peaks) - 1) < 0.1
        broken[[0, -1]] = False
        if len(r_peaks) < 100 or not broken.any():
            continue
        intervals = Intervals.between(r_peaks, rate, broken)
        expected = neurokit_of_intervals(intervals.rr, intervals.ends, rate)

        assert_measures_equal(hrv_measures(intervals), expected)
