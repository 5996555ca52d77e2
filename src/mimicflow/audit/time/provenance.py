"""Say where a feature comes from, and when the newest value that it used was known.

The events that features are made of are asked for their time of availability, and then looked up
in the raw table by its own columns (``audit_sources.csv``): neither the SQL of a concept nor the
one place where time is cut has a part in that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from mimicflow.audit.findings import none_of, write_findings
from mimicflow.audit.time.monitored import epoch_rows
from mimicflow.concepts import static_features
from mimicflow.concepts.extract import find_known_events, opened_shard
from mimicflow.evaluation.smallest_cell import about, is_few, to_tens
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference

_QUANTILES = {"least": 0.0, "lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}
_USED = """
    CREATE OR REPLACE TEMP TABLE used AS
    SELECT
        row_number() OVER () AS event,
        known_events.*,
        spine.subject_id, spine.prediction_time, spine.hadm_id AS own_hadm_id
    FROM known_events
    JOIN spine USING (stay_id)
    WHERE {part}
"""
# An event is accounted for if some raw row of its patient and time was known by the prediction.
_NEWEST = """
    SELECT
        stay_id,
        any_value(subject_id)                       AS subject_id,
        {by}                                        AS value,
        any_value(prediction_time)                  AS prediction_time,
        max(available_time)                         AS newest,
        count(*)                                    AS events,
        count(*) FILTER (
            available_time > prediction_time
            OR event NOT IN (
                SELECT used.event
                FROM used
                JOIN {table} AS raw ON {joined}
                WHERE {known} <= used.prediction_time
            )
        )                                           AS beyond
    FROM used
    GROUP BY ALL
