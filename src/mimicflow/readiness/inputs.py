"""Look at the raw files of systems, and foretell from their sizes what results will take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.errors import TableError
from mimicflow.raw.needs import Need
from mimicflow.raw.stream import RawStream
from mimicflow.readiness.looks import MISSING, Look
from mimicflow.reference import reference

_DISK = pd.read_csv(reference("disk.csv"))
MADE = "synthetic"
"""In place of a table: a patient of the made-up hospital."""

_ENOUGH_BYTES = 8 << 20  # as they are there: up to a megabyte of them is not unpacked yet
# PhysioNet's folders: mimiciv/3.1/, mimic-iv-3.1/, physionet.org/files/mimic-iv-ed/2.2/.
_RELEASE = re.compile(r"(mimic-?iv[a-z-]*?)[-/](\d+\.\d+(?:\.\d+)?)(?=/|$)", re.IGNORECASE)


def look_at(need: Need, rows: Mapping[str, float]) -> Look:
    """Say where a raw table or folder lies, of which release, and how long it is."""
    if need.problem:
        return Look(need.name, "cannot be used", "", MISSING)
    if need.path is None:
        return Look(need.name, "made by the workflow")
    release = release_by_path(need.path)
    found = f"{need.path}{f' ({release})' if release else ''}"
    if need.name in rows:
        found = f"{found}, about {rows[need.name]:,.0f} rows"
    return Look(need.name, found)


def count_rows(
    needs: Mapping[str, Iterable[Need]],
) -> tuple[dict[str, list[Need]], dict[str, float]]:
    """Estimate the rows of all files; one whose beginning is damaged has that as its problem.

    Parameters
    ----------
    needs : mapping
        System -> what it needs.

    Returns
    -------
    needs : dict
        The same.
    rows : dict of str to float
        Of each file, by the name of the need.
    """
    rows: dict[str, float] = {}

    def counted(need: Need) -> Need:
        if need.path is None or not need.path.is_file():
            return need
        try:
            if need.name not in rows:
                rows[need.name] = rows_about(need.path)
        except TableError as error:
            return need._replace(path=None, problem=error)
        return need

    return {system: list(map(counted, found)) for system, found in needs.items()}, rows


def disk_of(
    needs: Mapping[str, Iterable[Need]], rows: Mapping[str, float], synthetic: Mapping[str, Any]
) -> float:
    """Return the bytes that results are foretold to take, a made-up hospital among them.

    Parameters
    ----------
    needs, rows : mapping
        As `count_rows` returns them.
    synthetic : mapping
        Configuration subtree ``synthetic``: a made-up hospital grows with its patients.
    """
    made = {"admission": synthetic["n_patients"], "mortality": synthetic["n_patients"],
            "arrest": synthetic["icu"]["n_patients"]}  # fmt: skip
    rates = _DISK.set_index(["system", "table"])["bytes_per_row"]
    total = 0.0
    for system, found in needs.items():
        found = list(found)
        total += sum(rows.get(need.name, 0) * rates.get((system, need.name), 0) for need in found)
        if any(need.path is None and not need.problem for need in found):
            total += made[system] * rates[system, MADE]
    return total


def rows_about(file: Path) -> float:
    """Estimate the rows of a raw table by the length of those at its beginning.

    Parameters
    ----------
    file : Path
        ``.csv`` or ``.csv.gz``.

    Raises
    ------
    TableError
        A compressed file whose beginning is damaged.
    """
    stream = RawStream(file)
    for _ in stream.chunks():
        if stream.bytes >= _ENOUGH_BYTES:
            break
    return max(stream.lines * file.stat().st_size / max(stream.bytes, 1) - 1, 0)


def release_by_path(path: Path) -> str:
    """Return the release that a folder is named by, as PhysioNet names it; empty if by none."""
    named = _RELEASE.findall(path.as_posix())
    return " ".join(named[-1]) if named else ""
