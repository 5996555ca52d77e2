"""What a benchmark takes, of this process or of the real workflow, and how it is printed."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil  # comes with Snakemake
from threadpoolctl import threadpool_limits  # comes with scikit-learn

REPOSITORY = Path(__file__).parents[1]
PARTS = ("Snakefile", "config.yaml", "rules", "workflow", "src", "presets", "profiles", "envs")


class Spent(NamedTuple):
    """Time in s: on the wall, and of processors, all threads and ended children together."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Run:
    """What a run took, and the most memory that its processes held at once, in GiB."""

    took: Spent
    memory_gib: float


def spent(task: Callable[[], object]) -> Spent:
    """Run a task and return what it took."""
    wall, cpu = time.perf_counter(), time.process_time() + _of_children()
    task()
    return Spent(time.perf_counter() - wall, time.process_time() + _of_children() - cpu)


def in_turn(tasks: Sequence[Callable[[], object]], times: int) -> list[Spent]:
    """Run tasks one after the other, so many times, and return the least that each took.

    In turn, so that a busy machine slows all of them; the best run is the least disturbed one.
    """
    rounds = [[spent(task) for task in tasks] for _ in range(times)]
    return [least(runs) for runs in zip(*rounds, strict=True)]


def least(runs: Iterable[Spent]) -> Spent:
    """Return the least time on the wall and the least of processors of several runs."""
    walls, cpus = zip(*runs, strict=True)
    return Spent(min(walls), min(cpus))


def _of_children() -> float:
    """Return the s of processors of all ended children; ``os.times`` counts in 10 ms."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def one_core() -> None:
    """Leave this process one core, and the pools of its libraries one thread."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    threadpool_limits(1)


def show(who: str, took: Spent, threads: int, does: str = "") -> None:
    """Print what one side of a comparison took, and what it does more or less than ours."""
    factor, unit = (1, "s") if took.wall >= 1 else (1e3, "ms")
    print(
        f"  {who:<28} wall {took.wall * factor:9.2f} {unit:<2}  CPU {took.cpu * factor:9.2f} "
        f"{unit:<2}  {threads} thread{'s' * (threads > 1)}"
    )
    if does:
        print(f"    {does}")


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
    start, children = time.perf_counter(), _of_children()  # what watches them does not count
    process = subprocess.Popen([*command, *arguments], cwd=folder, env=environment)
    peak = [0]
    watcher = threading.Thread(target=_watch, args=(psutil.Process(process.pid), peak))
    watcher.start()
    if process.wait() != 0:
        raise SystemExit(f"the workflow failed in {folder}")
    took = Spent(time.perf_counter() - start, _of_children() - children)
    watcher.join()
    return Run(took, peak[0] / 2**30)


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
