"""Random streams and vocabularies, from which all chance and all words of the hospital come."""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

_VOCABULARY = Path(__file__).parent / "vocabulary"

PATIENTS_PER_CHUNK = 1000
"""Patients drawn and written together; it is part of the seed's meaning, hence fixed."""


def stream(seed: int, purpose: str, number: int = 0) -> np.random.Generator:
    """Return an independent random stream that depends on nothing but its arguments.

    Parameters
    ----------
    seed : int
        Seed of the hospital.
    purpose : str
        What is drawn, so that one part can change without disturbing the others.
    number : int
        The chunk of patients, or the id of a single record.
    """
    entropy = np.random.SeedSequence(
        seed, spawn_key=(zlib.crc32(purpose.encode()), number)
    ).generate_state(2, np.uint64)
    return np.random.Generator(np.random.Philox(key=entropy))


@cache
def vocabulary(name: str, keys: tuple[str, ...] = ()) -> pd.DataFrame:
    """Read a table of the vocabulary; columns named in ``keys`` stay text, empty fields too."""
    table = pd.read_csv(_VOCABULARY / f"{name}.csv", dtype=str, keep_default_na=False)
    for column in table.columns.difference(list(keys)):
        numbers = pd.to_numeric(table[column].replace("", "nan"), errors="coerce")
        if not (numbers.isna() & (table[column] != "")).any() and numbers.notna().any():
            table[column] = numbers
    return table


@cache
def category(field: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of a categorical field and their shares."""
    table = vocabulary("categories", ("value",))
    table = table[table["field"] == field]
    return table["value"].to_numpy(object), shares(table["weight"])


def shares(weight: pd.Series) -> np.ndarray:
    """Scale weights to a sum of one."""
    return (weight / weight.sum()).to_numpy(float)


def choose(rng: np.random.Generator, field: str, n: int) -> np.ndarray:
    """Draw ``n`` values of a categorical field; an empty value means nothing was recorded."""
    values, probability = category(field)
    return values[rng.choice(len(values), n, p=probability)]


def poisson_rows(rng: np.random.Generator, mean: np.ndarray) -> np.ndarray:
    """Repeat each row number as often as a Poisson draw of its mean says, shape (sum of draws,)."""
    return np.repeat(np.arange(len(mean)), rng.poisson(mean))


def pick_by_group(
    rng: np.random.Generator, group: np.ndarray, logit: np.ndarray, base: np.ndarray
) -> np.ndarray:
    """Choose for each row one item, with weight ``base`` times ``exp(logit)`` of its group.

    Parameters
    ----------
    group : ndarray of int, shape (n,)
        Row of ``logit`` of each choice.
    logit : ndarray, shape (groups, items)
        How much likelier than usual each item is for the group.
    base : ndarray, shape (items,)
        Usual weights; items of weight 0 are never chosen.

    Returns
    -------
    ndarray of int, shape (n,)
    """
    used = np.flatnonzero(base > 0)
    weight = np.cumsum(base[used] * np.exp(logit[:, used]), axis=1)
    weight /= weight[:, -1:]
    # All groups in one ascending row, each on its own unit interval.
    steps = (weight + np.arange(len(logit))[:, None]).ravel()
    chosen = np.searchsorted(steps, rng.random(len(group)) + group)
    return used[chosen - group * len(used)]
