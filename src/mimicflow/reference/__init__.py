"""Facts that are no code: names, codes, ranges, published figures, one CSV per question."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def reference(name: str) -> Path:
    """Return the path of a reference table.

    Parameters
    ----------
    name : str
        Its file name, written out where it is read: `mimicflow.running.sources` finds it there, so
        that a changed table reruns what reads it.

    Returns
    -------
    pathlib.Path
    """
    return FOLDER / name
