"""End the processes that work for another one together with it."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from mimicflow.running.identity import is_abandoned
from mimicflow.running.leftovers import remove

_LOOK_SECONDS = 0.5


def worker_pool(processes: int) -> ProcessPoolExecutor:
    """Return a pool whose workers end at once when this process is killed.

    Without that they would go on writing what a new run of the job is writing, too.

    Parameters
    ----------
    processes : int
        Workers.
    """
    return ProcessPoolExecutor(processes, initializer=_end_with_pool)


def _end_with_pool() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def end_with_parent() -> None:
    """End this process when the one that has started it is no more.

    A job whose Snakemake was killed would otherwise go on, unknown to the next one. It may have
    been killed before this is called, while the job was still importing.
    """
    end_if_abandoned()
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent and not is_abandoned():
            time.sleep(_LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def end_if_abandoned(unfinished: Path | None = None) -> None:
    """End this process at once when the Snakemake that has started it is no more.

    Asked before a job begins and before each result takes its place: what is there may by now be
    that of a new run, which nobody may overwrite.

    Parameters
    ----------
    unfinished : Path, optional
        A half-written file or folder that goes with the process.
    """
    if not is_abandoned():
        return
    if unfinished is not None:
        remove(unfinished)
    print("the Snakemake that has started this job is gone: nothing is written", file=sys.stderr)
    sys.stderr.flush()
    os._exit(1)
