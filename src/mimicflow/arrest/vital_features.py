"""Measure the vital features of planned epochs: the monitor's vital signs up to the epoch's end.

``reference/arrest_vitals.csv`` says which values a sensor can have measured,
``reference/clinical_features.csv`` names the features; the files of their model are called
``clinical``. All look back at most 2 h from the end of
the epoch, and at the medians of epochs of the same stay only.
"""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from mimicflow.arrest.hrv_features import read_shard, scanned_of
from mimicflow.bedside.numerics_files import read_numerics
from mimicflow.errors import RecordError
from mimicflow.raw.wfdb_headers import MAX_WRONG
from mimicflow.reference import reference
from mimicflow.running.progress import shown
from mimicflow.running.writing import write_parquet

log = logging.getLogger(__name__)

LOOK_BACK = pd.Timedelta(hours=2)
_CHUNK_ROWS = 20_000  # of the epochs that are compared with the 2 h before them at a time


@cache
def vital_ranges() -> pd.DataFrame:
    """Return the vital signs in the order of the features: unit, low, high, text by ``vital``."""
    return pd.read_csv(reference("arrest_vitals.csv")).set_index("vital")


@cache
def vital_features() -> tuple[str, ...]:
    """Return the names of the 43 features, in order."""
    return tuple(pd.read_csv(reference("clinical_features.csv"))["feature"])


def measure_vitals(
    plan: str | Path,
    scanned: str | Path,
    waveforms: str | Path,
    output: str | Path,
    *,
    shard: int,
    max_wrong_checksums: float | Literal["none"] = MAX_WRONG,
) -> None:
    """Write the vital features of the epochs of one shard.

    Parameters
    ----------
    plan : path-like
        Parquet of the planned epochs.
    scanned : path-like
        Parquet of the scanned recordings of this shard.
    waveforms : path-like
        Folder of the recordings and their numerics.
    output : path-like
        Parquet to write, one row per epoch by epoch_id: epoch_id, then the 43 features; NaN where
        the monitor wrote nothing that can be used.
    shard : int
        Number of the shard.
    max_wrong_checksums
        See :func:`read_numerics`.

    Raises
    ------
    InputError
        When the plan names a recording that was not scanned.
    """
    epochs = read_shard(plan, shard)
    recordings = scanned_of(epochs, scanned)
    medians = np.full((len(epochs), len(vital_ranges())), np.nan)
    impossible = 0
    parts = epochs.groupby("recording_id", sort=True)
    for recording_id, part in shown(parts, len(parts), "recordings"):
        recording = recordings.loc[recording_id]
        if not recording["numerics"]:
            continue
        try:
            numerics = read_numerics(waveforms, recording["numerics"], max_wrong_checksums)
        except RecordError as error:
            log.warning("numerics of recording_id %d not read (%s)", recording_id, error.reason)
            continue
        medians[part.index] = epoch_medians(numerics, part["start"], part["end"])
        possible = _possible(numerics)
        impossible += int((numerics[possible.columns].notna() & ~possible).to_numpy().sum())
    values = features_of(medians, epochs["stay_id"], epochs["start"], epochs["end"])
    known = int(np.isfinite(medians).any(axis=1).sum())
    log.info("shard %d: %d of %d epochs with vital signs", shard, known, len(epochs))
    log.info("shard %d: %d values that no sensor measures: missing", shard, impossible)
    write_parquet(pd.concat([epochs[["epoch_id"]], values], axis="columns"), output)


def epoch_medians(numerics: pd.DataFrame, start: pd.Series, end: pd.Series) -> np.ndarray:
    """Return the median of each vital sign at or after the start and before the end of each epoch.

    Parameters
    ----------
    numerics : pandas.DataFrame
        ``time`` and the vital signs, NaN when missing, in any order; a value that no sensor
        measures is missing.
    start, end : pandas.Series
        Times of epochs that do not overlap, in order.

    Returns
    -------
    numpy.ndarray
        (n_epochs, 6)
    """
    vitals = numerics[list(vital_ranges().index)].astype("float64")
    time, starts, ends = (microseconds(times) for times in (numerics["time"], start, end))
    epoch = np.searchsorted(starts, time, side="right") - 1
    inside = (epoch >= 0) & (time < ends[epoch])
    medians = vitals.where(_possible(numerics))[inside].groupby(epoch[inside]).median()
    return medians.reindex(range(len(starts))).to_numpy()


def _possible(numerics: pd.DataFrame) -> pd.DataFrame:
    """Return which values lie in the range of their vital sign."""
    ranges = vital_ranges()
    vitals = numerics[list(ranges.index)].astype("float64")
    return (vitals >= ranges["low"]) & (vitals <= ranges["high"])


