"""Raw CSV(.gz) tables to typed, sorted Parquet shards by patient, checked against ``tables/``.

DuckDB reads the file once, on all threads; rows that it cannot read come back with their line and
their reason. What only the typed values can show (a required field that is empty, an implausible
date, a key that occurs twice) is looked for afterwards (``mimicflow.checks``), and the lines of
such rows, which are rare, are found in a second reading of the file (``mimicflow.rejects``).
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from mimicflow import checks, raw_files, rejects
from mimicflow.database import connect, quoted
from mimicflow.errors import InputError, TableError
from mimicflow.files import flush, partial_folder, sha256, write_json, write_parquet
from mimicflow.storage import storage_error, storage_explained
from mimicflow.tables import TABLES, Column, Table
from mimicflow.workers import end_if_abandoned

_logger = logging.getLogger(__name__)

DUCKDB_TYPES = {
    "integer": "BIGINT",
    "number": "DOUBLE",
    "text": "VARCHAR",
    "timestamp": "TIMESTAMP",
    "date": "DATE",
}
"""Type of a schema's word in DuckDB, and so in the shards."""

_READ_AS = {"integer": "DOUBLE"}  # a fraction must be seen before it is rounded away

_ROW_GROUP_ROWS = 122_880  # DuckDB's default: shards stay readable in parallel
_MAX_LISTED_REJECTS = 500_000  # beyond it any table is refused, so listing more is of no use
_EXAMPLES = 3
# A quarter of DuckDB's own: the text of a buffer is parsed while it is still in the CPU's cache.
_BUFFER_BYTES = 8_000_000


@dataclass
class _Reading:
    """One table on its way from the file to the shards."""

    table: Table
    file: Path
    header: list[str]
    connection: duckdb.DuckDBPyConnection
    max_reject_share: float
    rows: int = 0
    duplicates: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def columns(self) -> list[Column]:
        """The columns of the shards; the patient first, because the rows are sorted by it."""
        return sorted(self.table.used, key=lambda column: column.name != "subject_id")

    @property
    def missing(self) -> list[str]:
        """Used columns that the file lacks."""
        return [column.name for column in self.table.used if column.name not in self.header]


def ingest(
    source_folder: str | Path,
    table_path: str,
    output_folder: str | Path,
    shards: int = 1,
    max_reject_share: float = 0.001,
    memory_mb: int = 1000,
    threads: int = 1,
) -> dict[str, Any]:
    """Read one raw table and write it as sorted Parquet shards with its report.

    Parameters
    ----------
    source_folder : path-like
        Folder with ``<table>.csv.gz`` or ``<table>.csv``.
    table_path : str
        ``module/table`` of ``mimicflow.tables.TABLES``.
    output_folder : path-like
        Receives ``0.parquet`` ... (a row lies in shard ``subject_id % shards``; tables without
        patients make one), ``rejects.parquet`` (file, line, column, reason, text) and
        ``report.json``. Nothing is written there before everything has succeeded.
    shards : int
        Number of shards.
    max_reject_share : float
        Largest share of rows that may be rejected, 0 to 1.
    memory_mb : int
        Memory of the whole step in MB; beyond it DuckDB spills to disk.
    threads : int
        Threads of DuckDB. The output does not depend on them.

    Returns
    -------
    dict
        The report: rows in the file, rows kept, rejected rows, duplicates dropped, bytes, SHA-256,
        release, columns missing, warnings.

    Raises
    ------
    InputError
        Missing or unreadable file.
    TableError
        A table that breaks its schema, or with too many rejected rows.
    StorageError
        A disk that is full or refuses otherwise, a file without the right to read it.
    """
    table = TABLES[table_path]
    file = raw_files.find_raw_file(source_folder, table)
    with storage_explained(file):
        header = raw_files.read_header(file)
    _logger.info("%s: reading %s", table_path, file)
    with (
        ThreadPoolExecutor(1) as background,
        storage_explained(file),
        connect(_duckdb_memory(memory_mb), threads) as connection,
        _all_or_nothing(Path(output_folder)) as folder,
        _memory_explained(file),
    ):
        digest = background.submit(sha256, file)
        reading = _Reading(table, file, header, connection, max_reject_share)
        _check_columns(reading)
        _load(reading)
        rejected = _reject(reading)
        kept = _write_shards(reading, folder, shards)
        write_parquet(rejected, folder / "rejects.parquet")
        report = _report(reading, digest.result(), rejected, kept)
        write_json(report, folder / "report.json")
    _logger.info("%s: kept %d of %d rows", table_path, sum(kept), report["rows"])
    return report


