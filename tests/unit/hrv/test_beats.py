"""Epochs of beats without samples: which are kept, and that they are measured as those of ECG."""

from dataclasses import replace

import neurokit2
import numpy as np
import pytest
from made_arrest_registry import beats_of

from mimicflow.bedside.open_recording import open_recording
from mimicflow.hrv.artifacts import correct_artifacts
from mimicflow.hrv.beats import Beats
from mimicflow.hrv.epochs import CLINICAL_REASONS, REASONS, measure_beats, measure_epoch
from mimicflow.hrv.intervals import Intervals
from mimicflow.hrv.measures import MEASURES, hrv_measures
from mimicflow.hrv.preprocessing import BeatQuality, Preprocessing

RATE = 1000
EPOCH = 300 * RATE
STEPS = Preprocessing()


def epoch_of(places, symbols="N", fibrillation=(), rate=RATE, n=None) -> Beats:
    """Return the beats of an epoch, all of one symbol unless there is one for each."""
    places = np.asarray(places)
    each = np.full(len(places), symbols) if isinstance(symbols, str) else np.asarray(symbols)
    stretches = np.array(fibrillation, dtype=np.int64).reshape(-1, 2)
    return Beats(places, each, stretches, n or 300 * rate, rate)


@pytest.fixture(scope="module")
def places() -> np.ndarray:
    """An epoch of sinus rhythm."""
    return np.rint(beats_of(300) * RATE).astype(np.int64)


def named(measures: np.ndarray) -> dict[str, float]:
    return dict(zip(MEASURES, measures, strict=True))


def test_an_epoch_of_normal_beats_is_kept(places):
    one = measure_beats(epoch_of(places))

    assert (one.reason, one.n_beats, one.good_share) == ("", len(places), 1.0)
    assert np.array_equal(one.measures, hrv_measures(Intervals.between(places, RATE), 0.5))
    assert np.array_equal(one.r_peaks, places / 4)  # at the rate at which beats are sought


@pytest.mark.parametrize(
    "name", ["mitdb/100:MLII:0", "mitdb/100:MLII:900", "cpsc2021/data_21_8:II:0", "sinus",
             "atrial fibrillation", "tachycardia"],
)  # fmt: skip
@pytest.mark.parametrize("align", [False, True])
def test_the_same_beats_have_the_same_measures_as_of_ecg(epoch, name, align):
    """Where no interval of the ECG is doubtful: then both have the same beats, and intervals."""
    steps = replace(STEPS, align_beats=align)
    of_ecg = measure_epoch(epoch(name), 250, steps)
    assert of_ecg.reason == ""

    of_beats = measure_beats(epoch_of(of_ecg.r_peaks, rate=250), steps)

    assert of_beats.reason == "" and np.array_equal(of_beats.r_peaks, of_ecg.r_peaks)
    assert np.array_equal(of_beats.measures, of_ecg.measures)


def test_beats_that_are_put_right_are_so_as_those_of_ecg(epoch):
    steps = replace(STEPS, correct_artifacts=True, align_beats=False)
    of_ecg = measure_epoch(epoch("sinus"), 250, replace(steps, correct_artifacts=False))
    early = of_ecg.r_peaks.copy()
    early[50] -= 60

    of_beats = measure_beats(epoch_of(early, rate=250), steps)

    corrected = neurokit2.signal_fixpeaks(early, 250, method="Kubios")[1]
    expected = hrv_measures(Intervals.between(corrected, 250), 0.5)
    np.testing.assert_allclose(of_beats.measures, expected, rtol=1e-9)


def test_intervals_beside_ectopic_beats_do_not_count(neurokit_of_intervals, places):
    """As NeuroKit2 has it of intervals that are missing."""
    early = places.copy()
    ectopic = np.arange(20, 300, 40)
    early[ectopic] -= 300
    symbols = np.full(len(places), "N")
    symbols[ectopic] = "V"

    one = measure_beats(epoch_of(early, symbols))

    kept = np.ones(len(places) - 1, dtype=bool)
    kept[ectopic], kept[ectopic - 1] = False, False
    rr, ends = np.diff(early)[kept].astype(float), early[1:][kept] / RATE
    assert one.reason == "" and one.good_share == pytest.approx(1 - len(ectopic) / len(places))
    np.testing.assert_allclose(one.measures, neurokit_of_intervals(rr, ends, RATE), rtol=1e-6)
    assert named(one.measures)["RMSSD"] < named(measure_beats(epoch_of(early)).measures)["RMSSD"]


@pytest.mark.parametrize("symbol", list("AaJSVFEej/fQ?n!r"))
def test_only_beats_of_the_sinus_node_are_normal(places, symbol):
    assert measure_beats(epoch_of(places, symbol)).reason == "few_normal"
    assert measure_beats(epoch_of(places, "L")).reason == ""
    taken = replace(STEPS, beats=BeatQuality(normal="NLRB" + symbol))
    assert measure_beats(epoch_of(places, symbol), taken).reason == ""


