"""Saved models: tensors and plain values only, so that reading one runs no code.

The same content gives the same bytes.
"""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mimicflow.errors import CheckpointError
from mimicflow.running.writing import atomic_output

FORMAT = 3
"""Raised when the layout of the files changes."""


def save_checkpoint(kind: str, content: dict[str, Any], path: str | Path) -> None:
    """Write tensors and plain values, atomically and reproducibly.

    Parameters
    ----------
    kind : str
        What it is, for example ``"admission"``; asked for again on loading.
    content : dict
        Tensors, numbers, text, None, and lists and dictionaries of these. Tuples become lists.
    path : path-like
        Ends in ``.pth``.

    Raises
    ------
    CheckpointError
        A value of another type.
    """
    plain = _plain({"kind": kind, "format": FORMAT, **content}, str(path))
    # Into memory first: torch.save writes the file's name into the file.
    buffer = io.BytesIO()
    torch.save(plain, buffer)
    with atomic_output(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def load_checkpoint(kind: str | None, path: str | Path) -> dict[str, Any]:
    """Read what :func:`save_checkpoint` wrote, on the CPU.

    Parameters
    ----------
    kind : str or None
        What it has to be; None for any.
    path : path-like
        The file.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, of another kind or format, or holds more than plain values.
    """
    content = read_plain(path, "delete it and run its rule again")
    return check_kind(kind, content, path)


def read_plain(path: str | Path, remedy: str) -> Any:
    """Read a file of PyTorch that holds tensors and plain values only, on the CPU.

    Parameters
    ----------
    path : path-like
        The file.
    remedy : str
        What to do where it is not one.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, or holds more than plain values.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # Torch compresses nothing; what is compressed could unpack to any size.
            if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
                raise zipfile.BadZipFile("compressed")
            # Torch does not look at the checksums, and reads damaged bytes as whatever they say.
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile("damaged")
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError("no such file", file=path, remedy="run its rule first") from error
    except Exception as error:  # damaged files raise nearly anything inside zipfile and torch
        raise CheckpointError(
            f"not a readable model file: {_unreadable(error)}", file=path, remedy=remedy
        ) from error


def _unreadable(error: Exception) -> str:
    """Return why a file cannot be read, in words of our own: torch's say how to run its code."""
    match error:
        case pickle.UnpicklingError():
            return "holds objects that could run code when read"
        case OSError(strerror=str(words)):
            return words
        case zipfile.BadZipFile():
            return "damaged, or not written by torch.save in its present format"
    return "damaged"


def check_kind(kind: str | None, content: Any, path: str | Path) -> dict[str, Any]:
    """Return the content of a file, if it is of this kind and format.

    Raises
    ------
    CheckpointError
        It is of another kind or format.
    """
    found = content.get("kind") if isinstance(content, dict) else type(content).__name__
    if found != kind and (kind is not None or not isinstance(content, dict)):
        raise CheckpointError(
            f"holds {found!r}, not {kind!r}", file=path, remedy="give the file of the right rule"
        )
    written = content.get("format")
    if not isinstance(written, int) or written != FORMAT:
        raise CheckpointError(
            f"has format {written}, this version reads {FORMAT}",
            file=path,
            remedy="delete it and run its rule again with this version",
        )
    return dict(content)


def load_weights(model: nn.Module, state: dict[str, Tensor], path: str | Path) -> None:
    """Load a state dictionary strictly.

    Raises
    ------
    CheckpointError
        A weight is missing, superfluous or of another shape.
    """
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise CheckpointError(
            f"does not fit the configured model: {' '.join(str(error).split())[:500]}",
            file=path,
            remedy="use the configuration it was fitted with, or fit it again",
        ) from error


def _plain(value: Any, path: str) -> Any:
    """Return a fresh copy; fresh, since a pickle also records which objects are shared."""
    if isinstance(value, Tensor):
        # The memory layout is kept: a fused optimiser goes by it when it resumes.
        return value.detach().cpu().clone()
    if isinstance(value, dict):
        return {_plain(key, path): _plain(item, path) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, path) for item in value]
    if type(value) is str:
        return sys.intern(value)
    if value is None or type(value) in (bool, int, float):
        return value
    raise CheckpointError(
        f"a value of type {type(value).__name__} cannot be saved",
        file=path,
        remedy="give tensors, numbers, text, lists and dictionaries",
    )
