"""Damaged CSV tables: every row kept is a row of the file, and every other one is counted."""

import csv
import gzip
import io
import math
import re
from collections import Counter
from datetime import date, datetime, timedelta

import pandas as pd
import pyarrow.parquet as pq
import pytest
from fuzz_mutations import attempt, damage_bytes, damage_table, generator, is_refused, run_cases
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mimicflow.ingest import ingest
from mimicflow.tables import TABLES

_DAY = r"\s*(\d{4})-(\d\d?)-(\d\d?)"
_TIME = re.compile(_DAY + r"(?:[ T](\d\d?):(\d\d?)(?::(\d\d?)(?:\.(\d{1,6}))?)?)?", re.ASCII)


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


def typed(text: str, kind: str) -> object:
    """Read a field in another way than the reader; `math.nan` for what may not be kept."""
    if text == "":
        return None
    if kind == "text":
        return text
    if kind in ("integer", "number"):
        try:
            value = float(text) if text.isascii() else math.nan
        except ValueError:
            return math.nan
        whole = math.isfinite(value) and (kind == "number" or value.is_integer())
        return (int(value) if kind == "integer" else value) if whole else math.nan
    if text.strip() == "epoch":  # as PostgreSQL, and DuckDB, write 1970
        return datetime(1970, 1, 1)
    found = _TIME.match(text)
    if found is None:
        return math.nan
    day = [int(part) for part in found.groups()[:3]]
    clock = [int(part or 0) for part in found.groups()[3:6]]
    try:
        time = datetime(*day) + timedelta(0, clock[2], int((found[7] or "0").ljust(6, "0")),
                                          minutes=clock[1], hours=clock[0])  # fmt: skip
    except (ValueError, OverflowError):
        return math.nan
    return time if kind == "timestamp" else datetime(*day)


def plain(value: object) -> object:
    """Return a cell of a shard as `typed` writes it."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value


def check(folder, path: str, content: bytes, packed: bool, share: float) -> None:
    table = TABLES[path]
    raw = folder / table.module
    raw.mkdir(parents=True, exist_ok=True)
    for old in raw.glob(f"{table.name}.csv*"):
        old.unlink()
    file = raw / f"{table.name}.csv{'.gz' if packed else ''}"
    file.write_bytes(gzip.compress(content, 1, mtime=0) if packed else content)
    report = attempt(ingest, raw, path, folder / "out", max_reject_share=share)
    if is_refused(report):
        return
    assert report["rows"] == sum(
        report[name] for name in ("rows_kept", "rows_rejected", "rows_duplicate")
    )
    # DuckDB ends a line at a single CR too, and reads quotes more loosely than Python.
    text = content.decode("utf-8-sig", errors="replace")
    parsed = list(csv.reader(io.StringIO(text.replace("\r\n", "\n"), newline="")))
    used = [(c.name, c.type) for c in table.used if c.name in parsed[0]]
    places = [parsed[0].index(name) for name, _ in used]
    # A quote that is never closed swallows rows in Python; each is a row by itself, too.
    alone = [next(csv.reader([line]), []) for line in re.split(r"\r\n|\n", text)
             if "\r" not in line]  # fmt: skip
    possible = Counter(
        tuple(typed(row[i], kind) for i, (_, kind) in zip(places, used, strict=True))
        for row in parsed[1:]
        if len(row) == len(parsed[0])
    ) | Counter(
        tuple(typed(row[i], kind) for i, (_, kind) in zip(places, used, strict=True))
        for row in alone
        if len(row) == len(parsed[0])
    )
    kept = pq.read_table(folder / "out" / "0.parquet")
    rows = Counter(
        tuple(plain(value) for value in row)
        for row in zip(*(kept[name].to_pylist() for name, _ in used), strict=True)
    )
    assert kept.num_rows == report["rows_kept"]
    assert not rows - possible, f"rows that the file does not have: {rows - possible}"


PATHS = ("hosp/patients", "hosp/admissions", "ed/vitalsign", "ed/triage")


def test_the_rows_are_sound(tmp_path):
    for path in PATHS:
        header = [column.name for column in TABLES[path].columns]
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([header, *rows_of(path)])
        check(tmp_path / path, path, stream.getvalue().encode(), False, 0)
        assert len(pd.read_parquet(tmp_path / path / "out" / "0.parquet")) == 40


def test_damaged_tables(tmp_path):
    def case(draw):
        path = PATHS[draw.integers(len(PATHS))]
        header = [column.name for column in TABLES[path].columns]
        content = damage_table(header, rows_of(path), draw)
        check(tmp_path, path, content, draw.integers(3) == 0, [1.0, 0.05, 0][draw.integers(3)])

    run_cases("tables", case)


def test_damaged_compression(tmp_path):
    header = [column.name for column in TABLES["hosp/patients"].columns]
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([header, *rows_of("hosp/patients")])
    whole = gzip.compress(stream.getvalue().encode(), mtime=0)
    file = tmp_path / "patients.csv.gz"
    for seed in range(40):
        content = damage_bytes(whole, generator("compression", seed))
        file.write_bytes(content)
        report = attempt(ingest, tmp_path, "hosp/patients", tmp_path / "out")
        if not is_refused(report):  # a bit of the name, the time or the system in the gzip header
            assert gzip.decompress(content) == stream.getvalue().encode()


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
    report = ingest(tmp_path, "hosp/patients", tmp_path / "out", max_reject_share=0.1)
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
    ingest(tmp_path, "ed/vitalsign", tmp_path / "out", max_reject_share=0.1)
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
    check(tmp_path, "hosp/patients", stream.getvalue().encode("utf-8", "replace"), False, 1.0)
