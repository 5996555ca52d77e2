"""Choose the cells of a table to hide, so that no small count can be read or worked out."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

Line = tuple[np.ndarray, np.ndarray, bool]

_STEP = 10
"""Numbers of rows that two tables count may differ by a few: to tens, nobody can subtract them."""
SMALLEST_CELL = 10
"""Fewest patients that a count may stand for, unless the data are synthetic."""
HIDDEN = "hidden"
"""Stands for a count that is not small itself but would give a small one away."""

_DIGITS = 3  # of a score, behind the point, where the sizes are hidden

SUPPRESSED = "suppressed"
"""Column that says whether the counts of a row are hidden: its cells are then empty."""


class ShownSets:
    """The sets of rows of which readers see the size, none of which gives away a few patients.

    Readers add and subtract: they know the size of every set that is a sum of shown ones, each
    taken any number of times, added or subtracted. What is in one set and not in the other where
    one lies in the other, what is in both where the two together are a third, what is left of a
    whole without its shown parts: each of these is of nobody, or of as many patients as the
    smallest cell. Rows are counted and patients, so both must hold.

    Parameters
    ----------
    patients : array-like of shape (n,)
        Whose the rows are.
    smallest : int
        Fewest patients that a count may stand for; 0 shows all.
    whole_known : bool
        Whether readers know how many rows there are in all.
    """

    def __init__(self, patients: ArrayLike, smallest: int, *, whole_known: bool = True) -> None:
        names, self._patient = np.unique(np.asarray(patients), return_inverse=True)
        self._n_patients, self._smallest = len(names), smallest
        self._rows = _Sums(self._patient, smallest)
        self._people = _Sums(np.arange(self._n_patients), smallest)
        if whole_known:
            self.are_known(np.ones(len(self._patient), dtype=bool))

    def may_be(self, *sets: ArrayLike, patients: bool = True) -> bool:
        """Return whether the sizes of all these sets (bool, of each row) may be shown.

        Without ``patients`` readers see how many rows they have, not of how many patients.
        """
        if not self._smallest:
            return True
        rows = [np.asarray(found, dtype=bool) for found in sets]
        people = [self._patients_in(found) for found in rows] if patients else []
        if self._rows.give_away(rows) or (patients and self._people.give_away(people)):
            return False
        self._rows.add(rows)
        self._people.add(people)
        return True

    def are_known(self, *sets: ArrayLike, patients: bool = True) -> None:
        """Take these sets as shown, whatever they give away; otherwise as `may_be`."""
        rows = [np.asarray(found, dtype=bool) for found in sets]
        self._rows.add(rows)
        self._people.add([self._patients_in(found) for found in rows] if patients else [])

    def _patients_in(self, rows: np.ndarray) -> np.ndarray:
        return np.bincount(self._patient[rows], minlength=self._n_patients) > 0


class _Sums:
    """Sets of units (rows, or patients), and whether sums of their sizes are of a few patients."""

    def __init__(self, patient: np.ndarray, smallest: int) -> None:
        self._patient, self._smallest = patient, smallest
        # Units that lie in the same sets are one part.
        self._part = np.zeros(len(patient), dtype=np.int64)
        self._within = np.ones((0, 1 if len(patient) else 0), dtype=bool)

    def _with(self, more: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return the part of each unit, and which sets hold each part, with further sets."""
        part, within = self._part, self._within
        for found in more:
            pairs, part = np.unique(2 * part + found, return_inverse=True)
            within = np.vstack([within[:, pairs // 2], pairs % 2 == 1])
        return part, within

    def add(self, more: list[np.ndarray]) -> None:
        """Remember sets that are shown."""
        self._part, self._within = self._with(more)

    def give_away(self, more: list[np.ndarray]) -> bool:
        """Return whether with these sets, too, some sum is the size of a small set."""
        part, within = self._with(more)
        of_patient = np.unique(part * (self._patient.max(initial=0) + 1) + self._patient)
        parts, patients = np.divmod(of_patient, self._patient.max(initial=0) + 1)
        small = np.bincount(parts, minlength=within.shape[1]) < self._smallest
        known = within.astype(float)
        sums = _row_space(_null_space(known[:, ~small].T).T @ known[:, small])
        if len(sums) > _MOST_SUMS:
            return True
        where = np.flatnonzero(small)
        return any(
            len(np.unique(patients[np.isin(parts, where[chosen])])) < self._smallest
            for chosen in _subsets(sums)
        )


_MOST_SUMS = 12
"""More independent sums of small parts are not tried one by one: something is given away."""


def _null_space(matrix: np.ndarray) -> np.ndarray:
    """Return a basis (columns) of what ``matrix`` takes to nothing."""
    if not matrix.size:
        return np.eye(matrix.shape[1])
    _, singular, directions = np.linalg.svd(matrix)
    return np.asarray(directions[(singular > 1e-9).sum() :].T)


def _row_space(matrix: np.ndarray) -> np.ndarray:
    """Return the reduced echelon form of a matrix without its rows of nothing."""
    matrix, row = matrix.copy(), 0
    for column in range(matrix.shape[1]):
        if row == len(matrix):
            break
        pivot = row + int(np.abs(matrix[row:, column]).argmax())
        if abs(matrix[pivot, column]) < 1e-7:
            continue
        matrix[[row, pivot]] = matrix[[pivot, row]]
        matrix[row] /= matrix[row, column]
        others = np.arange(len(matrix)) != row
        matrix[others] -= np.outer(matrix[others, column], matrix[row])
        row += 1
    return matrix[:row]


def _subsets(sums: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the sets (bool, of each column) that a sum of the rows of an echelon form can be."""
    # In the columns of the pivots the sum is what each row is taken: 0 or 1.
    for taken in itertools.product((0.0, 1.0), repeat=len(sums)):
        total = np.asarray(taken) @ sums
        if any(taken) and np.all((np.abs(total) < 1e-6) | (np.abs(total - 1) < 1e-6)):
            yield total > 0.5


def is_few(smallest: int, *patients: int) -> bool:
    """Return whether any of these numbers of patients is of somebody, and of too few."""
    return any(0 < n < smallest for n in patients)


def to_tens(n: int, smallest: int) -> int:
    """Return a number of rows, of real patients (``smallest`` above 0) rounded to tens."""
    return round(int(n) / _STEP) * _STEP if smallest else int(n)


def about(n: int, smallest: int, *patients: int) -> float:
    """Return a number of rows to tens; NaN where these patients, theirs and the others, are few."""
    return np.nan if is_few(smallest, *patients) else to_tens(n, smallest)


def shown_sets(
    counted: Mapping[str, pd.DataFrame],
    smallest: int,
    first: Iterable[str] = (),
    rows_only: Collection[str] = (),
) -> set[str]:
    """Return the names of the sets of which the sizes may be shown.

    Parameters
    ----------
    counted : mapping of str to pandas.DataFrame
        The rows of each set: the columns that name a row, the same in all, ``subject_id`` among
        them. Earlier ones are shown rather than later ones.
    smallest : int
        Fewest patients that a count may stand for; 0 shows all.
    first : iterable of str
        Those that are shown rather than any other.
    rows_only : collection of str
        Those of which readers see how many rows they have, not of how many patients.
    """
    if not smallest or not counted:
        return set(counted)
    rows = pd.concat(counted, names=["set"]).reset_index("set")
    names = [name for name in rows if name != "set"]
    row = rows.groupby(names, dropna=False, sort=False).ngroup().to_numpy()
    patients = np.empty(row.max(initial=-1) + 1, dtype=np.int64)
    patients[row] = pd.factorize(rows["subject_id"])[0]
    shown = ShownSets(patients, smallest, whole_known=False)
    found = set()
    for name in dict.fromkeys([*(name for name in first if name in counted), *counted]):
        inside = np.zeros(len(patients), dtype=bool)
        inside[row[(rows["set"] == name).to_numpy()]] = True
        if shown.may_be(inside, patients=name not in rows_only):
            found.add(name)
    return found


def is_counted(cohort: str | Path, beside: Sequence[str | Path], smallest: int) -> bool:
    """Return whether readers who know the sizes of other cohorts may know that of this one.

    Parameters
    ----------
    cohort, beside : path-like
        Parquet with ``stay_id, subject_id``: the cohort, and those before it.
    smallest : int
        Fewest patients that a count may stand for; 0 shows all.
    """
    if not smallest or not beside:
        return True
    tables = {str(path): pd.read_parquet(path) for path in (*beside, cohort)}
    sets = {path: table[["stay_id", "subject_id"]] for path, table in tables.items()}
    return str(cohort) in shown_sets(sets, smallest)


def hide_rows(
    table: pd.DataFrame, hidden: pd.Series, counts: Iterable[str], follows: str = ""
) -> pd.DataFrame:
    """Empty the counts of some rows, and say of each row whether they are.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per set.
    hidden : pandas.Series of bool
        Of each row.
    counts : iterable of str
        Columns of whole numbers.
    follows : str
        A column that is the difference to the row before: empty also below a hidden row.
    """
    table = table.assign(**{SUPPRESSED: hidden.to_numpy(dtype=bool)})
    for name in counts:
        table[name] = table[name].astype("Int64").mask(table[SUPPRESSED])
    if follows:
        before = table[SUPPRESSED].shift(fill_value=False)
        table[follows] = table[follows].astype("Int64").mask(table[SUPPRESSED] | before)
    return table


def rounded(table: pd.DataFrame, hidden: ArrayLike, scores: Iterable[str]) -> pd.DataFrame:
    """Round the scores of rows whose sizes are hidden.

    To its last digit a share says of how many rows it is, and an AUROC of how many pairs; so do the
    ends of an interval, whose middle is the score.

    Parameters
    ----------
    table : pandas.DataFrame
        A row per score, or per model.
    hidden : array-like of bool
        Of each row.
    scores : iterable of str
        Columns of numbers.
    """
    numbers = {name: pd.to_numeric(table[name]) for name in scores}
    shown = ~np.asarray(hidden, dtype=bool)
    return table.assign(
        **{name: of.where(shown, of.round(_DIGITS)) for name, of in numbers.items()}
    )


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
