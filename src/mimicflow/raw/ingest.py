"""Ingest raw CSV(.gz) tables to typed, sorted Parquet shards by patient, checked by ``tables/``.

A file is read once: its bytes are unpacked and counted (``mimicflow.raw.stream``), its lines become
records (``mimicflow.raw.records``) and these typed rows (``mimicflow.raw.values``). What only the
whole table can show (a key that occurs twice, a required field that is empty) is looked for in
DuckDB afterwards (``mimicflow.raw.checks``). At the end every line of the file has to be accounted
for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from mimicflow.errors import InputError, TableError
from mimicflow.raw import checks
from mimicflow.raw import files as raw_files
from mimicflow.raw.records import RawRecords, texts_of
from mimicflow.raw.rejects import REMEDIES, Rejects
from mimicflow.raw.releases import SYNTHETIC, as_text, releases_of
from mimicflow.raw.stream import CUT_OFF, DOWNLOAD_AGAIN, RawStream, in_background, in_threads
from mimicflow.raw.tables import TABLES, Column, Table
from mimicflow.raw.values import LINE, RowReader
from mimicflow.reference import reference
from mimicflow.running.database import connect, quoted
from mimicflow.running.progress import Meter, shown
from mimicflow.running.storage import storage_explained
from mimicflow.running.workers import end_if_abandoned
from mimicflow.running.writing import flush, partial_folder, write_json, write_parquet

_logger = logging.getLogger(__name__)

DUCKDB_TYPES = {
    "integer": "BIGINT",
    "number": "DOUBLE",
    "text": "VARCHAR",
    "timestamp": "TIMESTAMP",
    "date": "DATE",
}
"""Type of a schema's word in DuckDB, and so in the shards."""

_ROW_GROUP_ROWS = 122_880  # DuckDB's default: shards stay readable in parallel
_INSERTED_ROWS = 50_000  # at least, at a time
_ITEMS = {
    "labs": reference("labs.csv"),
    "code_status": reference("code_status_items.csv"),
}
_EXAMPLES = 3


@dataclass
class _Reading:
    """One table on its way from the file to the shards."""

    table: Table
    stream: RawStream
    header: list[str]
    blanks: bool
    connection: duckdb.DuckDBPyConnection
    max_reject_share: float
    strict: bool
    rejects: Rejects = field(default_factory=Rejects)
    rows: int = 0
    filtered: int = 0
    lines: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """The file of the table."""
        return self.stream.file

    @property
    def columns(self) -> list[Column]:
        """The columns of the shards; the patient first, because the rows are sorted by it."""
        return sorted(self.table.used, key=lambda column: column.name != "subject_id")

    @property
    def missing(self) -> list[str]:
        """Used columns that the file lacks."""
        return [column.name for column in self.table.used if column.name not in self.header]


