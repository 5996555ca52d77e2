"""List waveform files that a job lacked or could not use, so that planning looks for them.

Waveforms are too many to be inputs one by one, and those that are missing when a store is built
come later, or are replaced. A job therefore leaves a list of what it could not use, and how often
its list has come true before. Planning looks at the listed files alone and counts one further once
one of them has changed; that count is a parameter of the job, so that it runs again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mimicflow.errors import InputError
from mimicflow.raw.waveform_paths import leads_outside, real_path
from mimicflow.running.writing import atomic_output, sha256

LOOKED_AT = 20_000
"""Files of a list at which planning looks, evenly spread; of missing ones, some soon show it."""

_ARRIVALS = b"mimicflow.arrivals"
_SCHEMA = pa.schema(
    [
        ("file", pa.string()),
        ("bytes", pa.int64()),  # -1: not there
        ("mtime_ns", pa.int64()),
        ("sha256", pa.string()),  # "": not readable
        ("leads_to", pa.string()),  # outside the folder: the place, which alone is looked at
    ]
)


def write_awaited(
    files: Iterable[str | Path], folder: str | Path, arrivals: int, output: str | Path
) -> None:
    """Write the list of a job.

    Parameters
    ----------
    files : iterable of path-like
        What it could not use, or did not find.
    folder : path-like
        That of all waveforms; what leads outside it is not opened here, either.
    arrivals : int
        What `count_arrivals` gave when the job was planned.
    output : path-like
        Parquet outside the job's outputs, which are removed when it fails.
    """
    listed = sorted({Path(file).absolute() for file in files if "\0" not in str(file)})
    rows = [_look(file, folder) for file in listed if not file.is_dir()]
    table = pa.Table.from_pylist(rows, schema=_SCHEMA.with_metadata({_ARRIVALS: str(arrivals)}))
    with atomic_output(output) as temporary:
        pq.write_table(table, temporary)


def count_arrivals(listed: str | Path) -> int:
    """Count how often listed files have come or changed, this time included.

    Parameters
    ----------
    listed : path-like
        As `write_awaited` wrote it; 0 when there is none yet.

    Raises
    ------
    InputError
        When it cannot be read.
    """
    if not Path(listed).is_file():
        return 0
    try:
        table = pq.read_table(listed)
        before = int((table.schema.metadata or {})[_ARRIVALS])
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise InputError(
            f"is no list of awaited files ({error})",
            file=listed,
            remedy="delete it and run again: what it belongs to is made anew",
        ) from error
    rows = table.to_pylist()
    places = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), LOOKED_AT)).astype(int))
    return before + any(_has_come(rows[place]) for place in places)


def _look(file: Path, folder: str | Path) -> dict[str, object]:
    row = {"file": str(file), "bytes": -1, "mtime_ns": 0, "sha256": "", "leads_to": ""}
    if leads_outside(folder, file):
        return row | {"leads_to": str(real_path(file))}
    with contextlib.suppress(OSError):
        status = file.stat()
        row |= {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
        row["sha256"] = sha256(file)
    return row


def _has_come(row: dict[str, object]) -> bool:
    """Return whether a file is there that was not, or has another content or place."""
    file = Path(str(row["file"]))
    try:
        if row.get("leads_to"):  # as long as a link does, what it leads to is not looked at
            now = real_path(file)
            return str(now) != row["leads_to"] and now.parent.is_dir()
        status = file.stat()
        if status.st_size != row["bytes"]:
            return True
        if row["sha256"] and status.st_mtime_ns == row["mtime_ns"]:
            return False
        return sha256(file) != row["sha256"]
    except OSError:  # still not there, or still not to be read
        return False
