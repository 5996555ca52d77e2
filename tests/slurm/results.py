"""What two runs of the workflow made, compared byte by byte, but for times."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pandas as pd

# In a log: the time of a line, what gensim writes of times, and the process in a hidden name.
TIMES = re.compile(
    r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2},\d{3} "
    r"|'datetime': '[^']+'"
    r"|took [\d.]+s, \d+ effective words/s"
    r"|(?<=\.)[\w-]*\d+(?=\.partial\b)",
    re.M,
)


def _lines(file: Path) -> list[str]:
    """Return a log without times; gensim writes its progress once a second."""
    lines = TIMES.sub("", file.read_text()).splitlines()
    return [line for line in lines if " PROGRESS: " not in line]


def _measures(file: Path) -> tuple[list[str], int]:
    """Return what Snakemake has measured, not how much: all columns are time, memory or load."""
    table = pd.read_csv(file, sep="\t")
    return list(table.columns), len(table)


def _repeats(file: Path) -> dict[str, int]:
    """Return of how many repeats the training is timed."""
    return {name: len(seconds) for name, seconds in json.loads(file.read_text()).items()}


def _untimed(file: Path) -> list[list[str]]:
    """Return the table without the training times, cell by cell as text."""
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    return [list(table.columns), *table.drop(columns="train_seconds").to_numpy().tolist()]


# All files that hold times, and what is compared of them.
TELLS_TIME: dict[str, Callable[[Path], Any]] = {
    "logs/*.log": _lines,
    "benchmarks/*.tsv": _measures,
    "benchmarks/mortality/*.json": _repeats,
    "benchmarks/mortality/times.csv": _untimed,
    ".awaited/*": lambda file: len(pd.read_parquet(file)),
}


def files(folder: Path) -> set[str]:
    """Return all files below a folder, relative to it."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def content(folder: Path, name: str) -> Any:
    """Return all that a file of the results must have in common with that of another run."""
    for pattern, part in TELLS_TIME.items():
        if fnmatch(name, pattern):
            return part(folder / name)
    return (folder / name).read_bytes()


def different(ours: Path, theirs: Path, names: set[str]) -> list[str]:
    """Return which of these files are not the same in both folders."""
    return sorted(name for name in names if content(ours, name) != content(theirs, name))
