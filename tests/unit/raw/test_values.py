"""What a field may look like: read as Python reads it, or not at all."""

from datetime import date, datetime

import numpy as np
import pytest

from mimicflow.raw.records import Block
from mimicflow.raw.rejects import REMEDIES
from mimicflow.raw.tables import TABLES, Column
from mimicflow.raw.values import LINE, RowReader

# Per type: fields that are read, with Python's reading of them.
READ = {
    "integer": {
        **{text: int(text) for text in ("0", "10000032", "-90", "007", "999999999999999999")},
        **{text: int(float(text)) for text in ("22595853.0", "3.00", " 7 ", "-90.0")},
    },
    "number": {
        text: float(text)
        for text in (
            *("0", "1.5", "-1.5", "+1.5", ".5", "5.", "1e3", "1.5E-07", "2E+5", "0012.50", " 7 "),
            *("0.1", "123456789.123456789", "2.2250738585072011e-308", "179769313486231580793e289"),
        )
    },
    "timestamp": {
        text: datetime.fromisoformat(text.strip())
        for text in (
            *("2180-05-06 07:17:00", "2180-05-06T07:17:00", "2180-05-06 07:17"),
            *("2180-05-06T07:17", "2180-05-06 07:17:00.250", "2180-05-06 07:17:00.123456"),
            *("2160-02-29 23:59:59", "2000-02-29T00:00", " 2180-05-06 07:17:00 "),
        )
    },
    "date": {
        "2150-01-31": date(2150, 1, 31),
        "2150-01-31 00:00:00": date(2150, 1, 31),
        "2152-02-29T00:00": date(2152, 2, 29),
        " 2150-01-31": date(2150, 1, 31),
    },
}
# Per type: fields that must be rejected, as another value than the one written would be read.
REFUSED = {
    "integer": (
        *(
            "1.00E+07",
            "10000032_1",
            "1_0",
            "0x10",
            "99.7",
            "+5",
            "1e7",
            "1,000",
            "１２",
            "٣",
            "--5",
        ),
        *("5.", ".0", " ", "1 0", "nan", "true", "10000032x", "1000000000000000000", "1\u00a0"),
    ),
    "number": (
        *(
            "nan",
            "NaN",
            "inf",
            "-inf",
            "infinity",
            "0x10",
            "0x1p3",
            "1_0",
            "1,5",
            "1.2.3",
            "1e",
            "e5",
        ),
        *("５", "5%", "high", "1 5", ".", "-", "1d5", "true"),
    ),
    "timestamp": (
        *("2180-05-06 07:17:00 PM", "2180-05-06 07:17:00junk", "2150-01-31x", "07:17", "now"),
        *("2180-5-6 07:17:00", "2180-05-06 7:17", "2180-05-06 24:00:00", "2180-05-06 07:17:60"),
        *("2150-02-30", "2150-02-29", "2100-02-29", "2150-04-31 10:00", "2150-13-01", "epoch"),
        *("06/05/2180 07:17", "2180-05-06  07:17:00", "2180-05-06 07:17:00.1234567", "infinity"),
        *("21800506", "2180-05-06T", "2180-05-06 071700", "２１８０-05-06", "2180-05-06\t07:17:00"),
    ),
    "date": (
        *("2150-01-31x", "2150-01-31 10:00:00", "2150-02-30", "2100-02-29", "31.01.2150"),
        *("2150-1-31", "20500131", "2150-01-31Z", "infinity", "2150"),
    ),
}
WITHOUT_A_CLOCK = ("2180-05-06", "2180-05-06 07", "2180-05-06T07", " 2160-02-29 ")
ZONED = (
    *("2180-05-06 07:17:00+05:00", "2180-05-06T07:17:00Z", "2180-05-06 07:17:00-0500"),
    *("2180-05-06 07:17:00+00", "2180-05-06 07:17:00 UTC", "2180-05-06 07:17:00.5 +00:00"),
)


def rows_of(kind, fields, unit="ms"):
    columns = [Column("subject_id", "integer"), Column("field", kind, unit)]
    text = "".join(f'{i},"{field}",\n' for i, field in enumerate(fields)).encode()
    block = Block(text, np.arange(len(fields)) + 2)
    return RowReader(["subject_id", "field", "unused"], columns)(block)


