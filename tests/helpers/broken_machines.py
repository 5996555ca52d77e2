"""What breaks in a machine: a Snakemake or a job that is killed, a small disk, missing rights."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from checkouts import Checkout

_SCRIPT = re.compile(r"/\.snakemake/scripts/tmp\w+\.(\w+)\.py$")
_LOOK_SECONDS = 0.04
_HIDDEN = re.compile(r"\.(partial|replaced)(\.\w+)?$|\.resume(\.\d+)?\.pth$")


@dataclass
class Running:
    """A Snakemake at work, with all its jobs in one process group."""

    process: subprocess.Popen[str]
    _scripts: dict[int, str] = field(default_factory=dict)
    _looked: float = 0

    def scripts(self) -> dict[int, str]:
        """Return the rule of each job that is running, by process."""
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._scripts, self._looked = _scripts(self.process.pid), time.monotonic()
        return self._scripts

    def ended(self) -> bool:
        return self.process.poll() is not None

    def kill_everything(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def kill_job(self, pid: int) -> str:
        """Kill one job and wait for Snakemake to end; return what it says."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        return self.process.communicate()[0]


def _scripts(parent: int) -> dict[int, str]:
    """Look through all processes; the kernel need not know the children of one."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(after_name[1]) == parent:
                command = (folder / "cmdline").read_text().rstrip("\0")
                if match := _SCRIPT.search(command):
                    found[int(folder.name)] = match[1]
    return found


def start(
    checkout: Checkout, *arguments: str, cores: int = 2, before: Sequence[str] = ()
) -> Running:
    """Start Snakemake; ``before`` goes before the command."""
    return Running(
        subprocess.Popen(
            [*before, sys.executable, "-m", "snakemake", "--cores", str(cores), *arguments],
            cwd=checkout.folder,
            env={**os.environ, "PYTHONPATH": str(checkout.folder / "src"), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    )


def open_files(pid: int) -> list[str]:
    """Return the files that a process holds open; none when it has ended."""
    folder = Path(f"/proc/{pid}/fd")
    found = []
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            with contextlib.suppress(OSError):
                found.append(str(entry.readlink()))
    return found


def stage(pid: int) -> str:
    """Return how far a job is: it imports, works, has a half-written file open, or has ended."""
    files = open_files(pid)
    if not files:
        return "ended"
    if any(".partial" in file for file in files):
        return "writing"
    return "working" if any("/results/logs/" in file for file in files) else "loading"


def hidden_files(results: Path) -> set[str]:
    """Return what jobs keep to themselves below a folder: half-written files, training states."""
    found = set()
    for folder, folders, files in os.walk(results):
        for name in (*folders, *files):
            if name.startswith(".") and _HIDDEN.search(name):
                found.add(str(Path(folder, name).relative_to(results)))
    return found


def finished(checkout: Checkout) -> dict[str, tuple[int, int]]:
    """Return inode and time of every output that Snakemake has recorded as complete."""
    state = checkout.folder / ".snakemake"
    paths = _recorded(state / "metadata") - _recorded(state / "incomplete")
    return {
        path: (status.st_ino, status.st_mtime_ns)
        for path in sorted(paths)
        if (checkout.folder / path).exists()
        for status in [(checkout.folder / path).stat()]
    }


def _recorded(folder: Path) -> set[str]:
    """Decode the names of Snakemake's records, which are paths in base64; long ones are nested."""
    if not folder.is_dir():
        return set()
    names = [path.relative_to(folder).parts for path in folder.rglob("*") if path.is_file()]
    coded = ["".join(part.removeprefix("@") for part in parts) for parts in names]
    return {base64.urlsafe_b64decode(name).decode() for name in coded}


def waiting(running: Running, seconds: float = 600) -> Iterator[None]:
    """Look again and again while Snakemake runs, at most so long."""
    limit = time.monotonic() + seconds
    while not running.ended() and time.monotonic() < limit:
        yield
        time.sleep(0.005)


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
