"""Say on the terminal how far a job is, so that nobody waits in the dark.

Jobs that run at the same time share the terminal, so each says whole lines, its own name in front.
On a terminal it says one every few seconds, less often the longer it takes; elsewhere, as in the
log of a job on a cluster, at most one in `ELSEWHERE` seconds. What is done sooner says nothing.
Outside of a job, and under Snakemake's ``--quiet``, all of it is silent.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

TERMINAL = 5.0
"""Fewest s between two lines of a bar on a terminal; a twentieth of what a job has taken so far."""
ELSEWHERE = 30.0
"""Fewest s between two lines where there is no terminal, and never more on one."""
PASS = 1.0
"""Fewest s between the lines of two passes of training on a terminal."""

_QUIET = "MIMICFLOW_QUIET"
_WIDTH = 100  # of a line where there is no terminal
_NARROW = 50  # of a bar with its counts, at least

_begun = _said = time.monotonic()


def keep_quiet(asked: Collection[Any] | None) -> None:
    """Let the jobs that this Snakemake starts from now on say nothing, if it was asked to.

    Parameters
    ----------
    asked : collection of snakemake.settings.enums.Quietness, or None
        What ``--quiet`` names.
    """
    if {str(part) for part in asked or ()} & {"progress", "all"}:
        os.environ[_QUIET] = "1"


def say(text: str, *, every: float = PASS) -> None:
    """Say one line, the name of the job in front; nothing when the last one is not long ago.

    Parameters
    ----------
    text : str
        Without the end of the line.
    every : float
        Fewest s since the last line, on a terminal.
    """
    global _said
    now = time.monotonic()
    if now - _said < (every if _on_terminal() else ELSEWHERE):
        return
    name = _name_of_job()
    if name is not None and _QUIET not in os.environ:
        _said = now
        # In one piece: what other jobs say at the same time stands before it or after it.
        sys.stderr.write(f"{name}: {text}\n")
        sys.stderr.flush()


def _on_terminal() -> bool:
    return sys.stderr.isatty()


def _name_of_job() -> str | None:
    """Return rule and wildcards; None outside of a job, and where another process speaks for it."""
    job = getattr(sys.modules["__main__"], "snakemake", None)
    if job is None or os.environ.get("RANK", "0") != "0":
        return None
    return " ".join([job.rule, *(value.strip("/") for value in job.wildcards if value)])


class Meter:
    """How many of something a job has done.

    Parameters
    ----------
    total : int
        Of them there are so many.
    unit : str
        What they are, such as ``ECG``; ``B`` for bytes.
    what : str
        Is done with them, unless the name of the job says so.
    """

    def __init__(self, total: int, unit: str, what: str = "") -> None:
        self.total, self.unit, self.what, self.done = total, unit, what, 0
        self._started = time.monotonic()

    def step(self, n: int = 1) -> None:
        """Count what has been done, and say how far that is when it is time to."""
        self.done += n
        now = time.monotonic()
        every = min(ELSEWHERE, max(TERMINAL, (now - _begun) / 20))
        if now - _said >= every and self.done < self.total:
            say(str(self), every=every)

    @property
    def seconds(self) -> float:
        """Time since the start, in s."""
        return time.monotonic() - self._started

    def __str__(self) -> str:
        """Return a bar with share, counts, time taken and left, and rate."""
        width = shutil.get_terminal_size((_WIDTH, 1)).columns - len(f"{_name_of_job()}: ")
        return str(
            tqdm.format_meter(
                self.done,
                self.total,
                self.seconds,
                ncols=max(width, _NARROW),
                prefix=self.what,
                unit="B" if self.unit == "B" else f" {self.unit}",
                unit_scale=self.unit == "B",
            )
        )


def shown(items: Iterable[Item], total: int, unit: str, what: str = "") -> Iterator[Item]:
    """Yield items, and say how many of them are done.

    Parameters
    ----------
    items : iterable
        What is done, one after the other.
    total, unit, what
        As `Meter` takes them.
    """
    meter = Meter(total, unit, what)
    for item in items:
        yield item
        meter.step()


def left(seconds: float) -> str:
    """Return a time that is left, as ``01:30`` (min and s, or h, min and s)."""
    return str(tqdm.format_interval(round(seconds)))
