"""Write WFDB records of the hospital's 12-lead ECGs, some of them damaged on purpose."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.running.storage import make_folder, storage_explained
from mimicflow.running.workers import worker_pool
from mimicflow.synthetic.cardiology import ecg_parameters, record_path
from mimicflow.synthetic.courses import draw_moments
from mimicflow.synthetic.draws import PATIENTS_PER_CHUNK, stream
from mimicflow.synthetic.electrocardiogram import LEADS, N_SAMPLES, SAMPLING_RATE, draw_waveform
from mimicflow.synthetic.population import draw_chunk
from mimicflow.synthetic.visits import draw_visits

UNITS_PER_MV = 200
NAN_SAMPLE = -32768
RAIL = 2047  # of a converter of 12 bits: about 10 mV
DEFECTS = (
    *("missing_lead", "flat_lead", "nan_samples", "saturated"),
    *("truncated", "absent", "wrong_sample", "other_header"),
)


def make_waveforms(
    folder: str | Path,
    n_patients: int,
    seed: int,
    dirt: float = 0.01,
    permute_labels: bool = False,
    processes: int = 1,
) -> int:
    """Write the WFDB records of the hospital's ECGs below ``folder/ecg/files``.

    A record depends on the seed and its own id only: chunks and processes change nothing.

    Parameters
    ----------
    folder : path-like
        Folder of the hospital, as given to ``make_hospital``.
    n_patients, seed, dirt, permute_labels
        As given to ``make_hospital``.
    processes : int
        Chunks of patients written at the same time.

    Returns
    -------
    int
        Records written.

    Raises
    ------
    StorageError
        When the disk is full or read-only, or refuses otherwise.
    """
    files = Path(folder) / "ecg" / "files"
    starts = range(0, n_patients, PATIENTS_PER_CHUNK)
    write = partial(_write_chunk, Path(folder), n_patients, seed, dirt, permute_labels)
    with storage_explained(files):
        make_folder(files)
        if processes == 1:
            written = sum(map(write, starts))
        else:
            with worker_pool(processes) as pool:
                written = sum(pool.map(write, starts))
        os.sync()  # a record without its samples would be left out as damaged
    return written


def _write_chunk(
    folder: Path, n_patients: int, seed: int, dirt: float, permute_labels: bool, start: int
) -> int:
    n = min(PATIENTS_PER_CHUNK, n_patients - start)
    chunk = draw_chunk(seed, start // PATIENTS_PER_CHUNK, n, permute_labels)
    visits = draw_visits(chunk)
    parameters = ecg_parameters(chunk, visits, draw_moments(chunk))
    defects = draw_defects(parameters["study_id"].to_numpy(), seed, dirt)
    paths = record_path(parameters["subject_id"], parameters["study_id"])
    for ecg, path, defect in zip(parameters.itertuples(index=False), paths, defects, strict=True):
        rng = stream(seed, "waveform", int(ecg.study_id))
        write_record(folder / "ecg" / path, ecg, draw_waveform(ecg, rng), defect, rng)
    return len(parameters)


def draw_defects(study_id: np.ndarray, seed: int, dirt: float) -> np.ndarray:
    """Name what is wrong with each record, "" for nothing, shape (n,)."""
    kinds = np.array(["", *DEFECTS], object)
    if len(study_id) == 0:
        return np.array([], object)
    rng = stream(seed, "defects", int(study_id[0]))
    kind = np.where(rng.random(len(study_id)) < dirt, rng.integers(1, len(kinds), len(study_id)), 0)
    return kinds[kind]


def write_record(
    path: Path, ecg: Any, signal: np.ndarray, defect: str, rng: np.random.Generator
) -> None:
    """Write ``<path>.hea`` and ``<path>.dat`` in WFDB format 16, with the defect if any."""
    samples = np.clip(np.rint(signal * UNITS_PER_MV), -32767, 32767).astype("<i2")
    leads = list(LEADS)
    lead = int(rng.integers(6, 12))
    if defect == "missing_lead":
        samples, leads = np.delete(samples, lead, axis=0), leads[:lead] + leads[lead + 1 :]
    elif defect == "flat_lead":
        samples[lead] = 0
    elif defect == "nan_samples":
        samples[lead, 1000:1500] = NAN_SAMPLE
    elif defect == "saturated":
        samples[lead, 2000:3000] = RAIL
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".hea").write_text(_header(path.name, ecg, samples, leads))
    if defect == "absent":
        return
    # From here on the samples are others than the header has summed up.
    if defect == "wrong_sample":
        samples[lead, 2500] ^= 64
    elif defect == "other_header":
        samples += 1
    content = samples.T.tobytes()
    if defect == "truncated":
        content = content[: len(content) // 3]
    path.with_suffix(".dat").write_bytes(content)


def _header(name: str, ecg: Any, samples: np.ndarray, leads: list[str]) -> str:
    time = pd.Timestamp(ecg.time, unit="s")
    lines = [f"{name} {len(leads)} {SAMPLING_RATE} {N_SAMPLES} {time:%H:%M:%S %d/%m/%Y}"]
    checksums = samples.sum(axis=1, dtype=np.int64) & 0xFFFF
    lines += [
        f"{name}.dat 16 {UNITS_PER_MV}.0(0)/mV 16 0 {row[0]} {checksum} 0 {lead}"
        for row, checksum, lead in zip(samples, checksums, leads, strict=True)
    ]
    return "\n".join([*lines, f"# <subject_id>: {ecg.subject_id}"]) + "\n"
