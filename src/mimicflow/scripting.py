"""What every adapter script needs: its rule's log, and errors told in plain words."""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator

from mimicflow.errors import MimicflowError


@contextlib.contextmanager
def rule_log(path: str) -> Iterator[None]:
    """Send logging and warnings to the rule's log; tell our own errors without a traceback.

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
