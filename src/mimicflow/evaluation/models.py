"""Read the predictions of models: checked, titled, those of the same subset together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.titles import by_subset


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
