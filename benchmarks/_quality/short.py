"""Real 12-lead ECGs of ten seconds: marked beats of LUDB found, leads of Brugada-HUCA compared.

LUDB has the peaks of its QRS complexes marked by cardiologists, lead by lead, but for the first and
the last. Brugada-HUCA has no marks: of it two leads of the same heart are compared.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import wfdb

from _quality.people import LUDB_HZ
from _quality.tables import RATE, TOLERANCE_S, cleaned, f1, matched
from mimicflow.hrv.peaks import METHODS, Detector, find_r_peaks

MARKED = ("ii", "v1", "v5")
COMPARED = ("II", "V5")
MIN_DELAY_S = 0.2

Beats = tuple[np.ndarray, np.ndarray]


def table_of_short(shared: Path) -> pd.DataFrame:
    """F1 of each detector on the leads of LUDB, and that of one lead of Brugada with another."""
    with tempfile.TemporaryDirectory() as unpacked:
        for name in ("ludb/data", "brugada-huca/files"):
            with tarfile.open(shared / "open-real" / f"{name}.tar.gz") as archive:
                archive.extractall(unpacked, filter="data")
        marked = {lead: list(_of_ludb(Path(unpacked, "data"), lead)) for lead in MARKED}
        pairs = list(_of_brugada(Path(unpacked, "files")))
    rows = []
    for method in METHODS:
        detector = Detector(method, MIN_DELAY_S)
        row = {"detector": f"{method}, {MIN_DELAY_S} s"}
        for lead, ecgs in marked.items():
            found = [(_inside(_found(ecg, detector), beats), beats) for ecg, beats in ecgs]
            n = sum(len(beats) for _, beats in found)
            row[f"LUDB, {lead.upper()} ({len(ecgs)} ECGs, {n} beats)"] = _f1_of(found)
        both = [(_found(one, detector), _found(other, detector)) for one, other in pairs]
        row[f"Brugada-HUCA, {' with '.join(COMPARED)} ({len(pairs)} ECGs)"] = _f1_of(both)
        rows.append(row)
    return pd.DataFrame(rows)


def _of_ludb(folder: Path, lead: str) -> Iterator[Beats]:
    """Yield the cleaned lead and the times of its marked beats in s of each ECG."""
    for header in sorted(folder.glob("*.hea")):
        record = wfdb.rdrecord(str(header.with_suffix("")))
        names = [name.lower() for name in record.sig_name]
        marks = wfdb.rdann(str(header.with_suffix("")), lead)
        beats = marks.sample[np.array(marks.symbol) == "N"] / LUDB_HZ
        if len(beats):
            yield cleaned(record.p_signal[:, names.index(lead)], record.fs), beats


def _of_brugada(folder: Path) -> Iterator[Beats]:
    """Yield two cleaned leads of each ECG."""
    for header in sorted(folder.glob("*/*.hea")):
        record = wfdb.rdrecord(str(header.with_suffix("")), channel_names=list(COMPARED))
        one, other = (cleaned(lead, record.fs) for lead in record.p_signal.T)
        yield one, other


def _found(ecg: np.ndarray, detector: Detector) -> np.ndarray:
    return find_r_peaks(ecg, RATE, detector) / RATE


def _inside(found: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """Return the beats found from the first to the last that is marked."""
    return found[(found >= marked[0] - TOLERANCE_S) & (found <= marked[-1] + TOLERANCE_S)]


def _f1_of(pairs: list[Beats]) -> str:
    counts = np.sum(
        [(matched(found, true), len(true), len(found)) for found, true in pairs], axis=0
    )
    return f"{f1(counts):.4f}"