def ingest_table(
    source_folder: str | Path,
    table_path: str,
    output_folder: str | Path,
    shards: int = 1,
    max_reject_share: float = 0.001,
    strict: bool = False,
    memory_mb: int = 1000,
    threads: int = 1,
) -> dict[str, Any]:
    """Read one raw table and write it as sorted Parquet shards with its report.

    Parameters
    ----------
    source_folder : path-like
        Folder with ``<table>.csv.gz`` or ``<table>.csv``.
    table_path : str
        ``module/table`` of ``mimicflow.raw.tables.TABLES``.
    output_folder : path-like
        Receives ``0.parquet`` ... (a row lies in shard ``subject_id % shards``; tables without
        patients make one), ``rejects.parquet`` (file, line, column, reason, text) and
        ``report.json``. Nothing is written there before everything has succeeded.
    shards : int
        Number of shards.
    max_reject_share : float
        Largest share of rows that may be rejected, 0 to 1.
    strict : bool
        Whether a last line without its end, as of a file that was cut off, stops the run.
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
        stream = RawStream(file)
        written = raw_files.read_header(file)
    _logger.info("%s: reading %s", table_path, file)
    with (
        storage_explained(file),
        connect(_duckdb_memory(memory_mb), threads) as connection,
        _all_or_nothing(Path(output_folder)) as folder,
        _memory_explained(file),
        stream.unchanged(),
    ):
        header = raw_files.official_names(written.names, table)
        reading = _Reading(
            table, stream, header, written.blanks, connection, max_reject_share, strict
        )
        if header != written.names:
            reading.warnings.append("column names are read in small letters and without blanks")
        if written.blanks:
            reading.warnings.append(
                "fields are read without the blanks before them, as the header has some"
            )
        _check_columns(reading)
        _load(reading, threads)
        _reject(reading)
        kept = _write_shards(reading, folder, shards)
        write_parquet(reading.rejects.frame(file.name), folder / "rejects.parquet")
        report = _report(reading, kept)
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
            f"the header has: {_shown(header, table)}",
            file=reading.file,
            row=1,
            remedy=f"use the official {table.path} file, with its header line",
        )
    reading.warnings += [f"column {name} is missing and taken as empty" for name in reading.missing]
    official = {column.name for column in table.columns}
    reading.warnings += [
        f"unknown column {name} is ignored" for name in header if name not in official
    ]


def _shown(header: Sequence[str], table: Table) -> str:
    """Return the fields of the header, unless it may be a row: without any of the columns."""
    if not {column.name for column in table.columns} & set(header):
        return f"{len(header)} fields, none of them a column of this table"
    return ",".join(header)[:200]


def _load(reading: _Reading, threads: int) -> None:
    """Fill the table ``rows`` with the typed rows, and account for every line of the file."""
    width, known = len(reading.header), reading.rejects
    records = RawRecords(reading.stream, width, known, reading.blanks)
    reader = RowReader(reading.header, reading.columns, _items(reading.table), known)
    types = ", ".join(f'"{column.name}" {DUCKDB_TYPES[column.type]}' for column in reading.columns)
    reading.connection.execute(f'CREATE TABLE rows ("{LINE}" BIGINT, {types})')
    waiting: list[pa.Table] = []
    meter = Meter(reading.file.stat().st_size, "B", "read")
    for rows in in_threads(reader, in_background(records.blocks()), threads):
        reading.rejects.add(rows.rejects.rows, rows.rejects.examples)
        reading.filtered += rows.filtered
        reading.rows += rows.filtered + rows.rejects.rows + len(rows.table)
        waiting.append(rows.table)
        meter.step(reading.stream.bytes - meter.done)
        if sum(map(len, waiting)) >= _INSERTED_ROWS:
            _insert(reading.connection, waiting)
    _insert(reading.connection, waiting)
    _account(reading, records)
    _check_share(reading)


def _insert(connection: duckdb.DuckDBPyConnection, tables: list[pa.Table]) -> None:
    """Put tables into ``rows``, all at once, which is faster than one by one, and forget them."""
    if tables:
        connection.register("inserted", pa.concat_tables(tables))
        connection.execute("INSERT INTO rows FROM inserted")
        connection.unregister("inserted")
        tables.clear()


def _account(reading: _Reading, records: RawRecords) -> None:
    """Check that no line is lost, and note what is peculiar about the lines."""
    stream, file = reading.stream, reading.file
    lines = 1 + records.empty + records.continued + reading.rows
    loaded = checks.count(reading.connection, "rows")
    if lines != stream.lines or loaded != reading.rows - reading.filtered - reading.rejects.rows:
        raise TableError(
            f"the file has {stream.lines} lines, of which {lines} were read and {loaded} loaded",
            file=file,
            remedy="rows would be lost without a word: report this, with the way the file was made",
        )
    reading.lines = {
        "lines": stream.lines,
        "lines_empty": records.empty,
        "lines_continued": records.continued,
    }
    if stream.unfinished and reading.strict:
        remedy = f"{DOWNLOAD_AGAIN}; or set ingest.strict to false"
        raise TableError(CUT_OFF, file=file, row=stream.lines, remedy=remedy)
    if stream.unfinished:
        reading.warnings.append(CUT_OFF)
    if records.empty:
        reading.warnings.append(f"{records.empty} empty lines are skipped")
    if records.continued:
        reading.warnings.append(f"{records.continued} lines go on with the row before, in quotes")


def _items(table: Table) -> list[int]:
    if table.only_items is None:
        return []
    items = pd.read_csv(_ITEMS[table.only_items])["itemid"]
    return sorted(set(items.astype(int)))


def _reject(reading: _Reading) -> None:
    """Take all rows out of ``rows`` that break a rule of the whole table."""
    n_broken, reading.duplicates, warnings = checks.take_out_broken(
        reading.connection, reading.table, reading.columns
    )
    reading.warnings += warnings
    if not n_broken:
        return
    reading.rejects.add(n_broken, checks.broken_rows(reading.connection))
    _check_share(reading)
    without = reading.rejects.lines_without_text()
    texts = texts_of(reading.file, len(reading.header), without, reading.blanks)
    reading.rejects.add_texts(texts)


def _check_share(reading: _Reading) -> None:
    rejected = reading.rejects
    if rejected.rows <= reading.max_reject_share * reading.rows:
        return
    first = sorted(rejected.examples)[:_EXAMPLES]
    examples = "; ".join(
        f"line {reject.line}{f' column {reject.column}' if reject.column else ''}: {reject.reason}"
        for reject in first
    )
    remedy = "correct the file, or raise ingest.max_reject_share if the loss is acceptable"
    reasons = {reject.reason for reject in rejected.examples}
    remedy = "; ".join([*(REMEDIES[reason] for reason in sorted(reasons & {*REMEDIES})), remedy])
    raise TableError(
        f"{rejected.rows} of {reading.rows} rows cannot be used, more than the share of "
        f"{reading.max_reject_share:g} allowed ({examples})",
        file=reading.file,
        remedy=remedy,
    )


def _write_shards(reading: _Reading, folder: Path, shards: int) -> list[int]:
    """Write the shards, each sorted by all its columns, and return their numbers of rows."""
    names = ", ".join(f'"{column.name}"' for column in reading.columns)
    counts = []
    n_shards = shards if reading.table.by_patient else 1
    for shard in shown(range(n_shards), n_shards, "shards", "sorted and written"):
        where = f"WHERE subject_id % {shards} = {shard}" if reading.table.by_patient else ""
        target = quoted(folder / f"{shard}.parquet")
        written = reading.connection.execute(
            f"COPY (SELECT {names} FROM rows {where} ORDER BY {names}) "
            f"TO {target} "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROW_GROUP_ROWS})"
        ).fetchall()
        counts.append(int(written[0][0]))
    return counts


def _report(reading: _Reading, kept: Sequence[int]) -> dict[str, Any]:
    file, table, digest = reading.file, reading.table, reading.stream.sha256
    verified = raw_files.check_checksum(file, digest)
    release = as_text(releases_of(table.path, reading.rows))
    if not reading.rows:
        reading.warnings.append("the table has no rows")
    if reading.rejects.listed < reading.rejects.rows:
        reading.warnings.append(
            f"of {reading.rejects.rows} rejected rows the first {reading.rejects.listed} are listed"
        )
    return {
        "table": table.path,
        "file": file.name,
        "bytes": reading.stream.bytes,
        "sha256": digest,
        "sha256_verified": verified,
        "release": SYNTHETIC if raw_files.is_synthetic(file) else release,
        **reading.lines,
        "rows": reading.rows,
        "rows_kept": sum(kept),
        "rows_filtered": reading.filtered,
        "rows_rejected": reading.rejects.rows,
        "rows_duplicate": reading.duplicates,
        "rows_per_shard": list(kept),
        "columns_missing": reading.missing,
        "warnings": sorted(reading.warnings),
    }
