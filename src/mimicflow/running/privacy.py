"""Decide whether the results are of real patients, and who may then read them."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.errors import ConfigError
from mimicflow.reference import reference
from mimicflow.running.origin import marks

OWNER_ONLY = 0o077
"""The umask under which only the owner can read what is made."""


def is_private(config: Mapping[str, Any]) -> bool:
    """Return whether only the owner may read the results.

    Parameters
    ----------
    config : mapping
        With ``private_results`` (``auto``, ``always`` or ``never``; ``auto`` when absent) and
        ``data``, the folders of the raw files.

    Returns
    -------
    bool
        With ``auto``, whether some raw folder is neither made by the workflow nor carries the
        generator's mark.
    """
    wanted = config.get("private_results", "auto")
    if wanted != "auto":
        return bool(wanted == "always")
    return not marks(config["data"], config["data"])


def keep_private(folder: str | Path) -> None:
    """Let only the owner read what this process and those that it starts make from now on.

    Parameters
    ----------
    folder : path-like
        Of the results. When it is there already, others lose access to it, and so to what earlier
        runs left inside; when it is not, it will be made under the mask.

    Raises
    ------
    ConfigError
        When the folder belongs to another user and is open to others.
    """
    os.umask(OWNER_ONLY)
    folder = Path(folder)
    if not folder.is_dir() or not stat.S_IMODE(folder.stat().st_mode) & OWNER_ONLY:
        return
    try:
        folder.chmod(0o777 & ~OWNER_ONLY)
    except OSError as error:
        if error.errno == errno.EROFS:
            return  # nothing can be written there, and the next job to start says so
        raise ConfigError(
            "the folder is open to others and belongs to another user, who alone can close it",
            file=folder,
            remedy="work in a copy of your own, or set private_results to never",
        ) from error


def kind_of(path: str) -> str | None:
    """Return what a result is: ``patients``, ``aggregate`` or ``technical``; None if unlisted.

    Of ``reference/result_files.csv`` the first line that fits decides. Rows of patients, and what
    is fitted on them, are never meant for readers; aggregates are, and hold no small cell of real
    patients; what is technical names nobody, but counts rows as they are.

    Parameters
    ----------
    path : str
        Below ``results/``; a folder stands for all files in it.
    """
    for pattern, kind in _kinds():
        if pattern.fullmatch(path) or pattern.fullmatch(f"{path}/any"):
            return kind
    return None


@cache
def _kinds() -> list[tuple[re.Pattern[str], str]]:
    listed = pd.read_csv(reference("result_files.csv"))
    return [
        (re.compile(_expression(pattern)), kind)
        for pattern, kind in zip(listed["pattern"], listed["kind"], strict=True)
    ]


def _expression(pattern: str) -> str:
    """Return a pattern of paths (``*``, ``**``, ``{a,b}``) as a regular expression."""
    texts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "{": "(?:", "}": ")", ",": "|"}
    parts = re.split(r"(\*\*/|\*\*|\*|[{},])", pattern)
    return "".join(texts.get(part, re.escape(part)) for part in parts)
