"""Processes that work for another one end with it."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor

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

    A job whose Snakemake was killed would otherwise go on, unknown to the next one.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
