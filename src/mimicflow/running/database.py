"""Open DuckDB the same way everywhere: memory, threads and spilling."""

from __future__ import annotations

import contextlib
import glob
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb

from mimicflow.errors import StorageError
from mimicflow.running.leftovers import owner, remove_abandoned_folders
from mimicflow.running.storage import storage_explained

_SPILL = "mimicflow-spill-"


@contextlib.contextmanager
def connect(memory_mb: int = 1000, threads: int = 1) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an in-memory database that spills to a temporary folder beyond its limit.

    Parameters
    ----------
    memory_mb : int
        Limit of DuckDB's buffers, in MB (from the rule's ``mem_mb``).
    threads : int
        Worker threads.

    Yields
    ------
    duckdb.DuckDBPyConnection
        Closed, and its spill folder removed, when the block ends.

    Raises
    ------
    StorageError
        When neither memory nor the temporary folder has room for what is computed, or a file
        cannot be written or read.
    """
    temporary = Path(tempfile.gettempdir())
    with (
        storage_explained(temporary),
        _room_explained(temporary),
        _spill_folder(temporary) as spill,
    ):
        connection = duckdb.connect(
            config={
                "memory_limit": f"{memory_mb}MB",
                "threads": threads,
                "temp_directory": spill,
            }
        )
        try:
            yield connection
        finally:
            connection.close()


def read_parquet(
    connection: duckdb.DuckDBPyConnection, paths: Iterable[str | Path]
) -> duckdb.DuckDBPyRelation:
    """Return the rows of Parquet files; their paths are names, not patterns.

    DuckDB would take ``MIMIC [1]`` for a pattern that ``MIMIC 1`` fits.
    """
    return connection.read_parquet([glob.escape(str(path)) for path in paths])


def read_csv(
    connection: duckdb.DuckDBPyConnection, path: str | Path, **options: Any
) -> duckdb.DuckDBPyRelation:
    """Return the rows of a CSV file; its path is a name, not a pattern."""
    return connection.read_csv(glob.escape(str(path)), **options)


def quoted(text: str | Path) -> str:
    """Return a text as a literal of SQL, for the statements that take no parameters."""
    return "'{}'".format(str(text).replace("'", "''"))


@contextlib.contextmanager
def _spill_folder(temporary: Path) -> Iterator[str]:
    """Yield a folder of this process; those of killed ones, which may be large, go first."""
    remove_abandoned_folders(temporary, _SPILL)
    with tempfile.TemporaryDirectory(prefix=f"{_SPILL}{owner()}-", dir=temporary) as spill:
        yield spill


@contextlib.contextmanager
def _room_explained(temporary: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise StorageError(
            "neither the memory of the step nor this folder has room for what is computed",
            file=temporary,
            remedy="give the rule more mem_mb, or free space in the folder; TMPDIR names another",
        ) from error
