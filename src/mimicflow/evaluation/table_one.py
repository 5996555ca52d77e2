"""Write Table 1 of any system: the patients, in all and by outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.errors import InputError
from mimicflow.evaluation.groups import LAST_LEVELS
from mimicflow.evaluation.smallest_cell import HIDDEN, to_hide
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv

Row = dict[str, str]


def write_table_one(
    spine: str | Path,
    final_ecgs: str | Path,
    groups: str | Path,
    output: str | Path,
    study: Study,
    vitals: str | Path | None = None,
) -> None:
    """Write Table 1 of the admission cohort.

    Parameters
    ----------
    spine, final_ecgs, groups : path-like
        Parquet, one row per stay: the cohort with ``label`` and ``disposition``, its static
        features, its groups.
    output : path-like
        CSV of `table_one`; the outcomes are the dispositions, ``home`` and ``admitted``.
    study : Study
        As `table_one` takes it.
    vitals : path-like, optional
        Parquet of all readings (``vitals_long_cleaned.parquet``); the first of a stay is shown.

    Raises
    ------
    InputError
        When the tables do not hold the same stays.
    """
    tables = _read(spine, final_ecgs, groups, vitals)
    stays = tables["spine"]
    outcomes = stays.groupby("label")["disposition"].first().str.lower().tolist()
    page = table_one(tables, "admission", outcomes, study)
    write_csv(page, output)


def table_one(
    tables: Mapping[str, pd.DataFrame],
    system: str,
    outcomes: Sequence[str],
    study: Study,
) -> pd.DataFrame:
    """Describe a cohort by outcome; the variables are listed in ``reference/table_one.csv``.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        By the ``source`` of the variables, each with the same stays as its index: ``spine`` with
        ``subject_id`` and ``label``, and others. Variables of a source that is not there are left
        out.
    system : str
        Whose variables. A ``continuous`` one is shown by its quartiles, a ``category`` by its
        levels, a ``flag`` (0 or 1) by those who have it; of ``flags`` every column of the source
        is one, and its name the level.
    outcomes : sequence of str
        Columns of label 0 and label 1.
    study : Study
        Cells with fewer patients than its smallest read ``<10``, and those that would give them
        away ``hidden``.

    Returns
    -------
    pandas.DataFrame
        Texts: variable (with unit and statistic), level, overall, one column per outcome, missing,
        smd, data (synthetic or real). Continuous variables are median (first to third quartile) of
        what was measured, categories n (% of the column's stays). smd is the standardised mean
        difference between the outcomes, label 1 minus label 0; for categories that of Yang and
        Dalton (SAS Global Forum 2012, 335), in which missing is a level.
    """
    stays = tables["spine"]
    parts = [stays["label"] == 0, stays["label"] == 1, stays["label"].isin([0, 1])]
    page = _Page([*outcomes, "overall"], parts, stays["subject_id"], study.smallest_cell)
    rows = list(page.size())
    listed = pd.read_csv(reference("table_one.csv"), keep_default_na=False)
    for variable in listed[listed["system"] == system].itertuples():
        if variable.source in tables:
            rows += page.variable(variable, tables[variable.source])
    table = pd.DataFrame(rows).fillna("").assign(data=study.data)
    order = ["variable", "level", "overall", *outcomes, "missing", "smd", "data"]
    return table.reindex(columns=order, fill_value="")


class _Page:
    """The columns of the table (masks of stays), and how a variable fills its rows."""

    def __init__(
        self, names: list[str], parts: list[pd.Series], patients: pd.Series, smallest: int
    ) -> None:
        self.names, self.parts, self.patients, self.smallest = names, parts, patients, smallest
        self.totals = [int(part.sum()) for part in parts]

    def size(self) -> Iterator[Row]:
        """Yield the rows of stays and patients."""
        people = np.array([[self.patients[part].nunique() for part in self.parts]])
        hidden = to_hide(np.array([self.totals]), people, self.smallest, total=True)
        for title, counts in (("Stays, n", self.totals), ("Patients, n", people[0])):
            if 0 < people[0, :2].sum() - people[0, 2] < self.smallest and title == "Patients, n":
                hidden[0, :2] = True  # the rest are patients with stays of both outcomes
            cells = [self._count(*c) for c in zip(counts, people[0], hidden[0], strict=True)]
            yield {"variable": title, **dict(zip(self.names, cells, strict=True))}

    def variable(self, variable: Any, table: pd.DataFrame) -> Iterator[Row]:
        """Yield the rows of a variable, as the reference table lists it."""
        label = f"{variable.label} ({variable.unit})" if variable.unit else variable.label
        if variable.kind == "continuous":
            row = self.continuous(table[variable.variable])
            yield {"variable": f"{label}, median (IQR)", **row}
            return
        if variable.kind == "flags":
            found = [{**row, "level": name} for name in table for row in self.flag(table[name])]
        elif variable.kind == "flag":
            found = self.flag(table[variable.variable])
        else:
            values = table[variable.variable]
            found = list(self.category(values, _levels(values, variable.order)))
        yield from ({"variable": f"{label}, n (%)", **row} for row in found)

    def flag(self, values: pd.Series) -> list[Row]:
        """Return the row of those who have it; none when a plain column has nobody."""
        return list(self.category(values, _levels(values, "value"), [1]))

    def continuous(self, values: pd.Series) -> Row:
        """Return median and quartiles of what was measured."""
        measured = values.notna()
        cells, few = [], False
        for part in self.parts:
            chosen = values[part & measured].astype(float)
            small = 0 < self.patients[part & measured].nunique() < self.smallest
            few |= small
            low, middle, high = chosen.quantile([0.25, 0.5, 0.75])
            text = "" if chosen.empty else f"{middle:.1f} ({low:.1f}–{high:.1f})"
            cells.append(f"<{self.smallest}" if small else text)
        lacking = self.patients[~measured].nunique()
        return {
            **dict(zip(self.names, cells, strict=True)),
            "missing": self._count((~measured).sum(), lacking, 0 < lacking < self.smallest),
            "smd": "" if few else _number(_difference_of_means(values, *self.parts[:2])),
        }

    def category(self, values: pd.Series, levels: list, shown: list | None = None) -> Iterator[Row]:
        """Yield one row per level (only the ``shown``); missing and smd stand in the first."""
        masks = [values == level for level in levels] + [values.isna()]
        counts = np.array([[int((mask & part).sum()) for part in self.parts] for mask in masks])
        people = np.array(
            [[self.patients[mask & part].nunique() for part in self.parts] for mask in masks]
        )
        hidden = to_hide(counts, people, self.smallest, total=True)
        first: Row = {
            "missing": self._count(counts[-1, -1], people[-1, -1], hidden[-1, -1]),
            "smd": "" if hidden.any() else _number(_difference_of_shares(counts[:, :2])),
        }
        for level, *cells in zip(levels, counts, people, hidden, strict=False):
            if shown is not None and level not in shown:
                continue
            texts = [
                self._count(n, m, hide, total)
                for n, m, hide, total in zip(*cells, self.totals, strict=True)
            ]
            name = "" if shown is not None else _text(level)
            yield {"level": name, **dict(zip(self.names, texts, strict=True)), **first}
            first = {}

    def _count(self, n: int, patients: int, hide: bool, total: int | None = None) -> str:
        if hide:
            return f"<{self.smallest}" if patients < self.smallest else HIDDEN
        return f"{n}" if total is None else f"{n} ({100 * n / total:.1f})" if total else f"{n}"


def _read(
    spine: str | Path, final_ecgs: str | Path, groups: str | Path, vitals: str | Path | None
) -> dict[str, pd.DataFrame]:
    """Return the tables in the order of the spine's stays."""
    paths = {"spine": spine, "final_ecgs": final_ecgs, "groups": groups}
    tables = {name: pd.read_parquet(path).set_index("stay_id") for name, path in paths.items()}
    stays = tables["spine"].index
    for name, table in tables.items():
        if not table.index.is_unique or set(table.index) != set(stays):
            raise InputError(
                "does not hold the stays of the cohort, each once",
                file=paths[name],
                remedy="delete the file and run its rule again",
            )
    if vitals is not None:
        readings = pd.read_parquet(vitals)
        first = readings[readings["source"] == 1].set_index("stay_id")
        # Pain of those who gave no answer is -1.
        tables["vitals"] = first.assign(pain=first["pain"].where(first["real_pain"] == 1))
    return {name: table.reindex(stays) for name, table in tables.items()}


def _levels(values: pd.Series, order: str) -> list:
    """Return the levels in the order to print: by value, or the most frequent first."""
    counts = values.value_counts()
    if order == "count":
        last = {level: rank for rank, level in enumerate(LAST_LEVELS, start=1)}
        return sorted(counts.index, key=lambda level: (last.get(level, 0), -counts[level], level))
    return sorted(counts.index)


def _text(level: object) -> str:
    return f"{level:.0f}" if isinstance(level, float) else str(level)


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else ""


def _difference_of_means(values: pd.Series, zero: pd.Series, one: pd.Series) -> float:
    a, b = values[zero].astype(float), values[one].astype(float)
    spread = np.sqrt((a.var() + b.var()) / 2)
    return float((b.mean() - a.mean()) / spread) if spread > 0 else np.nan


def _difference_of_shares(counts: np.ndarray) -> float:
    """Return the Mahalanobis distance of two multinomial distributions; counts (levels, 2)."""
    used = counts[counts.sum(axis=1) > 0]
    if (counts.sum(axis=0) == 0).any() or len(used) < 2:
        return np.nan
    shares = (used / used.sum(axis=0)).T[:, 1:]  # one level follows from the others
    covariance = np.mean([np.diag(share) - np.outer(share, share) for share in shares], axis=0)
    gap = shares[1] - shares[0]
    if np.linalg.matrix_rank(covariance) < len(covariance):
        return np.nan
    return float(np.sqrt(gap @ np.linalg.solve(covariance, gap)))
