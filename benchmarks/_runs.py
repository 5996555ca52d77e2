"""Runs of the real workflow in a folder of their own, with their time and memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).parents[1]
PARTS = ("Snakefile", "config.yaml", "rules", "workflow", "src", "presets", "profiles", "envs")


@dataclass(frozen=True)
class Run:
    """How long a run took, in s, and the most memory that its processes held at once, in GiB."""

    seconds: float
    memory_gib: float


def copy_repository(folder: Path) -> None:
    """Copy what the workflow needs, without results."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, folder / part, ignore=ignore, dirs_exist_ok=True)
        else:
            shutil.copy2(source, folder / part)


def snakemake(folder: Path, *arguments: str, cores: int = 2) -> Run:
    """Run Snakemake in a copy of the repository and watch its processes."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "all"]
    start = time.perf_counter()
    process = subprocess.Popen([*command, *arguments], cwd=folder, env=environment)
    peak = [0]
    watcher = threading.Thread(target=_watch, args=(psutil.Process(process.pid), peak))
    watcher.start()
    if process.wait() != 0:
        raise SystemExit(f"the workflow failed in {folder}")
    watcher.join()
    return Run(time.perf_counter() - start, peak[0] / 2**30)


def _watch(process: psutil.Process, peak: list[int]) -> None:
    """Keep the largest sum of proportional set sizes of a process and all its children."""
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        try:
            family = [process, *process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        peak[0] = max(peak[0], sum(_held(member) for member in family))
        time.sleep(0.5)


def _held(process: psutil.Process) -> int:
    """Memory of one process, shared pages counted once; 0 when it has just ended."""
    try:
        return process.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def verdict(what: str, value: float, bar: float, unit: str = "") -> bool:
    """Print a figure beside its bar and return whether it is met."""
    met = value <= bar
    print(f"{what:<58} {value:8.3f} {unit:<4} bar {bar:g}  {'met' if met else 'MISSED'}")
    return met
