"""Every line of a raw file is accounted for, however it is damaged, and every bit of it checked."""

import gzip
import os

import numpy as np
import pandas as pd
import pytest
from made_raw_tables import PATIENTS_HEADER, patients, read, write

from mimicflow.errors import TableError
from mimicflow.raw import files as raw_files
from mimicflow.raw import ingest as ingesting
from mimicflow.raw import records as raw_records
from mimicflow.raw import stream as raw_stream
from mimicflow.raw.ingest import ingest_table


def rejected(out):
    frame = pd.read_parquet(out / "rejects.parquet")
    return frame[["line", "column", "reason"]].values.tolist()


@pytest.fixture(params=["one chunk", "small chunks"])
def chunks(request, monkeypatch):
    """Let a file be read in one piece, and in many, so that rows lie across their borders."""
    if request.param == "small chunks":
        monkeypatch.setattr(raw_stream, "_PACKED_BYTES", 64)
        monkeypatch.setattr(raw_stream, "_CHUNK_BYTES", 100)


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize("name", ["patients.csv", "patients.csv.gz"])
def test_a_quote_that_is_never_closed_costs_its_own_row(raw, out, name):
    lines = patients(600)
    lines[99] = lines[99].replace("2011", '"2011')
    write(raw, name, lines)
    report = ingest_table(raw, "hosp/patients", out, max_reject_share=0.01)
    assert (report["rows"], report["rows_kept"], report["rows_rejected"]) == (600, 599, 1)
    assert rejected(out) == [[101, "", "unbalanced quotes"]]
    assert read(out, 1)["subject_id"].tolist() == [10000000 + i for i in range(600) if i != 99]


@pytest.mark.usefixtures("chunks")
@pytest.mark.parametrize(
    "first, second",
    [
        ('"2011 - 2013', '"2011 - 2013'),
        ('"2011 - 2013', '2011 - 2013"'),  # as one field with many line breaks would be written
        ('"2011 - 2013', '20"11" - 2013'),
        ('20"11 - 2013', "2011 - 2013"),
        ('"20"11 - 2013', "2011 - 2013"),
        ('2011 - 2013"', '"'),
    ],
)
def test_quotes_of_two_rows_swallow_none_between(raw, out, first, second):
    lines = patients(400)
    lines[99] = lines[99].replace("2011 - 2013", first)
    lines[300] = lines[300].replace("2011 - 2013", second)
    write(raw, "patients.csv", lines)
    report = ingest_table(raw, "hosp/patients", out, max_reject_share=0.1)
    assert report["rows"] == 400
    faulty = [101, 302] if '"' in second else [101]
    assert rejected(out) == [[line, "", "unbalanced quotes"] for line in faulty]


@pytest.mark.usefixtures("chunks")
def test_a_line_break_within_quotes_belongs_to_its_row(raw, out):
    lines = patients(50)
    lines[10] = '10000010,F,30,2150,"2011,\n\n ""-"" 2013",'
    lines[20] = "10000020,F,old,2150,2011 - 2013,"
    write(raw, "patients.csv", lines)
    report = ingest_table(raw, "hosp/patients", out, max_reject_share=0.1)
    assert (report["rows"], report["rows_kept"]) == (50, 49)
    assert report["warnings"] == ["2 lines go on with the row before, in quotes"]
    frame = read(out, 1).set_index("subject_id")
    assert frame.loc[10000010, "anchor_year_group"] == '2011,\n\n "-" 2013'
    assert rejected(out) == [[24, "anchor_age", "not an integer"]]


@pytest.mark.usefixtures("chunks")
def test_empty_lines_are_reported(raw, out):
    write(raw, "patients.csv", ["", *patients(3), "", *patients(9)[3:], ""])
    report = ingest_table(raw, "hosp/patients", out)
    assert (report["rows"], report["warnings"]) == (9, ["3 empty lines are skipped"])


@pytest.mark.usefixtures("chunks")
def test_a_line_without_end_is_a_rejected_row(raw, out, monkeypatch):
    monkeypatch.setattr(raw_records, "MAX_RECORD_BYTES", 1000)
    lines = patients(60)
    lines[10] = f"10000010,F,30,2150,{'x' * 5000},"
    lines[20] = f"10000020,F,30,2150,{'x' * 950},"
    write(raw, "patients.csv", lines)
    report = ingest_table(raw, "hosp/patients", out, max_reject_share=0.1)
    assert (report["rows"], report["rows_kept"]) == (60, 59)
    assert rejected(out) == [[12, "", "line too long"]]


