"""Vital signs of the MIMIC-IV waveform database."""

import gzip

import numpy as np
import pandas as pd
import pytest

from mimicflow.bedside.mimic_numerics import read_ticked_numerics
from mimicflow.bedside.numerics_files import find_numerics, read_numerics
from mimicflow.errors import RecordError

TABLE = """\
time,ABPs [mmHg],HR [bpm],NBPs [mmHg],NBPd [mmHg],Pulse (SpO2) [bpm],RR [rpm],SpO2 [%],ST-II [mm]
2000,,81,,,,,,0.2
0,120,80,110,70,79,16,97,
3001,,,112,,78,,,
"""


@pytest.fixture
def numerics(tmp_path):
    header = "81/2 2 62.4725/1000 624725 20:00:00.500 02/01/2150\n81_0001 624725\n"
    (tmp_path / "81.hea").write_text(header)
    file = tmp_path / "81n.csv.gz"
    file.write_bytes(gzip.compress(TABLE.encode()))
    return file


def test_vital_signs_in_the_order_of_their_time(numerics):
    table = read_ticked_numerics(numerics)

    nan = np.nan
    expected = pd.DataFrame(
        {
            # 1000 ticks a second, from 20:00:00.500 on
            "time": [
                np.datetime64("2150-01-02T20:00:00.500", "us"),
                np.datetime64("2150-01-02T20:00:02.500", "us"),
                np.datetime64("2150-01-02T20:00:03.501", "us"),
            ],
            "hr": [80.0, 81.0, 78.0],  # the pulse where there is no heart rate
            "sbp": [120.0, nan, 112.0],  # the cuff where there is no arterial line
            "dbp": [70.0, nan, nan],
            "mbp": [nan, nan, nan],
            "spo2": [97.0, nan, nan],
            "rr": [16.0, nan, nan],
        }
    )
    expected["time"] = expected["time"].astype("datetime64[us]")
    pd.testing.assert_frame_equal(table, expected)


def test_they_are_found_beside_their_record_as_all_numerics_are(numerics):
    found = find_numerics(numerics.parent, "81")

    assert found == numerics.name
    pd.testing.assert_frame_equal(
        read_numerics(numerics.parent, found), read_ticked_numerics(numerics)
    )


def test_ticks_are_not_milliseconds(numerics):
    header = numerics.with_name("81.hea")
    header.write_text(header.read_text().replace("/1000", "/999.56"))

    times = read_ticked_numerics(numerics)["time"]

    assert times.iloc[1] - times.iloc[0] == pd.Timedelta(microseconds=round(2000 / 999.56 * 1e6))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"time,HR [bpm]\n0,80\n", "unreadable", id="not compressed"),
        pytest.param(gzip.compress(TABLE.encode())[:60], "unreadable", id="cut"),
        pytest.param(gzip.compress(b"HR [bpm]\n80\n"), "unreadable", id="no time"),
        pytest.param(gzip.compress(b"time,HR [bpm]\n,80\n"), "unreadable", id="empty time"),
        pytest.param(gzip.compress(b"time,HR [bpm]\n0,fast\n"), "unreadable", id="word"),
        pytest.param(gzip.compress(b""), "unreadable", id="nothing"),
        pytest.param(gzip.compress(b"time,HR [bpm"), "unreadable", id="header cut"),
        pytest.param(gzip.compress(b"time,HR [bpm]\n0,80,5\n"), "unreadable", id="long row"),
        pytest.param(gzip.compress(b"time,HR [bpm]\n0,80\n1\n"), "unreadable", id="short row"),
        pytest.param(gzip.compress(b"time,time\n0,80\n"), "unreadable", id="two times"),
        pytest.param(gzip.compress(b"time,Time\n0,80\n"), "unreadable", id="two spellings"),
        pytest.param(
            gzip.compress(b'time,HR [bpm],x\n0,80,"a\n1000,81,b"\n'),
            "unreadable",
            id="row in quotes",
        ),
        pytest.param(None, "missing", id="no file"),
    ],
)
def test_what_is_no_table_is_refused(numerics, content, reason):
    numerics.unlink()
    if content is not None:
        numerics.write_bytes(content)

    with pytest.raises(RecordError, match=r"81n\.csv\.gz") as refused:
        read_ticked_numerics(numerics)

    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("header", "reason"), [("81 1 62.5/1000 10\n", "no_start_time"), (None, "missing")]
)
def test_a_record_without_beginning_is_refused(numerics, header, reason):
    file = numerics.with_name("81.hea")
    file.unlink()
    if header is not None:
        file.write_text(header)

    with pytest.raises(RecordError, match=r"81\.hea") as refused:
        read_ticked_numerics(numerics)

    assert refused.value.reason == reason


@pytest.mark.parametrize("last", ["4000,8", "4", "4000,81", '4000,"8'])
def test_a_last_line_without_end_may_be_cut_off_and_is_left_out_with_a_warning(
    numerics, last, caplog
):
    numerics.write_bytes(gzip.compress(f"time,HR [bpm]\n0,80\n2000,82\n{last}".encode()))

    assert read_ticked_numerics(numerics)["hr"].tolist() == [80, 82]
    assert "last line has no end" in caplog.text


def test_whole_tables_are_read_without_a_warning(numerics, caplog):
    read_ticked_numerics(numerics)

    assert not caplog.records


@pytest.mark.parametrize(
    "table",
    ["time, HR [bpm]\n0, 80\n", "time, HR [bpm]\n0,80\n", "TIME,hr [BPM] \n0,80\n"],
)
def test_blanks_and_capitals_make_no_other_sign_but_a_note(numerics, table, caplog):
    numerics.write_bytes(gzip.compress(table.encode()))

    assert read_ticked_numerics(numerics)["hr"].tolist() == [80]
    assert ("capitals" in caplog.text) == ("hr" in table)


def test_a_line_break_within_quotes_is_no_row(numerics):
    table = 'time,HR [bpm],x\n0,80,"a\nb"\n1000,81,"c, d"\n'
    numerics.write_bytes(gzip.compress(table.encode()))

    assert read_ticked_numerics(numerics)["hr"].tolist() == [80, 81]


def test_a_table_of_many_pieces_is_one_table(numerics, monkeypatch):
    monkeypatch.setattr("mimicflow.raw.stream._CHUNK_BYTES", 16)
    monkeypatch.setattr("mimicflow.raw.stream._PACKED_BYTES", 16)
    rows = "".join(f"{1000 * i},{60 + i}\n" for i in range(50))
    numerics.write_bytes(gzip.compress(f"time,HR [bpm]\n{rows}9".encode()))

    assert read_ticked_numerics(numerics)["hr"].tolist() == list(range(60, 110))
