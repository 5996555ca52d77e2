"""Damaged CSV tables: every row kept is a row of the file, and every other one is counted."""

import csv
import gzip
import io
import math
import re
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from itertools import pairwise
from tempfile import gettempdir

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mimicflow.raw.ingest import ingest_table
from mimicflow.raw.tables import TABLES

from .damaged_files import (
    attempt,
    damage_lines,
    damage_members,
    damage_table,
    is_refused,
    run_cases,
)

csv.field_size_limit(10**8)
_TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")
_TIMES += tuple(form.replace(" ", "T") for form in _TIMES)


def rows_of(path: str, n: int = 40) -> list[list[str]]:
    """Make sound rows of a table, by the types of its columns."""
    rows = []
    for i in range(n):
        row = []
        for place, column in enumerate(TABLES[path].columns):
            match column.type:
                case "integer":
                    row.append(str(10_000_000 * (place + 1) + (i if place else i // 2 * 2 + i % 2)))
                case "number":
                    row.append(f"{36 + i / 8:g}")
                case "timestamp":
                    row.append(f"2150-03-{i % 28 + 1:02d} 10:{i:02d}:00")
                case "date":
                    row.append(f"2151-03-{i % 28 + 1:02d}" * (i % 3 == 0))
                case _:
                    row.append(["", "F", "word", "two words, one cell"][i % 3 + 1])
        rows.append(row)
    return rows


def typed(text: str, kind: str, unit: str = "") -> object:
    """Read a field by Python's `decimal` and `datetime`; `math.nan` for what may not be kept."""
    if text == "":
        return None
    if kind == "text":
        return text
    text = text.strip(" ")
    if kind in ("integer", "number"):
        # What `Decimal` reads beyond digits, sign, point and exponent.
        if (
            not text.isascii()
            or "_" in text
            or text.lower() != text.lower().strip("naifsty\n\t\r\f\v")
        ):
            return math.nan
        try:
            value = Decimal(text)
        except InvalidOperation:
            return math.nan
        if kind == "number":
            return float(text)
        exact = value == value.to_integral_value() and "e" not in text.lower() and text[0] != "+"
        return int(value) if exact and (unit or "-" not in text) else math.nan
    clock, _, fraction = text.partition(".")
    for form in [*_TIMES, *["%Y-%m-%d"] * (kind == "date")]:
        with suppress(ValueError):
            time = datetime.strptime(clock, form)
            if time.strftime(form) != clock or (fraction and "%S" not in form):
                continue
            if "." in text:
                time = datetime.fromisoformat(f"{clock}.{fraction.ljust(6, '0')}")
            return (
                time if kind == "timestamp" or time == datetime(*time.timetuple()[:3]) else math.nan
            )
    return math.nan


def plain(value: object) -> object:
    """Return a cell of a shard as `typed` writes it."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value


def check(folder, path: str, content: bytes, share: float, packed: bytes = b"") -> None:
    """Ingest a file, and compare what came out with an independent reading of its bytes."""
    table = TABLES[path]
    raw = folder / table.module / "MIMIC [1]"
    for place, text in ((raw, packed or content), (raw.with_name("MIMIC 1"), b"another file")):
        place.mkdir(parents=True, exist_ok=True)
        for old in place.glob(f"{table.name}.csv*"):
            old.unlink()
        (place / f"{table.name}.csv{'.gz' if packed else ''}").write_bytes(text)
    report = attempt(ingest_table, raw, path, folder / "out", max_reject_share=share)
    if is_refused(report):
        return
    rejected = pd.read_parquet(folder / "out" / "rejects.parquet")
    kept = pq.read_table(folder / "out" / "0.parquet")
    assert kept.num_rows == report["rows_kept"]
    assert report["rows_rejected"] == rejected["line"].nunique()
    lines = content.split(b"\n")[: None if content[-1:] != b"\n" else -1]
    assert len(lines) == report["lines"] == 1 + sum(
        report[name] for name in (
            "lines_empty", "lines_continued", "rows_kept", "rows_rejected", "rows_duplicate",
            "rows_filtered",
        )
    )  # fmt: skip
    text = content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    first = text.split("\n")[0]
    blanks = "," in first and first.count(",") == first.count(", ")
    rows_in = partial(csv.reader, skipinitialspace=blanks)
    names = [name.strip().lower() for name in next(rows_in([first]))]
    used = [(names.index(c.name), c) for c in table.used if c.name in names]

    def values(fields: list[str]) -> tuple[object, ...] | None:
        if len(fields) != len(names):
            return None
        return tuple(typed(fields[i], column.type, column.unit) for i, column in used)

    # Of a quote that is never closed Python makes one field to the end of the file, but each line
    # behind it is a row by itself.
    alone = {
        number: values(next(rows_in([line]), []))
        for number, line in enumerate(text.split("\n")[1:], start=2)
        if "\r" not in line
    }
    whole = [values(fields) for fields in rows_in(io.StringIO(text, newline=""))]
    rows = Counter(
        tuple(plain(value) for value in row)
        for row in zip(*(kept[column.name].to_pylist() for _, column in used), strict=True)
    )
    invented = rows - (Counter(whole[1:]) | Counter(alone.values()))
    assert not invented, f"rows that the file does not have: {invented}"
    listed = set(rejected["line"])
    sound = Counter(
        row for number, row in alone.items()
        if row is not None and number not in listed and math.nan not in row
        and len(lines[number - 1]) <= 2_000_000
    )  # fmt: skip
    lost = sum((sound - rows).values()) - report["rows_duplicate"] - report["lines_continued"]
    assert lost <= 0, f"rows that are neither kept nor listed: {sound - rows}"
    for reject in rejected.itertuples():
        said = lines[reject.line - 1].decode("utf-8", errors="replace").rstrip("\r")
        if blanks:  # said as it is read
            said = re.sub("(^|,) +", r"\1", said)
        assert reject.text.split("\n")[0] == said[:2000].split("\n")[0]
        if reject.reason in FORMS and "\n" not in reject.text and len(said) < 2000:
            place = names.index(reject.column)
            column = next(c for c in table.columns if c.name == reject.column)
            value = typed(next(rows_in([said]))[place], column.type, column.unit)
            assert value is math.nan or abs(value) >= 10**18, f"refused: {reject}"


FORMS = {"not an integer", "not a number", "not a time", "not a date", "a time with a zone",
         "a time without a clock", "negative"}  # fmt: skip


PATHS = (
    "hosp/patients",
    "hosp/admissions",
    "ed/vitalsign",
    "ed/triage",
    "ed/pyxis",
    "hosp/prescriptions",
    "ecg/machine_measurements",
)


def sound(path: str) -> bytes:
    header = [column.name for column in TABLES[path].columns]
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([header, *rows_of(path)])
    return stream.getvalue().encode()


def test_the_rows_are_sound(tmp_path):
    for path in PATHS:
        check(tmp_path / path, path, sound(path), 0)
        assert len(pd.read_parquet(tmp_path / path / "out" / "0.parquet")) == 40


def test_damaged_tables(tmp_path):
    def case(draw):
        path = PATHS[draw.integers(len(PATHS))]
        if draw.integers(2):
            header = [column.name for column in TABLES[path].columns]
            content = damage_table(header, rows_of(path), draw)
        else:
            content = damage_lines(sound(path), draw)
        packed = gzip.compress(content, 1, mtime=0) if draw.integers(3) == 0 else b""
        check(tmp_path, path, content, [1.0, 0.05, 0][draw.integers(3)], packed)

    run_cases("tables", case)


def test_damaged_compression(tmp_path):
    """Whatever is kept is what the gzip of Python reads; that refuses what is damaged."""
    text = sound("hosp/patients")

    def case(draw):
        cuts = sorted(draw.integers(len(text), size=int(draw.integers(4))))
        parts = [text[a:b] for a, b in pairwise([0, *cuts, len(text)])]
        content = damage_members(parts, draw)
        (tmp_path / "patients.csv.gz").write_bytes(content)
        report = attempt(
            ingest_table, tmp_path, "hosp/patients", tmp_path / "out", max_reject_share=1.0
        )
        if is_refused(report):
            return
        read = gzip.decompress(content)
        check(tmp_path / "again", "hosp/patients", read, 1.0, content)
        assert report["lines"] == read.count(b"\n") + (read[-1:] != b"\n")

    run_cases("compression", case)


def test_a_table_of_which_no_row_can_be_read_takes_little_memory():
    """In a process of its own: half a million rows, each with a time that is none."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED],
        check=True,
        capture_output=True,
        text=True,
        cwd=gettempdir(),
    )
    assert int(done.stdout) <= 400


MEASURED = """
import gzip, tempfile
from pathlib import Path
from mimicflow.errors import TableError
from mimicflow.raw.ingest import ingest_table
from mimicflow.raw.tables import TABLES
header = ",".join(column.name for column in TABLES["ed/vitalsign"].columns)
with tempfile.TemporaryDirectory() as folder:
    with gzip.open(Path(folder, "vitalsign.csv.gz"), "wt", 1) as stream:
        stream.write(header + "\\n")
        for i in range(300):
            stream.write(f"1,{i},soon,98,80,16,99,,,,a text rejected with its row\\n" * 1000)
    ingest_table(folder, "ed/vitalsign", Path(folder, "out"), memory_mb=1000, max_reject_share=1.0)
# What getrusage gives is at least the peak of the process that started this one.
print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) // 1024)
"""


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("subject_id", "99.5", "not an integer"),
        ("subject_id", "９９", "not an integer"),
        ("subject_id", "99999999999999999999", "not an integer"),
        ("subject_id", "-99", "negative"),
        ("dod", "infinity", "not a date"),
        ("dod", "9999-12-31", "not a plausible date"),
    ],
)
def test_a_value_that_would_be_changed_is_a_counted_rejection(tmp_path, column, value, reason):
    header = [column.name for column in TABLES["hosp/patients"].columns]
    rows = rows_of("hosp/patients")
    rows[7][header.index(column)] = value
    lines = [",".join(header), *(",".join(f'"{cell}"' if "," in cell else cell for cell in row)
                                 for row in rows)]  # fmt: skip
    (tmp_path / "patients.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    report = ingest_table(tmp_path, "hosp/patients", tmp_path / "out", max_reject_share=0.1)
    rejected = pd.read_parquet(tmp_path / "out" / "rejects.parquet")
    assert rejected[["line", "column", "reason"]].values.tolist() == [[9, column, reason]]
    assert report["rows_kept"] == 39


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e309"])
def test_a_measurement_that_is_no_number_is_a_counted_rejection(tmp_path, value):
    header = [column.name for column in TABLES["ed/vitalsign"].columns]
    rows = rows_of("ed/vitalsign")
    rows[3][header.index("sbp")] = value
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([header, *rows])
    (tmp_path / "vitalsign.csv").write_text(stream.getvalue())
    ingest_table(tmp_path, "ed/vitalsign", tmp_path / "out", max_reject_share=0.1)
    rejected = pd.read_parquet(tmp_path / "out" / "rejects.parquet")
    assert rejected[["line", "column", "reason"]].values.tolist() == [[5, "sbp", "not a number"]]


@settings(
    max_examples=60, derandomize=True, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.text(max_size=12), st.integers(0, 5))
def test_any_text_in_any_field(tmp_path, value, place):
    header = [column.name for column in TABLES["hosp/patients"].columns]
    rows = rows_of("hosp/patients", 4)
    rows[2][place] = value
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([header, *rows])
    check(tmp_path, "hosp/patients", stream.getvalue().encode("utf-8", "replace"), 1.0)