@pytest.mark.usefixtures("chunks")
def test_foreign_bytes_carriage_returns_and_zero_bytes_cost_their_own_rows(raw, out):
    text = "\r\n".join([PATIENTS_HEADER, *patients(40)]).encode()
    text = text.replace(b"10000007,M", b"10000007,\xe9").replace(b"10000009,M", b"10000009,\r")
    text = text.replace(b"10000013,M", b"10000013,M\0").replace(b"10000021,", b"100\x0000021,")
    raw.mkdir()
    (raw / "patients.csv").write_bytes(text.replace(b"10000011,M", "10000011,Ä".encode()))
    report = ingest_table(raw, "hosp/patients", out, max_reject_share=0.1)
    assert (report["rows"], report["rows_kept"]) == (40, 36)
    assert rejected(out) == [
        [9, "", "not UTF-8"],
        [11, "", "a carriage return within the line"],
        [15, "", "a zero byte within the line"],
        [23, "", "a zero byte within the line"],
    ]
    assert read(out, 1).set_index("subject_id").loc[10000011, "gender"] == "Ä"
    assert "the last line has no end: the file may have been cut off" in report["warnings"]


def test_records_that_are_no_rows_are_not_looked_for_without_end(raw, out, monkeypatch):
    """Each costs some microseconds, and a line may be two bytes long."""
    monkeypatch.setattr(raw_records, "_MAX_BROKEN", 10)
    looked_at = []
    end_of_record = raw_records._end_of_record
    monkeypatch.setattr(
        raw_records, "_end_of_record", lambda *a: looked_at.append(a) or end_of_record(*a)
    )
    good = ['1000,F,30,2150,"20\n11",'] * 30
    write(raw, "patients.csv", [*good, *(['"'] * 5000), *patients(5)])
    report = ingest_table(raw, "hosp/patients", out, max_reject_share=1)
    assert len(looked_at) == 40
    assert (report["rows_kept"], report["lines_continued"], report["rows_duplicate"]) == (6, 40, 29)


@pytest.mark.parametrize("name", ["patients.csv", "patients.csv.gz"])
@pytest.mark.parametrize("step", ["read_header", "official_names", "texts_of", "check_checksum"])
@pytest.mark.parametrize("change", ["grows", "shrinks", "other time"])
def test_a_file_that_changes_while_it_is_read_is_refused(raw, out, monkeypatch, name, step, change):
    lines = patients(300)
    lines[200] = lines[200].replace(",F,", ",,")  # its text is looked for by a second reading
    file = write(raw, name, lines)
    place = module if hasattr(module := raw_files, step) else ingesting
    original = getattr(place, step)

    def changing(*args):
        given = original(*args) if step == "read_header" else None
        content = file.read_bytes()
        file.write_bytes({"grows": content * 2, "shrinks": content[:100]}.get(change, content))
        os.utime(file, ns=(1, 1))
        return given or original(*args)

    monkeypatch.setattr(place, step, changing)
    with pytest.raises(TableError, match="the file changed while it was read"):
        ingest_table(raw, "hosp/patients", out, max_reject_share=0.5)
    assert not out.exists()


def test_the_bytes_of_a_report_are_those_read(raw, out):
    file = write(raw, "patients.csv.gz", patients(3000))
    assert ingest_table(raw, "hosp/patients", out)["bytes"] == file.stat().st_size


def test_a_reader_that_loses_a_row_stops_the_run(raw, out, monkeypatch):
    write(raw, "patients.csv", patients())
    blocks = raw_records.RawRecords.blocks

    def losing(self):
        for block in blocks(self):
            block.lines, block.text = block.lines[1:], block.text.partition(b"\n")[2]
            yield block

    monkeypatch.setattr(raw_records.RawRecords, "blocks", losing)
    with pytest.raises(TableError, match="201 lines, of which 200 were read"):
        ingest_table(raw, "hosp/patients", out)
    assert not out.exists()