"""
_FOR_READING = {"limit": "", "passed": None}
Row = dict[str, Any]


def audit_provenance(
    output: str | Path,
    study: Study,
    *,
    concepts: Mapping[str, Mapping[str, Any]] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    ecgs: Sequence[str | Path] = (),
    ecg_clock_skew_minutes: int = 0,
    epochs: Mapping[str, Any] | None = None,
    recordings: Mapping[str, Any] | None = None,
    memory_mb: int = 2000,
) -> None:
    """Write how old the newest value behind each feature was at the prediction.

    Parameters
    ----------
    output : path-like
        CSV to write; ``number`` counts the values used that were not known by the prediction.
    study : Study
        Whose patients they are.
    concepts : mapping of str to mapping
        What a concept is asked for, such as ``ed_labs`` or ``audited visit_codes`` -> ``spine``
        (Parquet) and ``shards``: for each shard the Parquet of every table of it and of its
        sources, by the name that SQL has for it.
    options : mapping of str to mapping
        The same keys -> the keys of the configuration that the concept reads.
    ecgs : sequence of path-like
        Parquet of the ECGs of each stay, of the stays, then of all shards of the list of records.
    ecg_clock_skew_minutes : int
        By which the clocks of the ECG carts are behind, as configured.
    epochs : mapping, optional
        Of bedside recordings: files of `mimicflow.audit.time.monitored.epoch_rows`.
    recordings : mapping, optional
        Its ``waveforms`` and ``max_wrong_checksums``.
    memory_mb : int
        Limit of the database, in MB.
    """
    rows: list[Row] = []
    for name, files in (concepts or {}).items():
        rows += concept_rows(name, files, (options or {})[name], study, memory_mb)
    if ecgs:
        rows.append(ecg_row(ecgs[0], ecgs[1], ecgs[2:], study, ecg_clock_skew_minutes))
    if epochs:
        of_files = {key: (recordings or {})[key] for key in ("waveforms", "max_wrong_checksums")}
        samples, numbers = epoch_rows(**epochs, **of_files)
        patients = samples["subject_id"].nunique()
        rows.append(_row("samples of the ECG", samples, patients, study))
        # Which numbers are looked at is not written down anywhere: for reading only.
        rows.append({**_row("numbers of the monitor", numbers, patients, study), **_FOR_READING})
    write_findings(rows, output, study, counts=("number",))


def concept_rows(
    name: str,
    files: Mapping[str, Any],
    options: Mapping[str, Any],
    study: Study,
    memory_mb: int,
) -> Iterator[Row]:
    """Yield a row for each source of a concept."""
    words, _, concept = name.rpartition(" ")
    table = pd.read_csv(reference("audit_sources.csv"), keep_default_na=False)
    patients = pd.read_parquet(files["spine"], columns=["subject_id"])["subject_id"].nunique()
    found: dict[tuple[str, ...], list[pd.DataFrame]] = {}
    for shard, tables in enumerate(files["shards"]):
        with opened_shard(
            concept,
            {"spine": files["spine"], **tables},
            options,
            shard,
            len(files["shards"]),
            memory_mb,
        ) as connection:
            find_known_events(connection, concept, options.get("until", "prediction"))
            for source in table[table["concept"] == concept].to_dict("records"):
                newest = _newest(connection, source)
                for value, part in newest.groupby("value", sort=True):
                    key = (source["source"], source["words"], source["features"], str(value))
                    found.setdefault(key, []).append(part)
    for (source, what, features, value), parts in sorted(found.items()):
        said = " ".join(part for part in (words, what) if part)
        said = f"{said}: {value}" if value else said
        row = _row(said, pd.concat(parts), patients, study, source=source)
        yield {**row, **_features(features, value)}


def _newest(connection: duckdb.DuckDBPyConnection, source: Mapping[str, str]) -> pd.DataFrame:
    """Return the newest event of each stay from a source, and how many no raw row accounts for."""
    connection.execute(_USED.format(**source))
    table = source["source"].partition("/")[2]
    by = source["by"] or "''"
    return connection.sql(_NEWEST.format(**{**source, "by": by}, table=table)).df()


def _features(groups: str, value: str) -> dict[str, Any]:
    """Return how many static features a source gives, and their names."""
    known = static_features()
    names = known.loc[known["group"].isin(groups.split()), "name"]
    if value:
        names = names[names.str.startswith(f"{value}_")]
    return {"features": len(names) or None, "such_as": names.iloc[0] if len(names) else ""}


def _row(what: str, newest: pd.DataFrame, patients: int, study: Study, source: str = "") -> Row:
    """Return the row of a source.

    Parameters
    ----------
    newest : pandas.DataFrame
        One row per stay (or epoch): ``subject_id, prediction_time``, ``newest`` (of the values
        used), ``events`` (values used) and ``beyond`` (those not known by then).
    patients : int
        Who are predicted: of real ones nothing is shown that a few have, or all but a few.
    """
    newest = newest.reset_index(drop=True)
    hours = (newest["prediction_time"] - newest["newest"]) / pd.Timedelta(hours=1)
    hours = hours[hours.notna() & np.isfinite(hours)]
    smallest, have = study.smallest_cell, newest["subject_id"].nunique()
    few = is_few(smallest, have, patients - have)
    quantiles = {
        f"{name}_hours": np.nan if few or hours.empty else round(float(hours.quantile(share)), 3)
        for name, share in _QUANTILES.items()
    }
    return {
        **none_of(f"{what}: not known by the prediction", int(newest["beyond"].sum())),
        "source": source,
        "predictions": about(len(newest), smallest, have, patients - have),
        "values": about(int(newest["events"].sum()), smallest, have, patients - have),
        **quantiles,
        "within_a_minute": np.nan if few else _within_a_minute(hours, newest["subject_id"], study),
    }


def _within_a_minute(hours: pd.Series, subject_id: pd.Series, study: Study) -> float:
    """Return the share of the predictions whose newest value was known within a minute."""
    within, patient = hours <= 1 / 60, subject_id[hours.index]
    smallest = study.smallest_cell
    if hours.empty or is_few(smallest, patient[within].nunique(), patient[~within].nunique()):
        return np.nan
    of_all = max(to_tens(len(hours), smallest), 1)
    return round(to_tens(int(within.sum()), smallest) / of_all, 3)


def ecg_row(
    ecgs: str | Path,
    stays: str | Path,
    records: Sequence[str | Path],
    study: Study,
    skew_minutes: int = 0,
) -> Row:
    """Return the row of 12-lead ECGs, by the time that the list of records has for them.

    ECGs that are counted (``n_ecg``) and stand in no sequence come after the prediction.
    """
    asked = pd.read_parquet(stays, columns=["stay_id", "subject_id", "prediction_time", "n_ecg"])
    used = pd.read_parquet(ecgs).merge(asked, on="stay_id")
    columns = ["subject_id", "study_id", "ecg_time"]
    raw = pd.concat([pd.read_parquet(path, columns=columns) for path in records])
    raw["ecg_time"] += pd.Timedelta(minutes=skew_minutes)
    raw = raw.rename(columns={"ecg_time": "recorded"})
    used = used.merge(raw, on=["subject_id", "study_id"], how="left")
    used["beyond"] = ~(used["recorded"] <= used["prediction_time"])
    newest = used.groupby("stay_id").agg(
        subject_id=("subject_id", "first"),
        prediction_time=("prediction_time", "first"),
        newest=("ecg_time", "max"),
        events=("study_id", "size"),
        beyond=("beyond", "sum"),
        counted=("n_ecg", "first"),
    )
    newest["beyond"] += (newest["counted"] - newest["events"]).clip(lower=0)
    patients = used["subject_id"].nunique()
    row = _row("12-lead ECGs", newest, patients, study, source="ecg/record_list")
    return {**row, "features": 2, "such_as": "n_ecg"}
