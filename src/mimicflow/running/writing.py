"""Write files so that a reader never sees half of one."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.running.leftovers import hidden_path, remove_leftovers
from mimicflow.running.storage import make_folder, storage_explained
from mimicflow.running.workers import end_if_abandoned


@contextlib.contextmanager
def atomic_output(path: str | Path) -> Iterator[Path]:
    """Yield a temporary sibling of ``path`` that takes its place only when the block succeeds.

    Parameters
    ----------
    path : path-like
        The file to write; its folder is created. What killed jobs left of it is removed.

    Yields
    ------
    Path
        Where to write meanwhile. Removed when the block raises.

    Raises
    ------
    StorageError
        When the disk is full or read-only, or refuses otherwise.
    """
    path = Path(path)
    with _hidden_sibling(path) as temporary:
        try:
            with storage_explained(path):  # before what was written is removed
                yield temporary
            flush(temporary)
            end_if_abandoned(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _hidden_sibling(path: Path) -> Iterator[Path]:
    """Yield a free hidden name beside ``path``, in a folder that is there."""
    make_folder(path.parent)
    with storage_explained(path):
        remove_leftovers(path)
        yield hidden_path(path)


@contextlib.contextmanager
def partial_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty hidden sibling of the folder ``path``; it is removed when the block ends.

    Raises
    ------
    StorageError
        When the disk is full or read-only, or refuses otherwise.
    """
    path = Path(path)
    with _hidden_sibling(path) as temporary:
        temporary.mkdir()
        try:
            with storage_explained(path):  # before what was written is removed
                yield temporary
        finally:
            if temporary.exists():
                shutil.rmtree(temporary)


@contextlib.contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder that takes the place of the folder ``path`` when the block succeeds.

    Raises
    ------
    StorageError
        When the disk is full or read-only, or refuses otherwise.
    """
    path = Path(path)
    replaced = hidden_path(path, "replaced")
    with partial_folder(path) as temporary:
        yield temporary
        os.sync()  # instead of one flush per file: there may be thousands
        end_if_abandoned(temporary)
        if path.exists():
            path.rename(replaced)
        temporary.rename(path)
        if replaced.exists():
            shutil.rmtree(replaced)


def flush(file: Path) -> None:
    """Wait until the content of a file is on the disk.

    After a crash of the machine a renamed file could otherwise be there without its content, and
    Snakemake would take it for complete. A full network disk may also refuse only here.
    """
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_parquet(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a frame without its index, atomically."""
    with atomic_output(path) as temporary:
        frame.to_parquet(temporary, index=False)


def write_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a frame without its index as CSV, atomically."""
    with atomic_output(path) as temporary:
        frame.to_csv(temporary, index=False)


def write_json(content: Any, path: str | Path) -> None:
    """Write plain data as indented JSON with sorted keys, atomically."""
    with atomic_output(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def write_npz(arrays: dict[str, np.ndarray], path: str | Path) -> None:
    """Write numeric arrays as ``.npz`` that loads without pickles, atomically."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    with atomic_output(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays that :func:`write_npz` wrote; nothing is unpickled.

    Raises
    ------
    Exception
        Nearly any, for a damaged file: `zipfile` and NumPy do. An array that claims to be larger
        than what is stored of it is refused before it takes memory.
    """
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for part in archive.infolist():
            with archive.open(part) as stream:
                version = np.lib.format.read_magic(stream)
                if version != (1, 0) or part.compress_type != zipfile.ZIP_STORED:
                    raise ValueError(f"{part.filename} is not as it was written")
                shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
                if stream.tell() + math.prod(shape) * dtype.itemsize != part.file_size:
                    raise ValueError(f"{part.filename} has not the size that it claims")
            with archive.open(part) as stream:
                name = part.filename.removesuffix(".npy")
                arrays[name] = np.lib.format.read_array(stream, allow_pickle=False)
    return arrays


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file, read in chunks."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
