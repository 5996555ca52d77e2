"""Damaged registries: the fields of the files, or an error that names the file."""

import csv
import io
import math
import unicodedata
from datetime import datetime

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_arrest_registry import ARRESTS, RECORDINGS, STAYS

from mimicflow.bedside.registry import read_registry
from mimicflow.errors import TableError

from .damaged_files import attempt, damage_lines, damage_table, is_refused, run_cases

HEADERS = {"recordings": RECORDINGS, "stays": STAYS, "arrests": ARRESTS}
ROWS = {
    "recordings": [
        [f"p{i // 2}", f"s{i}", f"w/{i}", "2150-01-01 00:00:00", "II", "monitor, new"]
        for i in range(12)
    ],
    "stays": [
        [f"p{i // 2}", f"s{i}", f"{40 + i}", "F", "MICU", "2150-01-01 00:00", "2150-01-03T10:00"]
        for i in range(12)
    ],
    "arrests": [[f"s{i}", "2150-01-02 12:00:00" if i % 2 else ""] for i in range(4)],
}
TIMES = {"start_time", "intime", "outtime", "cpr_time"}


def write(folder, changed: dict[str, bytes] | None = None) -> None:
    for name, header in HEADERS.items():
        stream = io.StringIO()
        csv.writer(stream).writerows([header.split(","), *ROWS[name]])
        (folder / f"{name}.csv").write_bytes((changed or {}).get(name, stream.getvalue().encode()))


def one_blank_each(field: str) -> str:
    """Write one blank for any run of blanks and control characters; what has no width goes."""
    kinds = [(letter, unicodedata.category(letter)) for letter in field]
    return " ".join(
        "".join(
            "" if kind == "Cf" else " " if kind in ("Cc", "Zs", "Zl", "Zp") else letter
            for letter, kind in kinds
        ).split()
    )


def meant(column: str, field: str) -> str:
    """Return what a text is compared as: an identifier that is a number without its ``.0``."""
    if column in ("patient_id", "stay_id"):
        number, dot, zeros = field.partition(".")
        is_whole = dot and number.isascii() and number.isdigit() and not zeros.strip("0")
        return number if is_whole else field
    return field.upper() if column in ("sex", "icu") else field


def check(folder) -> None:
    """Compare each field with that of the file, read by csv."""
    registry = attempt(read_registry, folder)
    if is_refused(registry):
        assert isinstance(registry, TableError)
        return
    for name in HEADERS:
        text = (folder / f"{name}.csv").read_bytes().decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        header, *rows = [row for row in reader if row]
        assert all(len(row) == len(header) for row in rows)
        # Nothing within a field may be a row that a quote has swallowed.
        within = [
            line for row in [header, *rows] for field in row for line in field.split("\n")[1:-1]
        ]
        assert not any(line.count(",") == len(header) - 1 for line in within)
        table = getattr(registry, name)
        assert len(table) == len(rows)
        for place, column in enumerate(header):
            column = one_blank_each(column).lower()
            if column not in table:
                continue
            fields = [one_blank_each(row[place]) for row in rows]
            assert not any("\0" in row[place] for row in rows)
            for field, value in zip(fields, table[column], strict=True):
                if column in TIMES or column == "age":
                    assert field or pd.isna(value)
                    if field and column == "age":
                        assert field.isascii() and 0 <= float(field) == value < math.inf
                    elif field:
                        assert ":" in field
                        assert value == datetime.fromisoformat(field)
                else:
                    assert value == meant(column, field)


def test_the_registry_is_sound(tmp_path):
    write(tmp_path)
    assert len(read_registry(tmp_path).recordings) == 12
    check(tmp_path)


def test_damaged_registries(tmp_path):
    def case(draw):
        name = list(HEADERS)[draw.integers(3)]
        content = damage_table(HEADERS[name].split(","), ROWS[name], draw)
        if draw.integers(4) == 0:
            stream = io.StringIO()
            csv.writer(stream).writerows([HEADERS[name].split(","), *ROWS[name]])
            content = damage_lines(stream.getvalue().replace("\r", "").encode(), draw)
        write(tmp_path, {name: content})
        check(tmp_path)

    run_cases("registry", case)


@settings(
    max_examples=150, derandomize=True, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.sampled_from(sorted(HEADERS)), st.binary(max_size=60), st.booleans())
def test_any_bytes(tmp_path, name, content, with_header):
    header = f"{HEADERS[name]}\n".encode() if with_header else b""
    write(tmp_path, {name: header + content})
    check(tmp_path)


@pytest.mark.parametrize("what", ["folder", "no folder", "file for folder"])
def test_what_is_no_file(tmp_path, what):
    write(tmp_path)
    folder = tmp_path
    if what == "folder":
        (tmp_path / "stays.csv").unlink()
        (tmp_path / "stays.csv").mkdir()
    else:
        folder = tmp_path / ("nowhere" if what == "no folder" else "stays.csv")
    assert is_refused(attempt(read_registry, folder))
