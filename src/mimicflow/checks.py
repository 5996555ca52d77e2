"""What the typed rows of a raw table must fulfil, and taking out those that do not.

All functions work on the DuckDB table ``rows``. Rows that break a rule move to the table
``broken``, each once, with the column, the reason and the number of copies.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from mimicflow.tables import Column, Table

EMPTY = "empty"
IMPLAUSIBLE = "not a plausible date"
NOT_INTEGER = "not an integer"
NOT_A_NUMBER = "not a number"
NEGATIVE = "negative"  # such a patient would have no shard
CONTRADICTION = "another row has the same key"

_PLAUSIBLE_YEARS = (1900, 2300)  # MIMIC's shifted dates lie in 2100-2211
_LARGEST_INTEGER = 2**53 - 1  # up to here a DOUBLE holds every integer
_NO_INTEGER = -(2**63)


def integer(number: str) -> str:
    """Return the SQL that makes a DOUBLE a BIGINT, with a mark in place of what is no integer.

    DuckDB itself rounds, which would give a row to another patient.
    """
    return (
        f"CASE WHEN abs({number}) <= {_LARGEST_INTEGER} AND {number} = trunc({number}) "
        f"THEN {number}::BIGINT WHEN {number} IS NOT NULL THEN ({_NO_INTEGER})::BIGINT END"
    )


def take_out_broken(
    connection: duckdb.DuckDBPyConnection, table: Table, columns: Sequence[Column]
) -> tuple[int, int, list[str]]:
    """Check required fields, patients, dates and keys; drop exact copies of rows with a key.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Holds ``rows`` with ``columns``; receives ``broken``.
    table : Table
        Gives the key.
    columns : sequence of Column
        The columns of ``rows``, in their order.

    Returns
    -------
    n_broken : int
        Rows moved to ``broken``, copies included.
    n_duplicates : int
        Exact copies dropped.
    warnings : list of str
        What a user should know.
    """
    names = _names(columns)
    connection.execute(
        f"CREATE TABLE broken AS SELECT {names}, '' AS \"column\", '' AS reason, "
        "1::BIGINT AS copies FROM rows LIMIT 0"
    )
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
    if n_duplicates:
        warnings.append(f"{n_duplicates} exact copies of rows dropped")
    n_broken = _scalar(connection, "SELECT coalesce(sum(copies), 0) FROM broken")
    return n_broken, n_duplicates, warnings


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
    first, last = _PLAUSIBLE_YEARS
    faults = []
    for column in columns:
        name = f'"{column.name}"'
        if not column.nullable and column.name not in absent:
            faults.append((f"{name} IS NULL", column.name, EMPTY))
        if column.type == "integer":
            faults.append((f"coalesce({name} = {_NO_INTEGER}, false)", column.name, NOT_INTEGER))
        if column.type == "number":  # an overflow is read as infinite
            faults.append((f"NOT coalesce(isfinite({name}), true)", column.name, NOT_A_NUMBER))
        if column.name == "subject_id":
            faults.append((f"coalesce({name} < 0, false)", column.name, NEGATIVE))
        if column.type in ("timestamp", "date"):
            # The year of an infinite time is NULL.
            outside = (
                f"{name} IS NOT NULL AND coalesce(year({name}), 0) NOT BETWEEN {first} AND {last}"
            )
            faults.append((outside, column.name, IMPLAUSIBLE))
    if not faults:
        return
    any_fault = " OR ".join(condition for condition, _, _ in faults)
    if not count(connection, f"rows WHERE {any_fault}"):
        return
    which = " ".join(f"WHEN {fault[0]} THEN {i}" for i, fault in enumerate(faults, start=1))
    connection.execute(
        f"""
        INSERT INTO broken
        SELECT {_names(columns)}, $names[fault], $reasons[fault], count(*)
        FROM (SELECT *, CASE {which} END AS fault FROM rows WHERE {any_fault}) GROUP BY ALL
        """,
        {"names": [fault[1] for fault in faults], "reasons": [fault[2] for fault in faults]},
    )
    connection.execute(f"DELETE FROM rows WHERE {any_fault}")


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
        SELECT {names}, copies, row_number() OVER (PARTITION BY {key} ORDER BY {names}) AS position
        FROM (SELECT {names}, count(*) AS copies FROM rows SEMI JOIN repeated USING ({key})
              GROUP BY ALL);
        DELETE FROM rows WHERE ({key}) IN (SELECT ({key}) FROM repeated);
        INSERT INTO rows SELECT {names} FROM candidates WHERE position = 1;
        """
    )
    connection.execute(
        f"INSERT INTO broken SELECT {names}, $key, $reason, copies FROM candidates "
        "WHERE position > 1",
        {"key": " ".join(table.key), "reason": CONTRADICTION},
    )
    return _scalar(connection, "SELECT sum(copies) - count(*) FROM candidates WHERE position = 1")
