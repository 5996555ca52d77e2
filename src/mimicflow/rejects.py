"""Rows of a raw table that cannot be used: which lines they are, and why."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import duckdb
import pandas as pd

from mimicflow import checks

COLUMNS = ("file", "line", "column", "reason", "text")
"""Of ``rejects.parquet``. The header is line 1; a line break inside quotes does not count."""

NOT_UTF8 = "not UTF-8"

_REASONS = {
    "MISSING COLUMNS": "too few fields",
    "TOO MANY COLUMNS": "too many fields",
    "UNQUOTED VALUE": "unbalanced quotes",
    "LINE SIZE OVER MAXIMUM": "line too long",
    "INVALID ENCODING": NOT_UTF8,
    "INVALID STATE": "not valid CSV",
}
_TYPE_REASONS = {
    "DOUBLE": checks.NOT_A_NUMBER,
    "TIMESTAMP": "not a time",
    "DATE": "not a date",
}
_CHUNK_ROWS = 200_000


def unreadable_rows(
    connection: duckdb.DuckDBPyConnection, file: Path, integers: Collection[str] = ()
) -> pd.DataFrame:
    """Return the rows that DuckDB's last ``read_csv`` with ``store_rejects`` could not read.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The one that has read.
    file : Path
        The raw file.
    integers : collection of str
        Columns that were read as numbers and must be integers.

    Returns
    -------
    pandas.DataFrame
        ``COLUMNS``, sorted by line; a row with several faults has several entries.
    """
    found = connection.execute(
        """
        SELECT DISTINCT line::BIGINT, coalesce(column_name, ''), error_type::VARCHAR,
                        error_message, coalesce(csv_line, '')
        FROM reject_errors
        """
    ).fetchall()
    rows = {
        # A row of the wrong length has no column at fault: DuckDB names each one that is absent.
        (
            file.name,
            line,
            "" if "COLUMNS" in kind else column,
            checks.NOT_INTEGER if kind == "CAST" and column in integers else _reason(kind, message),
            text,
        )
        for line, column, kind, message, text in found
    }
    return _frame(rows)


def _reason(kind: str, message: str) -> str:
    if kind != "CAST":
        return _REASONS.get(kind, kind.lower())
    duckdb_type = message.rstrip("'").rpartition("'")[2]
    return _TYPE_REASONS.get(duckdb_type, "not of the column's type")


def _frame(rows: Iterable[tuple[str, int, str, str, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(sorted(rows, key=lambda row: row[1:]), columns=list(COLUMNS))
    return frame.astype({"line": "int64"} | {name: "str" for name in COLUMNS if name != "line"})


def locate(
    connection: duckdb.DuckDBPyConnection,
    file: Path,
    header: Sequence[str],
    columns: Sequence[tuple[str, str]],
    limit: int | None = None,
) -> pd.DataFrame:
    """Find the lines of the rows in the table ``broken`` by reading the file again.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Holds ``broken``: the typed columns, ``column`` and ``reason``.
    file : Path
        The raw file.
    header : sequence of str
        Its columns.
    columns : sequence of (name, DuckDB type)
        Those that identify a row.
    limit : int, optional
        Stop when this many lines are found.

    Returns
    -------
    pandas.DataFrame
        ``COLUMNS``, sorted by line.
    """
    present = [(name, kind) for name, kind in columns if name in header]
    positions = {name: list(header).index(name) for name, _ in present}
    same = " AND ".join(
        f'({_cast(name, kind)}) IS NOT DISTINCT FROM broken."{name}"' for name, kind in present
    )
    # A field that is filled but not of its type is not the empty field of a broken row.
    typed = " AND ".join(
        f'(broken."{name}" IS NOT NULL OR nullif(raw."{name}", \'\') IS NULL)'
        for name, _ in present
    )
    found: list[tuple[str, int, str, str, str]] = []
    for raw in _chunks(file, len(header), positions):
        connection.register("raw", raw)
        matches = connection.execute(
            'SELECT raw."?line", broken."column", broken.reason, raw."?text" '
            f"FROM raw JOIN broken ON {same} WHERE {typed}"
        ).fetchall()
        connection.unregister("raw")
        found += [(file.name, *match) for match in matches]
        if limit is not None and len(found) >= limit:
            break
    return _frame(found)


def _cast(name: str, kind: str) -> str:
    """Return the SQL that makes a raw field what it is in the table."""
    read = "DOUBLE" if kind == "BIGINT" else kind
    typed = f"TRY_CAST(nullif(raw.\"{name}\", '') AS {read})"
    return checks.integer(typed) if kind == "BIGINT" else typed


def _chunks(file: Path, width: int, positions: dict[str, int]) -> Iterator[pd.DataFrame]:
    """Yield the file's rows as text with their line (``?line``) and their raw text (``?text``)."""
    rows: list[tuple[object, ...]] = []
    names = [*positions, "?line", "?text"]
    for line, fields, text in _raw_rows(file):
        if len(fields) != width:
            continue  # already known as unreadable
        rows.append((*(fields[position] for position in positions.values()), line, text))
        if len(rows) == _CHUNK_ROWS:
            yield pd.DataFrame(rows, columns=names)
            rows = []
    if rows:
        yield pd.DataFrame(rows, columns=names)


def _raw_rows(file: Path) -> Iterator[tuple[int, list[str], str]]:
    """Yield line, fields and raw text of each row after the header."""
    read: list[str] = []

    def recorded(stream: Iterator[str]) -> Iterator[str]:
        for line in stream:
            read.append(line)
            yield line

    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding="utf-8-sig", errors="replace", newline="") as stream:
        for line, fields in enumerate(csv.reader(recorded(stream)), start=1):
            text = "".join(read).rstrip("\r\n")
            read.clear()
            if line > 1:
                yield line, fields, text
