"""Look at the machine: packages, cores, memory, disk, GPU, programs."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Any

import pandas as pd
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from mimicflow.learning.gpus import visible_gpus
from mimicflow.readiness.looks import MISSING, OK, OPTIONAL, SHORT, Look
from mimicflow.reference import reference

JOB_MB = 4000
"""What the largest jobs ask for, ``mem_mb`` in rules/; a killed one gets twice that."""

_PROGRAMS = pd.read_csv(reference("programs.csv"))
_GB = 1e9


def look_at_machine(results: Path, disk_bytes: float) -> Iterator[Look]:
    """Look at what every job finds on this machine.

    Parameters
    ----------
    results : Path
        Where results will be written; it need not be there.
    disk_bytes : float
        What they are foretold to take.
    """
    yield _python()
    yield _packages()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Look("cores", str(cores), "1")
    yield _memory()
    yield _disk(results, disk_bytes)
    yield _gpu()
    yield from map(_program, _PROGRAMS.itertuples())


def _python() -> Look:
    asked, found = SpecifierSet(metadata("mimicflow")["Requires-Python"]), platform.python_version()
    fits = asked.contains(found, prereleases=True)
    verdict, remedy = (OK, "") if fits else (MISSING, f"install a Python {asked}")
    return Look("python", found, str(asked), verdict, remedy)


def _packages() -> Look:
    asked = [Requirement(line) for line in requires("mimicflow") or ()]
    asked = [one for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})]
    lacking = [problem for one in asked if (problem := _problem(one))]
    if lacking:
        remedy = "install what requirements.lock and torch.lock list; README.md says how"
        return Look("packages", "; ".join(lacking), f"{len(asked)}", MISSING, remedy)
    named = ", ".join(f"{name} {version(name)}" for name in ("snakemake", "torch"))
    return Look("packages", f"{len(asked)}: {named} and others", f"{len(asked)}")


def _problem(asked: Requirement) -> str:
    try:
        found = version(asked.name)
    except PackageNotFoundError:
        return f"no {asked.name}"
    fits = asked.specifier.contains(found, prereleases=True)
    return "" if fits else f"{asked.name} {found} is not {asked.specifier}"


def _memory() -> Look:
    found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _GB
    needed = JOB_MB / 1000
    remedy = "large jobs may be killed; take a machine with more"
    return _enough(
        "memory", f"{found:.1f} GB", f"up to {needed:.0f} GB a job", found >= needed, remedy
    )


def _disk(results: Path, needed: float) -> Look:
    there = next(path for path in (results, *results.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    asked = f"about {max(needed / _GB, 0.1):,.1f} GB from nothing"
    found = f"{free / _GB:,.1f} GB free for {results}/"
    remedy = "free space, or write elsewhere: snakemake -d FOLDER"
    return _enough("disk", found, asked, free > needed, remedy)


def _enough(part: str, found: str, needed: str, enough: bool, remedy: str) -> Look:
    return Look(part, found, needed) if enough else Look(part, found, needed, SHORT, remedy)


def _gpu() -> Look:
    gpus = visible_gpus()
    if gpus:
        return Look("GPU", f"{len(gpus)}")
    return Look("GPU", "none: networks train on the CPU", "", OPTIONAL)


def _program(row: Any) -> Look:
    path = shutil.which(row.program)
    needed = f"by {row.needed_by} alone"
    return Look(row.program, path or "not installed", needed, OK if path else OPTIONAL)
