"""Turn full disks, missing rights and broken disks into our own error, with file and remedy.

Python's writers raise ``OSError`` for them. DuckDB and torch raise errors of their own, in whose
text the words of the operating system are found. Where an error says nothing, the disk
is looked at.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mimicflow.errors import ConfigError, MimicflowError, StorageError
from mimicflow.running.leftovers import final_path

_ROOM = 1 << 16  # bytes; what is left when a write has failed
_AGAIN = "then run the same command again"
_FAULTS = {
    errno.ENOSPC: ("the disk is full", f"free space on it, {_AGAIN}"),
    errno.EDQUOT: ("your share of the disk is used up", f"remove files of yours, {_AGAIN}"),
    errno.EROFS: (
        "the disk is read-only",
        f"make it writable, {_AGAIN}; or work in a folder elsewhere",
    ),
    errno.EACCES: ("no permission to read or write it", f"get the permission, {_AGAIN}"),
    errno.EPERM: ("no permission for it", f"get the permission, {_AGAIN}"),
    errno.EIO: ("the disk fails", f"have the disk looked at, {_AGAIN}"),
    errno.ESTALE: ("the network disk has lost it", f"wait until it is there, {_AGAIN}"),
    errno.EISDIR: ("a folder has the name of a file", f"move the folder away, {_AGAIN}"),
    errno.EMFILE: ("too many files are open", f"raise the limit by ulimit -n, {_AGAIN}"),
}


@contextmanager
def storage_explained(file: str | Path | None = None) -> Iterator[None]:
    """Turn what the disk refuses within the block into our own error.

    Parameters
    ----------
    file : path-like, optional
        Named where the error itself names no file.

    Raises
    ------
    StorageError
        Full, read-only, failing disk, no right, a folder in place of a file.
    """
    try:
        yield
    except MimicflowError:
        raise
    except Exception as error:
        found = storage_error(error, file)
        if found is None:
            raise
        raise found from error


def storage_error(error: Exception, file: str | Path | None = None) -> StorageError | None:
    """Return our own error for what the disk has refused; None for any other error.

    Parameters
    ----------
    error : Exception
        Of Python, Arrow, DuckDB or torch.
    file : path-like, optional
        Named where the error itself names no file.
    """
    number = _number(error)
    if number is None and _hides_its_reason(error) and file is not None and _is_full(Path(file)):
        number = errno.ENOSPC
    if number is None:
        return None
    message, remedy = _FAULTS[number]
    named = _named_file(error) or file
    place = None if named is None else final_path(named)
    if number == errno.ENOSPC and place is not None and _is_temporary(place):
        remedy = f"{remedy}; or name another folder for temporary files by TMPDIR"
    return StorageError(message, file=place, remedy=remedy)


def _number(error: Exception) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno if error.errno in _FAULTS else None
    text = str(error)
    return next((number for number in _FAULTS if os.strerror(number) in text), None)


def _hides_its_reason(error: Exception) -> bool:
    """Return whether an error may be one of the system that says no more: libsndfile's are."""
    if isinstance(error, OSError):
        return error.errno is None
    return isinstance(error, RuntimeError)


def _is_full(file: Path) -> bool:
    place = next(path for path in (file, *file.absolute().parents) if path.exists())
    return shutil.disk_usage(place).free < _ROOM


def _named_file(error: Exception) -> str | None:
    if isinstance(error, OSError) and error.filename is not None:
        return os.fsdecode(error.filename) if not isinstance(error.filename, int) else None
    named = re.search(r"""file \\?["']([^"'\\]+)""", str(error))  # DuckDB, Arrow
    return named[1] if named else None


def _is_temporary(file: Path) -> bool:
    """Return whether a file is one of DuckDB's that hold what the memory does not."""
    temporary = Path(tempfile.gettempdir()).absolute()
    return temporary in (file.absolute(), file.absolute().parent.parent)


def make_folder(folder: str | Path) -> None:
    """Make a folder and those above it, unless it is there.

    Raises
    ------
    StorageError
        A file has its name or that of a folder above it, or no folder can be made there.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) or StorageError(
            f"cannot be made a folder ({error.strerror})",
            file=folder,
            remedy="name another folder, which can be made and written",
        ) from error


def check_own_table(table: str | Path, columns: Sequence[str]) -> None:
    """Refuse to write over a table of the same name that holds something else.

    Raises
    ------
    ConfigError
        A file is there whose first line does not name these columns.
    """
    table = Path(table)
    if table.is_file():
        with table.open(encoding="utf-8", errors="replace") as lines:
            if lines.readline().rstrip() != ",".join(columns):
                raise ConfigError(
                    f"{table} is there, and is no table of this command",
                    remedy="name another folder",
                )


def folder_named(name: str | Path) -> Path:
    """Return the folder of a name at the command line.

    Raises
    ------
    ConfigError
        An empty name, as of a variable that is not set: Python would take it for the current one.
    """
    if not str(name):
        raise ConfigError(
            "a folder has an empty name", remedy="name a folder; the current one is called ."
        )
    return Path(name)


def check_place(repository: str | Path) -> None:
    """Refuse a repository from whose path Snakemake could start no script.

    Raises
    ------
    StorageError
        Blanks end the path in the command of a job, braces are taken for a wildcard.
    """
    if any(sign.isspace() or sign in "{}" for sign in str(repository)):
        raise StorageError(
            "Snakemake starts no scripts from a folder with blanks or braces in its path",
            file=repository,
            remedy="move the repository; the folders of the data may be called as they are",
        )


def check_writable(folder: str | Path) -> None:
    """Refuse to start where nothing can be written.

    Parameters
    ----------
    folder : path-like
        Of the results; one that is not there yet is not looked at.

    Raises
    ------
    StorageError
        A read-only disk, no right to write, a file in place of the folder.
    """
    folder = Path(folder)
    if not folder.exists():
        return
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        # The error names the file of this test, which nobody knows.
        raise storage_error(OSError(error.errno, error.strerror), folder) or error from error
