"""mimicflow: from raw MIMIC-IV files to fitted and evaluated prediction systems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mimicflow.report.frames import Frames

__version__ = "0.2.0"


def load(folder: str | Path = "results") -> Frames:
    """Return the tables of a run by name, with types, units and meanings: for a notebook.

    Parameters
    ----------
    folder : path-like
        ``results`` of a run.

    Returns
    -------
    mimicflow.report.frames.Frames
        A mapping: ``load()["cohort/stays"]`` is a `pandas.DataFrame`, whose ``attrs`` have the
        ``units`` and ``meanings`` of its columns; ``list(load())`` names all tables.

    Raises
    ------
    InputError
        There is no such folder, or no table in it.
    """
    from mimicflow.report.frames import Frames  # noqa: PLC0415

    return Frames(folder)
