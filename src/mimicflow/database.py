"""One way to open DuckDB, so that memory, threads and spilling are the same everywhere."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator

import duckdb


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
    """
    with tempfile.TemporaryDirectory(prefix="mimicflow-") as spill:
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
