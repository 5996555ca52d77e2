"""Gather the vital signs that were written down of every stay until its prediction."""

from __future__ import annotations

from pathlib import Path

from mimicflow.concepts import Paths, as_list
from mimicflow.running.database import connect, read_parquet
from mimicflow.running.writing import atomic_output

VITALS = ("temperature", "heartrate", "resprate", "o2sat", "sbp", "dbp")
"""The six vital signs, in the order of the published columns."""


def assemble_vitals(shards: Paths, output: str | Path, memory_mb: int = 1000) -> None:
    """Write ``vitals_long_cleaned.parquet``: the readings of all shards by stay and number.

    Parameters
    ----------
    shards : path or paths
        Parquet of the concept ``vitalsigns``.
    output : path-like
        Parquet, one row per reading: stay_id, source (1, 2, ...), charttime (none at triage), the
        ``VITALS`` (degF, /min, /min, %, mmHg, mmHg; NaN = missing), pain (0-10, -1 = no answer),
        sleeping, uta (unable to answer), real_pain and real_<vital> (0/1: measured).
    memory_mb : int
        Limit of the database, in MB.
    """
    with connect(memory_mb) as connection, atomic_output(output) as path:
        readings = read_parquet(connection, as_list(shards))
        readings.order("stay_id, source").write_parquet(str(path))
