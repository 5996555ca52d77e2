"""Make rows unclean, as real tables have them, at known shares; the list of them is kept.

The kinds are the rows of ``vocabulary/dirt.csv``: which table and columns, how they change, for
which items only, and how often (``rate`` times the dirt that is asked for, of no more than ``most``
of the rows). A row has at most one kind, so that what was planted can be counted again. Repeated
rows come first in each table: copies stay exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mimicflow.synthetic.dirt_changes import CHANGES, repeated, times_of_arrival
from mimicflow.synthetic.draws import vocabulary
from mimicflow.synthetic.population import Chunk

IDS = ("labevent_id", "pharmacy_id", "stay_id", "hadm_id")
"""What a row is called in the list: the first of these that its table has."""


def kinds() -> pd.DataFrame:
    """Return the table of kinds, in the order in which they are planted."""
    return vocabulary("dirt", ("column", "amount", "items", "why"))


def soil(chunk: Chunk, columns: dict, dirt: float) -> tuple[dict, pd.DataFrame]:
    """Make some rows unclean.

    Parameters
    ----------
    chunk : Chunk
        Owner of the random streams: each kind has one of its own.
    columns : dict
        ``module/table`` -> columns.
    dirt : float
        Share of rows that the rates of the kinds multiply.

    Returns
    -------
    columns : dict
        The same, unclean.
    broken : DataFrame
        Columns table, id (see ``IDS``), kind of each unclean row.
    """
    columns = dict(columns)
    arrivals = times_of_arrival(columns["hosp/admissions"])
    ids, labels = [np.array([], np.int64)], []
    for table, listed in kinds().groupby("table", sort=False):
        values = dict(columns[table])
        name = next(name for name in IDS if name in values)
        clean = np.ones(len(values[name]), bool)
        for kind in listed.itertuples():
            rng = chunk.stream(f"dirt: {table} {kind.kind}")
            rows = _drawn(rng, clean, kind, values, dirt)
            if kind.change == "repeat":
                values, clean, rows = repeated(values, clean, rows, kind.column)
            else:
                values, rows = CHANGES[kind.change](values, rows, kind, arrivals)
                clean[rows] = False
            ids.append(np.asarray(values[name])[rows])
            labels += [(table, kind.kind)] * len(rows)
        columns[table] = values
    broken = pd.DataFrame(labels, columns=["table", "kind"])
    broken.insert(1, "id", np.concatenate(ids))
    return columns, broken


def _drawn(
    rng: np.random.Generator, clean: np.ndarray, kind: Any, values: dict, dirt: float
) -> np.ndarray:
    """Draw the rows of a kind among the clean ones."""
    chosen = clean & (rng.random(len(clean)) < kind.rate * dirt)
    if kind.items:
        chosen &= np.isin(values["itemid"], [int(item) for item in kind.items.split()])
    rows = np.flatnonzero(chosen)
    if np.isnan(kind.most):
        return rows
    return np.sort(rng.permutation(rows)[: int(kind.most * len(clean))])