def _duckdb_memory(memory_mb: int) -> int:
    """Return DuckDB's part of a step's memory, in MB.

    Python, the parser's buffers and the writer need the rest. Rows beyond this small part spill to
    disk, so that the step takes the same memory however long the table is. Of the longest tables
    that costs a third of the time or more; a larger ``mem_mb`` of the rule takes it back.
    """
    return max(memory_mb // 6, 128)


@contextmanager
def _memory_explained(file: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise InputError(
            "the table cannot be read within the memory of the step",
            file=file,
            remedy="give the rule more mem_mb, or free space in the temporary folder",
        ) from error


@contextmanager
def _all_or_nothing(output_folder: Path) -> Iterator[Path]:
    """Yield an empty sibling folder whose files replace those of ``output_folder`` at the end."""
    with partial_folder(output_folder) as temporary:
        yield temporary
        output_folder.mkdir(exist_ok=True)
        new = sorted(temporary.iterdir())
        for path in new:
            flush(path)
        end_if_abandoned(temporary)
        for path in new:
            path.replace(output_folder / path.name)
        for stale in set(output_folder.glob("*.parquet")) - {output_folder / p.name for p in new}:
            stale.unlink()  # shards of an earlier run with more of them


def _check_columns(reading: _Reading) -> None:
    table, header = reading.table, reading.header
    if not table.used:
        raise TableError(
            f"no column of {table.path} is in use", remedy="leave the table out of the workflow"
        )
    optional = {column.name for column in table.columns if column.optional}
    required = [name for name in reading.missing if name not in optional]
    if required:
        raise TableError(
            f"column{'s' * (len(required) > 1)} {', '.join(required)} missing; "
            f"the header has: {_told(header, table)}",
            file=reading.file,
            row=1,
            remedy=f"use the official {table.path} file, with its header line",
        )
    reading.warnings += [f"column {name} is missing and taken as empty" for name in reading.missing]
    official = {column.name for column in table.columns}
    reading.warnings += [
        f"unknown column {name} is ignored" for name in header if name not in official
    ]


def _told(header: Sequence[str], table: Table) -> str:
    """Return the fields of the header, unless it may be a row: without any of the columns."""
    if not {column.name for column in table.columns} & set(header):
        return f"{len(header)} fields, none of them a column of this table"
    return ",".join(header)[:200]


def _load(reading: _Reading) -> None:
    """Fill the table ``rows`` with the readable rows, typed; rejects come to ``reject_errors``."""
    connection, table = reading.connection, reading.table
    present = {column.name: column for column in table.used if column.name in reading.header}
    # Columns that nobody uses stay text: whatever they are called or hold, it rejects no row.
    types = dict(
        (name, _READ_AS.get(present[name].type, DUCKDB_TYPES[present[name].type]))
        if name in present
        else (f"unused{i}", "VARCHAR")
        for i, name in enumerate(reading.header)
    )
    selected = ", ".join(_selected(column, column.name in present) for column in reading.columns)
    items = _items(table)
    where = f"WHERE itemid IN ({', '.join(map(str, items))})" if items else ""
    try:
        connection.execute("SET preserve_insertion_order = false")
        with _profile(connection) as profile:
            connection.execute(
                f"""
                CREATE TABLE rows AS SELECT {selected} FROM read_csv(
                    $file, columns = {types}, header = true,
                    delim = ',', quote = '"', escape = '"', auto_detect = false,
                    compression = $compression, buffer_size = {_BUFFER_BYTES},
                    store_rejects = true, rejects_limit = {_MAX_LISTED_REJECTS}
                ) {where}
                """,
                {
                    "file": str(reading.file),
                    "compression": "gzip" if reading.file.suffix == ".gz" else "none",
                },
            )
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        told = storage_error(error, reading.file)
        raise told or _unreadable(reading.file, error) from error
    reading.rows = _rows_scanned(profile) if items else checks.count(connection, "rows")
    connection.execute("SET preserve_insertion_order = true")


def _selected(column: Column, present: bool) -> str:
    name = f'"{column.name}"'
    if not present:
        return f"NULL::{DUCKDB_TYPES[column.type]} AS {name}"
    return f"{checks.integer(name)} AS {name}" if column.type == "integer" else name


def _items(table: Table) -> list[int]:
    if table.only_items is None:
        return []
    reference = Path(__file__).parent / "reference" / f"{table.only_items}.csv"
    return sorted(set(pd.read_csv(reference)["itemid"].astype(int)))


@contextmanager
def _profile(connection: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    """Collect DuckDB's own account of the statement in the block.

    It is the only way to know how many rows a filtered scan has read without reading twice.
    """
    with tempfile.TemporaryDirectory(prefix="mimicflow-") as folder:
        output = Path(folder) / "profile.json"
        connection.execute("PRAGMA enable_profiling = 'json'")
        connection.execute(f"PRAGMA profiling_output = {quoted(output)}")
        connection.execute(f"SET enable_progress_bar = {sys.stdout.isatty()}")
        profile: dict[str, Any] = {}
        try:
            yield profile
            profile.update(json.loads(output.read_text(encoding="utf-8")))
        finally:
            connection.execute("PRAGMA disable_profiling")


def _rows_scanned(operator: Any) -> int:
    """Sum ``rows_scanned`` over the table scans of a profile."""
    if isinstance(operator, list):
        return sum(_rows_scanned(child) for child in operator)
    if not isinstance(operator, dict):
        return 0
    own = operator["rows_scanned"] if operator.get("type") == "TABLE_SCAN" else 0
    return own + _rows_scanned(operator.get("operator")) + _rows_scanned(operator.get("children"))


def _unreadable(file: Path, error: duckdb.Error) -> TableError:
    text = str(error)
    if "GZIP" in text.upper():
        return TableError(
            "the compressed file ends too early or is damaged: the download was probably cut off",
            file=file,
            remedy="download the file again and compare it with SHA256SUMS.txt of the release",
        )
    return TableError(
        f"the file cannot be read ({text.splitlines()[0]})",
        file=file,
        remedy="compare it with the official file; it must be CSV with commas and double quotes",
    )


def _reject(reading: _Reading) -> pd.DataFrame:
    """Take all rows out of ``rows`` that break a rule, and return them with their lines."""
    integers = {column.name for column in reading.table.used if column.type == "integer"}
    unreadable = rejects.unreadable_rows(reading.connection, reading.file, integers)
    n_unreadable = unreadable["line"].nunique()
    reading.rows += n_unreadable
    if checks.count(reading.connection, "reject_errors") >= _MAX_LISTED_REJECTS:
        reading.max_reject_share = 0.0  # the list is cut off there, so the share is not known
    _check_share(reading, n_unreadable, unreadable)
    n_broken, reading.duplicates, warnings = checks.take_out_broken(
        reading.connection, reading.table, reading.columns
    )
    reading.warnings += warnings
    if not n_broken:
        return unreadable
    too_many = n_unreadable + n_broken > reading.max_reject_share * reading.rows
    broken = rejects.locate(
        reading.connection,
        reading.file,
        reading.header,
        [(column.name, DUCKDB_TYPES[column.type]) for column in reading.columns],
        limit=_EXAMPLES if too_many else None,
    )
    rejected = pd.concat([unreadable, broken]).sort_values(["line", "column"], ignore_index=True)
    _check_share(reading, n_unreadable + n_broken, rejected)
    return rejected


def _check_share(reading: _Reading, n_rejected: int, rejected: pd.DataFrame) -> None:
    if n_rejected <= reading.max_reject_share * reading.rows:
        return
    examples = "; ".join(
        f"line {row.line}{f' column {row.column}' if row.column else ''}: {row.reason}"
        for row in rejected.head(_EXAMPLES).itertuples()
    )
    remedy = "correct the file, or raise ingest.max_reject_share if the loss is acceptable"
    if (rejected["reason"] == rejects.NOT_UTF8).any():
        remedy = f"save the file as UTF-8 if it is in another encoding; else {remedy}"
    raise TableError(
        f"{n_rejected} of {reading.rows} rows cannot be used, more than the share of "
        f"{reading.max_reject_share:g} allowed ({examples})",
        file=reading.file,
        remedy=remedy,
    )


def _write_shards(reading: _Reading, folder: Path, shards: int) -> list[int]:
    """Write the shards, each sorted by all its columns, and return their numbers of rows."""
    names = ", ".join(f'"{column.name}"' for column in reading.columns)
    counts = []
    for shard in range(shards if reading.table.by_patient else 1):
        where = f"WHERE subject_id % {shards} = {shard}" if reading.table.by_patient else ""
        target = quoted(folder / f"{shard}.parquet")
        written = reading.connection.execute(
            f"COPY (SELECT {names} FROM rows {where} ORDER BY {names}) "
            f"TO {target} "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP_ROWS})"
        ).fetchall()
        counts.append(int(written[0][0]))
    return counts


def _report(
    reading: _Reading, digest: str, rejected: pd.DataFrame, kept: Sequence[int]
) -> dict[str, Any]:
    file, table = reading.file, reading.table
    verified = raw_files.check_checksum(file, digest)
    release = raw_files.match_release(table.path, reading.rows)
    if not reading.rows:
        reading.warnings.append("the table has no rows")
    return {
        "table": table.path,
        "file": file.name,
        "bytes": file.stat().st_size,
        "sha256": digest,
        "sha256_verified": verified,
        "release": "synthetic" if raw_files.is_synthetic(file) else release,
        "rows": reading.rows,
        "rows_kept": sum(kept),
        "rows_rejected": int(rejected["line"].nunique()),
        "rows_duplicate": reading.duplicates,
        "rows_per_shard": list(kept),
        "columns_missing": reading.missing,
        "warnings": sorted(reading.warnings),
    }
