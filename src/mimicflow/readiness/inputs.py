"""Look at the raw files of systems, and foretell from their sizes what results will take."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.raw.needs import Need
from mimicflow.raw.stream import GZIP_MAGIC
from mimicflow.readiness.looks import MISSING, Look
from mimicflow.reference import reference

_DISK = pd.read_csv(reference("disk.csv"))
MADE = "synthetic"
"""In place of a table: a patient of the made-up hospital."""

_HEAD_BYTES = 1 << 20
_GZIP = 31  # window bits by which zlib reads a header of gzip
# PhysioNet's folders: mimiciv/3.1/, mimic-iv-3.1/, physionet.org/files/mimic-iv-ed/2.2/.
_RELEASE = re.compile(r"(mimic-?iv[a-z-]*?)[-/](\d+\.\d+(?:\.\d+)?)(?=/|$)", re.IGNORECASE)


def look_at(need: Need) -> Look:
    """Say where a raw table or folder lies, of which release, and how long it is."""
    if need.problem:
        return Look(need.name, "cannot be used", "", MISSING)
    if need.path is None:
        return Look(need.name, "made by the workflow")
    release = release_by_path(need.path)
    found = f"{need.path}{f' ({release})' if release else ''}"
    if need.path.is_file():
        found = f"{found}, about {rows_about(need.path):,.0f} rows"
    return Look(need.name, found)


def disk_of(needs: Mapping[str, Iterable[Need]], synthetic: Mapping[str, Any]) -> float:
    """Return the bytes that results are foretold to take, a made-up hospital among them.

    Parameters
    ----------
    needs : mapping
        System -> what it needs.
    synthetic : mapping
        Configuration subtree ``synthetic``: a made-up hospital grows with its patients.
    """
    made = {"admission": synthetic["n_patients"], "mortality": synthetic["n_patients"],
            "arrest": synthetic["icu"]["n_patients"]}  # fmt: skip
    rows = {
        (system, need.name): rows_about(need.path)
        for system, found in needs.items()
        for need in found
        if need.path is not None and need.path.is_file()
    }
    rows |= {
        (system, MADE): made[system]
        for system, found in needs.items()
        if any(need.path is None and not need.problem for need in found)
    }
    rates = _DISK.set_index(["system", "table"])["bytes_per_row"]
    return float(sum(n * rates.get(key, 0) for key, n in rows.items()))


def rows_about(file: Path) -> float:
    """Estimate the rows of a raw table by the length of those in its first megabyte.

    Parameters
    ----------
    file : Path
        ``.csv`` or ``.csv.gz``.
    """
    size = file.stat().st_size
    with file.open("rb") as raw:
        head = raw.read(_HEAD_BYTES)
    plain = zlib.decompressobj(_GZIP).decompress(head) if head.startswith(GZIP_MAGIC) else head
    return max(plain.count(b"\n") * size / max(len(head), 1) - 1, 0)


def release_by_path(path: Path) -> str:
    """Return the release that a folder is named by, as PhysioNet names it; empty if by none."""
    named = _RELEASE.findall(path.as_posix())
    return " ".join(named[-1]) if named else ""
