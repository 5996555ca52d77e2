"""Check that a file that the workflow itself has made is still whole.

Each is put in place whole; but a copy that was cut off, or a disk that has lost the end of it, is
not seen by every reader: half a CSV file is a shorter table. One look at the end of each input of
a job finds that. What is broken in the middle makes a reader fail, and is looked for only then.
"""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from mimicflow.errors import InputError
from mimicflow.running.origin import BUILT, MADE, MODULES
from mimicflow.running.place import RESULTS, below_results

T = TypeVar("T")

_REMEDY = "delete it, then run the same command again: it is made anew"
_MARK = b"PAR1"
_RAW = [MADE[module] for module in MODULES]  # what is unclean there is so on purpose
_REGISTRIES = [MADE["registry"], BUILT["registry"]]
_LINES = {".csv", ".tsv", ".txt", ".yaml"}
_ZIPPED = {".npz", ".pth"}


def check_whole(files: Iterable[str | Path]) -> None:
    """Refuse results that are cut off, by their ends and sizes.

    A CSV file that was cut off exactly behind a line looks like a shorter one: it is not found.

    Parameters
    ----------
    files : iterable of path-like
        Inputs of a job; what does not lie below ``results/``, or is a raw file of the made-up
        hospital, is not looked at.

    Raises
    ------
    InputError
        Names the file, and says to delete it.
    """
    for file in _own(files):
        fault = _fault(file)
        if fault:
            raise InputError(f"the file is cut off ({fault})", file=file, remedy=_REMEDY)


def damaged(files: Iterable[str | Path]) -> InputError | None:
    """Return an error that names the first result that cannot be read; None if all can.

    To be asked when a job has failed for no reason that is known; it reads whole files.

    Parameters
    ----------
    files : iterable of path-like
        Inputs of the job.
    """
    for file in _own(files):
        try:
            if file.suffix == ".parquet":
                _read_parquet(file)
            elif file.suffix in _ZIPPED:
                _read_zip(file)
        except Exception as error:  # noqa: BLE001 (whatever a reader says of a damaged file)
            return InputError(f"the file is damaged ({error})", file=file, remedy=_REMEDY)
    return None


def is_own_registry(path: str | Path) -> bool:
    """Return whether a file is of a registry that the workflow makes, not of one of a user."""
    below = _named(Path(path))
    return below is not None and any(below.is_relative_to(folder) for folder in _REGISTRIES)


def _own(files: Iterable[str | Path]) -> list[Path]:
    found = []
    for path in map(Path, files):
        below = _named(path)
        if below is None or not path.is_file():
            continue
        if not any(below.is_relative_to(folder) for folder in _RAW):
            found.append(path)
    return found


def _named(path: Path) -> Path | None:
    """Return a result as rules name it; None for any other file."""
    below = below_results(path)
    return None if below is None else Path(RESULTS, below)


def _fault(file: Path) -> str:
    """Return what is wrong with the end of a file; empty if nothing is."""
    size = file.stat().st_size
    if size == 0 and file.suffix:
        return "it is empty"
    if file.suffix == ".parquet":
        end = _last(file, 8)
        footer = int.from_bytes(end[:4], "little")
        whole = size >= 12 and end[4:] == _MARK and footer <= size - 12
        return "" if whole else "its end is missing"
    if file.suffix == ".npy":
        return _fault_of_array(file, size)
    if file.suffix in _ZIPPED:
        return "" if zipfile.is_zipfile(file) else "its end is missing"
    if file.suffix == ".json":
        return _fault_of_json(file)
    if file.suffix in _LINES:
        return "" if _last(file, 1) == b"\n" else "its last line has no end"
    return ""


def read_field(file: str | Path, take: Callable[[Any], T], message: str, remedy: str) -> T:
    """Take a value out of a JSON file that the workflow has made.

    Parameters
    ----------
    file : path-like
        The file.
    take : callable
        Takes the value out of its content.
    message, remedy : str
        What is wrong with the file if that fails, and what to do.

    Raises
    ------
    InputError
        A file that is missing or no JSON, or has no such value.
    """
    try:
        return take(json.loads(Path(file).read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(message, file=file, remedy=remedy) from error


def _fault_of_array(file: Path, size: int) -> str:
    try:
        with open(file, "rb") as stream:
            np.lib.format.read_magic(stream)
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
            needed = stream.tell() + math.prod(shape) * dtype.itemsize
    except (ValueError, EOFError):
        return "its head is missing"
    return "" if size == needed else f"{size} bytes instead of {needed}"


def _fault_of_json(file: Path) -> str:
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        return str(error)
    return ""


def _last(file: Path, n: int) -> bytes:
    with open(file, "rb") as stream:
        stream.seek(-min(n, file.stat().st_size), os.SEEK_END)
        return stream.read()


def _read_parquet(file: Path) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415 (only when a job has failed)

    with pq.ParquetFile(file) as content:
        for _ in content.iter_batches():
            pass


def _read_zip(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        bad = archive.testzip()
    if bad is not None:
        raise ValueError(f"its part {bad} is not as it was written")
