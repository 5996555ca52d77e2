"""What every adapter script needs: its rule's log, and errors told in plain words."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator

from mimicflow.errors import MimicflowError


@contextlib.contextmanager
def rule_log(path: str) -> Iterator[None]:
    """Send logging and warnings to the rule's log; tell our own errors without a traceback.

    The block is all that an adapter does: once it has succeeded, a script of Snakemake ends.

    Parameters
    ----------
    path : str
        The rule's log file.
    """
    handlers: list[logging.Handler] = [logging.FileHandler(path, mode="w", encoding="utf-8")]
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=handlers,
        force=True,
    )
    logging.captureWarnings(True)
    warnings.simplefilter("default")
    try:
        yield
    except MimicflowError as error:
        logging.error("%s", error)
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        raise SystemExit(1) from error
    except Exception:
        logging.exception("unexpected error; please report it")
        raise
    finally:
        logging.captureWarnings(False)
    if hasattr(sys.modules["__main__"], "snakemake"):
        leave()


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
