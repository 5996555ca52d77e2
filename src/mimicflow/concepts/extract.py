"""Extract one concept for one shard: what was known of each stay at its prediction."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from mimicflow.concepts import Paths, has, opened, sql, used_by
from mimicflow.concepts.icd_bins import icd_bins
from mimicflow.concepts.point_in_time import keep_known_events, left_out
from mimicflow.running.writing import atomic_output

_LOG = logging.getLogger(__name__)


def extract_concept(
    concept: str,
    tables: Mapping[str, Paths],
    options: Mapping[str, Any],
    output: str | Path,
    *,
    shard: int = 0,
    shards: int = 1,
    memory_mb: int = 1000,
) -> None:
    """Write the features of one concept for the stays of one shard.

    Parameters
    ----------
    concept : str
        A line of ``concepts.csv``.
    tables : mapping of str to path or paths
        Parquet of ``spine`` (all stays to predict) and of the concept's tables, of this shard.
    options : mapping
        Keys of the sections ``cohort``, ``features`` and ``vitals`` of the configuration; for
        ``visit_codes``, of ``mortality`` and its protocol.
    output : path-like
        Parquet: one row for every stay of the shard, also those without events, by stay_id
        (``vitalsigns``: one per reading; ``visit_codes``: one per visit; drugs: one per drug).
    shard, shards : int
        Stays with ``subject_id % shards == shard`` are written.
    memory_mb : int
        Limit of the database, in MB.
    """
    with opened_shard(concept, tables, options, shard, shards, memory_mb) as connection:
        # Visits have a key of their own for it: mortality.protocols.*.visits.
        _write_known(connection, concept, output, options.get("until", "prediction"))


@contextlib.contextmanager
def opened_shard(
    concept: str,
    tables: Mapping[str, Paths],
    options: Mapping[str, Any],
    shard: int = 0,
    shards: int = 1,
    memory_mb: int = 1000,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database in which a concept can be asked about the stays of one shard.

    Parameters are those of `extract_concept`.

    Yields
    ------
    duckdb.DuckDBPyConnection
    """
    with opened(tables, options, memory_mb, uses=used_by(concept)) as connection:
        connection.execute(
            "CREATE TEMP TABLE patients_stays AS FROM spine WHERE subject_id % ? = ?",
            [shards, shard],
        )
        connection.execute("DROP VIEW spine; ALTER TABLE patients_stays RENAME TO spine")
        if concept == "diagnosis_history":
            connection.register("icd_bins", icd_bins())
        yield connection


def find_known_events(
    connection: duckdb.DuckDBPyConnection, concept: str, until: str = "prediction"
) -> None:
    """Create ``events`` of a concept and ``known_events``, those that its features are made of."""
    connection.execute(f"CREATE TEMP TABLE events AS {sql(concept)}")
    keep_known_events(connection, until)


def extract_hospital_visits(
    tables: Mapping[str, Paths],
    options: Mapping[str, Any],
    output: str | Path,
    memory_mb: int = 1000,
) -> None:
    """Write every admission with its codes, whoever is in the cohort, as ``visit_codes`` does.

    Parameters
    ----------
    tables : mapping of str to path or paths
        Parquet of the tables of ``visit_codes``, of one shard.
    options : mapping
        ``repeated_codes`` and ``code_names`` of a protocol of mortality.
    output : path-like
        Parquet, one row per admission; ``stay_id`` is the patient's ``subject_id``.
    memory_mb : int
        Limit of the database, in MB.
    """
    with opened(tables, {**_EVERY_VISIT, **options}, memory_mb) as connection:
        connection.execute(
            """
            CREATE TEMP TABLE spine AS
            SELECT DISTINCT
                subject_id, subject_id AS stay_id,
                CAST(NULL AS BIGINT) AS hadm_id, -- no admission is the index
                TIMESTAMP 'infinity' AS prediction_time
            FROM admissions
            """
        )
        _write_known(connection, "visit_codes", output)


_EVERY_VISIT = {
    "visits": "all",
    "late_rows": "keep",
    "reversed_times": "as_written",
    "prediction_time": "hospital_discharge",
    "max_visits": 1_000_000,
}


def _write_known(
    connection: duckdb.DuckDBPyConnection,
    concept: str,
    output: str | Path,
    until: str = "prediction",
) -> None:
    """Write what was known of the stays of the spine."""
    find_known_events(connection, concept, until)
    _write_ordered(connection, connection.sql(sql(f"{concept}_features")), output)
    _log_counts(connection, concept)


def _log_counts(connection: duckdb.DuckDBPyConnection, concept: str) -> None:
    """Write to the log what was left out, and what else a concept counts."""
    for reason, n in left_out(connection):
        _LOG.info("%s: %d rows left out: %s", concept, n, reason)
    if has(f"{concept}_counts"):
        for what, n in connection.execute(sql(f"{concept}_counts")).fetchall():
            _LOG.info("%s: %d %s", concept, n, what)


def _write_ordered(
    connection: duckdb.DuckDBPyConnection,
    features: duckdb.DuckDBPyRelation,
    output: str | Path,
) -> None:
    """Write a relation as Parquet, by stay and, where it has several rows, by number or code."""
    numbered = [name for name in ("source", "position", "gsn") if name in features.columns]
    order = ", ".join(["stay_id", *numbered])
    with atomic_output(output) as path:
        features.order(order).write_parquet(str(path))
