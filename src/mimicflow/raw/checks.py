"""Check what the rows of a raw table must fulfil together, and take out those that do not.

All functions work on the DuckDB table ``rows``. Rows that break a rule move to the table
``broken``: line, column and reason.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from mimicflow.raw.rejects import (
    CONTRADICTION,
    EMPTY,
    IMPLAUSIBLE,
    MAX_EXAMPLES,
    NOT_A_NUMBER,
    NOT_AMONG,
    Reject,
)
from mimicflow.raw.tables import Column, Table
from mimicflow.raw.values import LINE

_PLAUSIBLE_YEARS = (1900, 2300)  # MIMIC's shifted dates lie in 2100-2211


def take_out_broken(
    connection: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[Column]
) -> tuple[int, int, list[str]]:
    """Check required fields, patients, dates and keys; drop exact copies of rows with a key.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Holds ``rows`` with ``LINE`` and ``columns``; receives ``broken``.
    table : Table
        Gives the key.
    columns : sequence of Column
        The columns of ``rows``, in their order.

    Returns
    -------
    n_broken : int
        Rows moved to ``broken``.
    n_duplicates : int
        Exact copies dropped.
    warnings : list of str
        What a user should know.
    """
    names = _names(columns)
    connection.execute('CREATE TABLE broken (line BIGINT, "column" VARCHAR, reason VARCHAR)')
    # An optional column without a single value stands for "the release does not have it".
    absent = [
        column.name
        for column in columns
        if column.optional
        and not count(connection, f'(FROM rows WHERE "{column.name}" IS NOT NULL LIMIT 1)')
    ]
    _take_out_faulty(connection, columns, absent)
    n_duplicates, warnings = 0, []
    without = [name for name in table.key if name in absent]
    if without and count(connection, "rows"):
        warnings.append(f"key not checked: {', '.join(without)} is empty in every row")
    elif table.key:
        n_duplicates = _take_out_duplicates(connection, table, names)
    elif table.copies:
        n_duplicates = _take_out_copies(connection, table, names)
    if n_duplicates:
        warnings.append(f"{n_duplicates} exact copies of rows dropped")
    return count(connection, "broken"), n_duplicates, warnings


def broken_rows(connection: duckdb.DuckDBPyConnection) -> list[Reject]:
    """Return the first of the rows in ``broken``, by line; their text is in the file only."""
    found = connection.execute(
        f'FROM broken ORDER BY line, "column" LIMIT {MAX_EXAMPLES}'
    ).fetchall()
    return [Reject(line, column, reason, "") for line, column, reason in found]


def count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    """Return the number of rows of a table, or of a table with its condition."""
    return _scalar(connection, f"SELECT count(*) FROM {relation}")


def _scalar(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    # All of the result is fetched: an unfinished one would block the connection.
    return int(connection.execute(query).fetchall()[0][0])


def _names(columns: Sequence[Column]) -> str:
    return ", ".join(f'"{column.name}"' for column in columns)


def _take_out_faulty(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[Column], absent: Sequence[str]
) -> None:
    """Move rows with an empty required field, a value of the wrong kind or an implausible date.

    Of several faults in a row the first counts.
    """
    faults = _faults(columns, absent)
    if not faults:
        return
    any_fault = " OR ".join(condition for condition, _, _ in faults)
    if not count(connection, f"rows WHERE {any_fault}"):
        return
    which = " ".join(f"WHEN {fault[0]} THEN {i}" for i, fault in enumerate(faults, start=1))
    connection.execute(
        f"""
        INSERT INTO broken SELECT "{LINE}", $names[fault], $reasons[fault]
        FROM (SELECT *, CASE {which} END AS fault FROM rows WHERE {any_fault})
        """,
        {"names": [fault[1] for fault in faults], "reasons": [fault[2] for fault in faults]},
    )
    connection.execute(f"DELETE FROM rows WHERE {any_fault}")


def _faults(columns: Sequence[Column], absent: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return what may be wrong with a row: as SQL, with column and reason."""
    first, last = _PLAUSIBLE_YEARS
    faults = []
    for column in columns:
        name = f'"{column.name}"'
        if not column.nullable and column.name not in absent:
            faults.append((f"{name} IS NULL", column.name, EMPTY))
        if column.type == "number":  # an overflow is read as infinite
            faults.append((f"NOT coalesce(isfinite({name}), true)", column.name, NOT_A_NUMBER))
        if column.values:
            known = ", ".join(map(str, column.values))
            outside = f"coalesce({name} NOT IN ({known}), false)"
            faults.append((outside, column.name, f"{NOT_AMONG} {known}"))
        if column.type in ("timestamp", "date"):
            # The year of an infinite time is NULL.
            outside = (
                f"{name} IS NOT NULL AND coalesce(year({name}), 0) NOT BETWEEN {first} AND {last}"
            )
            faults.append((outside, column.name, IMPLAUSIBLE))
    return faults


def _take_out_duplicates(connection: duckdb.DuckDBPyConnection, table: Table, names: str) -> int:
    """Keep one row per key and return how many exact copies were dropped.

    A row with the key of another but other content is broken. The first in the order of all
    columns stays, whatever the order of the lines in the file.
    """
    key = ", ".join(f'"{name}"' for name in table.key)
    connection.execute(
        f"CREATE TABLE repeated AS SELECT {key} FROM rows GROUP BY ALL HAVING count(*) > 1"
    )
    if not count(connection, "repeated"):
        return 0
    connection.execute(
        f"""
        CREATE TABLE candidates AS
        SELECT *, rank() OVER (PARTITION BY {key} ORDER BY {names}) AS content,
            row_number() OVER (PARTITION BY {key} ORDER BY {names}, "{LINE}") AS position
        FROM rows SEMI JOIN repeated USING ({key});
        DELETE FROM rows WHERE ({key}) IN (SELECT ({key}) FROM repeated);
        INSERT INTO rows SELECT * EXCLUDE (content, position) FROM candidates WHERE position = 1;
        """
    )
    connection.execute(
        f'INSERT INTO broken SELECT "{LINE}", $key, $reason FROM candidates WHERE content > 1',
        {"key": " ".join(table.key), "reason": CONTRADICTION},
    )
    return count(connection, "candidates WHERE content = 1 AND position > 1")


def _take_out_copies(connection: duckdb.DuckDBPyConnection, table: Table, names: str) -> int:
    """Keep one of rows that are equal in all columns, and return how many others there were."""
    known = " AND ".join(f'"{name}" IS NOT NULL' for name in table.copies)
    # By their hashes first, which need little memory: copies are rare.
    connection.execute(
        f"""
        CREATE TABLE alike AS
        SELECT hash({names}) AS mark FROM rows WHERE {known} GROUP BY mark HAVING count(*) > 1;
        CREATE TABLE copies AS
        SELECT "{LINE}" FROM rows
        WHERE hash({names}) IN (FROM alike)
        QUALIFY row_number() OVER (PARTITION BY {names} ORDER BY "{LINE}") > 1;
        DELETE FROM rows WHERE "{LINE}" IN (FROM copies);
        """
    )
    return count(connection, "copies")
