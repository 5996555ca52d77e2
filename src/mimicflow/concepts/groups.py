"""Assign every stay to its groups, such as sex and age band, for tables of scores by group."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from mimicflow.concepts import Paths, opened, sql
from mimicflow.reference import reference
from mimicflow.running.database import read_csv
from mimicflow.running.writing import atomic_output

_LOG = logging.getLogger(__name__)

# What the raw value of a stay is looked up in.
_LISTS = {
    "race": reference("race_groups.csv"),
    "arrival_transport": reference("arrivals.csv"),
}
_AGE_BANDS = reference("age_bands.csv")


def describe_groups(
    stays: str | Path,
    tables: Mapping[str, Paths],
    output: str | Path,
    memory_mb: int = 1000,
    concept: str = "stay_groups",
) -> None:
    """Write the group of each stay, such as sex, age and insurance.

    Parameters
    ----------
    stays : path-like
        Parquet, one row per stay of the cohort.
    tables : mapping of str to path or paths
        Parquet shards that the concept reads: ``admissions`` for ``stay_groups``.
    output : path-like
        Parquet, one row per stay by stay_id: stay_id and the groups of the concept, text;
        "Unknown" where nothing is known. A race or arrival that the reference tables do not list
        becomes "Other" and is counted in the log.
    memory_mb : int
        Limit of the database, in MB.
    concept : {"stay_groups", "icu_stay_groups", "arrest_stay_groups"}
        Of emergency stays, of first ICU stays, which have no arrival, or of stays with a bedside
        ECG, of which unit and monitor are known, but neither race nor insurance.
    """
    with opened({**tables, "spine": str(stays)}, {}, memory_mb) as connection:
        for file in (*_LISTS.values(), _AGE_BANDS):
            read_csv(connection, file, header=True).create_view(file.stem)
        known = connection.table("spine").columns
        for column, file in _LISTS.items():
            if column not in known:
                continue
            unlisted = connection.execute(
                f"SELECT {column}, count(*) FROM spine WHERE upper(trim({column})) NOT IN "
                f"(SELECT {column} FROM {file.stem}) GROUP BY ALL ORDER BY {column}"
            ).fetchall()
            for value, n in unlisted:
                _LOG.warning(
                    "%s %r of %d stays is not in reference/%s: Other", column, value, n, file.name
                )
        with atomic_output(output) as path:
            connection.sql(sql(concept)).write_parquet(str(path))
