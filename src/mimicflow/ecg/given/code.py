"""The Python files of an encoder of one's own: what its rules and its training depend on."""

from __future__ import annotations

import os
from pathlib import Path

from mimicflow.ecg.given.contract import RESNET
from mimicflow.errors import ConfigError

MOST_FILES = 200
"""More are of something else than a network."""
_NO_SOURCE = "__pycache__"


def code_of(architecture: str) -> list[Path]:
    """Return all Python files that a class of one's own may import from beside it.

    Those of its folder and of all folders below, hidden ones left out: `network.build_encoder`
    lets it import these.

    Parameters
    ----------
    architecture : str
        ``resnet1d``, which has none, or ``FILE.py:CLASS``.

    Returns
    -------
    list of pathlib.Path
        Sorted.

    Raises
    ------
    ConfigError
        The folder has too many.
    """
    if architecture == RESNET:
        return []
    top = Path(architecture.rpartition(":")[0]).parent
    found: list[Path] = []
    for folder, below, names in os.walk(top):
        below[:] = [name for name in below if not name.startswith(".") and name != _NO_SOURCE]
        found += [Path(folder, name) for name in names if _is_source(name)]
        if len(found) > MOST_FILES:
            raise ConfigError(
                f"has more than {MOST_FILES} Python files, and all would belong to the encoder",
                file=top,
                remedy="put the class of encoder.architecture into a folder of its own",
            )
    return sorted(found)


def _is_source(name: str) -> bool:
    return name.endswith(".py") and not name.startswith(".")
