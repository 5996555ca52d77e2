"""Change rows to unclean ones: one function per word in column ``change`` of ``dirt.csv``.

Each takes the columns of a table, the rows to change, the kind (``column``: the columns it changes,
``amount``: by what) and the arrival of each admission; it returns the columns and the rows that it
did change, since a value that is missing stays so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_NO_BREAK_SPACE = "\u00a0"

Change = Callable[[dict, np.ndarray, Any, pd.Series], tuple[dict, np.ndarray]]


def times_of_arrival(admissions: dict) -> pd.Series:
    """Return when the patient came to the emergency department, s, by admission; planned: none."""
    arrival = pd.array(admissions["edregtime"], "Int64")
    return pd.Series(arrival, index=np.asarray(admissions["hadm_id"])).dropna().astype(np.int64)


def repeated(
    values: dict, clean: np.ndarray, rows: np.ndarray, number: str
) -> tuple[dict, np.ndarray, np.ndarray]:
    """Write rows twice, under another number where the table has one.

    Returns
    -------
    values : dict
        Of all rows.
    clean : ndarray of bool
        Copies and what they are copies of are not clean: later kinds leave them.
    rows : ndarray
        Where the copies are.
    """
    times = np.ones(len(clean), np.int64)
    times[rows] = 2
    taken = np.repeat(np.arange(len(clean)), times)
    clean = clean.copy()
    clean[rows] = False
    changed = {name: _take(column, taken) for name, column in values.items()}
    if number:
        changed[number] = values[number][0] + np.arange(len(taken))
    return changed, clean[taken], rows + 1 + np.arange(len(rows))


def _take(column: Any, rows: np.ndarray) -> Any:
    if np.isscalar(column):
        return column
    if isinstance(column, pa.Array):
        return column.take(pa.array(rows))
    return np.asarray(column)[rows]


def _replaced(column: Any, rows: np.ndarray, new: list | np.ndarray) -> Any:
    """Return a column with new values in some rows; numbers become texts where a text is put."""
    if not len(rows):
        return column
    if isinstance(column, pa.DictionaryArray):
        words, place = np.unique(np.asarray(new, object).astype(str), return_inverse=True)
        entries = column.indices.to_numpy().copy()
        entries[rows] = len(column.dictionary) + place
        known = pa.concat_arrays([column.dictionary.cast(pa.string()), pa.array(words.tolist())])
        return pa.DictionaryArray.from_arrays(pa.array(entries), known)
    array = column if isinstance(column, pa.Array) else pa.array(column, from_pandas=True)
    if any(isinstance(value, str) for value in new):
        array = array.cast(pa.string())
    marked = np.zeros(len(array), bool)
    marked[rows] = True
    return pc.replace_with_mask(array, pa.array(marked), pa.array(new, array.type))


def _numbers(column: Any, rows: np.ndarray) -> np.ndarray:
    """Return values of a column of numbers or times, NaN where missing."""
    return np.asarray(_take(column, rows), np.float64)


def _scaled(factor: float, offset: float = 0.0) -> Change:
    def change(values: dict, rows: np.ndarray, kind: Any, _: pd.Series) -> tuple[dict, np.ndarray]:
        rows = rows[~np.isnan(_numbers(values[kind.column], rows))]
        times = float(kind.amount or factor)
        new = np.round((_numbers(values[kind.column], rows) + offset) * times, 1)
        return values | {kind.column: _replaced(values[kind.column], rows, new)}, rows

    return change


def _set(values: dict, rows: np.ndarray, kind: Any, _: pd.Series) -> tuple[dict, np.ndarray]:
    """Put a value, or nothing, into each column; ``|`` stands between the values."""
    changed = dict(values)
    for name, text in zip(kind.column.split(), kind.amount.split("|"), strict=True):
        changed[name] = _replaced(values[name], rows, [_typed(text, values[name])] * len(rows))
    return changed, rows


def _typed(text: str, column: Any) -> Any:
    """Return a value as the column holds it: None, a number, or a text in any column."""
    kind = column.type if isinstance(column, pa.Array) else pa.array(np.asarray(column)[:1]).type
    if text == "":
        return None
    if pa.types.is_floating(kind) and re.fullmatch(r"-?[0-9.]+", text):
        return float(text)
    return text


def _shift(values: dict, rows: np.ndarray, kind: Any, _: pd.Series) -> tuple[dict, np.ndarray]:
    """Move a time by seconds."""
    rows = rows[~np.isnan(_numbers(values[kind.column], rows))]
    new = _numbers(values[kind.column], rows).astype(np.int64) + int(kind.amount)
    return values | {kind.column: _replaced(values[kind.column], rows, new)}, rows


def _apart(values: dict, rows: np.ndarray, kind: Any, _: pd.Series) -> tuple[dict, np.ndarray]:
    """Put the second time so many seconds after the first."""
    first, second = kind.column.split()
    both = _numbers(values[first], rows) + _numbers(values[second], rows)
    rows = rows[~np.isnan(both)]
    new = _numbers(values[first], rows).astype(np.int64) + int(kind.amount)
    return values | {second: _replaced(values[second], rows, new)}, rows


def _before_arrival(
    values: dict, rows: np.ndarray, kind: Any, arrivals: pd.Series
) -> tuple[dict, np.ndarray]:
    """Date orders of an emergency admission up to so many seconds before the arrival."""
    hadm = np.asarray(values["hadm_id"])
    emergency = np.isin(hadm[rows], arrivals.index)
    rows = rows[emergency & ~np.isnan(_numbers(values[kind.column], rows))]
    minutes = 1 + rows % (int(kind.amount) // 60)
    new = arrivals.reindex(hadm[rows]).to_numpy(np.int64) // 60 * 60 - 60 * minutes
    return values | {kind.column: _replaced(values[kind.column], rows, new)}, rows


def _unit(values: dict, rows: np.ndarray, kind: Any, _: pd.Series) -> tuple[dict, np.ndarray]:
    """Write text and number in another unit: factor and unit."""
    text, number, unit = kind.column.split()
    factor, name = kind.amount.split()
    rows = rows[~np.isnan(_numbers(values[number], rows))]
    new = np.round(_numbers(values[number], rows) * float(factor), 1)
    return values | {
        text: _replaced(values[text], rows, [f"{value:g}" for value in new]),
        number: _replaced(values[number], rows, new),
        unit: _replaced(values[unit], rows, [name] * len(rows)),
    }, rows


def _rewritten(write: Callable[[str, Any, dict, int], str]) -> Change:
    """Write texts anew; what comes out as it went in counts as untouched."""

    def change(values: dict, rows: np.ndarray, kind: Any, _: pd.Series) -> tuple[dict, np.ndarray]:
        old = pa.array(_take(values[kind.column], rows), from_pandas=True).cast(pa.string())
        texts = [text or "" for text in old.to_pylist()]
        new = [write(text, kind, values, row) for text, row in zip(texts, rows, strict=True)]
        touched = np.array([one != other for one, other in zip(texts, new, strict=True)], bool)
        new = [text for text, is_new in zip(new, touched, strict=True) if is_new]
        rows = rows[touched]
        return values | {kind.column: _replaced(values[kind.column], rows, new)}, rows

    return change


def _decimal(text: str, *_: Any) -> str:
    return f"{int(text)}.0" if text.isdigit() else text


def _dotted(text: str, kind: Any, values: dict, row: int) -> str:
    """Write an ICD code with its dot; external causes of ICD-9 have it a place later."""
    nine = values["icd_version"][row] == 9
    if not nine and kind.amount == "2":  # procedures of ICD-10 have none
        return text
    place = int(kind.amount) + (nine and text.startswith("E"))
    return f"{text[:place]}.{text[place:]}" if len(text) > place else text


def _no_break_space(text: str, *_: Any) -> str:
    return text.replace(" ", _NO_BREAK_SPACE) if " " in text else text + _NO_BREAK_SPACE


CHANGES: dict[str, Change] = {
    "celsius": _scaled(1 / 1.8, offset=-32.0),
    "scale": _scaled(1.0),
    "set": _set,
    "shift": _shift,
    "apart": _apart,
    "before_arrival": _before_arrival,
    "unit": _unit,
    "decimal": _rewritten(_decimal),
    "dotted": _rewritten(_dotted),
    "lower": _rewritten(lambda text, *_: text.lower()),
    "blanks": _rewritten(lambda text, *_: f" {text}  " if text else text),
    "no_break_space": _rewritten(_no_break_space),
}
