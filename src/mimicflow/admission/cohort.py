"""Build the cohort of admission: stays with prediction time, ECG sequence and label."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from mimicflow.concepts import Paths, opened, sql, used_by
from mimicflow.concepts.code_checks import with_unknown_codes
from mimicflow.concepts.excluded_stays import write_excluded_stays
from mimicflow.errors import CohortError, ConfigError
from mimicflow.evaluation.competing import count_competing_events
from mimicflow.evaluation.smallest_cell import hide_rows, shown_sets
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv, write_parquet

STAY_COLUMNS = (
    "stay_id, subject_id, hadm_id, intime, outtime, prediction_time, label, disposition, n_ecg, "
    "n_ecg_used, study_id, gender, race, arrival_transport, acuity, chiefcomplaint, age"
)

_DISPOSITIONS = {
    "HOME": "home",
    "ADMITTED": "admitted",
    "TRANSFER": "transfer",
    "EXPIRED": "expired",
    "LEFT WITHOUT BEING SEEN": "left_unseen",
    "LEFT AGAINST MEDICAL ADVICE": "left_against_advice",
    "ELOPED": "eloped",
}


def build_cohort(
    tables: Mapping[str, Paths],
    records: Paths,
    options: Mapping[str, Any],
    seed: int,
    *,
    stays: str | Path,
    ecgs: str | Path,
    attrition: str | Path,
    competing: str | Path,
    study: Study,
    manifest: str | Path | None = None,
    excluded: str | Path | None = None,
    memory_mb: int = 1000,
) -> None:
    """Write the stays to predict, their ECG sequences and the attrition table.

    Parameters
    ----------
    tables : mapping of str to path or paths
        Parquet shards of edstays, triage, patients, admissions, machine_measurements, record_list.
    records : path or paths
        Parquet with the ``study_id`` of every ECG that can be read.
    options : mapping
        Section ``cohort`` of the configuration.
    seed : int
        Of the random choice among a patient's stays.
    stays, ecgs : path-like
        Parquet to write: one row per stay (``STAY_COLUMNS``, by stay_id); one row per ECG with
        stay_id, position (1 = oldest, last = prediction ECG), study_id, ecg_time, path, readable,
        hours_before (hours to the prediction ECG, not below 0).
    attrition : path-like
        CSV to write: step, description, rows, stays, patients, suppressed. The counts of a step
        are hidden where they, or a difference to those of others, are of a few patients; first of
        all the cohort is shown.
    competing : path-like
        CSV to write: how stays end that could be predicted, and what the label makes of it, see
        `mimicflow.evaluation.competing.count_competing_events`.
    study : Study
        Who may be shown.
    manifest : path-like, optional
        Manifest of the run. Tables in it whose codes match nothing are named in ``attrition``.
    excluded : path-like, optional
        Parquet to write, see `mimicflow.concepts.excluded_stays.write_excluded_stays`.
    memory_mb : int
        Limit of the database, in MB.

    Raises
    ------
    CohortError
        When no stay is left.
    ConfigError
        When predictions are asked for at an ECG that sequences never reach.
    """
    if options["prediction_ecg"] != "last" and options["prediction_ecg"] > options["max_ecgs"]:
        raise ConfigError(
            f"cohort.prediction_ecg is {options['prediction_ecg']}, but a stay keeps at most "
            f"{options['max_ecgs']} ECGs",
            remedy="raise cohort.max_ecgs or predict at an earlier ECG",
        )
    tables, options = {**tables, "records": records}, {**options, "seed": seed}
    with opened(tables, options, memory_mb, uses=used_by("cohort")) as connection:
        connection.execute(sql("cohort"))
        counts, hidden = _attrition(connection, study)
        stay_rows = connection.sql(f"SELECT {STAY_COLUMNS} FROM cohort ORDER BY stay_id").df()
        ecg_rows = connection.sql("FROM cohort_ecgs ORDER BY stay_id, position").df()
        ends = connection.sql("FROM predicted_stays ORDER BY stay_id").df()
        left = _left_by_step(connection)
    if stay_rows.empty:
        raise CohortError(
            f"no stay is left in the cohort; the steps lost them so:\n{counts.to_string()}",
            remedy="check that the ed, hosp and ecg folders belong to the same patients, and the "
            "options under cohort in config.yaml",
        )
    write_parquet(stay_rows.astype({"hadm_id": "Int64"}), stays)
    write_parquet(ecg_rows, ecgs)
    if excluded is not None:
        write_excluded_stays("admission", left, excluded)
    table = hide_rows(counts, hidden, ["rows", "stays", "patients"])
    write_csv(with_unknown_codes(table, manifest), attrition)
    _count_ends(ends, options["positive_class"], competing, study)


def _count_ends(ends: pd.DataFrame, positive: str, output: str | Path, study: Study) -> None:
    """Write how stays end, and how many admissions end in hospice or death."""
    kinds = ends["disposition"].map(_DISPOSITIONS).fillna("other")
    found = {kind: kinds == kind for kind in (*_DISPOSITIONS.values(), "other")}
    admitted = ends["disposition"] == "ADMITTED"
    found |= {event: admitted & ends[event] for event in ("hospice", "died_in_hospital")}
    label = (ends["disposition"] == positive).where(ends["disposition"].isin(["HOME", "ADMITTED"]))
    count_competing_events(ends.assign(label=label), found, output, study, system="admission")


def steps_of_stays(
    tables: Mapping[str, Paths],
    records: Paths,
    options: Mapping[str, Any],
    seed: int,
    memory_mb: int = 1000,
) -> pd.DataFrame:
    """Return how far each stay in the emergency department has come, as `build_cohort` decides.

    Parameters
    ----------
    tables, records, options, seed, memory_mb
        As for `build_cohort`.

    Returns
    -------
    pandas.DataFrame
        stay_id, subject_id, disposition, and ``step``: the last one of ``reference/attrition.csv``
        that holds the stay.
    """
    given = {**options, "seed": seed}
    with opened({**tables, "records": records}, given, memory_mb, uses=used_by("cohort")) as known:
        known.execute(sql("cohort"))
        columns = "DISTINCT stay_id, subject_id, disposition"
        reached = known.sql(f"SELECT {columns} FROM edstays ORDER BY stay_id").df()
        for step, left in _left_by_step(known).items():
            reached.loc[reached["stay_id"].isin(left["stay_id"]), "step"] = step
    return reached


def _left_by_step(connection: duckdb.DuckDBPyConnection) -> dict[str, pd.DataFrame]:
    """Return the stays that each step up to the cohort leaves."""
    steps = pd.read_csv(reference("attrition.csv"))["step"].tolist()
    return {
        step: connection.sql(f"SELECT DISTINCT stay_id, subject_id FROM {step}").df()
        for step in steps[: steps.index("cohort") + 1]
    }


def _attrition(
    connection: duckdb.DuckDBPyConnection, study: Study
) -> tuple[pd.DataFrame, pd.Series]:
    """Count every step named in ``reference/attrition.csv``; and which of them to hide."""
    steps = pd.read_csv(reference("attrition.csv"))
    shown = set(steps["step"])
    for key in ("stay_id", "study_id"):  # stays, then ECGs where a step holds them
        keys = {
            step: connection.sql(f"SELECT DISTINCT {key}, subject_id FROM {step}").df()
            for step in steps["step"]
            if study.smallest_cell and step in shown and key in connection.table(step).columns
        }
        shown -= keys.keys() - shown_sets(keys, study.smallest_cell, first=["cohort"])
    counts = [
        connection.execute(
            f"SELECT count(*), count(DISTINCT stay_id), count(DISTINCT subject_id) FROM {step}"
        ).fetchall()[0]
        for step in steps["step"]
    ]
    table = steps.join(pd.DataFrame(counts, columns=["rows", "stays", "patients"]))
    return table, ~table["step"].isin(shown)
