"""Measure the heart-rate variability of the planned epochs of one shard of recordings."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.bedside.open_recording import open_recording
from mimicflow.bedside.recording import BeatRecording, EcgRecording
from mimicflow.errors import InputError, RecordError
from mimicflow.hrv.epochs import REASONS, EpochMeasures, measure_beats, measure_epoch
from mimicflow.hrv.measures import MEASURES
from mimicflow.hrv.preprocessing import Preprocessing
from mimicflow.running.progress import Meter
from mimicflow.running.writing import write_parquet

log = logging.getLogger(__name__)

UNREADABLE = "unreadable"
NOT_MONITORED = ("no_signal", UNREADABLE)
"""Reasons of planned epochs in which nothing was recorded, or cannot be read."""
EPOCH_REASONS = {**REASONS, UNREADABLE: "the recording could not be read here"}
"""Why an epoch is dropped, and the text of each reason; "" is kept."""
UNREAD = EpochMeasures(
    measures=np.full(len(MEASURES), np.nan),
    r_peaks=np.empty(0, dtype=np.int64),
    quality=np.empty(0),
    good_share=np.nan,
    reason=UNREADABLE,
)
"""What is known of an epoch that could not be read."""


def measure_hrv(
    plan: str | Path,
    scanned: str | Path,
    waveforms: str | Path,
    options: Mapping[str, Any],
    output: str | Path,
    *,
    shard: int,
) -> None:
    """Measure the epochs of one shard; memory does not grow with the length of a recording.

    Epochs whose part of a recording cannot be read, such as those of a damaged segment, get the
    reason ``unreadable``, and the recording one warning.

    Parameters
    ----------
    plan : path-like
        Parquet of the planned epochs.
    scanned : path-like
        Parquet of the scanned recordings of this shard.
    waveforms : path-like
        Folder of the recordings.
    options : mapping
        ``arrest.preprocessing`` of the configuration; see
        `mimicflow.hrv.preprocessing.Preprocessing`.
    output : path-like
        Parquet to write, one row per epoch by epoch_id: epoch_id, reason ("" when kept),
        n_beats, good_share, then the 43 measures.
    shard : int
        Number of the shard.

    Raises
    ------
    InputError
        When the plan names a recording that was not scanned.
    """
    epochs = read_shard(plan, shard)
    recordings = scanned_of(epochs, scanned)
    rows: dict[str, np.ndarray] = {
        "epoch_id": epochs["epoch_id"].to_numpy(),
        "reason": np.full(len(epochs), "", dtype=object),
        "n_beats": np.zeros(len(epochs), dtype="int64"),
        "good_share": np.full(len(epochs), np.nan),
    }
    measures = np.full((len(epochs), len(MEASURES)), np.nan)
    steps = Preprocessing.of(options)
    meter = Meter(len(epochs), "epochs")
    for recording_id, part in epochs.groupby("recording_id", sort=True):
        for row, one in _measure_recording(part, recordings.loc[recording_id], waveforms, steps):
            rows["reason"][row], rows["n_beats"][row] = one.reason, one.n_beats
            rows["good_share"][row], measures[row] = one.good_share, one.measures
            meter.step()
    table = pd.DataFrame(rows).astype({"reason": "str"})
    table = pd.concat([table, pd.DataFrame(measures, columns=list(MEASURES))], axis="columns")
    kept = int((table["reason"] == "").sum())
    log.info("shard %d: %d of %d epochs kept", shard, kept, len(table))
    write_parquet(table, output)


def measure_part(
    recording: EcgRecording | BeatRecording, first: int, n: int, steps: Preprocessing
) -> EpochMeasures:
    """Measure an epoch of a recording, be it of samples or of beats.

    Parameters
    ----------
    recording : EcgRecording or BeatRecording
        As :func:`mimicflow.bedside.open_recording.open_recording` gives it.
    first, n : int
        First sample of the epoch and how many there are, at the rate of the recording.
    steps : Preprocessing
        How it becomes beats, and is judged.

    Raises
    ------
    RecordError
        When its samples cannot be read.
    """
    if isinstance(recording, BeatRecording):
        return measure_beats(recording.beats.part(first, n), steps)
    return measure_epoch(recording.read(first, n), recording.sampling_rate, steps)


def read_shard(plan: str | Path, shard: int) -> pd.DataFrame:
    """Return the planned epochs of one shard, numbered from 0, by epoch_id."""
    epochs = pd.read_parquet(plan, filters=[("group", "==", shard)])
    return epochs.sort_values("epoch_id", ignore_index=True)


def scanned_of(epochs: pd.DataFrame, scanned: str | Path) -> pd.DataFrame:
    """Return the scanned recordings by recording_id, all of the epochs among them.

    Raises
    ------
    InputError
        When one is missing.
    """
    recordings = pd.read_parquet(scanned).set_index("recording_id")
    missing = epochs.loc[~epochs["recording_id"].isin(recordings.index), "recording_id"]
    if len(missing):
        raise InputError(
            f"lacks recording {missing.iloc[0]}, of which epochs are planned",
            file=scanned,
            remedy="delete results/arrest/recordings and results/arrest/epochs.parquet, and run "
            "again",
        )
    return recordings


def _measure_recording(
    epochs: pd.DataFrame,
    recording: pd.Series,
    waveforms: str | Path,
    steps: Preprocessing,
) -> Iterator[tuple[int, EpochMeasures]]:
    """Yield row and measures of the epochs of one recording, also of those that cannot be read."""
    faults: list[RecordError] = []
    try:
        opened = open_recording(waveforms, recording["record"], recording["lead"])
        opened = opened.without([int(number) for number in recording["wrong_segments"].split()])
    except RecordError as error:
        faults = [error] * len(epochs)
        yield from ((int(row), UNREAD) for row in epochs.index)
    else:
        for epoch in epochs.itertuples():
            try:
                one = measure_part(opened, int(epoch.first_sample), int(epoch.n_samples), steps)
            except RecordError as error:
                faults.append(error)
                one = UNREAD
            yield int(epoch.Index), one
    if faults:
        log.warning(
            "recording_id %d: %d of %d epochs not read, the first (%s)",
            *(recording.name, len(faults), len(epochs), faults[0].reason),
        )
