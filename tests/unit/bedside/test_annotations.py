"""Beats of WFDB annotations, as wfdb reads them."""

import signal

import numpy as np
import pandas as pd
import pytest
import wfdb
from made_arrest_registry import beats_of, reason_of, write_annotation

from mimicflow.bedside.annotations import BEAT_SYMBOLS
from mimicflow.bedside.open_recording import open_recording
from mimicflow.bedside.recording import BeatRecording
from mimicflow.errors import RecordError

BACK = b"\0\xec\xff\xff\x78\xec\0\4"  # a normal beat 5000 samples before the last one
PLACES = np.rint(beats_of(60) * 1000).astype(np.int64)


@pytest.mark.parametrize("ending", ["atr", "ari", "qrs", "ecg", "ATR"])
def test_an_annotation_gives_its_beats(tmp_path, ending):
    file = write_annotation(tmp_path, f"a.{ending.lower()}", PLACES)
    file.rename(tmp_path / f"a.{ending}")

    recording = open_recording(tmp_path, f"a.{ending}", "II")  # the lead of what was annotated

    assert isinstance(recording, BeatRecording)
    assert np.array_equal(recording.beats.places, PLACES)
    assert (recording.beats.symbols == "N").all()
    assert (recording.sampling_rate, recording.lead) == (1000, "")
    assert recording.n_samples == PLACES[-1] + 1 and recording.start_time is None
    assert recording.wrong_segments() == () and recording.lost_share == 0


def test_what_is_no_beat_is_passed_over(tmp_path):
    symbols = list("N+~V|xNsT[!]QN") + ["N"] * (len(PLACES) - 14)

    write_annotation(tmp_path, "a.atr", PLACES, symbols)

    beats = open_recording(tmp_path, "a.atr").beats
    assert "".join(beats.symbols[:6]) == "NVN!QN"
    assert beats.fibrillation.tolist() == [[PLACES[9], PLACES[11]]]


def test_fibrillation_without_an_end_lasts_to_the_end(tmp_path):
    write_annotation(tmp_path, "a.atr", PLACES[:4], "NN[N")

    recording = open_recording(tmp_path, "a.atr")

    assert recording.beats.fibrillation.tolist() == [[PLACES[2], recording.n_samples]]


def test_the_header_says_rate_length_and_beginning(tmp_path):
    write_annotation(tmp_path, "a.atr", PLACES, rate=None)
    (tmp_path / "a.hea").write_text(
        "a 1 250 99000 10:11:12 01/02/2150\na.dat 16 200 16 0 0 0 0 II\n"
    )

    recording = open_recording(tmp_path, "a.atr")

    assert (recording.sampling_rate, recording.n_samples) == (250, 99_000)
    assert recording.start_time == pd.Timestamp("2150-02-01 10:11:12")


def test_an_annotation_may_have_a_finer_rate_than_its_header(tmp_path):
    write_annotation(tmp_path, "a.atr", PLACES, rate=1000)
    (tmp_path / "a.hea").write_text("a 1 250 30000\na.dat 16 200 16 0 0 0 0 II\n")

    recording = open_recording(tmp_path, "a.atr")

    assert (recording.sampling_rate, recording.n_samples) == (1000, 120_000)


def test_an_annotation_without_a_rate_says_what_to_do(tmp_path):
    write_annotation(tmp_path, "a.atr", PLACES, rate=None)

    with pytest.raises(
        RecordError, match=r"a\.hea: .*a\.atr does not say how many samples"
    ) as raised:
        open_recording(tmp_path, "a.atr")

    assert raised.value.reason == "no_sampling_rate"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda content: content[:-2], "unreadable"),  # cut off
        (lambda content: content[:-3] + b"\0\0", "unreadable"),  # half a word
        (lambda _: b"", "unreadable"),
        (lambda _: b"\0\0", "no_sampling_rate"),
        (lambda content: content[:-2] + BACK + b"\0\0", "unreadable"),
    ],
)
def test_damaged_annotations(tmp_path, change, reason):
    file = write_annotation(tmp_path, "a.atr", PLACES)
    file.write_bytes(change(file.read_bytes()))

    assert reason_of(open_recording, tmp_path, "a.atr") == reason


@pytest.mark.parametrize(
    ("symbols", "rate", "reason"), [("~", 1000, "empty"), ("N", 50, "low_rate")]
)
def test_what_cannot_be_used(tmp_path, symbols, rate, reason):
    write_annotation(tmp_path, "a.atr", PLACES, symbols, rate)

    assert reason_of(open_recording, tmp_path, "a.atr") == reason


def test_what_is_not_there_or_elsewhere(tmp_path):
    write_annotation(tmp_path / "other", "a.atr", PLACES)
    (tmp_path / "waves").mkdir()
    (tmp_path / "waves/a.atr").symlink_to(tmp_path / "other/a.atr")
    write_annotation(tmp_path / "waves", "b.atr", PLACES, rate=None)
    (tmp_path / "waves/b.hea").symlink_to(tmp_path / "other/b.hea")

    assert reason_of(open_recording, tmp_path / "waves", "c.atr") == "missing"
    assert reason_of(open_recording, tmp_path / "waves", "a.atr") == "outside_folder"
    assert reason_of(open_recording, tmp_path / "waves", "b.atr") == "outside_folder"


@pytest.mark.parametrize("note", ["## time resolution: 250", "## by hand", "## end of definitions"])
def test_notes_at_which_wfdb_hangs_are_refused(tmp_path, note):
    wfdb.wrann(
        "a", "atr", np.array([0, 0, 500, 900]), symbol=['"', '"', "N", "N"],
        aux_note=["## time resolution: 1000", note, "", ""], write_dir=str(tmp_path),
    )  # fmt: skip
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("wfdb hangs"))
    signal.alarm(10)
    try:
        assert reason_of(open_recording, tmp_path, "a.atr") == "unreadable"
    finally:
        signal.alarm(0)


def test_definitions_of_symbols_are_read(tmp_path):
    labels = pd.DataFrame(
        {"label_store": [45], "symbol": ["z"], "description": ["of our own device"]}
    )
    wfdb.wrann(
        "a", "atr", np.array([300, 700, 1500]), symbol=["N", "z", "N"], fs=500,
        custom_labels=labels, write_dir=str(tmp_path),
    )  # fmt: skip

    beats = open_recording(tmp_path, "a.atr").beats

    assert beats.places.tolist() == [300, 1500] and beats.sampling_rate == 500


def test_the_symbols_of_beats_are_those_of_wfdb():
    assert set("NLRBAaJSVrFejnE/fQ?!") == BEAT_SYMBOLS


@pytest.mark.parametrize("record", ["mitdb/100.atr", "cpsc2021/data_84_1.atr"])
def test_real_annotations_are_those_that_wfdb_reads(shared_data, record):
    folder = shared_data / "ecg-long"
    path, _, ending = record.partition(".")

    recording = open_recording(folder, record)

    theirs = wfdb.rdann(str(folder / path), ending)
    is_beat = [symbol in BEAT_SYMBOLS for symbol in theirs.symbol]
    assert np.array_equal(recording.beats.places, theirs.sample[is_beat])
    assert recording.sampling_rate == wfdb.rdheader(str(folder / path)).fs
    assert recording.n_samples == wfdb.rdheader(str(folder / path)).sig_len
