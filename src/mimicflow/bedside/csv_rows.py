"""Read the rows of a CSV that people have written, each with its line."""

from __future__ import annotations

import csv
import logging
import math
import re
from pathlib import Path

from mimicflow.errors import TableError
from mimicflow.raw.code_texts import trimmed
from mimicflow.raw.stream import CUT_OFF

log = logging.getLogger(__name__)

LINE = "line"
_AS_CSV = "save it as CSV in UTF-8, with commas and a header"
_NUMBER = r"[+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def read_rows(
    file: Path, columns: set[str], missing: str, called: str = ""
) -> tuple[list[str], list[list[object]]]:
    """Return the header, and the fields of each row with its line behind them.

    Parameters
    ----------
    file : Path
        With commas and a header; empty lines are skipped.
    columns : set of str
        Names that are also found when they are written in capitals.
    missing : str
        The remedy when there is no such file.
    called : str
        What the log calls the file, where its path may say whose it is.

    Raises
    ------
    TableError
        A file that is missing, empty or no CSV, a quote that swallows a row, a column twice.
    """
    called = called or str(file)
    lines = _read_lines(file, missing, called)
    reader = csv.reader(lines, strict=True)
    header: list[str] = []
    rows: list[list[object]] = []
    before = 0  # lines of the records before
    try:
        for fields in reader:
            if before == 0:
                header = [_official(name, columns, called) for name in fields]
            _check_fields(fields, lines[before : reader.line_num], len(header), before + 1, file)
            if fields and before:
                rows.append([*(trimmed(field) for field in fields), reader.line_num])
            before = reader.line_num
    except csv.Error as error:
        raise TableError(
            f"is not valid CSV: {error}", file=file, row=reader.line_num, remedy=_AS_CSV
        ) from error
    if not any(header):
        raise TableError("is empty", file=file, remedy=_AS_CSV)
    if len(set(header)) < len(header):
        raise TableError("names a column twice", file=file, row=1, remedy=_AS_CSV)
    return header, rows


def _read_lines(file: Path, missing: str, called: str) -> list[str]:
    """Return the lines of a file with their ends."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            lines = stream.readlines()
    except FileNotFoundError as error:
        raise TableError("does not exist", file=file, remedy=missing) from error
    except OSError as error:  # no right to read, a folder, a broken disk
        raise TableError(f"cannot be read ({error.strerror})", file=file, remedy=_AS_CSV) from error
    except UnicodeDecodeError as error:
        raise TableError("is not UTF-8", file=file, remedy=_AS_CSV) from error
    if lines and not lines[-1].endswith(("\n", "\r")):  # as people write it, too
        log.warning("%s: %s", called, CUT_OFF)
    return lines


def _official(name: str, columns: set[str], called: str) -> str:
    """Return the name of a column, which may be written in capitals."""
    name = trimmed(name)
    if name in columns or name.lower() not in columns:
        return name
    log.warning("%s: the column %s is read for %s", called, name, name.lower())
    return name.lower()


def _check_fields(fields: list[str], lines: list[str], width: int, first: int, file: Path) -> None:
    """Refuse a record that is no row, or has swallowed one; `first` is its first line."""
    last = first + len(lines) - 1
    if any("\0" in field for field in fields):  # what is lost there, nobody knows
        raise TableError("holds a NUL byte", file=file, row=last, remedy=_AS_CSV)
    if len(fields) not in (0, width):
        message = f"has {len(fields)} fields, the header {width}"
        raise TableError(message, file=file, row=last, remedy=_AS_CSV)
    for line, text in enumerate(lines[1:], first + 1):
        if text.count(",") == width - 1:  # the rule of the raw tables
            raise TableError(
                "looks like a row, but stands within a quote that is opened before",
                file=file,
                row=line,
                remedy="close the quote, or take the line break out of the field",
            )


def number(text: object) -> float:
    """Return a finite number of at least 0, NaN for anything else."""
    # Python itself also takes digits of other scripts, and "1_000".
    value = float(str(text)) if re.fullmatch(_NUMBER, str(text), re.ASCII) else math.inf
    return value if value < math.inf else math.nan
