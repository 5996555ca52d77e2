"""Describe a run for a reviewer: code, packages, machine, configuration, time and memory."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path, PureWindowsPath
from typing import Any

import pandas as pd
from packaging.requirements import Requirement

import mimicflow
from mimicflow.errors import ConfigError, InputError
from mimicflow.running.writing import write_json


def describe_run(
    benchmarks: Iterable[str | Path],
    config: Mapping[str, Any],
    output: str | Path,
) -> dict[str, Any]:
    """Write what a reviewer needs to know about the run; no names of hosts, users or folders.

    Parameters
    ----------
    benchmarks : iterable of path-like
        Snakemake's benchmark files, ``.../benchmarks/{rule}/...tsv`` or ``{rule}.tsv``; those of
        all scenarios count together.
    config : mapping
        The configuration as used. Absolute paths keep their last part only.
    output : path-like
        JSON to write.

    Returns
    -------
    dict
        ``code`` (version, commit, changed, python), ``packages`` (name -> version), ``machine``,
        ``seed``, ``config``, and ``rules``: jobs, seconds, CPU seconds (summed over jobs) and
        megabytes (largest job) of each.

    Raises
    ------
    ConfigError
        The package is not installed as a distribution, so that its requirements are unknown.
    InputError
        A benchmark file that lies elsewhere or is not one.
    """
    run = {
        "code": {
            "version": mimicflow.__version__,
            "python": platform.python_version(),
            **commit(Path(__file__).parent),
        },
        "packages": package_versions("mimicflow"),
        "machine": describe_machine(),
        "seed": config.get("seed"),
        "config": without_folders(config),
        "rules": rule_totals(benchmarks),
    }
    write_json(run, output)
    return run


def commit(folder: Path) -> dict[str, Any]:
    """Return the git commit of a folder and whether it has changes; None without git.

    A folder that git does not track, such as an installed copy inside another project's
    checkout, has no commit of its own.
    """
    unknown: dict[str, Any] = {"commit": None, "changed": None}
    if not _git(folder, "ls-files", "."):
        return unknown
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": _git(folder, "rev-parse", "HEAD"), "changed": bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=30
        )
    except (FileNotFoundError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def package_versions(distribution: str) -> dict[str, str]:
    """Return the installed version of each direct requirement, without those of extras."""
    try:
        lines = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError as error:
        raise ConfigError(
            f"{distribution} is not installed, so its requirements are unknown",
            remedy="install it, for example with: pip install -e .",
        ) from error
    needed = [Requirement(line) for line in lines]
    names = [one.name for one in needed if not one.marker or one.marker.evaluate({"extra": ""})]
    return {name: metadata.version(name) for name in sorted(names, key=str.lower)}


def describe_machine() -> dict[str, Any]:
    """Return system, processor, cores, memory in GB and GPUs."""
    import torch  # noqa: PLC0415 - not at the head: only this function needs it, and it takes seconds

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1e9, 1),
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }


def _processor() -> str:
    """Return the model of the processor where Linux gives it, else what the platform says."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def without_folders(value: Any) -> Any:
    """Return a configuration in which every absolute path is cut to ``…/`` and its last part."""
    if isinstance(value, Mapping):
        return {str(key): without_folders(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_folders(item) for item in value]
    if isinstance(value, str):
        is_path = value.startswith(("/", "~")) or PureWindowsPath(value).is_absolute()
        return f"…/{PureWindowsPath(value).name}" if is_path else value
    return value if isinstance(value, int | float) or value is None else without_folders(str(value))


def rule_totals(benchmarks: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Sum Snakemake's benchmark files by rule, sorted by name."""
    frames = []
    for path in sorted(map(Path, benchmarks)):
        try:
            rule = path.parts[path.parts.index("benchmarks") + 1].removesuffix(".tsv")
            # A job too short to be measured has "-" or "NA" for its memory.
            frame = pd.read_csv(path, sep="\t", na_values=["-", "NA"])
            frames.append(frame[["s", "max_rss", "cpu_time"]].astype(float).assign(rule=rule))
        except (ValueError, KeyError, FileNotFoundError) as error:
            raise InputError(
                f"not a benchmark file: {error}",
                file=path,
                remedy="give the files that Snakemake wrote for the rules' benchmark",
            ) from error
    if not frames:
        return []
    by_rule = pd.concat(frames).groupby("rule")
    return [
        {
            "rule": rule,
            "jobs": len(jobs),
            "seconds": round(float(jobs["s"].sum()), 2),
            "cpu_seconds": round(float(jobs["cpu_time"].sum()), 2),
            "max_memory_mb": None if jobs["max_rss"].isna().all() else float(jobs["max_rss"].max()),
        }
        for rule, jobs in by_rule
    ]
