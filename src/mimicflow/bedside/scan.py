"""Scan the recordings of the registry: which can be used, from when to when, or why not."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from mimicflow.bedside.numerics_files import find_numerics, places_of_numerics
from mimicflow.bedside.open_recording import open_recording
from mimicflow.bedside.recording import end_of
from mimicflow.bedside.registry import TIME_DTYPE, read_registry, shard_of_patient
from mimicflow.errors import ConfigError, RecordError
from mimicflow.raw.awaited import write_awaited
from mimicflow.raw.wfdb_headers import CHECKSUM, MAX_WRONG
from mimicflow.running.progress import shown
from mimicflow.running.writing import write_parquet

log = logging.getLogger(__name__)

DTYPES = {
    "recording_id": "int64",
    "subject_id": "str",
    "stay_id": "str",
    "record": "str",
    "numerics": "str",
    "lead": "str",
    "monitor": "str",
    "sampling_rate": "float64",
    "n_samples": "int64",
    "wrong_segments": "str",
    "lost_share": "float64",
    "start": TIME_DTYPE,
    "end": TIME_DTYPE,
    "reason": "str",
}


def scan_recordings(
    registry: str | Path,
    waveforms: str | Path,
    output: str | Path,
    *,
    shard: int,
    shards: int,
    max_wrong_checksums: float | Literal["none"] = MAX_WRONG,
    awaited: str | Path | None = None,
    arrivals: int = 0,
) -> None:
    """Open the recordings of one shard of patients, and compare leads with their checksums.

    Parameters
    ----------
    registry : path-like
        Folder of ``recordings.csv``, ``stays.csv`` and ``arrests.csv``.
    waveforms : path-like
        Folder of the recordings.
    output : path-like
        Parquet to write, one row per recording of the shard in the order of the registry:
        recording_id, subject_id, stay_id, record, numerics ("" when there are none), lead, monitor,
        sampling_rate (Hz), n_samples, wrong_segments (numbers of those that are not as their
        headers say, "3 7"), lost_share (of the samples: in segments that are missing, damaged or
        wrong), start, end (naive local time), reason. ``reason`` is "" for a usable recording,
        else a key of ``reference/recording_reasons.csv``, and what is not known then is "", NaN, 0
        or NaT.
    shard, shards : int
        Number of the shard, from 0, and how many there are. All recordings of a patient are in one.
    max_wrong_checksums : float or "none"
        Share of the samples that can be read which may lie in wrong segments: these are left out.
        "none": no samples are read, and nothing is compared.
    awaited : path-like, optional
        Where to list files that are missing or damaged, for
        ``mimicflow.raw.awaited.count_arrivals``.
    arrivals : int
        What that gave for this job.

    Raises
    ------
    TableError
        When the registry breaks its form.
    ConfigError
        When there is no such shard, or no waveform folder.
    """
    if not 0 <= shard < shards:
        raise ConfigError(f"no shard {shard} of {shards}", remedy="count shards from 0")
    if not Path(waveforms).is_dir():
        raise ConfigError(
            f"no waveform folder {waveforms}", remedy="correct data.waveforms in config.yaml"
        )
    listed = read_registry(registry).recordings
    of_shard = listed["patient_id"].map(lambda patient: shard_of_patient(patient, shards)) == shard
    listed = listed[of_shard]
    missed: list[Path] = []
    rows = [
        _scan(recording, waveforms, max_wrong_checksums, missed)
        for recording in shown(listed.to_dict("records"), len(listed), "recordings")
    ]
    if awaited is not None:
        write_awaited(missed, waveforms, arrivals, awaited)
    table = pd.DataFrame(rows, columns=list(DTYPES)).astype(DTYPES)
    usable = int((table["reason"] == "").sum())
    log.info("shard %d: %d of %d recordings can be used", shard, usable, len(table))
    wrong = table["wrong_segments"].str.split().str.len()
    log.info(
        "shard %d: %d segments of %d recordings left out: not as their headers say",
        *(shard, wrong.sum(), (wrong > 0).sum()),
    )
    write_parquet(table, output)


def _scan(
    listed: dict[Any, Any],
    waveforms: str | Path,
    max_wrong: float | Literal["none"],
    missed: list[Path],
) -> dict[str, object]:
    """Return one row of the table; files that cannot be used are added to ``missed``."""
    record = listed["record"]
    row: dict[str, object] = {
        "recording_id": listed["recording_id"],
        "subject_id": listed["patient_id"],
        "stay_id": listed["stay_id"],
        "record": record,
        "numerics": "",
        "lead": "",
        "monitor": listed["monitor"],
        "sampling_rate": np.nan,
        "n_samples": 0,
        "wrong_segments": "",
        "lost_share": np.nan,
        "start": pd.NaT,
        "end": pd.NaT,
        "reason": "",
    }
    try:
        opened = open_recording(waveforms, record, listed["ecg_lead"])
        wrong = () if max_wrong == "none" else opened.wrong_segments()
        opened, wrong_share = opened.without(wrong), opened.share_of(wrong)
        missed += opened.faulty_files
        if max_wrong != "none" and wrong_share > max_wrong:
            raise RecordError(
                f"{wrong_share:.0%} of its samples are not as their headers say",
                reason=CHECKSUM,
                file=opened.file,
            )
        start = opened.start_time if pd.isna(listed["start_time"]) else listed["start_time"]
        if start is None:
            raise RecordError(
                "no start_time in the registry, and none in the record",
                reason="no_start_time",
                file=opened.file,
            )
    except RecordError as error:
        line = f", line {error.row}" if error.row else ""
        log.warning("recording_id %d left out (%s%s)", listed["recording_id"], error.reason, line)
        missed += [Path(error.file)] if error.file else []
        return row | {"reason": error.reason}
    return row | {
        "numerics": _numerics(waveforms, listed, missed),
        "lead": opened.lead,
        "sampling_rate": opened.sampling_rate,
        "n_samples": opened.n_samples,
        "wrong_segments": " ".join(map(str, wrong)),
        "lost_share": opened.lost_share,
        "start": start,
        "end": end_of(start, opened.n_samples, opened.sampling_rate),
    }


def _numerics(waveforms: str | Path, listed: dict[Any, Any], missed: list[Path]) -> str:
    """Return where the vital signs are; a recording without them is still good for its ECG."""
    try:
        found = find_numerics(waveforms, listed["record"], listed["numerics"])
    except RecordError as error:
        log.warning("recording_id %d without numerics (%s)", listed["recording_id"], error.reason)
        missed += [Path(error.file)] if error.file else []
        return ""
    if not found:
        missed += places_of_numerics(waveforms, listed["record"])
    return found
