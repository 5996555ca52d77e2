"""Tables of beats: times or intervals, in the unit that their column names."""

import numpy as np
import pytest
from made_arrest_registry import beats_of, reason_of

from mimicflow.bedside.open_recording import open_recording
from mimicflow.bedside.recording import BeatRecording
from mimicflow.errors import RecordError

BEATS = beats_of(60)


def opened(tmp_path, text: str) -> BeatRecording:
    (tmp_path / "b.csv").write_text(text)
    return open_recording(tmp_path, "b.csv")


def table(column: str, values, more: str = "", fields=()) -> str:
    fields = [f",{field}" for field in fields] or [""] * len(values)
    rows = [f"{value:.10g}{field}" for value, field in zip(values, fields, strict=True)]
    return "\n".join([column + more, *rows, ""])


@pytest.mark.parametrize(
    ("column", "values", "begins"),
    [
        ("beat_time_s", BEATS, ()),
        ("BEAT_TIME_S", BEATS, ()),
        ("rr_interval_ms", 1000 * np.diff(BEATS), (0,)),
        ("rr_interval_s", np.diff(BEATS), (0,)),
    ],
)
def test_times_and_intervals_give_the_same_beats(tmp_path, column, values, begins):
    recording = opened(tmp_path, table(column, values))

    expected = 1000 * (BEATS - BEATS[0] if begins else BEATS)
    np.testing.assert_allclose(recording.beats.places, expected, rtol=1e-9)
    assert (recording.beats.symbols == "N").all()
    assert recording.sampling_rate == 1000 and recording.start_time is None
    assert recording.n_samples == int(recording.beats.places[-1]) + 1


def test_times_are_not_rounded_to_milliseconds(tmp_path):
    beats = opened(tmp_path, table("beat_time_s", BEATS + 0.0004321)).beats

    np.testing.assert_allclose(beats.places, 1000 * BEATS + 0.4321, rtol=1e-9)


def test_a_clock_that_begins_anew_at_midnight_is_told_to_go_on(tmp_path):
    seconds = (86_390 + np.arange(40) * 0.8) % 86_400
    with pytest.raises(RecordError, match="not above that of the row before") as raised:
        opened(tmp_path, table("beat_time_s", seconds))
    assert raised.value.row == 15 and "after midnight" in raised.value.remedy


@pytest.mark.parametrize(
    ("column", "unit_ms"), [("beat_time_s", 1000), ("rr_interval_ms", 1), ("rr_interval_s", 1000)]
)
def test_whole_milliseconds_stay_whole_so_that_equal_intervals_are_equal(tmp_path, column, unit_ms):
    """Else differences of just 0 or 50 ms, of which a table in ms has many, would be others."""
    rr = np.tile([800, 850, 850, 830], 3000)
    values = np.cumsum(rr) if column == "beat_time_s" else rr
    text = "\n".join([column, *(f"{value / unit_ms:.10g}" for value in values), ""])

    beats = opened(tmp_path, text).beats.part(5_000_000, 300_000)

    places = np.cumsum(rr)
    places = places[(places >= 5_000_000) & (places < 5_300_000)] - 5_000_000
    assert np.array_equal(beats.places, places)
    assert sorted(set(np.diff(beats.intervals_ms))) == [-30, -20, 0, 50]


def test_symbols_say_what_a_beat_is_and_other_columns_nothing(tmp_path):
    each = ["V" if number % 7 == 3 else "N" for number in range(len(BEATS))]

    of_times = opened(tmp_path, table("beat_time_s", BEATS, ",symbol", each)).beats
    of_intervals = opened(
        tmp_path, table("rr_interval_s", np.diff(BEATS), ",symbol", each[1:])
    ).beats
    other = opened(tmp_path, table("beat_time_s", BEATS, ",label", each)).beats

    assert of_times.symbols.tolist() == each
    assert of_intervals.symbols.tolist() == ["Q", *each[1:]]  # nobody says what the first one is
    assert (other.symbols == "N").all()


@pytest.mark.parametrize(
    ("text", "row", "message"),
    [
        ("beat_time_s\n0.5\n1.3\n-2\n3\n", 4, "not a number of at least 0"),
        ("beat_time_s\n0.5\n\n1.3\nlate\n3\n", 5, "not a number"),
        ("beat_time_s\n0.5\nnan\n", 3, "not a number"),
        ("beat_time_s,who\n0.5,a\n,b\n", 3, "not a number"),
        ("beat_time_s\n0.5\n2.1\n1.3\n3\n", 4, "not above that of the row before"),
        ("beat_time_s\n0.5\n0.5\n", 3, "not above"),
        ("rr_interval_ms\n800\n0\n", 3, "rr_interval_ms is 0"),
        ("rr_interval_ms\n800\n-800\n", 3, "not a number of at least 0"),
        ("rr_interval_ms\n0.8\n0.82\n0.79\n", 1, "each other after 0.8 ms"),
        ("rr_interval_s\n800\n820\n790\n", 1, "each other after 800000 ms"),
        ("beat_time_s\n500\n1300\n2100\n", 1, "each other after 800000 ms"),
        ("beat_time_s\n40000000\n40000800\n40001600\n", 1, "each other after 800000 ms"),
        ("beat_time_s,symbol\n0.5,N\n1.3,normal\n", 3, "symbol is none of"),
        ("beat_time_s,symbol\n0.5,N\n1.3,+\n", 3, "symbol is none of"),
        ("beat_time_s,symbol\n0.5,N\n1.3,\n", 3, "symbol is none of"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused_with_its_line(tmp_path, text, row, message):
    with pytest.raises(RecordError, match=message) as raised:
        opened(tmp_path, text)

    assert (raised.value.reason, raised.value.row) == ("wrong_beats", row)
    assert raised.value.remedy and f"line {row}" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("time\n0.5\n", 1),
        ("800\n810\n", 1),
        ("beat_time_s,rr_interval_ms\n0.5,800\n", 1),
        ("beat_time_s\n0,5\n", 2),
        ("", None),
        ("beat_time_s,beat_time_s\n1,1\n", 1),
    ],
)
def test_another_form_is_refused(tmp_path, text, row):
    with pytest.raises(RecordError) as raised:
        opened(tmp_path, text)

    assert (raised.value.reason, raised.value.row) == ("unreadable", row)
    assert raised.value.remedy


def test_what_holds_no_beat_or_years_of_them(tmp_path):
    (tmp_path / "none.csv").write_text("beat_time_s\n")
    (tmp_path / "since_1970.csv").write_text("beat_time_s\n1700000000.1\n1700000000.9\n")

    assert reason_of(open_recording, tmp_path, "none.csv") == "empty"
    assert reason_of(open_recording, tmp_path, "since_1970.csv") == "huge"
    (tmp_path / "ever.csv").write_text("beat_time_s\n1\n1.8\n2.6\n1e308\n")
    assert reason_of(open_recording, tmp_path, "ever.csv") == "huge"
    assert reason_of(open_recording, tmp_path, "nowhere.csv") == "missing"


def test_a_file_of_a_spreadsheet_is_read(tmp_path):
    (tmp_path / "b.csv").write_bytes(b"\xef\xbb\xbfrr_interval_ms\r\n800\r\n810\r\n")

    assert open_recording(tmp_path, "b.csv").beats.places.tolist() == [0, 800, 1610]
