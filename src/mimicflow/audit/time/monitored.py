"""Say of each epoch at the bedside when its newest sample and its newest number were."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.bedside.numerics_files import VITALS, read_numerics
from mimicflow.errors import RecordError

_ROUNDING = pd.Timedelta(microseconds=10)
"""Times of the plan are rounded to a microsecond, those of samples are sums of such."""


def epoch_rows(
    plan: str | Path,
    scanned: Sequence[str | Path],
    measured: Sequence[str | Path],
    waveforms: str | Path,
    max_wrong_checksums: Any,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the newest sample and the newest number by epoch; a prediction is at its end.

    Parameters
    ----------
    plan : path-like
        Parquet of the planned epochs.
    scanned, measured : sequence of path-like
        Parquet of the scanned recordings and of the measured epochs, all shards.
    waveforms : path-like
        Folder of the recordings.
    max_wrong_checksums
        See `mimicflow.bedside.numerics_files.read_numerics`.

    Returns
    -------
    samples, numbers : pandas.DataFrame
        One row per kept epoch: ``subject_id, prediction_time, newest, events, beyond``.
    """
    reasons = pd.concat(
        [pd.read_parquet(path, columns=["epoch_id", "reason"]) for path in measured]
    )
    kept = reasons.loc[reasons["reason"] == "", "epoch_id"]
    epochs = pd.read_parquet(plan)
    epochs = epochs[epochs["epoch_id"].isin(kept)]
    recordings = pd.concat([pd.read_parquet(path) for path in scanned])
    recordings = recordings.set_index("recording_id")
    numbers = _numbers(epochs, recordings, waveforms, max_wrong_checksums)
    return _samples(epochs, recordings), numbers


def _samples(epochs: pd.DataFrame, recordings: pd.DataFrame) -> pd.DataFrame:
    """Return the time of the last sample of each epoch, from its recording's own clock."""
    recording = recordings.loc[epochs["recording_id"], ["start", "sampling_rate"]]
    last = epochs["first_sample"].to_numpy() + epochs["n_samples"].to_numpy() - 1
    seconds = pd.to_timedelta(last / recording["sampling_rate"].to_numpy(), unit="s")
    newest = pd.Series(recording["start"].to_numpy() + seconds, index=epochs.index)
    return _judged(epochs, newest, epochs["n_samples"])


def _numbers(
    epochs: pd.DataFrame,
    recordings: pd.DataFrame,
    waveforms: str | Path,
    max_wrong_checksums: Any,
) -> pd.DataFrame:
    """Return the time of the newest number that an epoch may look at: before its end."""
    parts = []
    for recording_id, part in epochs.groupby("recording_id"):
        named = recordings.loc[recording_id, "numerics"]
        if not named:
            continue
        try:
            numbers = read_numerics(waveforms, named, max_wrong_checksums)
        except RecordError:  # measure_vitals has warned, and left the epochs without
            continue
        times = np.sort(numbers.loc[numbers[list(VITALS)].notna().any(axis=1), "time"].to_numpy())
        first = np.searchsorted(times, part["start"].to_numpy())
        until = np.searchsorted(times, part["end"].to_numpy())
        has = until > first
        if has.any():
            newest = pd.Series(times[until[has] - 1], index=part.index[has])
            counts = pd.Series((until - first)[has], index=part.index[has])
            parts.append(_judged(part[has], newest, counts))
    empty = _judged(epochs[:0], epochs["end"][:0], epochs["n_samples"][:0])
    return pd.concat(parts) if parts else empty


def _judged(epochs: pd.DataFrame, newest: pd.Series, events: pd.Series) -> pd.DataFrame:
    return epochs[["subject_id"]].assign(
        prediction_time=epochs["end"],
        newest=newest,
        events=events,
        beyond=newest > epochs["end"] + _ROUNDING,
    )
