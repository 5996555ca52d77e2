"""Compare features bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

Features = dict[str, pd.DataFrame]
"""Tables with ``stay_id``, by what they are called."""


def differences(before: Features, after: Features) -> tuple[int, int]:
    """Return how many features of how many stays differ by a bit.

    Parameters
    ----------
    before, after : mapping of str to pandas.DataFrame
        Tables with ``stay_id`` and one or several rows per stay, in order.
    """
    n_features, stays = 0, set()
    for name, one in before.items():
        texts, others = _texts(one), _texts(after[name])
        whole = (
            texts.reindex(texts.index.union(others.index)),
            others.reindex(texts.index.union(others.index)),
        )
        differ = ~(whole[0].eq(whole[1]) | (whole[0].isna() & whole[1].isna()))
        n_features += int(differ.any(axis=0).sum())
        stays |= set(differ.index[differ.any(axis=1)])
    return n_features, len(stays)


def _texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return all values of a stay in a column as one text, which has every bit of them."""
    texts = frame.drop(columns="stay_id").map(_exact)
    if frame["stay_id"].is_unique:
        return texts.set_index(frame["stay_id"])
    values, rows = texts.to_numpy(), texts.groupby(frame["stay_id"].to_numpy()).indices
    joined = [["|".join(column) for column in values[of_stay].T] for of_stay in rows.values()]
    return pd.DataFrame(joined, index=list(rows), columns=texts.columns)


def _exact(value: Any) -> str:
    if isinstance(value, list | np.ndarray):
        return ",".join(map(str, value))
    return "" if value is None or value is pd.NA else repr(value)
