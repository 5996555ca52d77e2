"""Change what a monitor recorded after an epoch, and measure the epoch again."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.arrest.hrv_features import measure_part
from mimicflow.arrest.slopes import slopes_of
from mimicflow.arrest.vital_features import (
    epoch_medians,
    features_of,
    vital_features,
    vital_ranges,
)
from mimicflow.audit.time.comparison import attacked
from mimicflow.bedside.numerics_files import read_numerics
from mimicflow.bedside.open_recording import open_recording
from mimicflow.bedside.recording import BeatRecording, EcgRecording, Recording
from mimicflow.errors import RecordError
from mimicflow.hrv.measures import MEASURES
from mimicflow.hrv.preprocessing import Preprocessing

KINDS = ("changed", "deleted")
Row = dict[str, Any]


@dataclass(frozen=True)
class _Other(EcgRecording):
    """A recording of which the samples from ``end`` on are noise, or gone."""

    original: EcgRecording
    end: int
    kind: str
    seed: int

    def _fill(self, values: np.ndarray, first: int) -> None:
        values[:] = self.original.read(first, len(values))
        later = np.arange(first, first + len(values)) >= self.end
        noise = np.random.default_rng(self.seed).normal(0, 2, int(later.sum()))
        values[later] = noise if self.kind == "changed" else np.nan


def _other(recording: EcgRecording | BeatRecording, end: int, kind: str, seed: int) -> Any:
    """Return a recording with another future; beats after the end are gone."""
    same = {field.name: getattr(recording, field.name) for field in fields(Recording)}
    if isinstance(recording, BeatRecording):
        return BeatRecording(**same, beats=recording.beats.part(0, end))
    return _Other(**same, original=recording, end=end, kind=kind, seed=seed)


def attack_epochs(
    plan: str | Path,
    scanned: Sequence[str | Path],
    measured: Sequence[str | Path],
    vitals: Sequence[str | Path],
    both: Sequence[str | Path],
    *,
    waveforms: str | Path,
    preprocessing: Mapping[str, Any],
    max_wrong_checksums: Any,
    n_epochs: int,
    seed: int,
) -> Iterator[Row]:
    """Yield how many features of epochs change when what was recorded after them does.

    Parameters
    ----------
    plan : path-like
        Parquet of the planned epochs.
    scanned, measured, vitals, both : sequence of path-like
        Parquet of all shards: scanned recordings, measures, vital features, and both with slopes.
    waveforms : path-like
        Folder of the recordings.
    preprocessing, max_wrong_checksums
        ``arrest.preprocessing`` and ``arrest.cohort.max_wrong_checksums``.
    n_epochs : int
        How many kept epochs, at most one of a patient.
    seed : int
        Of the draw.
    """
    epochs = pd.read_parquet(plan).sort_values("epoch_id", ignore_index=True)
    tables = {name: _whole(paths) for name, paths in
              (("measured", measured), ("vitals", vitals), ("both", both))}  # fmt: skip
    recordings = _whole(scanned, "recording_id")
    kept = epochs["epoch_id"].isin(tables["measured"].query("reason == ''").index)
    # Not the last of its recording, so that something does come after it.
    kept &= epochs.duplicated("recording_id", keep="last")
    chosen = epochs[kept].sample(frac=1, random_state=seed).drop_duplicates("subject_id")
    chosen = chosen.head(n_epochs)
    steps = Preprocessing.of(preprocessing)
    yield _made_again(chosen, recordings, tables["measured"], waveforms, steps)
    for kind in KINDS:
        changed, touched = _samples(chosen, recordings, waveforms, steps, kind)
        yield _row(f"samples of the ECG, later ones {kind}: features that change", changed, touched)
    for kind in ("added", *KINDS):
        changed, touched = _numbers(
            chosen, epochs, recordings, tables["vitals"], waveforms, max_wrong_checksums, kind
        )
        yield _row(
            f"numbers of the monitor, later ones {kind}: features that change", changed, touched
        )
    for kind in KINDS:
        changed, touched = _slopes(chosen, epochs, tables, kind, seed)
        yield _row(f"epochs of the stay, later ones {kind}: features that change", changed, touched)


def _row(what: str, changed: list[int], touched: int) -> Row:
    """Return the row of an attack, of how many features change of each epoch."""
    found = sum(changed), sum(of_epoch > 0 for of_epoch in changed)
    return attacked(what, found, len(changed), touched)


def _whole(paths: Sequence[str | Path], index: str = "epoch_id") -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in paths]).set_index(index)


def _differ(one: np.ndarray, other: np.ndarray) -> int:
    """Return how many of these numbers are not the same bits."""
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    return int((~same).sum())


def _made_again(
    chosen: pd.DataFrame,
    recordings: pd.DataFrame,
    measured: pd.DataFrame,
    waveforms: str | Path,
    steps: Preprocessing,
) -> Row:
    """Return how many measures of the run are not those of the samples of their epoch."""
    changed = []
    for epoch in chosen.itertuples():
        recording = _opened(recordings.loc[epoch.recording_id], waveforms)
        span = int(epoch.first_sample), int(epoch.n_samples)
        again = np.asarray(measure_part(recording, *span, steps).measures)
        run = measured.loc[epoch.epoch_id, list(MEASURES)].to_numpy(np.float64)
        # Of another machine the last bits may be others.
        changed.append(int((~np.isclose(again, run, rtol=1e-6, equal_nan=True)).sum()))
    return _row("measures of the run, made again: features that differ", changed, len(changed))


def _opened(scanned: pd.Series, waveforms: str | Path) -> EcgRecording | BeatRecording:
    """Return a recording as it was scanned."""
    recording = open_recording(waveforms, scanned["record"], scanned["lead"])
    return recording.without([int(number) for number in scanned["wrong_segments"].split()])


def _samples(
    chosen: pd.DataFrame,
    recordings: pd.DataFrame,
    waveforms: str | Path,
    steps: Preprocessing,
    kind: str,
) -> tuple[list[int], int]:
    """Measure each epoch in a recording whose later samples, or beats, are others."""
    changed, touched = [], 0
    for epoch in chosen.itertuples():
        recording = _opened(recordings.loc[epoch.recording_id], waveforms)
        end = int(epoch.first_sample + epoch.n_samples)
        part = _other(recording, end, kind, zlib.crc32(str(epoch.epoch_id).encode()))
        span = int(epoch.first_sample), int(epoch.n_samples)
        before, after = (measure_part(one, *span, steps) for one in (recording, part))
        changed.append(_differ(np.asarray(before.measures), np.asarray(after.measures)))
        touched += recording.n_samples - end
    return changed, touched


def _numbers(
    chosen: pd.DataFrame,
    epochs: pd.DataFrame,
    recordings: pd.DataFrame,
    vitals: pd.DataFrame,
    waveforms: str | Path,
    max_wrong_checksums: Any,
    kind: str,
) -> tuple[list[int], int]:
    """Make the vital features of each epoch from numerics of which the later rows are others."""
    changed, touched = [], 0
    names = list(vital_ranges().index)
    for epoch in chosen.itertuples():
        of_stay = epochs[epochs["stay_id"] == epoch.stay_id].reset_index(drop=True)
        medians = np.full((len(of_stay), len(names)), np.nan)
        for recording_id, part in of_stay.groupby("recording_id"):
            named = recordings.loc[recording_id, "numerics"]
            if not named:
                continue
            try:
                numbers = read_numerics(waveforms, named, max_wrong_checksums)
            except RecordError:  # as measure_vitals leaves them out
                continue
            numbers, n = _other_numbers(numbers, names, epoch.end, kind)
            medians[part.index] = epoch_medians(numbers, part["start"], part["end"])
            touched += n
        found = features_of(medians, of_stay["stay_id"], of_stay["start"], of_stay["end"])
        place = int((of_stay["epoch_id"] == epoch.epoch_id).to_numpy().argmax())
        before = vitals.loc[epoch.epoch_id, list(vital_features())].to_numpy(np.float64)
        changed.append(_differ(before, found.iloc[place].to_numpy(np.float64)))
    return changed, touched


def _other_numbers(
    numbers: pd.DataFrame, names: list[str], end: pd.Timestamp, kind: str
) -> tuple[pd.DataFrame, int]:
    """Return numerics with another future, and how many rows of it."""
    later = (numbers["time"] >= end).to_numpy()
    if kind == "deleted":
        return numbers[~later], int(later.sum())
    values = numbers[names].astype("float64")
    if kind == "changed":
        values[later] = values[later].to_numpy()[:, ::-1] + 7.0
        return numbers.assign(**{name: values[name] for name in names}), int(later.sum())
    new = pd.DataFrame({name: [55.0, 66.0] for name in names})
    new.insert(0, "time", [end, end + pd.Timedelta(minutes=2)])
    new = new.astype({"time": numbers["time"].dtype})
    return pd.concat([numbers, new], ignore_index=True), len(new)


def _slopes(
    chosen: pd.DataFrame,
    epochs: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    kind: str,
    seed: int,
) -> tuple[list[int], int]:
    """Make the slopes of each epoch of a stay whose later epochs are others, or were never."""
    changed, touched = [], 0
    names = [*MEASURES, *vital_ranges().index]
    random = np.random.default_rng(seed)
    for epoch in chosen.itertuples():
        of_stay = epochs[epochs["stay_id"] == epoch.stay_id].reset_index(drop=True)
        values = tables["both"].loc[of_stay["epoch_id"], names].reset_index(drop=True)
        later = (of_stay["end"] > epoch.end).to_numpy()
        touched += int(later.sum())
        if kind == "deleted":
            of_stay, values = of_stay[~later], values[~later]
        else:
            values[later] = random.uniform(5, 120, (int(later.sum()), len(names)))
        found = slopes_of(values, of_stay["stay_id"], of_stay["start"], of_stay["end"])
        place = int((of_stay["epoch_id"] == epoch.epoch_id).to_numpy().argmax())
        before = tables["both"].loc[epoch.epoch_id, list(found)].to_numpy(np.float64)
        changed.append(_differ(before, found.iloc[place].to_numpy(np.float64)))
    return changed, touched
