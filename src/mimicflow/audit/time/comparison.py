"""Compare features bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mimicflow.audit.findings import finding, none_of

Features = dict[str, pd.DataFrame]
"""Tables with ``stay_id``, by what they are called."""


def attacked(what: str, changed: tuple[int, int], predictions: int, touched: int) -> dict[str, Any]:
    """Return the row of an attack: for reading only where there was nothing to change.

    Parameters
    ----------
    what : str
        What was changed, and how; then what may not change by it.
    changed : tuple of int
        How many features are others now, and of how many predictions, as of `differences`.
    predictions : int
        How many were attacked.
    touched : int
        Rows of raw tables that were changed, of all of them.
    """
    nothing = not touched and not changed[0]
    row = finding(f"{what} (there was none)", 0) if nothing else none_of(what, changed[0])
    return {
        **row,
        "predictions": predictions,
        "predictions_changed": changed[1],
        "rows_touched": touched,
    }


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


def differ_from_run(before: Features, run: pd.DataFrame) -> tuple[int, int]:
    """Return how many features of how many stays are not in a table of the run as they are here.

    Parameters
    ----------
    before : mapping of str to pandas.DataFrame
        Features of single concepts, made of raw rows.
    run : pandas.DataFrame
        ``stay_id`` and features of these stays under the same names. What is missing here may have
        been filled there, and a class of drugs hangs on a dictionary: neither is compared.
    """
    n_features, stays = 0, set()
    for features in before.values():
        shared = [name for name in features if name in run and name not in _NOT_COMPARED]
        if not shared or not features["stay_id"].is_unique:
            continue
        made = features.set_index("stay_id")[shared].astype(float)
        kept = run.set_index("stay_id").reindex(made.index)[shared].astype(float)
        differ = made.notna() & ~np.isclose(made, kept, rtol=1e-9)
        n_features += int(differ.any(axis=0).sum())
        stays |= set(differ.index[differ.any(axis=1)])
    return n_features, len(stays)


_NOT_COMPARED = ("stay_id", "missing_acuity")
"""The second is filled, too, under ``features.fill: whole_table``."""


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
