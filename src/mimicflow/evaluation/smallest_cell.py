"""Choose the cells of a table to hide, so that no small count can be read or worked out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

Line = tuple[np.ndarray, np.ndarray, bool]

SMALLEST_CELL = 10
"""Fewest patients that a count may stand for, unless the data are synthetic."""
HIDDEN = "hidden"
"""Stands for a count that is not small itself but would give a small one away."""


class ShownSets:
    """The sets of rows of which readers see the size, none of which gives away a few patients.

    Of two sets, readers can work out how many rows are in one only or, where the two together are
    a third, in both: each of these parts is of nobody, or of as many as the smallest cell.

    Parameters
    ----------
    patients : array-like of shape (n,)
        Whose the rows are.
    smallest : int
        Fewest patients that a count may stand for; 0 shows all.
    """

    def __init__(self, patients: ArrayLike, smallest: int) -> None:
        self._patients, self._smallest = np.asarray(patients), smallest
        self._sets: list[np.ndarray] = []

    def may_be(self, *sets: ArrayLike) -> bool:
        """Return whether the sizes of all these sets (bool, of each row) may be shown."""
        known = list(self._sets)
        for found in (np.asarray(rows, dtype=bool) for rows in sets):
            parts = [found]
            for other in known:
                parts += [found & ~other, other & ~found, found & other]
            if any(0 < len(np.unique(self._patients[part])) < self._smallest for part in parts):
                return False
            known.append(found)
        self._sets = known
        return True


def to_hide(
    counts: np.ndarray,
    patients: np.ndarray,
    smallest: int,
    *,
    total: bool = False,
    rows_known: bool = False,
) -> np.ndarray:
    """Return which cells of a table of counts to hide.

    Cells of 1 to ``smallest`` - 1 patients are hidden, and as many others as it takes that none of
    those can be worked out from the column totals, which readers are taken to know, or from the
    last column. Nobody is in a cell of 0: it is shown.

    Parameters
    ----------
    counts : numpy.ndarray
        What the table shows, e.g. stays; (levels, columns). The levels add up to known totals, so
        that missing values are a level.
    patients : numpy.ndarray
        Patients in each cell; same shape.
    smallest : int
        Least number of patients that may be shown.
    total : bool
        Whether the last column is the sum of the others.
    rows_known : bool
        Whether readers know the sum of each row, as they do that of each column.

    Returns
    -------
    numpy.ndarray of bool
        Same shape, True = hide.
    """
    counts = np.asarray(counts, dtype=float)
    small = (np.asarray(patients) > 0) & (np.asarray(patients) < smallest)
    lines = _lines(counts.shape, total, rows_known)
    hidden = small.copy()
    while True:
        helper = _next(_exposed(counts, hidden, hidden, lines, smallest), counts, hidden)
        if helper is None or not _exposed(counts, small, hidden, lines, smallest):
            break
        hidden.flat[helper] = True
    # Later ones may have made earlier ones needless: the largest are given back first.
    open_lines = len(_exposed(counts, small, hidden, lines, smallest))
    for cell in sorted(np.flatnonzero(hidden & ~small), key=lambda cell: -counts.flat[cell]):
        hidden.flat[cell] = False
        if len(_exposed(counts, small, hidden, lines, smallest)) > open_lines:
            hidden.flat[cell] = True
    return hidden


def _lines(shape: tuple[int, int], total: bool, rows_known: bool) -> list[Line]:
    """Return cells (flat index), signs and whether the sum is no cell, of all sums readers know."""
    cells = np.arange(shape[0] * shape[1]).reshape(shape)
    lines = [(column, np.ones(shape[0]), True) for column in cells.T]
    if total and shape[1] > 1:
        signs = np.r_[np.ones(shape[1] - 1), -1.0]
        lines += [(row, signs, False) for row in cells]
    if rows_known:
        lines += [(row, np.ones(shape[1]), True) for row in cells]
    return lines


def _exposed(
    counts: np.ndarray, secret: np.ndarray, hidden: np.ndarray, lines: list[Line], smallest: int
) -> list[np.ndarray]:
    """Return the cells of every sum in which a secret cell can be worked out, or nearly."""
    solvable = _solvable(hidden, lines) & secret
    found = []
    for cells, _, summed in lines:
        together = counts.flat[cells][hidden.flat[cells]].sum()
        if (summed and 0 < together < smallest) or solvable.flat[cells].any():
            found.append(cells)
    return found


def _next(exposed: list[np.ndarray], counts: np.ndarray, hidden: np.ndarray) -> int | None:
    """Return the smallest shown cell beside an exposed one; None where none is left to hide."""
    cells = np.unique(np.concatenate(exposed)) if exposed else np.empty(0, int)
    shown = cells[~hidden.flat[cells] & (counts.flat[cells] > 0)]
    return int(shown[np.argmin(counts.flat[shown])]) if shown.size else None


def _solvable(hidden: np.ndarray, lines: list[Line]) -> np.ndarray:
    """Return which hidden cells follow from the known sums: those that no solution can change."""
    where = np.flatnonzero(hidden)
    solvable = np.zeros_like(hidden)
    if not where.size:
        return solvable
    equations = np.zeros((len(lines), hidden.size))
    for equation, (cells, signs, _) in zip(equations, lines, strict=True):
        equation[cells] = signs
    _, singular, directions = np.linalg.svd(equations[:, where])
    free = directions[(singular > 1e-9).sum() :]
    solvable.flat[where] = np.abs(free).max(axis=0, initial=0.0) < 1e-9
    return solvable
