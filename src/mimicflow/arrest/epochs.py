"""Plan the epochs: which samples of which recording are measured."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.arrest.windows import control_windows, cut_overlaps, event_windows, whole_epochs
from mimicflow.bedside.registry import TIME_DTYPE
from mimicflow.errors import CohortError
from mimicflow.running.writing import write_parquet

log = logging.getLogger(__name__)

COLUMNS = (
    *("epoch_id", "subject_id", "stay_id", "recording_id", "group", "start", "end"),
    *("first_sample", "n_samples", "hours_to_arrest", "label"),
)
# Times are rounded to a microsecond: up to 0.0005 samples at 1000 Hz, and sums of two of them.
_ROUNDING_SAMPLES = 0.002


def plan_epochs(
    spine: str | Path,
    scanned: Sequence[str | Path],
    options: Mapping[str, Any],
    seed: int,
    output: str | Path,
) -> None:
    """Write the epochs of all stays, one after the other within each recording.

    The plan knows times only, no sample: an epoch that turns out to be of no use keeps its row, and
    gets its reason when it is measured. Where recordings of a stay overlap, the later one begins
    where the earlier ended.

    Parameters
    ----------
    spine : path-like
        Parquet of the cohort's stays: stay_id, subject_id, cpr_time, label.
    scanned : sequence of path-like
        Parquet of the scanned recordings, one file per shard, in their order.
    options : mapping
        ``minutes`` of an epoch, ``event_window_h`` (hours before the arrest, least and most),
        ``control_window_h`` (one random window per stay without arrest).
    seed : int
        Of the random windows. A stay's window depends on no other stay.
    output : path-like
        Parquet to write, by subject_id, stay_id and start: epoch_id (from 0), subject_id, stay_id,
        recording_id, group (the shard of the recording), start, end, first_sample and n_samples (at
        the recording's own rate: those whose time is at or after the start and before the end),
        hours_to_arrest (from the end of the epoch; NaN for controls), label.

    Raises
    ------
    CohortError
        When there is no epoch.
    """
    stays = pd.read_parquet(spine)
    pieces = _pieces(scanned, stays)
    windows = _windows(stays, pieces, options, seed)
    planned = _expand(whole_epochs(pieces, windows, options), options)
    if planned.empty:
        raise CohortError(
            "no stay has ECG of the length of an epoch in its window",
            file=spine,
            remedy="check arrest.epochs in config.yaml against the times of the recordings",
        )
    plan = _complete(planned, stays)
    log.info("%d epochs of %d stays", len(plan), plan["stay_id"].nunique())
    write_parquet(plan, output)


def _pieces(scanned: Sequence[str | Path], stays: pd.DataFrame) -> pd.DataFrame:
    """Return the usable recordings of the stays, without overlap; ``group`` is their shard."""
    parts = [pd.read_parquet(path).assign(group=shard) for shard, path in enumerate(scanned)]
    # Concatenation with a part without rows would change types.
    recordings = pd.concat([part for part in parts if len(part)] or parts[:1])
    usable = recordings["reason"] == ""
    return cut_overlaps(recordings[usable & recordings["stay_id"].isin(stays["stay_id"])])


def _windows(
    stays: pd.DataFrame, pieces: pd.DataFrame, options: Mapping[str, Any], seed: int
) -> pd.DataFrame:
    event = stays["label"] == 1
    before = event_windows(stays[event].set_index("stay_id")["cpr_time"], options)
    of_controls = pieces["stay_id"].isin(stays.loc[~event, "stay_id"])
    return pd.concat([before, control_windows(pieces[of_controls], options, seed)])


def _expand(runs: pd.DataFrame, options: Mapping[str, Any]) -> pd.DataFrame:
    """Make one row per epoch of runs of epochs that follow one another.

    Parameters
    ----------
    runs : pandas.DataFrame
        subject_id, stay_id, recording_id, group, start (of the recording), sampling_rate,
        n_samples, first_start, n_epochs.
    options : mapping
        ``minutes`` of an epoch.
    """
    length = pd.Timedelta(minutes=options["minutes"])
    n_epochs = runs["n_epochs"].to_numpy()
    row = np.repeat(np.arange(len(runs)), n_epochs)
    number = np.arange(len(row)) - np.repeat(np.cumsum(n_epochs) - n_epochs, n_epochs)
    keys = ["subject_id", "stay_id", "recording_id", "group"]
    times = ["start", "sampling_rate", "n_samples", "first_start"]
    each = runs[[*keys, *times]].iloc[row].reset_index(drop=True)
    start = (each["first_start"] + number * length).astype(TIME_DTYPE)
    end = (start + length).astype(TIME_DTYPE)
    first, beyond = (_sample_at(time, each) for time in (start, end))
    # The end of a recording is rounded as well.
    first_sample, stop = np.minimum(first, each["n_samples"]), np.minimum(beyond, each["n_samples"])
    return each[keys].assign(
        start=start, end=end, first_sample=first_sample, n_samples=stop - first_sample
    )


def _sample_at(time: pd.Series, recordings: pd.DataFrame) -> np.ndarray:
    """Return the first sample at or after each time."""
    elapsed_s = (time - recordings["start"]) / pd.Timedelta(seconds=1)
    samples = elapsed_s.to_numpy() * recordings["sampling_rate"].to_numpy()
    return np.ceil(samples - _ROUNDING_SAMPLES).astype("int64")


def _complete(planned: pd.DataFrame, stays: pd.DataFrame) -> pd.DataFrame:
    """Order and number the epochs, and say whose they are and how far from the arrest."""
    plan = planned.sort_values(["subject_id", "stay_id", "start"], ignore_index=True)
    of_stay = stays.set_index("stay_id")
    cpr_time = plan["stay_id"].map(of_stay["cpr_time"])
    plan = plan.assign(
        epoch_id=np.arange(len(plan), dtype="int64"),
        hours_to_arrest=((cpr_time - plan["end"]) / pd.Timedelta(hours=1)).astype("float64"),
        label=plan["stay_id"].map(of_stay["label"]).astype("int64"),
    )
    return plan[list(COLUMNS)]
