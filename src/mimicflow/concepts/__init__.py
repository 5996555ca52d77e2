"""What was known when? Clinical concepts in SQL, and the database in which they are read.

In SQL the predictions that a concept is asked about are the view ``spine``: one row each, with
``prediction_time``. Each ``<concept>.sql`` yields events with ``event_time`` and
``available_time``; ``<concept>_features.sql`` turns those known at the prediction into one row per
stay; ``<concept>_counts.sql``, where there is one, counts what a reader of the log should know.
Drugs have one row each until ``<concept>_classes.sql``, since their classes depend on the split.

What concepts share lies in this folder: ``macros.sql`` for all, and a file for each subject that
has reference tables, which a concept names in a line ``-- uses complaints.sql``.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from mimicflow.reference import FOLDER as REFERENCE
from mimicflow.reference import reference
from mimicflow.running.database import connect, read_parquet

FOLDER = Path(__file__).parent

# A file of one table, or its shards.
Paths = str | Path | Sequence[str | Path]


def sql(name: str) -> str:
    """Return the text of ``<name>.sql``, in whichever folder of concepts it lies."""
    return _files()[name].read_text(encoding="utf-8")


def has(name: str) -> bool:
    """Return whether there is a ``<name>.sql``."""
    return name in _files()


def used_by(concept: str) -> list[str]:
    """Return the names of the shared SQL that a concept says it uses."""
    return re.findall(r"^-- uses (\w+)\.sql$", sql(concept), re.MULTILINE)


def sql_files(name: str) -> list[str]:
    """Return the SQL of a concept as files of the package: its events, its features, its counts.

    Raises
    ------
    FileNotFoundError
        There is no such concept.
    """
    if not has(name):
        raise FileNotFoundError(f"no {name}.sql under {FOLDER}")
    package = FOLDER.parent
    return [str(file.relative_to(package)) for file in sorted(FOLDER.glob(f"*/{name}*.sql"))]


@functools.cache
def _files() -> dict[str, Path]:
    """Return the SQL files by name; no two have the same."""
    return {file.stem: file for file in FOLDER.rglob("*.sql")}


def static_features() -> pd.DataFrame:
    """Return the table of static features (``name, kind, group``, ...), in model order."""
    return pd.read_csv(reference("static_features.csv"))


def as_list(paths: Paths) -> list[str]:
    """Return one path or several as a list of texts."""
    return [str(paths)] if isinstance(paths, str | Path) else [str(path) for path in paths]


@contextlib.contextmanager
def opened(
    tables: Mapping[str, Paths],
    options: Mapping[str, Any],
    memory_mb: int,
    threads: int = 1,
    uses: Sequence[str] = (),
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database that knows the tables, the options and the macros.

    Parameters
    ----------
    tables : mapping of str to path or paths
        Table name -> its Parquet shards; each becomes a view of that name.
    options : mapping
        Keys of the configuration, read in SQL as ``option('key')``.
    memory_mb : int
        Limit of DuckDB's buffers, in MB.
    threads : int
        Worker threads.
    uses : sequence of str
        Shared SQL with reference tables, most often `used_by` a concept.

    Yields
    ------
    duckdb.DuckDBPyConnection
    """
    with connect(memory_mb, threads) as connection:
        for name, paths in tables.items():
            read_parquet(connection, as_list(paths)).create_view(name)
        for key, value in options.items():
            connection.execute(f'SET VARIABLE "{key}" = ?', [value])
        connection.execute("SET VARIABLE reference_folder = ?", [glob.escape(str(REFERENCE))])
        for name in ("macros", *uses):
            connection.execute(sql(name))
        yield connection
