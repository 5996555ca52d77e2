"""Describe the patients of mortality: visits per patient, and the cohort by outcome."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.ticker import MaxNLocator

from mimicflow.concepts import Paths, as_list
from mimicflow.errors import CohortError, InputError
from mimicflow.evaluation.figures.canvas import BLUE, INK, VERMILION, figure_file
from mimicflow.evaluation.smallest_cell import HIDDEN, is_counted, to_hide
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.table_one import table_one
from mimicflow.raw.code_texts import key_text
from mimicflow.reference import reference
from mimicflow.running.database import connect, read_parquet
from mimicflow.running.writing import write_csv

OUTCOMES = ("alive", "died")
"""Columns of label 0 and label 1 in the table."""
TOP_CODES = 10
"""Codes in the table: those that most patients have in their sequence."""
_SPINE = [
    *("stay_id", "subject_id", "label", "age", "gender", "race", "insurance"),
    *("icu_los", "n_prior_icu"),
]
_LINES: dict[str, dict[str, Any]] = {
    "median": {"color": VERMILION, "linestyle": "--"},
    "mean": {"color": INK, "linestyle": ":"},
}
_SEXES = {"F": "Female", "M": "Male"}


def describe_icu_cohort(
    spine: str | Path,
    visits: Paths,
    output: str | Path,
    study: Study,
    *,
    beside: Sequence[str | Path] = (),
    memory_mb: int = 1000,
) -> None:
    """Write the cohort by outcome.

    Parameters
    ----------
    spine : path-like
        Parquet, one row per patient: ``stay_id, subject_id, label, age`` (years), ``gender, race,
        insurance, icu_los`` (days), ``n_prior_icu``.
    visits : path-like or list of path-like
        Parquet shards, one row per visit of a sequence: ``stay_id, n_visits``, ``codes`` (lists
        of text).
    output : path-like
        CSV of `mimicflow.evaluation.table_one.table_one`, the outcomes ``alive`` and ``died``.
    study : Study
        Whose patients they are, and who may be shown.
    beside : sequence of path-like
        Parquet of the cohorts of other protocols, of which readers know. Where this one differs
        from them by a few patients, all cells are hidden.
    memory_mb : int
        Limit of the database, in MB.

    Raises
    ------
    CohortError, InputError
        Nobody in the cohort; a file that cannot be read, or visits of other stays.
    """
    stays = _read_spine(spine)
    tables = {
        "spine": stays.assign(
            prior_icu=_flag(stays["n_prior_icu"] > 0), died=_flag(stays["label"] == 1)
        ),
        "groups": _groups(stays),
    }
    with _opened(stays, visits, memory_mb) as connection:
        tables["visits"] = pd.DataFrame({"n_visits": _count_visits(stays, connection)})
        tables["codes"] = _top_codes(stays, connection)
    table = table_one(tables, "mortality", OUTCOMES, study)
    if not is_counted(spine, beside, study.smallest_cell):
        cells = ["overall", *OUTCOMES, "missing", "smd"]
        table[cells] = table[cells].mask(table[cells] != "", HIDDEN)
    write_csv(table, output)


def describe_visits(
    spine: str | Path,
    visits: Paths,
    table: str | Path,
    summary: str | Path,
    figure: str | Path,
    study: Study,
    *,
    beside: Sequence[str | Path] = (),
    memory_mb: int = 1000,
) -> None:
    """Write how many hospital visits the patients have, before their sequences are cut.

    Parameters
    ----------
    spine, visits, study, beside, memory_mb
        As in `describe_icu_cohort`.
    table : path-like
        CSV to write: ``n_visits, patients``, a row per number of visits that occurs. Unless the
        data are synthetic, small counts read ``<10``, and those that would give them away
        ``hidden``.
    summary : path-like
        CSV to write: ``statistic, value``, of patients, min, median, mean, max. Where counts are
        hidden the mean is rounded: exact, it would be a second sum to work them out from.
    figure : path-like
        PNG to write: the histogram without the hidden bars, and the statistics.

    Raises
    ------
    CohortError, InputError
        As in `describe_icu_cohort`.
    """
    stays = _read_spine(spine)
    with _opened(stays, visits, memory_mb) as connection:
        n_visits = _count_visits(stays, connection)
    counts = n_visits.value_counts().sort_index()
    column = counts.to_numpy()[:, None]
    hidden = to_hide(column, column, study.smallest_cell)[:, 0]
    texts = [
        str(n) if not hide else f"<{study.smallest}" if n < study.smallest else HIDDEN
        for n, hide in zip(counts, hidden, strict=True)
    ]
    statistics = {
        "patients": len(n_visits),
        "min": int(n_visits.min()),
        "median": float(n_visits.median()),
        "mean": _mean(n_visits, counts.index[hidden], study.smallest_cell),
        "max": int(n_visits.max()),
    }
    few = len(n_visits) < study.smallest_cell
    cells = dict.fromkeys(statistics, f"<{study.smallest}") if few else statistics
    if not is_counted(spine, beside, study.smallest_cell):
        few, hidden, texts = True, np.full(len(counts), True), [HIDDEN] * len(counts)
        cells = dict.fromkeys(statistics, HIDDEN)
    write_csv(pd.DataFrame({"n_visits": counts.index, "patients": texts}), table)
    # As objects, or whole numbers would be written as 2.0.
    write_csv(pd.DataFrame(cells.items(), columns=["statistic", "value"], dtype=object), summary)
    note = f"Bars of fewer than {study.smallest} patients are not drawn." if hidden.any() else ""
    _draw_visits(counts[~hidden], {} if few else statistics, note, figure, study)


def _read_spine(path: str | Path) -> pd.DataFrame:
    remedy = "delete the file and run its rule again"
    try:
        stays = pd.read_parquet(path, columns=_SPINE)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"cannot be read: {error}", file=path, remedy=remedy) from error
    if stays.empty:
        raise CohortError(
            "nobody is in the cohort", file=path, remedy="see the attrition table beside it"
        )
    if stays["stay_id"].duplicated().any():
        raise InputError("holds stays more than once", file=path, remedy=remedy)
    return stays.set_index("stay_id")


def _flag(values: pd.Series) -> pd.Series:
    """Return 0 and 1, both known, so that the table has its row when nobody has it."""
    return values.astype(int).astype(pd.CategoricalDtype([0, 1]))


def _groups(stays: pd.DataFrame) -> pd.DataFrame:
    """Return sex, race and insurance in words; what is not known is 'Unknown'."""
    listed = pd.read_csv(reference("race_groups.csv")).set_index("race")["race_group"]
    race = stays["race"].map(key_text, na_action="ignore").map(listed)
    return pd.DataFrame(
        {
            "sex": stays["gender"].map(_SEXES).fillna("Unknown"),
            "race": race.fillna("Other").mask(stays["race"].isna(), "Unknown"),
            "insurance": stays["insurance"].fillna("Unknown"),
        }
    )


@contextlib.contextmanager
def _opened(
    stays: pd.DataFrame, visits: Paths, memory_mb: int
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database with the visits of the cohort, as ``visit``."""
    try:
        with connect(memory_mb) as connection:
            read_parquet(connection, as_list(visits)).create_view("visits")
            connection.register("cohort", stays.reset_index()[["stay_id"]])
            connection.execute(
                "CREATE TEMP VIEW visit AS SELECT * FROM visits SEMI JOIN cohort USING (stay_id)"
            )
            yield connection
    except duckdb.Error as error:
        raise InputError(
            f"the visits cannot be read: {error}",
            remedy="delete the files of the visits and run their rule again",
        ) from error


