"""Damaged files of beats: the beats that wfdb or the rows of the file give, or a reason."""

import csv
import io

import numpy as np
import pytest
import wfdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_arrest_registry import beats_of, write_annotation

from mimicflow.bedside.annotations import BEAT_SYMBOLS
from mimicflow.bedside.open_recording import open_recording
from mimicflow.bedside.recording import BeatRecording
from mimicflow.errors import RecordError

from .damaged_files import attempt, damage_bytes, damage_lines, damage_table, is_refused, run_cases

HEADER = "a 1 250 99000 10:11:12 01/02/2150\na.dat 16 200 16 0 0 0 0 II\n"
BEATS = beats_of(60)
SYMBOLS = ["V" if number % 9 == 4 else "N" for number in range(len(BEATS))]
SECONDS = {"beat_time_s": 1.0, "rr_interval_s": 1.0, "rr_interval_ms": 0.001}


def opened(folder, record: str) -> BeatRecording | None:
    """Open a file of beats, which must be in order and inside their recording."""
    recording = attempt(open_recording, folder, record)
    if is_refused(recording):
        assert isinstance(recording, RecordError) and recording.reason
        return None
    beats = recording.beats
    assert 0 < len(beats.places) == len(beats.symbols)
    assert np.isfinite(beats.places).all() and (np.diff(beats.places) >= 0).all()
    assert beats.places[0] >= 0 and beats.places[-1] < recording.n_samples == beats.n_samples
    assert recording.n_samples <= 366 * 86400 * recording.sampling_rate
    return recording


def check_annotation(folder) -> None:
    recording = opened(folder, "a.atr")
    if recording is not None:
        theirs = wfdb.rdann(str(folder / "a"), "atr")
        is_beat = [symbol in BEAT_SYMBOLS for symbol in theirs.symbol]
        assert np.array_equal(recording.beats.places, theirs.sample[is_beat])
        assert recording.sampling_rate == theirs.fs


def plain(field: str) -> str:
    """Return a field without blanks and signs that nobody sees."""
    return "".join(filter(str.isprintable, field)).strip()


def check_table(folder) -> None:
    recording = opened(folder, "b.csv")
    if recording is None:
        return
    text = (folder / "b.csv").read_bytes().decode("utf-8-sig")
    header, *rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    names = [plain(name).lower() for name in header]
    (column,) = [name for name in names if name in SECONDS]
    values = np.array([float(plain(row[names.index(column)])) for row in rows]) * SECONDS[column]
    if column != "beat_time_s":
        values = np.r_[0, np.cumsum(values)]
    np.testing.assert_allclose(recording.beats.places, 1000 * values, rtol=1e-9)


@pytest.mark.parametrize("rate", [None, 1000])
def test_damaged_annotations(tmp_path, rate):
    file = write_annotation(tmp_path, "a.atr", np.rint(1000 * BEATS).astype(int), SYMBOLS, rate)
    (tmp_path / "a.hea").write_text(HEADER)
    sound = file.read_bytes()
    check_annotation(tmp_path)

    def case(draw):
        damaged = damage_bytes(sound[:-2], draw)
        # With an end, as a file has that was not cut off.
        file.write_bytes(damaged + b"\0" * (len(damaged) % 2 + 2 * int(draw.integers(4) > 0)))
        check_annotation(tmp_path)

    run_cases("annotations", case)


def test_damaged_tables_of_beats(tmp_path):
    def case(draw):
        column = list(SECONDS)[draw.integers(3)]
        values = BEATS if column == "beat_time_s" else np.diff(BEATS) / SECONDS[column]
        rows = [[f"{v:.10g}", symbol] for v, symbol in zip(values, SYMBOLS, strict=False)]
        content = damage_table([column, "symbol"], rows, draw)
        if draw.integers(3) == 0:
            lines = "\n".join([f"{column},symbol", *map(",".join, rows), ""])
            content = damage_lines(lines.encode(), draw)
        (tmp_path / "b.csv").write_bytes(content)
        check_table(tmp_path)

    run_cases("tables_of_beats", case)


@settings(
    max_examples=150, derandomize=True, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.binary(max_size=80), st.sampled_from(["", *SECONDS]))
def test_any_bytes(tmp_path, content, column):
    (tmp_path / "b.csv").write_bytes(column.encode() + b"\n" * bool(column) + content)
    (tmp_path / "a.atr").write_bytes(content + b"\0\0")
    (tmp_path / "a.hea").write_text(HEADER)
    check_table(tmp_path)
    check_annotation(tmp_path)
