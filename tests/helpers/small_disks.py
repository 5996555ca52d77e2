"""Disks that are small or read-only, and processes without root's right to everything."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: float = 1) -> Iterator[Path]:
    """Mount a disk of its own in the memory at a folder; the test is skipped where none can be."""
    folder.mkdir(parents=True, exist_ok=True)
    size = f"size={int(megabytes * 1024)}k"
    mounted = _run("mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder))
    if mounted is not None:
        pytest.skip(f"no small disk can be mounted here, root is needed ({mounted})")
    try:
        yield folder
    finally:
        assert _run("umount", "--lazy", str(folder)) is None


def remount(folder: Path, *options: str) -> None:
    """Change a small disk: ``ro``, ``rw``, ``size=100m``."""
    assert _run("mount", "-o", ",".join(["remount", *options]), str(folder)) is None


def bound_by_rights() -> list[str]:
    """Return what goes before a command so that rights bind it even when root runs the tests."""
    if os.getuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may read everything, and there is no setpriv to take that right away")
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", f"--inh-caps={rights}", f"--bounding-set={rights}"]


def _run(*command: str) -> str | None:
    """Return None on success, otherwise what went wrong."""
    if shutil.which(command[0]) is None:
        return f"no {command[0]}"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else done.stderr.strip()
