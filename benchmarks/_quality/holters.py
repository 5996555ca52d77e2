"""Epochs of people of whom only the beats are known: those of open Holter sets."""

from __future__ import annotations

import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from _quality.people import FIBRILLATING, SINUS
from mimicflow.arrest.hrv_features import measure_part
from mimicflow.bedside.open_recording import open_recording
from mimicflow.hrv.preprocessing import Preprocessing

EPOCH_S = 300
ARCHIVES = {
    "healthy, RR intervals (normal)": "normal/normal_rr_secs",
    "heart failure, RR intervals (chf)": "chf/chf_rr_secs",
}


def table_of_holters(shared: Path) -> pd.DataFrame:
    """Return which epochs are kept by group, and for what the others are dropped."""
    steps = Preprocessing()
    counts: dict[str, list[Counter[str]]] = {}
    with tempfile.TemporaryDirectory() as unpacked:
        for group, folder, record in _records(shared / "open-real/holter-beats", Path(unpacked)):
            recording = open_recording(folder, record)
            n = int(EPOCH_S * recording.sampling_rate)
            starts = range(0, recording.n_samples - n + 1, n)
            reasons = Counter(measure_part(recording, at, n, steps).reason for at in starts)
            counts.setdefault(group, []).append(reasons)
    return pd.DataFrame([_row(group, people) for group, people in counts.items()])


def _records(holters: Path, unpacked: Path) -> Iterator[tuple[str, Path, str]]:
    """Yield group, folder and record of each person."""
    for file in sorted((holters / "nsrdb").glob("*.atr")):
        yield "healthy, annotated (nsrdb)", file.parent, file.name
    for group, name in ARCHIVES.items():
        with tarfile.open(holters / f"{name}.tar.gz") as archive:
            archive.extractall(unpacked, filter="data")
        for file in sorted((unpacked / name.partition("/")[0]).glob("*.txt")):
            table = file.with_suffix(".csv")  # what they lack is a header
            table.write_text("rr_interval_s\n" + file.read_text())
            yield group, table.parent, table.name
    for ending, by in ((".atr", "annotated"), (".ari", "by a device")):
        for file in sorted((holters / "sddb").glob(f"*{ending}")):
            rhythm = "other or paced"
            rhythm = "sinus" if file.stem in SINUS else rhythm
            rhythm = "atrial fibrillation" if file.stem in FIBRILLATING else rhythm
            yield f"sudden death, {rhythm}, {by} (sddb)", file.parent, file.name


def _row(group: str, people: list[Counter[str]]) -> dict[str, object]:
    total = sum(people, Counter())
    kept = [100 * reasons[""] / reasons.total() for reasons in people]
    dropped = ", ".join(f"{reason} {n}" for reason, n in total.most_common() if reason)
    return {
        "people": group,
        "n": len(people),
        "epochs": total.total(),
        "kept": f"{100 * total[''] / total.total():.1f} %",
        "kept of a person: median (range)": f"{np.median(kept):.1f} % "
        f"({min(kept):.1f}–{max(kept):.1f})",
        "dropped as": dropped or "–",
    }
