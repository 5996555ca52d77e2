"""One epoch in, measures and a reason out; whatever comes in."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import wfdb

from mimicflow.ecg.clean import resample
from mimicflow.errors import ConfigError, InputError
from mimicflow.hrv.epochs import CLINICAL_REASONS, REASONS, measure_epoch
from mimicflow.hrv.intervals import Intervals
from mimicflow.hrv.measures import MEASURES, hrv_measures
from mimicflow.hrv.preprocessing import PUBLISHED, Preprocessing

RATE = 250
N = 300 * RATE
NO_LIMITS = {
    "good_share": -1, "max_missing_s": np.inf, "max_flat_s": np.inf, "max_railed_s": np.inf,
    "max_lost": 1, "min_rate": 0,
}  # fmt: skip
NO_RULE = replace(PUBLISHED, quality=replace(PUBLISHED.quality, **NO_LIMITS))


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
        "runs of NaN": (gaps, "low_quality"),
        "every tenth NaN": (every_tenth, "gaps"),
        "constant": (np.full(N, 0.7), "flat"),
        "zero": (np.zeros(N), "flat"),
        "integers": (np.zeros(N, dtype=np.int16), "flat"),
        "lead comes off": (half_off, "flat"),
        "noise": (noise, "low_quality"),
        "asystole": (0.05 * noise, "asystole"),
        "slow drift": (np.sin(np.arange(N) / 2000), "flat"),
        "mains": (np.sin(2 * np.pi * 60 * np.arange(N) / RATE), "asystole"),
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
        measure_epoch(signal, RATE, NO_RULE)
    assert epoch.reason == reason and reason in REASONS
    assert epoch.measures.shape == (43,) and np.isnan(epoch.measures).all()


@pytest.mark.parametrize("beats_per_minute", [20, 35, 60, 150, 190])
@pytest.mark.parametrize("noise", [0, 0.02])
def test_constant_rates_have_no_warning(ecg_of, beats_per_minute, noise):
    signal = ecg_of(np.arange(1, 299, 60 / beats_per_minute), noise=noise)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        epoch = measure_epoch(signal, RATE, NO_RULE)
    assert epoch.reason == ""
    if beats_per_minute >= 60 or not noise:  # between slow beats, the method finds beats in noise
        assert abs(epoch.n_beats - beats_per_minute * 298 / 60) < 3
        assert epoch.measures[0] == pytest.approx(60_000 / beats_per_minute, rel=0.02)


def test_kept_epoch(ecg):
    epoch = measure_epoch(ecg, RATE)
    assert epoch.reason == "" and np.isfinite(epoch.measures).all()
    assert epoch.n_beats == len(epoch.quality) == len(epoch.r_peaks)
    assert epoch.good_share == np.mean(epoch.quality >= 0.9) > 0.985
    intervals = Intervals.between(epoch.r_peaks, RATE)
    np.testing.assert_array_equal(epoch.measures, hrv_measures(intervals, 0.5))


@pytest.mark.parametrize("steps", [Preprocessing(), PUBLISHED])
def test_share_must_be_greater(ecg, steps):
    def reason(share: float) -> str:
        return measure_epoch(ecg, RATE, limited(steps, good_share=share, good_index=0.9995)).reason

    share = measure_epoch(ecg, RATE, limited(steps, good_share=-1, good_index=0.9995)).good_share
    assert 0 < share < 1
    assert (reason(share), reason(share - 1e-9)) == ("low_quality", "")


def limited(steps: Preprocessing, **limits) -> Preprocessing:
    return replace(steps, quality=replace(steps.quality, **limits))


def test_lost_beats_are_no_long_intervals(ecg):
    """A run of missing samples on every tenth R peak: all measures stay nearly as they were."""
    whole = measure_epoch(ecg, RATE)
    broken = ecg.copy()
    for peak in np.rint(whole.r_peaks[5::10]).astype(int):
        broken[peak - 20 : peak + 20] = np.nan

    epoch = measure_epoch(broken, RATE, limited(Preprocessing(), max_lost=0.1))

    assert epoch.reason == "" and abs(epoch.n_beats - 0.9 * whole.n_beats) <= 2
    for name, most in (("MeanNN", 0.005), ("SDNN", 0.05), ("RMSSD", 0.05), ("MaxNN", 0.02)):
        place = MEASURES.index(name)
        assert epoch.measures[place] == pytest.approx(whole.measures[place], rel=most), name


def test_ten_lines_of_four_seconds_are_no_signal(ecg):
    """They had raised SDNN from 39 to 647 ms."""
    for first in range(20, 300, 28):
        ecg = ecg.copy()
        ecg[first * RATE : (first + 4) * RATE] = ecg[first * RATE]
    assert measure_epoch(ecg, RATE).reason == "flat"


def test_a_line_of_two_seconds_and_a_half_is_left_out(ecg):
    whole = measure_epoch(ecg, RATE)
    broken = ecg.copy()
    broken[5000 : 5000 + int(2.7 * RATE)] = 0.05
    epoch = measure_epoch(broken, RATE)
    assert epoch.reason == ""
    assert epoch.measures[MEASURES.index("MaxNN")] < 1.02 * whole.measures[MEASURES.index("MaxNN")]


@pytest.mark.parametrize("seconds", [0.3, 1.0, 2.2])
def test_beats_behind_a_short_hold_are_no_long_intervals(ecg, seconds):
    """A line that is too short to be called flat hides beats all the same."""
    held = ecg.copy()
    whole = measure_epoch(ecg, RATE)
    for beat in whole.r_peaks[[30, 120, 210, 300]]:
        first = int(beat) - 20
        held[first : first + int(seconds * RATE)] = held[first]

    epoch = measure_epoch(held, RATE)

    assert epoch.reason == "" and epoch.n_beats < whole.n_beats
    np.testing.assert_allclose(epoch.measures[:2], whole.measures[:2], rtol=0.03)


def test_a_beat_behind_a_few_missing_samples_is_no_long_interval(ecg):
    """Thirty milliseconds may lie on a peak: where a beat is overdue, it did."""
    whole = measure_epoch(ecg, RATE)
    hidden = ecg.copy()
    for beat in whole.r_peaks[[30, 120, 210, 300]]:
        hidden[int(beat) - 14 : int(beat) - 5] = np.nan
        hidden[int(beat) - 5 : int(beat) + 15] = hidden[int(beat) - 15]

    epoch = measure_epoch(hidden, RATE)

    assert epoch.reason == "" and epoch.n_beats < whole.n_beats
    np.testing.assert_allclose(epoch.measures[:2], whole.measures[:2], rtol=0.03)


def test_pauses_of_a_recording_that_holds_lines_between_all_beats_are_pauses(ecg_of):
    """Coarse steps hold the line between beats: a longer one says nothing."""
    intervals = np.full(400, 0.8)
    intervals[[60, 150, 240]] = 1.5
    beats = 0.5 + np.cumsum(intervals)
    coarse = np.round(ecg_of(beats[beats < 299.4], noise=0) / 0.08) * 0.08

    longest = measure_epoch(coarse, RATE).measures[MEASURES.index("MaxNN")]

    assert longest == pytest.approx(1500, abs=30)


def test_a_pause_in_which_something_moves_is_no_interval(ecg):
    """A lead that swings for six seconds: neither asystole nor an RR interval of six seconds."""
    swings = ecg.copy()
    time = np.arange(6 * RATE) / RATE
    swings[100 * RATE : 106 * RATE] = 0.25 * np.sin(2 * np.pi * 0.8 * time)

    epoch = measure_epoch(swings, RATE)

    assert epoch.reason == "" and np.diff(epoch.r_peaks).max() > 6 * RATE
    assert epoch.measures[MEASURES.index("MaxNN")] < 1000


def test_lost_signal_beside_a_slow_rhythm_is_no_asystole(ecg_of):
    """Of 4.8 s without a beat, the one second in which it came was not recorded."""
    beats = 0.5 + np.cumsum(np.full(130, 2.4))
    slow = ecg_of(beats[beats < 299.4], noise=0.01)
    middle = int(beats[50] * RATE)
    slow[middle - int(0.4 * RATE) : middle + int(0.6 * RATE)] = np.nan

    assert measure_epoch(slow, RATE).reason != "asystole"


def test_four_seconds_at_the_rail(ecg):
    railed = ecg.copy()
    railed[5000 : 5000 + 4 * RATE] = 5.0
    assert measure_epoch(railed, RATE).reason == "railed"


@pytest.mark.parametrize("seconds", [6, 60, 290])
def test_an_asystole_is_what_the_patient_has(ecg, seconds):
    """With 10 µV of noise, so that it is no line."""
    stopped = ecg.copy()
    stopped[5 * RATE : (5 + seconds) * RATE] = np.random.default_rng(1).normal(
        0, 0.01, seconds * RATE
    )
    assert measure_epoch(stopped, RATE).reason == "asystole"
    assert "asystole" in CLINICAL_REASONS


@pytest.mark.parametrize("hertz", [3.5, 5.0, 7.0])
@pytest.mark.parametrize("seconds", [60, 290])
def test_a_fibrillation_is_what_the_patient_has(ecg, hertz, seconds):
    generator = np.random.default_rng(2)
    n = seconds * RATE
    turn = 2 * np.pi * np.cumsum(hertz + generator.normal(0, 6, n)) / RATE
    size = 0.4 + 0.15 * np.sin(np.arange(n) / RATE / 2)
    fibrillating = ecg.copy()
    fibrillating[5 * RATE : 5 * RATE + n] = size * np.sin(turn)
    assert measure_epoch(fibrillating, RATE).reason == "fibrillation"


@pytest.mark.parametrize("hertz", [3.0, 4.0, 5.0, 6.0])
@pytest.mark.parametrize("height", [0.1, 0.15, 0.2])
def test_a_fibrillation_of_which_few_waves_look_like_beats_is_one(ecg_of, hertz, height):
    intervals = 0.8 + 0.04 * np.sin(np.arange(400))
    beats = 0.5 + np.cumsum(intervals)
    made = ecg_of(beats[beats < 299.4], noise=0.01)
    time = np.arange(30 * RATE) / RATE
    waves = height * np.sin(2 * np.pi * (hertz * time + 0.4 * np.sin(2 * np.pi * 0.3 * time)))
    made[100 * RATE : 130 * RATE] = waves

    assert measure_epoch(made, RATE).reason == "fibrillation"


def test_gaps_of_seconds(ecg):
    broken = ecg.copy()
    broken[1000 : 1000 + 3 * RATE] = np.nan
    assert measure_epoch(broken, RATE).reason == ""
    broken[1000 + 3 * RATE] = np.nan
    dropped = measure_epoch(broken, RATE)
    assert dropped.reason == "gaps" and dropped.n_beats == 0 and np.isnan(dropped.good_share)


def test_fewest_beats_grow_with_the_epoch(ecg_of):
    slow = ecg_of(np.arange(1, 299, 3.9), noise=0.03)
    strict = limited(Preprocessing(), good_share=-1, min_rate=20)
    assert measure_epoch(slow, RATE, strict).reason == "few_beats"
    assert measure_epoch(slow, RATE, limited(strict, min_rate=5)).reason == ""


def test_short_epoch(ecg):
    epoch = measure_epoch(ecg[: 20 * RATE], RATE)
    measures = dict(zip(MEASURES, epoch.measures, strict=True))
    assert epoch.reason == "" and 22 <= epoch.n_beats <= 26
    assert np.isnan(measures["SDANN1"]) and np.isfinite(measures["RMSSD"])
    assert np.isnan(measures["VLF"])  # 20 s resolve no such slow rhythm


@pytest.mark.parametrize("rate", [125, 360, 500])
def test_other_rates_are_resampled_first(ecg, rate):
    other = resample(ecg, RATE, rate)
    epoch = measure_epoch(other, rate)
    direct = measure_epoch(resample(other, rate, RATE), RATE)
    np.testing.assert_array_equal(epoch.measures, direct.measures)
    original = measure_epoch(ecg, RATE)
    assert np.abs(epoch.r_peaks - original.r_peaks).max() <= 1


def test_the_rate_of_the_preprocessing(ecg):
    fine = measure_epoch(ecg, RATE, replace(Preprocessing(), sampling_rate=500))
    coarse = measure_epoch(ecg, RATE)
    np.testing.assert_allclose(fine.r_peaks / 500, coarse.r_peaks / 250, atol=0.002)
    assert fine.measures[0] == pytest.approx(coarse.measures[0], rel=1e-4)


def test_aligned_peaks_lie_between_samples(ecg_of):
    """Of beats at known times, at 125 Hz: a sample is 8 ms."""
    beats = np.cumsum(np.random.default_rng(5).normal(0.8, 0.03, 400))
    beats = beats[beats < 299]
    ecg = ecg_of(beats, noise=0.02, rate=125)

    steps = Preprocessing()
    aligned, plain = (
        measure_epoch(ecg, 125, replace(steps, align_beats=align)).r_peaks / 250
        for align in (True, False)
    )

    errors = [np.std(found - beats[-len(found) :]) for found in (aligned, plain)]
    assert errors[0] < 0.0006 < 0.001 < errors[1]


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
        measure_epoch(np.zeros(N), rates[0], replace(Preprocessing(), sampling_rate=rates[1]))


@pytest.mark.parametrize(
    ("record", "lead"),
    [
        ("mitdb/100", "MLII"),
        ("mitdb/121", "MLII"),
        ("mitdb/202", "MLII"),
        ("mimicdb/03700181", "MCL1"),
    ],
)
def test_every_epoch_of_a_good_real_recording_is_kept(shared_data, record, lead):
    """By the published rule, one of these twenty."""
    path = str(shared_data / "ecg-long" / record)
    samples = wfdb.rdrecord(path, channel_names=[lead], smooth_frames=True)
    n = 300 * samples.fs
    epochs = [samples.p_signal[at : at + n, 0] for at in range(0, samples.sig_len - n + 1, n)]
    assert len(epochs) == (2 if record.startswith("mimicdb") else 6)
    assert [measure_epoch(epoch, samples.fs).reason for epoch in epochs] == [""] * len(epochs)


@pytest.mark.parametrize("first", [100, 296])
def test_beats_of_a_lead_that_fades_are_no_pause(ecg_of, first):
    """Beats a sixth as high are not found; also where the last interval hides them."""
    beats = np.arange(0.5, 299.6, 0.8) + np.random.default_rng(0).uniform(0, 0.03, 374)
    faint = (beats > first) & (beats < first + 2.4)
    ecg = ecg_of(beats[~faint]) + ecg_of(beats[faint], 0) / 6

    measured = measure_epoch(ecg, RATE)

    assert measured.n_beats == len(beats) - faint.sum() and measured.reason == ""
    assert measured.measures[MEASURES.index("SDNN")] < 20
