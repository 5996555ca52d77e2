"""Small registries, and the files that the steps of the system arrest hand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from mimicflow.bedside.registry import read_registry
from mimicflow.errors import RecordError
from mimicflow.reference import reference

RECORDINGS = "patient_id,stay_id,record,start_time,ecg_lead,monitor"
STAYS = "patient_id,stay_id,age,sex,icu,intime,outtime"
ARRESTS = "stay_id,cpr_time"

COHORT = {"min_age": 18, "icus": ["MICU", "SICU"]}
EPOCHS = {"minutes": 5, "event_window_h": [0.5, 24], "control_window_h": 24}


def reason_of(call, *arguments, **options) -> str:
    """Call, and return the reason of the refusal, which must be a listed one with its file."""
    with pytest.raises(RecordError) as caught:
        call(*arguments, **options)
    known = pd.read_csv(reference("recording_reasons.csv"))["reason"]
    assert caught.value.reason in set(known), caught.value.reason
    assert caught.value.file is not None
    return caught.value.reason


def write_registry(
    folder: Path,
    recordings: Sequence[str],
    stays: Sequence[str],
    arrests: Sequence[str] = (),
    headers: dict[str, str] | None = None,
) -> Path:
    """Write the three files from lines of CSV, with other headers where they are given."""
    folder.mkdir(parents=True, exist_ok=True)
    given = {"recordings": recordings, "stays": stays, "arrests": arrests}
    usual = {"recordings": RECORDINGS, "stays": STAYS, "arrests": ARRESTS} | (headers or {})
    for name, lines in given.items():
        (folder / f"{name}.csv").write_text("\n".join([usual[name], *lines]) + "\n")
    return folder


def write_scanned(
    folder: Path,
    registry: Path,
    found: Mapping[str, tuple[str, str] | str],
    *,
    rate: float = 250.0,
    group_of: Mapping[str, int] | None = None,
) -> list[Path]:
    """Write the scanned recordings of a registry: by record, start and end, or why it is unusable.

    ``group_of`` gives patients to groups other than 0.
    """
    rows = []
    for listed in read_registry(registry).recordings.itertuples():
        row = {"recording_id": listed.recording_id, "subject_id": listed.patient_id}
        row |= {"stay_id": listed.stay_id, "record": listed.record, "numerics": ""}
        row |= {"lead": "", "monitor": listed.monitor, "sampling_rate": float("nan")}
        row |= {"wrong_segments": "", "lost_share": 0.0}
        row |= {"n_samples": 0, "start": pd.NaT, "end": pd.NaT, "reason": ""}
        match found[listed.record]:
            case (start, end):
                span = pd.Timestamp(end) - pd.Timestamp(start)
                row |= {"lead": "II", "sampling_rate": rate, "start": pd.Timestamp(start)}
                row |= {"n_samples": round(span.total_seconds() * rate), "end": pd.Timestamp(end)}
            case reason:
                row["reason"] = reason
        rows.append(row)
    times = dict.fromkeys(("start", "end"), "datetime64[us]")
    table = pd.DataFrame(rows).astype(times)
    groups = table["subject_id"].map(group_of or {}).fillna(0).astype(int)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for group in range(groups.max() + 1):
        paths.append(folder / f"{group}.parquet")
        table[groups == group].to_parquet(paths[-1], index=False)
    return paths


def beating(seconds: float, rate: float, draw: np.random.Generator) -> np.ndarray:
    """Return an ECG lead in mV: P, QRS and T waves at irregular intervals of about 0.8 s."""
    intervals = 0.8 + 0.05 * draw.standard_normal(int(seconds / 0.6) + 2)
    beats = np.cumsum(np.clip(intervals, 0.6, 1.0)) - 0.5
    time = np.arange(round(seconds * rate)) / rate
    ecg = 0.01 * draw.standard_normal(len(time))
    for beat in beats[beats < seconds + 0.5]:
        near = slice(*np.searchsorted(time, [beat - 0.4, beat + 0.5]))
        for shift, height, width in ((-0.16, 0.12, 0.02), (0, 1.1, 0.01), (0.24, 0.25, 0.04)):
            ecg[near] += height * np.exp(-(((time[near] - beat - shift) / width) ** 2) / 2)
    return ecg


def write_wfdb(folder: Path, record: str, ecg: np.ndarray, rate: float) -> None:
    """Write one lead II in mV; NaN becomes what the format calls missing."""
    folder.mkdir(parents=True, exist_ok=True)
    wfdb.wrsamp(
        record,
        fs=rate,
        units=["mV"],
        sig_name=["II"],
        p_signal=ecg[:, None],
        fmt=["16"],
        adc_gain=[1000],
        baseline=[0],
        write_dir=str(folder),
    )


def beats_of(seconds: float, seed: int = 0) -> np.ndarray:
    """Return the times of irregular beats in s, about 0.8 s apart, in whole milliseconds."""
    draw = np.random.default_rng(seed)
    breathing = 0.04 * np.sin(np.arange(int(seconds / 0.6) + 2) / 2)
    beats = np.cumsum(np.round(0.8 + breathing + 0.01 * draw.standard_normal(len(breathing)), 3))
    return beats[beats < seconds]


def write_annotation(
    folder: Path,
    file: str,
    places: np.ndarray,
    symbols: str | Sequence[str] = "N",
    rate: float | None = 1000,
) -> Path:
    """Write a WFDB annotation from samples; one symbol stands for all."""
    folder.mkdir(parents=True, exist_ok=True)
    record, _, ending = file.rpartition(".")
    each = np.full(len(places), symbols) if len(symbols) == 1 else np.array(list(symbols))
    wfdb.wrann(
        *(record, ending, np.asarray(places)), symbol=list(each), fs=rate, write_dir=str(folder)
    )
    return folder / file
