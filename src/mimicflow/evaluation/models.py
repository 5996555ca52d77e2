"""Read the predictions of models: checked, titled, those of the same subset together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.smallest_cell import rounded, shown_sets
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.titles import by_subset

SIZES = ["patients", "n", "events"]
"""Columns that say how large the set of rows is that a model is scored on."""


@dataclass(frozen=True)
class Model:
    """A model, and what it predicted of test patients."""

    name: str
    title: str
    subset: str
    """On which stays it was fitted and is scored: a key of `SUBSETS`."""
    file: str | Path
    """Its predictions, those of validation patients among them."""
    table: pd.DataFrame
    """Those of test patients, as `read_predictions` returns them."""

    def named(self, rows: pd.DataFrame, **columns: object) -> pd.DataFrame:
        """Return rows with the model's name, its title and further columns before their own."""
        first = {"model": self.name, "title": self.title, **columns}
        return rows.assign(**first)[[*first, *rows.columns]]


def read_models(
    predictions: Mapping[str, str | Path], subsets: Mapping[str, str], study: Study
) -> Iterator[Model]:
    """Yield every model, one after the other, as each may be large.

    Parameters
    ----------
    predictions : mapping of str to path-like
        Predictions Parquet of each model, by model name.
    subsets : mapping of str to str
        ``all`` or ``multi``, by model name. Models of the same subset come together.
    study : Study
        Titles of the models, and the column that names a row.

    Raises
    ------
    ConfigError, PredictionsError
        A model without an entry in ``subsets``, a table that cannot be scored.
    """
    for name in by_subset(predictions, subsets):
        file = predictions[name]
        table = read_predictions(file, key=study.key)
        yield Model(name, study.title(name), subsets[name], file, table)


def counted_models(
    predictions: Mapping[str, str | Path],
    subsets: Mapping[str, str],
    study: Study,
    beside: Sequence[str | Path] = (),
) -> set[str]:
    """Return the models of which readers may know how many rows, patients and events they have.

    Where one subset of the stays lies in another, the difference is a count too: of a few patients
    it hides the sizes of the later one. Of the others readers see no share of rows either, as those
    of decisions and of curves, and no score to its last digit: these count rows, too.

    Parameters
    ----------
    predictions, subsets, study
        As `read_models` takes them.
    beside : sequence of path-like
        Predictions of other protocols, of which readers know how many there are.
    """
    if not study.smallest_cell:
        return set(predictions)
    sets: dict[str, pd.DataFrame] = {}
    files = {str(path): path for path in beside}
    files |= {name: predictions[name] for name in by_subset(predictions, subsets)}
    for name, file in files.items():
        table = read_predictions(file, key=study.key)
        for label, rows in table.groupby("label"):
            sets[f"{name} {label}"] = rows[[study.key, "subject_id"]]
        sets[name] = table[[study.key, "subject_id"]]
    classes = [name for name in sets if name not in files]
    shown = shown_sets(sets, study.smallest_cell, rows_only=classes)
    return {name for name in predictions if {name, f"{name} 0", f"{name} 1"} <= shown}


def without_sizes(table: pd.DataFrame, counted: Collection[str]) -> pd.DataFrame:
    """Empty the sizes (`SIZES`) of all models but those that are ``counted``, round their scores.

    All other numbers of the table are scores.
    """
    sizes = list(table.columns.intersection(SIZES))
    hidden = ~table["model"].isin(counted)
    scores = table.select_dtypes("float64").columns.difference(sizes)
    table = rounded(table, hidden, scores)
    return table.assign(**{size: table[size].astype("Int64").mask(hidden) for size in sizes})