def _count_visits(stays: pd.DataFrame, connection: duckdb.DuckDBPyConnection) -> pd.Series:
    """Return the visits of each stay before the cut; 0 for a stay without any."""
    found = connection.sql("SELECT stay_id, max(n_visits) AS n FROM visit GROUP BY stay_id").df()
    if found.empty:
        raise InputError(
            "the visits are of other stays than those of the cohort",
            remedy="run the rules of the cohort and of the visits again",
        )
    return found.set_index("stay_id")["n"].reindex(stays.index, fill_value=0).astype(np.int64)


def _top_codes(stays: pd.DataFrame, connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Return a column of 0 and 1 per code; a patient has a code once, however often it is coded."""
    connection.execute(
        "CREATE TEMP TABLE patient_code AS "
        "SELECT DISTINCT stay_id, unnest(codes) AS code FROM visit"
    )
    found = connection.execute(
        """
        WITH top AS (
            SELECT code, count(*) AS patients FROM patient_code GROUP BY code
            ORDER BY patients DESC, code LIMIT ?
        )
        SELECT stay_id, code FROM patient_code JOIN top USING (code)
        ORDER BY patients DESC, code
        """,
        [TOP_CODES],
    ).df()
    flags = pd.crosstab(found["stay_id"], found["code"])
    return flags.reindex(index=stays.index, columns=found["code"].unique(), fill_value=0)


def _mean(n_visits: pd.Series, hidden: pd.Index, smallest: int) -> float:
    """Return the mean, rounded where patients with ``hidden`` numbers of visits are not shown."""
    mean = float(n_visits.mean())
    if hidden.empty:
        return mean
    # One decimal leaves the sum of all visits open by this much on either side. Is it enough to
    # move as many patients as must not be known from the least hidden number to the greatest?
    open_by = 0.05 * len(n_visits)
    return round(mean, 1) if open_by >= smallest * (hidden.max() - hidden.min()) else round(mean)


def _draw_visits(
    counts: pd.Series,
    statistics: Mapping[str, float],
    note: str,
    path: str | Path,
    study: Study,
) -> None:
    """Draw the histogram of patients by number of visits, the statistics written into it."""
    with figure_file(path, study, (6.5, 4.4)) as figure:
        axes = figure.add_subplot()
        axes.bar(counts.index, counts.to_numpy(), width=0.85, color=BLUE)
        for name in ("min", "median", "mean", "max") if statistics else ():
            label = f"{name} {statistics[name]:,.1f}".removesuffix(".0")
            if name in _LINES:
                axes.axvline(statistics[name], label=label, **_LINES[name])
            else:
                axes.plot([], [], linestyle="none", label=label)
        if statistics:
            axes.legend(
                loc="upper right",
                title=f"{statistics['patients']:,} patients",
                title_fontsize=9,
                frameon=True,
                framealpha=0.85,
                edgecolor="none",
            )
        axes.set_title("Hospital visits per patient")
        axes.set_xlabel(
            f"Visits of the sequence, before it is cut to the last ones\n{note}".rstrip()
        )
        axes.set_ylabel("Patients")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
