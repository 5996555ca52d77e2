"""R peaks: equal to NeuroKit2's on anything, and where the reference beats are."""

import warnings

import neurokit2
import numpy as np
import pytest
import wfdb

from mimicflow.ecg.clean import resample
from mimicflow.hrv.clean import clean_lead
from mimicflow.hrv.peaks import find_r_peaks

RATE = 250
TOLERANCE_S = 0.05
BEATS = frozenset("NLRBAaJSVrFejnE/fQ")
# Least sensitivity and positive predictive value, in %. The beats of 84_1 that are missed lie in
# a stretch of noise.
RECORDS = {
    "mitdb/100": ("MLII", 99, 99),
    "cpsc2021/data_21_8": ("II", 99, 99),
    "cpsc2021/data_21_9": ("II", 99, 99),
    "cpsc2021/data_84_1": ("II", 97, 97),
    "cpsc2021/data_84_2": ("II", 99, 99),
    "cpsc2021/data_92_19": ("II", 99, 99),
    "cpsc2021/data_92_4": ("II", 97, 99),
}


def n_matched(found: np.ndarray, reference: np.ndarray) -> int:
    """Pairs of a found and a reference beat within 50 ms; every found beat is used once."""
    nearest = np.abs(found[:, None] - reference).argmin(axis=0)
    return len({one for one, beat in zip(nearest, reference, strict=True)
                if abs(found[one] - beat) <= TOLERANCE_S})  # fmt: skip


@pytest.mark.parametrize("record", RECORDS)
def test_reference_beats(shared_data, record):
    lead, least_sensitivity, least_predictive_value = RECORDS[record]
    path = str(shared_data / "ecg-long" / record)
    samples = wfdb.rdrecord(path, channel_names=[lead])
    marks = wfdb.rdann(path, "atr")
    beats = [at for at, symbol in zip(marks.sample, marks.symbol, strict=True) if symbol in BEATS]
    ecg = resample(samples.p_signal[:, 0], samples.fs, RATE)
    powerline = 60 if record.startswith("mitdb") else 50
    found = find_r_peaks(clean_lead(ecg, RATE, powerline), RATE)
    matched = n_matched(found / RATE, np.array(beats) / samples.fs)
    sensitivity, predictive_value = 100 * matched / len(beats), 100 * matched / len(found)
    print(f"{record}: {len(beats)} beats, sensitivity {sensitivity:.2f} %, "
          f"positive predictive value {predictive_value:.2f} %")  # fmt: skip
    assert sensitivity >= least_sensitivity
    assert predictive_value >= least_predictive_value


def signals() -> dict[str, np.ndarray]:
    """Signals that have little to do with an ECG."""
    generator = np.random.default_rng(0)
    noise = generator.normal(size=20_000)
    gated = noise * (np.arange(20_000) % 700 < 90)
    return {
        "noise": noise,
        "walk": noise.cumsum() / 20,
        "coarse": np.round(noise),  # plateaus, and maxima that are equally prominent
        "gated": gated,
        "square": np.sign(np.sin(np.arange(20_000) / 60)),
        "ramp": np.arange(20_000.0),
        "constant": np.full(20_000, 0.3),
        "zero": np.zeros(20_000),
        "one step": np.repeat([0.0, 1.0], 10_000),
        "spike at the start": np.r_[5.0, np.zeros(5000)],
        "spike at the end": np.r_[np.zeros(5000), 5.0],
        "cut in the first complex": np.r_[np.sin(np.arange(10)), np.zeros(4000), gated],
    }


@pytest.mark.parametrize("name", signals())
@pytest.mark.parametrize("rate", [100, 250, 500])
def test_equal_on_any_signal(name, rate):
    signal = signals()[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = find_r_peaks(signal, rate)
    with warnings.catch_warnings():  # of the mean of no complex
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = neurokit2.ecg_findpeaks(signal, rate)["ECG_R_Peaks"]
    np.testing.assert_array_equal(ours, expected)


def test_no_peak_is_an_empty_row_of_integers():
    none = find_r_peaks(np.zeros(1000), RATE)
    assert none.shape == (0,) and none.dtype == np.int64
    rising = find_r_peaks(np.r_[np.zeros(1000), np.arange(5.0)], RATE)  # begins and never ends
    assert rising.shape == (0,) and rising.dtype == np.int64


def test_peaks_keep_their_distance(ecg_of):
    peaks = find_r_peaks(clean_lead(ecg_of(np.arange(1, 299, 0.25)), RATE), RATE)
    assert np.diff(peaks).min() > 0.3 * RATE
