"""Say what a column of a table of the results is: its type, unit and meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from typing import NamedTuple

import pandas as pd

from mimicflow.reference import reference

_BOUNDS = {
    "low": "lower bound of the 95 % interval",
    "lower": "lower bound of the 95 % interval",
    "high": "upper bound of the 95 % interval",
    "upper": "upper bound of the 95 % interval",
    "mean": "mean over repeats",
    "sd": "standard deviation over repeats (n − 1)",
}
"""What an ending makes of the column without it."""
_BEFORE = {
    "published": "as published",
    "real": "1 if it was measured, 0 if it is filled",
}
"""What a word before a column makes of it."""


class Column(NamedTuple):
    """What a column is; ``unit`` is empty where there is none."""

    type: str
    unit: str
    what: str


def describe_column(table: str, column: str) -> Column | None:
    """Return what a column of a table is; None of a column that nobody has described.

    Parameters
    ----------
    table : str
        Name of the file without its ending, such as ``stays``; of a table in shards its folder.
    column : str
        Name of the column.

    Notes
    -----
    A line of ``reference/columns.csv`` that names the table stands above one for all tables, and
    these above the tables of features. ``auroc_low`` is what ``auroc`` is,
    ``real_sbp`` what ``sbp`` and ``path_3`` what ``path``.
    """
    for files, found in _columns().get(column, []):
        if not files or fnmatch(table, files):
            return found
    if column in _features():
        return _features()[column]
    name, _, ending = column.rpartition("_")
    whole = describe_column(table, name) if name and ending in _BOUNDS else None
    if whole:
        return Column("number", whole.unit, f"{whole.what}: {_BOUNDS[ending]}")
    if ending.isdigit():
        return describe_column(table, name)
    before, _, name = column.partition("_")
    whole = describe_column(table, name) if name and before in _BEFORE else None
    unit = "" if before == "real" or whole is None else whole.unit
    return Column("number", unit, f"{whole.what}: {_BEFORE[before]}") if whole else None


@cache
def _columns() -> dict[str, list[tuple[str, Column]]]:
    """Return what ``reference/columns.csv`` says, of each column those of single tables first."""
    listed = pd.read_csv(reference("columns.csv"), keep_default_na=False)
    found: dict[str, list[tuple[str, Column]]] = {}
    for row in listed.sort_values("files", ascending=False, kind="stable").itertuples():
        of = Column(str(row.type), str(row.unit), str(row.what))
        found.setdefault(str(row.column), []).append((str(row.files), of))
    return found


@cache
def _features() -> dict[str, Column]:
    """Return the features of all systems by their names in tables."""
    return dict([*_labels(), *_static(), *_bedside()])


def _labels() -> Iterator[tuple[str, Column]]:
    listed = pd.read_csv(reference("ecg_report_labels.csv"), keep_default_na=False)
    for label in listed["label"]:
        yield str(label), Column("integer", "", f"1 if the machine's report says {label}, else 0")


def _static() -> Iterator[tuple[str, Column]]:
    listed = pd.read_csv(reference("static_features.csv"), keep_default_na=False)
    for row in listed.itertuples():
        yield str(row.name), Column("number", "", str(row.definition))


def _bedside() -> Iterator[tuple[str, Column]]:
    """Yield measures of heart-rate variability and vital signs, and the slopes of both."""
    measures = pd.read_csv(reference("hrv_measures.csv"), keep_default_na=False)
    measures = measures.rename(columns={"measure": "feature"})
    vitals = pd.read_csv(reference("clinical_features.csv"), keep_default_na=False)
    slopes = pd.read_csv(reference("arrest_slopes.csv"), keep_default_na=False)
    for row in pd.concat([measures, vitals]).itertuples():
        unit = re.sub("^nan$", "", str(row.unit))
        yield str(row.feature), Column("number", unit, str(row.text))
        for slope in slopes.itertuples():
            of = Column("number", f"{unit or '1'} per h", f"{row.text}: {slope.text}")
            yield f"{row.feature}_{slope.slope}", of
