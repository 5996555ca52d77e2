"""First ICU stays: who is predicted, when, and who died within the horizon."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from mimicflow.concepts import REFERENCE, Paths, opened, sql
from mimicflow.errors import CohortError
from mimicflow.files import write_csv, write_parquet

_LOG = logging.getLogger(__name__)

COUNTS = ("admissions", "stays", "patients")
"""What is counted at each step, by distinct hadm_id, stay_id, subject_id."""
_CLOCKS = {"hospital_discharge": "dischtime", "icu_out": "outtime"}


def build_icu_cohort(
    tables: Mapping[str, Paths],
    options: Mapping[str, Any],
    stays: str | Path,
    attrition: str | Path,
    memory_mb: int = 1000,
) -> None:
    """Write the first ICU stay of every adult patient who left that admission alive.

    Parameters
    ----------
    tables : mapping of str to path or paths
        Parquet shards of patients, admissions, icustays.
    options : mapping
        ``min_age`` (years at admission) and ``horizon`` (days).
    stays : path-like
        Parquet to write, one row per patient by stay_id: stay_id, subject_id, hadm_id, admittime,
        dischtime, intime, outtime, dod, age (years), gender, race, insurance, icu_los (days),
        n_prior_icu (ICU stays that began earlier), label (died 1 to ``horizon`` days after the end
        of the ICU stay).
    attrition : path-like
        CSV to write: step, description, admissions, stays, patients, dropped (patients).
    memory_mb : int
        Limit of the database, in MB.

    Raises
    ------
    CohortError
        When nobody is left.
    """
    with opened(tables, options, memory_mb) as connection:
        connection.execute(sql("first_icu_stay"))
        counts = _attrition(connection)
        rows = connection.sql("FROM stays ORDER BY stay_id").df()
    if rows.empty:
        raise CohortError(
            f"no ICU stay is left in the cohort; the steps lost them so:\n{counts.to_string()}",
            remedy="check that the hosp and icu folders belong to the same patients, and "
            "mortality.min_age in config.yaml",
        )
    write_parquet(rows, stays)
    write_csv(counts, attrition)


def _attrition(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Count what every step of ``reference/icu_attrition.csv`` leaves."""
    steps = pd.read_csv(REFERENCE / "icu_attrition.csv")
    counts = []
    for step in steps["step"]:
        # Before ICU stays are looked for, the steps hold admissions: theirs are counted.
        has_stays = "stay_id" in connection.table(step).columns
        source = step if has_stays else f"{step} LEFT JOIN icustays USING (subject_id, hadm_id)"
        counts += connection.execute(
            "SELECT count(DISTINCT hadm_id), count(DISTINCT stay_id), count(DISTINCT subject_id) "
            f"FROM {source}"
        ).fetchall()
    table = steps[["step", "description"]].join(pd.DataFrame(counts, columns=list(COUNTS)))
    return table.assign(dropped=-table["patients"].diff().fillna(0).astype(int))


def label_deaths(
    spine: str | Path,
    attrition: str | Path,
    options: Mapping[str, Any],
    output: str | Path,
    steps: str | Path,
) -> None:
    """Write the patients of one protocol with their prediction time and label.

    The outcome is death 1 to ``horizon`` whole days after the day from which the protocol counts.
    ``dod`` is a date: a death on that day cannot be told from one before it, so those patients are
    dropped, not counted as survivors.

    Parameters
    ----------
    spine : path-like
        Parquet of `build_icu_cohort` with the column ``split``.
    attrition : path-like
        CSV of `build_icu_cohort`.
    options : mapping
        ``horizon`` (days), ``prediction_time`` (hospital_discharge or icu_out) and
        ``label_clock`` (prediction_time or icu_out).
    output : path-like
        Parquet to write: the same columns with ``prediction_time``, and ``label`` by the clock.
    steps : path-like
        CSV to write: the attrition of all steps, and what is counted beside them.

    Raises
    ------
    CohortError
        When nobody is left.
    """
    stays = pd.read_parquet(spine)
    stays["prediction_time"] = stays[_CLOCKS[options["prediction_time"]]]
    clock = _CLOCKS["icu_out"] if options["label_clock"] == "icu_out" else "prediction_time"
    predicted = stays[stays["prediction_time"].notna()]
    start, death = predicted[clock].dt.normalize(), predicted["dod"].dt.normalize()
    days = (death - start).dt.days
    alive = ~(days <= 0)
    cohort = predicted[alive].assign(
        label=days[alive].between(1, options["horizon"]).astype("int8")
    )
    before_admission = death < predicted["admittime"].dt.normalize()
    by_icu_stay = "icu_out" in (options["label_clock"], options["prediction_time"])
    day = "the ICU stay ended" if by_icu_stay else "of the hospital discharge"
    counted = {
        "with_prediction_time": ("Time of the prediction recorded", predicted),
        "cohort": (f"Not dead on or before the day {day}: the cohort", cohort),
        "lost_died_on_the_day": ("Lost: died on that very day", predicted[days == 0]),
        "lost_died_before": ("Lost: death recorded before that day", predicted[days < 0]),
        "lost_died_before_admission": (
            "Lost: death recorded before the admission itself",
            predicted[~alive & before_admission],
        ),
        "of_which_positive": (
            f"Of the cohort: died within {options['horizon']} days",
            cohort[cohort["label"] == 1],
        ),
    }
    table = _with_steps(pd.read_csv(attrition), counted)
    if cohort.empty:
        raise CohortError(
            f"nobody is left in the cohort; the steps lost them so:\n{table.to_string()}",
            file=spine,
            remedy="choose another mortality.protocols prediction_time, or use more patients",
        )
    write_parquet(cohort, output)
    write_csv(table, steps)


def _with_steps(
    attrition: pd.DataFrame, counted: Mapping[str, tuple[str, pd.DataFrame]]
) -> pd.DataFrame:
    """Append the counts; the two that are steps lose patients, the others are counted beside."""
    rows = pd.DataFrame(
        [
            {
                "step": step,
                "description": description,
                **dict.fromkeys(COUNTS, len(stays)),
            }
            for step, (description, stays) in counted.items()
        ]
    )
    table = pd.concat([attrition, rows], ignore_index=True)
    lost = -table["patients"].diff().fillna(0)
    beside = table["step"].str.match("lost_|of_which_")
    return table.assign(dropped=lost.mask(beside).astype("Int64"))
