"""The block around every adapter: its rule's log, and errors in plain words."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool

from mimicflow.errors import MimicflowError
from mimicflow.running.leftovers import within_snakemake
from mimicflow.running.own_files import check_whole, damaged, is_own_registry
from mimicflow.running.storage import storage_error
from mimicflow.running.workers import end_with_parent


@contextlib.contextmanager
def rule_log(path: str) -> Iterator[None]:
    """Send logging and warnings to the rule's log; print our own errors without a traceback.

    The block is all that an adapter does: once it has succeeded, a script of Snakemake ends. It
    also ends when its Snakemake was killed. Before the block the inputs that are results are
    looked at: none may be cut off.

    Parameters
    ----------
    path : str
        The rule's log file.
    """
    if within_snakemake():
        end_with_parent()
    try:
        _open_log(path)
        check_whole(_inputs())
        yield
    except Exception as error:
        ours = _our_own(error, path)
        if ours is None:
            logging.exception("unexpected error; please report it")
            raise
        logging.error("%s", ours)
        print(f"{type(ours).__name__}: {ours}", file=sys.stderr)
        raise SystemExit(1) from error
    finally:
        logging.captureWarnings(False)
    if within_snakemake():
        leave()


# What a user has put there is for its own reader to judge, and never to be deleted.
_RAW = ("raw", "registry", "marks")


class _LogFile(logging.FileHandler):
    """A log that does not fill the terminal with tracebacks when the disk is full."""

    refused = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self.refused:
            self.refused = True
            print(f"the log {self.baseFilename} cannot be written: {error}", file=sys.stderr)


def _open_log(path: str) -> None:
    # Of the processes of one job (torchrun numbers them) the first writes the log.
    first = os.environ.get("RANK", "0") == "0"
    handlers: list[logging.Handler] = [
        _LogFile(path, mode="w", encoding="utf-8") if first else logging.StreamHandler()
    ]
    logging.basicConfig(
        level=logging.INFO if first else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=handlers,
        force=True,
    )
    logging.captureWarnings(True)
    warnings.simplefilter("default")


def _our_own(error: Exception, log: str) -> MimicflowError | None:
    """Return our own error, or None for one that is not expected."""
    if isinstance(error, MimicflowError):
        return error
    if isinstance(error, BrokenProcessPool):
        return MimicflowError(
            "a process of this step was killed, most often because memory had run out",
            remedy="give the rule more mem_mb or fewer threads, then run the same command again",
        )
    return storage_error(error, log) or damaged(_inputs())


def _inputs() -> list[str]:
    """Return the inputs of the rule that are no raw files; none outside of Snakemake."""
    snakemake = getattr(sys.modules["__main__"], "snakemake", None)
    files = getattr(snakemake, "input", [])
    raw: set[str] = set()
    if hasattr(files, "get"):
        for name in _RAW:
            named = files.get(name, [])
            raw |= {named} if isinstance(named, str) else set(named)
    return [file for file in files if file not in raw or is_own_registry(file)]


def leave() -> None:
    """End the finished script at once, with success.

    Arrow's threads now and then crash the interpreter while it tears itself down, and Snakemake
    would take a job whose output is complete for a failed one
    (https://github.com/apache/arrow/issues/34314).
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