def features_of(
    medians: np.ndarray, stay_id: pd.Series, start: pd.Series, end: pd.Series
) -> pd.DataFrame:
    """Compute the 43 features from the medians of the epochs.

    The last 2 h of an epoch are the planned epochs of the same stay that begin at or after its end
    less 2 h, up to and including itself. Differences are from the epoch planned before it, when
    that is one of these and no more than the length of an epoch lies between; after a longer gap,
    and after an epoch without a value, they are NaN.
    Standard deviations have the denominator n - 1, and need two values.

    Parameters
    ----------
    medians : numpy.ndarray
        (n, 6) medians of the vital signs in each epoch.
    stay_id, start, end : pandas.Series
        (n,) of the epochs, by stay and start; epochs of a stay do not overlap.

    Returns
    -------
    pandas.DataFrame
        (n, 43) in the order of :func:`vital_features`.
    """
    vitals = list(vital_ranges().index)
    first = first_of_last_hours(stay_id, start, end, LOOK_BACK)
    columns = dict(zip(vitals, medians.T, strict=True))
    before = np.full_like(medians, np.nan)
    has_before = (first < np.arange(len(medians))) & _follows(start, end)
    before[has_before] = medians[np.flatnonzero(has_before) - 1]
    changes = (medians - before).T
    columns |= {f"{vital}_diff": change for vital, change in zip(vitals, changes, strict=True)}
    for statistic, values in _last_hours(medians, first).items():
        columns |= {f"{vital}_{statistic}_2h": values[:, i] for i, vital in enumerate(vitals)}
    columns["shock_index"] = columns["hr"] / columns["sbp"]
    return pd.DataFrame(columns)[list(vital_features())]


def first_of_last_hours(
    stay_id: pd.Series, start: pd.Series, end: pd.Series, look_back: pd.Timedelta
) -> np.ndarray:
    """Return the row of the first epoch of the last hours of each epoch, (n,).

    Parameters
    ----------
    stay_id, start, end : pandas.Series
        (n,) of the epochs, by stay and start; epochs of a stay do not overlap.
    look_back : pandas.Timedelta
        The last hours: an epoch of the same stay that begins before its end less this is not in
        them.
    """
    starts, ends = microseconds(start), microseconds(end)
    first = np.arange(len(starts))
    length = look_back // pd.Timedelta(microseconds=1)
    for rows in stay_id.reset_index(drop=True).groupby(stay_id.to_numpy()).indices.values():
        first[rows] = rows[0] + np.searchsorted(starts[rows], ends[rows] - length)
    # An epoch that is longer begins before them, and is its own last hours.
    return np.minimum(first, np.arange(len(starts)))


def _follows(start: pd.Series, end: pd.Series) -> np.ndarray:
    """Say which epochs begin no longer than an epoch after the end of the row before, (n,) bool."""
    starts, ends = microseconds(start), microseconds(end)
    follows = np.zeros(len(starts), dtype=bool)
    follows[1:] = starts[1:] - ends[:-1] <= (ends - starts)[1:]
    return follows


def _last_hours(medians: np.ndarray, first: np.ndarray) -> dict[str, np.ndarray]:
    """Return mean, median, min, max and sd over the rows from ``first`` to each row, without NaN.

    The result has one (n, 6) array per statistic, NaN where there is no value.
    """
    n_epochs = len(first)
    chunks = [
        _statistics(medians, first, np.arange(begin, min(begin + _CHUNK_ROWS, n_epochs)))
        for begin in range(0, max(n_epochs, 1), _CHUNK_ROWS)
    ]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _statistics(medians: np.ndarray, first: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return the statistics of some rows; see `_last_hours`."""
    longest = int((rows - first[rows]).max(initial=0)) + 1
    looked_at = rows[:, None] - np.arange(longest)
    within = looked_at >= first[rows][:, None]
    values = np.where(within[:, :, None], medians[np.maximum(looked_at, 0)], np.nan)
    ordered = np.sort(values, axis=1)  # NaN comes last
    n_values = np.isfinite(ordered).sum(axis=1)
    known = np.isfinite(values)
    # Where there is no value, 0 / 0 would warn: the missing count stays NaN.
    count = np.where(n_values > 0, n_values, np.nan)
    mean = np.where(known, values, 0.0).sum(axis=1) / count
    squares = np.where(known, (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return {
        "mean": mean,
        "median": (_at(ordered, (n_values - 1) // 2) + _at(ordered, n_values // 2)) / 2,
        "min": ordered[:, 0],
        "max": _at(ordered, n_values - 1),
        "sd": np.sqrt(squares / np.where(n_values > 1, n_values - 1, np.nan)),
    }


def _at(ordered: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return the values at one place of axis 1 each; below the first place, the first."""
    return np.take_along_axis(ordered, np.maximum(place, 0)[:, None], axis=1)[:, 0]


def microseconds(times: pd.Series) -> np.ndarray:
    """Return times as whole microseconds since 1970, (n,) int64."""
    return times.to_numpy().astype("datetime64[us]").astype("int64")
