"""Find the same ECG, or nearly the same, among tested patients and all others.

Every waveform of the store is read once. Equal ones have the same hash. For near ones each ECG
gets a signature, lead II at 20 Hz of unit length, and all pairs of signatures across the sides are
multiplied: 40 million pairs a second on one core, so that 40,000 tested ECGs beside the other
760,000 of MIMIC-IV take about a quarter of an hour. The few pairs above a limit are compared
sample by sample over all leads. Two cuts of one recording that begin at different times are not
found.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.audit.findings import none_of
from mimicflow.ecg.store import WaveformStore
from mimicflow.evaluation.smallest_cell import about

LEAD_II = 1
_SIGNATURE_HZ = 20
_CANDIDATE = 0.93
"""Correlation of signatures from which on two ECGs are compared in full."""
_READ_AT_ONCE, _MULTIPLIED_AT_ONCE = 500, 2_000
_NEAREST = 5
"""Candidates of an ECG that are looked at."""
Row = dict[str, Any]


def twin_ecgs(
    stores: Sequence[str | Path],
    indices: Sequence[str | Path],
    records: Sequence[str | Path],
    tested: set[Any],
    same: float,
    smallest: int = 0,
) -> Iterator[Row]:
    """Yield how many ECGs of tested patients another patient has too: equal, and nearly equal.

    Parameters
    ----------
    stores, indices : sequence of path-like
        Of the waveform store.
    records : sequence of path-like
        Parquet with ``study_id`` and ``subject_id`` of all ECGs.
    tested : set
        The tested patients.
    same : float
        Correlation over all samples of all leads from which on two ECGs are nearly the same.
    smallest : int
        Fewest patients that a count may stand for; 0 shows all.
    """
    store = WaveformStore(stores, indices)
    columns = ["study_id", "subject_id"]
    whose = pd.concat([pd.read_parquet(path, columns=columns) for path in records])
    patients = whose.set_index("study_id")["subject_id"].reindex(store.study_ids)
    is_tested = patients.isin(tested).to_numpy()
    hashes, signatures = _prints(store)
    sizes = {
        name: about(int(part.sum()), smallest, patients[part].nunique())
        for name, part in (("tested", is_tested), ("others", ~is_tested))
    }
    equal = np.isin(hashes[is_tested], hashes[~is_tested])
    yield none_of("ECGs of tested patients that another patient has too", int(equal.sum()), **sizes)
    mine, others = np.flatnonzero(is_tested), np.flatnonzero(~is_tested)
    near, largest = 0, 0.0
    for row, candidates in _candidates(signatures, mine, others):
        found = _correlations(store, row, candidates)
        largest = max(largest, float(found.max()))
        near += bool((found >= same).any())
    yield {
        **none_of(
            f"ECGs of tested patients that are nearly another patient's (correlation ≥ {same:g})",
            near,
            **sizes,
        ),
        "largest_correlation": round(largest, 3) if largest else np.nan,
    }


def _prints(store: WaveformStore) -> tuple[np.ndarray, np.ndarray]:
    """Return the hash of each waveform, and its signature; zeros where lead II shows nothing."""
    hashes: list[str] = []
    signatures: list[np.ndarray] = []
    n_values = round(store.signal["seconds"] * _SIGNATURE_HZ)
    for start in range(0, len(store.study_ids), _READ_AT_ONCE):
        waveforms, _ = store.read(store.study_ids[start : start + _READ_AT_ONCE])
        hashes += [hashlib.blake2b(one.tobytes(), digest_size=16).hexdigest() for one in waveforms]
        signatures.append(signature(waveforms[:, LEAD_II], n_values))
    return np.array(hashes), np.concatenate(signatures)


def signature(lead: np.ndarray, n_values: int) -> np.ndarray:
    """Return (ECGs, n_values) float32 of unit length: means of equal parts of a lead.

    Parameters
    ----------
    lead : ndarray
        (ECGs, samples).
    n_values : int
        How many parts; at most as many as there are samples.
    """
    n_values = min(n_values, lead.shape[1])
    parts = np.linspace(0, lead.shape[1], n_values + 1).astype(int)
    means = np.add.reduceat(lead, parts[:-1], axis=1) / np.diff(parts)
    return unit(means)


def unit(values: np.ndarray) -> np.ndarray:
    """Return rows less their mean, of length 1; zeros where all values are the same."""
    values = values - values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return (values / np.where(length > 1e-9, length, np.inf)).astype(np.float32)


def _candidates(
    signatures: np.ndarray, mine: np.ndarray, others: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each row of ``mine`` with the rows of ``others`` that may be nearly the same."""
    for start in range(0, len(mine), _MULTIPLIED_AT_ONCE):
        rows = mine[start : start + _MULTIPLIED_AT_ONCE]
        found: dict[int, list[tuple[float, int]]] = {}
        for begin in range(0, len(others), _MULTIPLIED_AT_ONCE):
            columns = others[begin : begin + _MULTIPLIED_AT_ONCE]
            products = signatures[rows] @ signatures[columns].T
            for row, column in zip(*np.nonzero(products >= _CANDIDATE), strict=True):
                pair = float(products[row, column]), int(columns[column])
                found.setdefault(int(rows[row]), []).append(pair)
        for row, pairs in found.items():
            nearest = sorted(pairs, reverse=True)[:_NEAREST]
            yield row, np.array([column for _, column in nearest])


def _correlations(store: WaveformStore, row: int, candidates: np.ndarray) -> np.ndarray:
    """Return the correlation of an ECG with some others, over all samples of all leads."""
    waveforms, _ = store.read(store.study_ids[[row, *candidates]])
    values = unit(waveforms.reshape(len(waveforms), -1).astype(np.float64))
    return values[1:] @ values[0]
