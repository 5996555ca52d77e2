"""What was known of each stay at its prediction: feature shards, and the table made of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from mimicflow.codes import icd_bins
from mimicflow.concepts import Paths, as_list, has, opened, sql, static_features
from mimicflow.drugs import DRUG_DICTIONARY, classed_drugs, read_dictionary
from mimicflow.errors import InputError
from mimicflow.files import atomic_output, write_parquet
from mimicflow.point_in_time import keep_known_events, left_out

_LOG = logging.getLogger(__name__)

TABLES = {
    "ed_stay": (),
    "prior_stays": ("edstays",),
    # One row per drug; their classes come when all is assembled, see mimicflow.drugs.
    "ed_medications": ("pyxis",),
    "medication_history": ("prescriptions", "admissions"),
    "diagnosis_history": ("diagnoses_icd", "admissions"),
    "ed_labs": ("labevents",),
    "home_medications": ("medrecon",),  # only with features.home_medications
    "vitalsigns": ("triage", "vitalsign"),  # one row per reading, see mimicflow.vitals
    # One row per visit, of the mortality system: its spine holds first ICU stays.
    "visit_codes": ("admissions", "diagnoses_icd", "procedures_icd", "prescriptions"),
}
"""Concept -> the tables it reads beside the spine."""

N_EARLIER_ECGS = 5
"""Columns path_1 .. path_5 of the ECGs before the prediction ECG."""


def extract(
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
        Key of ``TABLES``.
    tables : mapping of str to path or paths
        Parquet of ``spine`` (all stays of the cohort) and of the concept's ``TABLES``, of this
        shard.
    options : mapping
        Sections ``cohort``, ``features`` and ``vitals`` of the configuration, merged; for
        ``visit_codes``, ``mortality`` and its protocol.
    output : path-like
        Parquet: one row for every stay of the shard, also those without events, by stay_id
        (``vitalsigns``: one per reading; ``visit_codes``: one per visit; drugs: one per drug).
    shard, shards : int
        Stays with ``subject_id % shards == shard`` are written.
    memory_mb : int
        Limit of the database, in MB.
    """
    with opened(tables, options, memory_mb) as connection:
        connection.execute(
            "CREATE TEMP TABLE patients_stays AS FROM spine WHERE subject_id % ? = ?",
            [shards, shard],
        )
        connection.execute("DROP VIEW spine; ALTER TABLE patients_stays RENAME TO spine")
        if concept == "diagnosis_history":
            connection.register("icd_bins", icd_bins())
        _write_known(connection, concept, output)


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


def _write_known(connection: duckdb.DuckDBPyConnection, concept: str, output: str | Path) -> None:
    """Write what was known of the stays of the spine."""
    connection.execute(f"CREATE TEMP TABLE events AS {sql(concept)}")
    keep_known_events(connection)
    _write_ordered(connection, connection.sql(sql(f"{concept}_features")), output)
    _tell_counts(connection, concept)


def _tell_counts(connection: duckdb.DuckDBPyConnection, concept: str) -> None:
    """Write to the log what was left out, and what else a concept counts."""
    for reason, n in left_out(connection):
        _LOG.info("%s: %d rows left out: %s", concept, n, reason)
    if has(f"{concept}_counts"):
        for what, n in connection.execute(sql(f"{concept}_counts")).fetchall():
            _LOG.info("%s: %d %s", concept, n, what)