BLANKS = [
    "1, F, 30, 2150,  2011 - 2013, ",
    ' 2, "F", 30, 2150, "a, ""b""", 2151-03-04',
    '3, M, 30, 2150, "one\n 3,two", ',
    '4, "M, 30, 2150, g, ',
    f"5, M, 30, 2150, {'x, ' * 800}, ",
    "",
    "6,M,30,2150,g,",
    "  7, , 30, 2150, g, ",
]


def test_blanks_before_all_fields_are_not_read_where_the_header_has_them(raw, out, monkeypatch):
    monkeypatch.setattr("mimicflow.raw.records.MAX_RECORD_BYTES", 2000)
    header = PATIENTS_HEADER.replace(",", ", ").replace("gender", '"gender"')
    write(raw, "patients.csv", BLANKS, header)
    report = ingest_table(raw, "hosp/patients", out, max_reject_share=1)
    frame = read(out, 1)
    assert frame["subject_id"].tolist() == [1, 2, 6]
    assert frame["gender"].tolist() == ["F", "F", "M"]
    assert frame["anchor_year_group"].tolist() == ["2011 - 2013", 'a, "b"', "g"]
    rejected = pd.read_parquet(out / "rejects.parquet")
    assert rejected[["line", "reason"]].values.tolist() == [
        [4, "unbalanced quotes"], [5, "unbalanced quotes"], [6, "unbalanced quotes"],
        [7, "line too long"], [10, "empty"],
    ]  # fmt: skip
    assert rejected["text"].iloc[-1] == "7,,30,2150,g,"
    assert report["lines_empty"] == 1


@pytest.mark.parametrize("header", [PATIENTS_HEADER, PATIENTS_HEADER.replace(",", ", ", 1)])
def test_blanks_of_cells_stay_where_the_header_has_none_or_some(raw, out, header):
    write(raw, "patients.csv", ["1, F, 30, 2150, g,", '2, "F", 30, 2150, g,'], header)
    ingest_table(raw, "hosp/patients", out, max_reject_share=1)
    assert read(out, 1)["gender"].tolist() == [" F"]
    assert len(pd.read_parquet(out / "rejects.parquet")) == 1


TEXT = ("\n".join([PATIENTS_HEADER, *patients(3000)]) + "\n").encode()


def members(*parts):
    return b"".join(gzip.compress(part, mtime=0) for part in parts)


@pytest.mark.parametrize(
    "content",
    [
        members(TEXT[:7], TEXT[7:40_000], b"", TEXT[40_000:]),
        members(b"", TEXT),
        members(TEXT) + b"\0" * 5000,
        members(TEXT[:99]) + b"\0" * 512 + members(TEXT[99:]),
    ],
    ids=["four members", "empty first member", "zero padding", "padding between"],
)
def test_members_and_padding_of_gzip_are_read(raw, out, content):
    raw.mkdir()
    (raw / "patients.csv.gz").write_bytes(content)
    assert ingest_table(raw, "hosp/patients", out)["rows_kept"] == 3000


def test_a_flipped_bit_in_any_member_is_found(raw, out):
    """Of the header only flags and time may change, which no checksum covers."""
    content = members(TEXT[:40_000], TEXT[40_000:])
    second = len(members(TEXT[:40_000]))
    draw = np.random.default_rng(0)
    raw.mkdir()
    for place in [*draw.integers(10, second, 20), *draw.integers(second + 10, len(content), 20)]:
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(draw.integers(8))
        (raw / "patients.csv.gz").write_bytes(damaged)
        with pytest.raises(TableError, match=r"damaged|ends too early|holds nothing") as error:
            ingest_table(raw, "hosp/patients", out)
        assert "download the file again" in str(error.value)
        assert not out.exists()


@pytest.mark.parametrize("behind", [b"<html>", b"\n", b"\0\0\n", b"\x1f<"])
def test_bytes_behind_the_compressed_text_are_refused(raw, out, behind):
    raw.mkdir()
    (raw / "patients.csv.gz").write_bytes(members(TEXT) + behind)
    with pytest.raises(TableError, match=r"bytes behind the compressed text|part 2"):
        ingest_table(raw, "hosp/patients", out)