@pytest.mark.parametrize(("of_ten", "reason"), [(1, ""), (3, "few_normal")])
def test_the_share_of_normal_beats_decides(places, of_ten, reason):
    symbols = np.where(np.arange(len(places)) % 10 < of_ten, "V", "N")

    one = measure_beats(epoch_of(places, symbols))

    assert one.reason == reason and one.good_share == pytest.approx(1 - of_ten / 10, abs=0.01)
    assert np.isnan(one.measures).all() == bool(reason)


def test_no_interval_spans_lost_signal(places):
    """A gap of 10 s, which is no pause: the measures are those of the beats on either side."""
    left = places[(places < 100_000) | (places > 110_000)]

    one = measure_beats(epoch_of(left))

    assert one.reason == "" and named(one.measures)["MaxNN"] < 1000
    broken = np.diff(left) > 3000
    assert broken.sum() == 1
    expected = hrv_measures(Intervals.between(left, RATE, broken), 0.5)
    assert np.array_equal(one.measures, expected)


def test_a_beat_that_is_put_into_a_gap_does_not_bridge_it(places):
    """Of correct_artifacts, which takes a long interval for one in which a beat was missed."""
    left = np.delete(places, 100)
    steps = replace(STEPS, correct_artifacts=True, beats=BeatQuality(max_rr_ms=1500))

    one = measure_beats(epoch_of(left), steps)

    corrected = correct_artifacts(left, RATE)
    assert len(corrected) == len(places)
    broken = np.isin(np.arange(len(corrected) - 1), [99, 100])  # before and after it
    expected = hrv_measures(Intervals.between(corrected, RATE, broken), 0.5)
    assert np.array_equal(one.measures, expected)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda places: places[:0], "no_signal"),
        (lambda places: places[:3], "few_beats"),
        (lambda places: places[::12], "few_beats"),
        (lambda places: places[places < 200_000], "gaps"),
        (lambda places: places[places > 20_000], "gaps"),
        (lambda places: np.repeat(places, 2) + np.tile([0, 90], len(places)), "implausible"),
    ],
)
def test_reasons(places, change, reason):
    one = measure_beats(epoch_of(change(places)))

    assert one.reason == reason and reason in REASONS
    assert np.isnan(one.measures).all()


def test_a_pause_is_no_asystole_but_annotated_fibrillation_is_one(places):
    """Nobody knows what was in a gap; where it was written down, it is what the patient has."""
    gap = epoch_of(places[places < 200_000])
    fibrillation = epoch_of(places[places < 200_000], fibrillation=[(200_500, 290_000)])

    assert measure_beats(gap).reason not in CLINICAL_REASONS
    assert measure_beats(fibrillation).reason == "fibrillation"


def test_a_part_has_the_beats_at_or_after_its_first_sample_and_before_its_end(places):
    whole = epoch_of(places, fibrillation=[(1000, 2000)])
    first, second = places[5], places[9]

    part = whole.part(first, second - first)

    assert part.places.tolist() == (places[5:9] - first).tolist()
    assert part.n_samples == second - first
    assert len(part.fibrillation) == 0 and len(whole.part(1500, 100).fibrillation) == 1


def test_beats_between_samples_are_not_rounded():
    exact = beats_of(300) * 128 + 0.37

    one = measure_beats(epoch_of(exact, rate=128))

    assert np.array_equal(one.measures, hrv_measures(Intervals.between(exact, 128), 0.5))


def test_too_short_a_part_is_dropped():
    assert measure_beats(epoch_of([500, 1300], n=3000)).reason == "too_short"


@pytest.mark.parametrize("record", ["nsrdb/16265.atr", "sddb/36.atr", "sddb/52.atr", "sddb/33.ari"])
def test_epochs_of_real_holters_have_the_measures_of_neurokit(
    shared_data, neurokit_of_intervals, record
):
    """Sinus rhythm, atrial fibrillation, heart failure, beats of a device: the third hour."""
    recording = open_recording(shared_data / "open-real/holter-beats", record)
    n = int(300 * recording.sampling_rate)
    beats = recording.beats.part(24 * n, n)
    one = measure_beats(beats, replace(STEPS, equal_below_ms=0))

    is_normal = np.isin(beats.symbols, list("NLRB"))
    rr, ends = beats.intervals_ms, beats.places[1:] / recording.sampling_rate
    counts = is_normal[1:] & is_normal[:-1] & (rr >= 200) & (rr <= 3000)
    expected = neurokit_of_intervals(rr[counts], ends[counts], recording.sampling_rate)
    assert one.reason == ""
    np.testing.assert_allclose(one.measures, expected, rtol=1e-6)
