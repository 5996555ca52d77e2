"""Remove what a killed process has left half-written; its name shows whose it is.

A hidden name carries host and process of its owner: ``.{stem}.{host}-{pid}.partial{suffix}``.
Nothing that is declared as a result is ever called so.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import sys
from pathlib import Path

from mimicflow.running.identity import HOST, lives

log = logging.getLogger(__name__)

# The host is without dots, so that the stem of a name ends where the owner begins.
_OWNER = r"(?P<host>[\w-]+)-(?P<pid>\d+)"
_KINDS = r"\.(?:partial|replaced)"


def owner() -> str:
    """Return host and id of this process, as they stand in names."""
    return f"{HOST}-{os.getpid()}"


def hidden_path(path: Path, kind: str = "partial") -> Path:
    """Return the hidden sibling of a file or folder that is this process's own.

    Parameters
    ----------
    path : Path
        Of the result. Its suffix is kept, since several writers choose the format by it.
    kind : {"partial", "replaced"}
        What is being written, or what it takes the place of.
    """
    return path.with_name(f".{path.stem}.{owner()}.{kind}{path.suffix}")


def final_path(path: str | Path) -> Path:
    """Return the result that a hidden name stands for; any other name as it is."""
    path = Path(path)
    hidden = re.fullmatch(rf"\.(?P<stem>.+)\.{_OWNER}{_KINDS}(?P<suffix>\.\w+)?", path.name)
    if hidden is None:
        return path
    return path.with_name(f"{hidden['stem']}{hidden['suffix'] or ''}")


def remove_leftovers(path: Path) -> None:
    """Remove what killed processes left beside a result that this process is about to write.

    What a living process of this host is writing stays. Of another host it is not known who
    lives: within Snakemake, whose lock gives each output to one job, its leftovers go, elsewhere
    they stay.
    """
    pattern = re.compile(
        rf"\.{re.escape(path.stem)}\.{_OWNER}{_KINDS}{re.escape(path.suffix)}", re.ASCII
    )
    for entry in os.scandir(path.parent):
        match = pattern.fullmatch(entry.name)
        if match and not _is_at_work(match["host"], int(match["pid"])):
            log.info("removing %s, left by a killed job", entry.name)
            remove(Path(entry.path))


def remove_abandoned_folders(parent: Path, prefix: str) -> None:
    """Remove this user's temporary folders ``{prefix}{owner}-*`` of processes that are no more.

    Parameters
    ----------
    parent : Path
        The folder for temporary files; other users may have theirs in it.
    prefix : str
        What the names begin with.
    """
    pattern = re.compile(rf"{re.escape(prefix)}{_OWNER}-\w+", re.ASCII)
    for entry in os.scandir(parent):
        match = pattern.fullmatch(entry.name)
        if not match or match["host"] != HOST or lives(int(match["pid"])):
            continue
        with contextlib.suppress(FileNotFoundError):  # another process removes the same
            if entry.is_dir(follow_symlinks=False) and entry.stat().st_uid == os.getuid():
                shutil.rmtree(entry.path, ignore_errors=True)


def _is_at_work(host: str, pid: int) -> bool:
    """Return whether another process may still be writing."""
    if host != HOST:
        return not within_snakemake()
    return pid != os.getpid() and lives(pid)


def within_snakemake() -> bool:
    """Return whether this process is the script of a rule."""
    return hasattr(sys.modules["__main__"], "snakemake")


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it; what is gone already is no error."""
    with contextlib.suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