@pytest.mark.parametrize(
    "kind, text, value",
    [(kind, text, value) for kind, read in READ.items() for text, value in read.items()],
)
def test_a_field_is_read_as_python_reads_it(kind, text, value):
    alone, beside = rows_of(kind, [text]), rows_of(kind, ["?", text])
    assert alone.table["field"].to_pylist() == [value]
    assert (alone.rejects.rows, beside.rejects.rows) == (0, 1)
    assert beside.table["field"].to_pylist() == [value]
    assert beside.table[LINE].to_pylist() == [3]


@pytest.mark.parametrize(
    "kind, text", [(kind, text) for kind, refused in REFUSED.items() for text in refused]
)
def test_a_field_of_another_form_is_rejected_with_its_line(kind, text):
    plain = next(iter(READ[kind]))
    rows = rows_of(kind, [plain, text, "", plain])
    assert [(r.line, r.column, r.text) for r in rows.rejects.examples] == [
        (3, "field", f'1,"{text}",')
    ]
    assert rows.rejects.examples[0].reason in {
        "not an integer", "not a number", "not a time", "not a date"
    }  # fmt: skip
    assert rows.table["field"].to_pylist() == [READ[kind][plain], None, READ[kind][plain]]


@pytest.mark.parametrize("text", ZONED)
def test_a_time_with_a_zone_is_rejected_as_such(text):
    assert [r.reason for r in rows_of("timestamp", [text]).rejects.examples] == [
        "a time with a zone"
    ]


@pytest.mark.parametrize("beside", ["2180-05-06 07:17:00", "", "?"])
@pytest.mark.parametrize("text", WITHOUT_A_CLOCK)
def test_a_day_is_not_taken_for_its_midnight(text, beside):
    rows = rows_of("timestamp", [text, beside])
    reject = rows.rejects.examples[0]
    assert (reject.line, reject.reason) == (2, "a time without a clock")
    assert reject.reason in REMEDIES
    assert len(rows.table) == (beside != "?")


@pytest.mark.parametrize("text", ["-20000001", "-0", " -7 ", "-90.0"])
def test_an_identifier_has_no_minus_but_a_measurement_may(text):
    measured, identifier = rows_of("integer", [text]), rows_of("integer", [text, "7"], unit="")
    assert measured.table["field"].to_pylist() == [int(float(text))]
    assert identifier.table["field"].to_pylist() == [7]
    assert [(r.line, r.reason) for r in identifier.rejects.examples] == [(2, "negative")]


def test_the_raw_tables_have_a_minus_in_measurements_only():
    signed = {
        column.name
        for table in TABLES.values()
        for column in table.columns
        if column.type == "integer" and column.signed
    }
    assert signed == {"anchor_age", "rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end",
                      "t_end", "p_axis", "qrs_axis", "t_axis"}  # fmt: skip


@pytest.mark.parametrize("leap", [1900, 2000, 2096, 2100, 2104, 2196, 2200, 2400, 2399])
@pytest.mark.parametrize("kind", ["timestamp", "date"])
def test_the_calendar_is_pythons(kind, leap):
    days = [f"{leap}-{month:02d}-{day:02d}" for month in range(14) for day in range(33)]
    clock = " 00:00" * (kind == "timestamp")
    kept = rows_of(kind, ["?", *(day + clock for day in days)]).table["field"].to_pylist()
    expected = []
    for day in days:
        try:
            expected.append(datetime.fromisoformat(day))
        except ValueError:
            continue
    assert kept == (expected if kind == "timestamp" else [day.date() for day in expected])


def test_an_overflow_is_left_to_the_checks_of_the_table():
    assert rows_of("number", ["1e400"]).table["field"].to_pylist() == [float("inf")]


def test_fields_of_items_that_are_not_kept_are_not_looked_at():
    columns = [Column("itemid", "integer"), Column("charttime", "timestamp")]
    block = Block(b"1,soon\n2,soon\nx,2150-01-01 10:00\n1,2150-01-01 10:00\n", np.arange(4) + 2)
    rows = RowReader(["itemid", "charttime"], columns, items=[1])(block)
    assert (rows.filtered, rows.rejects.rows, len(rows.table)) == (1, 2, 1)
    assert [(r.line, r.column) for r in rows.rejects.examples] == [(2, "charttime"), (4, "itemid")]