def assemble_static_features(
    features: Mapping[str, Paths],
    stays: str | Path,
    ecgs: str | Path,
    options: Mapping[str, Any],
    output: str | Path,
    *,
    drugs: Mapping[str, Paths],
    dictionary: str | Path,
    memory_mb: int = 1000,
) -> None:
    """Write ``final_ecgs.parquet``: ids, times, ECG paths, outcome, then the static features.

    Parameters
    ----------
    features : mapping of str to path or paths
        Concept -> its shards, written by `extract`; one row per stay.
    stays, ecgs : path-like
        The cohort, written by `mimicflow.cohort.build_cohort`.
    options : mapping
        Section ``features`` of the configuration (acuity_median, fill, etc_descriptions).
    output : path-like
        Parquet, one row per stay by stay_id. Numeric features are float64 (NaN = missing acuity
        or laboratory value), boolean ones int8, in the order of ``static_features.csv``; extra
        columns follow. Its attribute ``drug_dictionary`` is the hash of the dictionary.
    drugs : mapping of str to path or paths
        The same of the concepts that need the dictionary.
    dictionary : path-like
        Drug classes by code, written by `mimicflow.drugs.build_gsn_etc`.
    memory_mb : int
        Limit of the database, in MB.

    Raises
    ------
    InputError
        When the shards of a concept do not hold every stay exactly once.
    """
    cohort = pd.read_parquet(stays).sort_values("stay_id", ignore_index=True)
    table = _identity(cohort, pd.read_parquet(ecgs))
    for concept, paths in features.items():
        columns = pd.concat([pd.read_parquet(path) for path in as_list(paths)])
        columns = columns.sort_values("stay_id", ignore_index=True)
        if not columns["stay_id"].equals(table["stay_id"]):
            raise InputError(
                f"the feature shards of {concept} do not hold every stay of the cohort once",
                file=as_list(paths)[0],
                remedy="delete the folder of this concept under results/features and run again",
            )
        table = table.join(columns.drop(columns="stay_id"))
    classes = read_dictionary(dictionary)
    for concept, paths in drugs.items():
        columns = classed_drugs(concept, paths, stays, dictionary, memory_mb)
        table = table.join(columns.drop(columns="stay_id"))
    if "etcdesc" in table:
        descriptions = table.pop("etcdesc")
        if options["etc_descriptions"]:
            table = table.join(_drug_classes(descriptions, classes["etcdescription"]))
    table = _in_published_order(_filled(table, options), len(_IDENTITY))
    table.attrs = {DRUG_DICTIONARY: classes.attrs[DRUG_DICTIONARY]}
    write_parquet(table, output)


_IDENTITY = (
    *("subject_id", "hadm_id", "stay_id", "intime", "outtime", "ecg_time", "final_ecg_path"),
    *(f"path_{k}" for k in range(1, N_EARLIER_ECGS + 1)),
    *("los", "disposition_HOME", "disposition_ADMITTED"),
)


def _identity(cohort: pd.DataFrame, ecgs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per stay with the columns that are no features.

    The prediction ECG is ``final_ecg_path``; earlier ones fill path_1, path_2, ... in time order.
    """
    last = ecgs["position"] == ecgs.groupby("stay_id")["position"].transform("max")
    final = ecgs[last].set_index("stay_id")
    earlier = ecgs[~last].pivot(index="stay_id", columns="position", values="path")
    earlier = earlier.reindex(columns=range(1, N_EARLIER_ECGS + 1)).add_prefix("path_")
    table = cohort.join(earlier, on="stay_id").assign(
        ecg_time=cohort["stay_id"].map(final["ecg_time"]),
        final_ecg_path=cohort["stay_id"].map(final["path"]),
        los=(cohort["outtime"] - cohort["intime"]) / pd.Timedelta(hours=1),
        disposition_HOME=(cohort["disposition"] == "HOME").astype(np.int8),
        disposition_ADMITTED=(cohort["disposition"] == "ADMITTED").astype(np.int8),
    )
    return table[list(_IDENTITY)]


def _drug_classes(descriptions: pd.Series, known: pd.Series) -> pd.DataFrame:
    """Return one 0/1 column ``etcdesc_<class>`` per known class name, from lists of names.

    The columns are those of the dictionary, whoever had the drugs.
    """
    exploded = descriptions.explode().dropna()
    flags = pd.crosstab(exploded.index, exploded.to_numpy()).clip(upper=1)
    flags = flags.reindex(descriptions.index, fill_value=0)
    flags = flags.reindex(columns=sorted(known.dropna().unique()), fill_value=0)
    return flags.add_prefix("etcdesc_").astype(np.int8)


def _filled(table: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Apply the published fills, when asked for; by default what is missing stays missing."""
    if options["fill"] == "whole_table":
        # The published feature steps filled everything before acuity was looked at.
        paths = [column for column in table if "path" in column]
        table = table.fillna(dict.fromkeys(paths, "0")).fillna(0)
        return table.assign(missing_acuity=0)
    if options["acuity_median"] == "all":
        return table.fillna({"acuity": table["acuity"].median()})
    return table


def _in_published_order(table: pd.DataFrame, n_identity: int) -> pd.DataFrame:
    """Return identity, static features in order and with their types, then all other columns."""
    listed = static_features()
    dtypes = listed["kind"].map({"numeric": np.float64, "boolean": np.int8})
    identity, features = list(table.columns[:n_identity]), list(listed["name"])
    extra = sorted(set(table.columns) - set(identity) - set(features))
    return table[identity + features + extra].astype(dict(zip(features, dtypes, strict=True)))


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
