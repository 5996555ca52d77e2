"""Small groups can neither be read nor worked out."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mimicflow.evaluation.smallest_cell import ShownSets, to_hide


def hidden(rows, smallest=10):
    """Hide in a table of two outcomes; the overall column is added."""
    counts = np.asarray(rows)
    counts = np.column_stack([counts, counts.sum(axis=1)])
    return to_hide(counts, counts, smallest, total=True)


def test_nothing_is_hidden_where_nothing_is_small():
    assert not hidden([[50, 40], [30, 10], [0, 0]]).any()
    assert not hidden([[50, 40], [3, 1]], smallest=0).any()


def test_a_small_cell_takes_company_in_its_row_and_column():
    cells = hidden([[500, 400], [100, 4], [60, 50]])
    assert cells[1, 1]
    assert cells[:, 1].sum() == 2
    assert (cells.sum(axis=1) != 1).all()
    assert (cells.sum(axis=0) != 1).all()
    assert cells.sum() == 4  # no more than it takes


def test_two_small_cells_do_not_protect_each_other_when_their_sum_is_small():
    cells = to_hide(np.array([[100], [3], [4]]), np.array([[100], [3], [4]]), 10)
    assert cells.ravel().tolist() == [True, True, True]
    cells = to_hide(np.array([[100], [8], [7]]), np.array([[100], [8], [7]]), 10)
    assert cells.ravel().tolist() == [False, True, True]


def test_patients_count_not_stays():
    counts, patients = np.array([[100], [40], [12]]), np.array([[90], [30], [2]])
    assert to_hide(counts, patients, 10).ravel().tolist() == [False, True, True]


def test_nobody_is_shown_as_nobody():
    assert not hidden([[50, 40], [20, 0], [12, 11]]).any()


def solutions(counts, cells):
    """Yield every table of non-negative numbers that a reader of the shown cells can think of."""
    levels = len(counts)
    totals = counts.sum(axis=0)
    first = [range(totals[0] + 1) if cells[i, 0] else [counts[i, 0]] for i in range(levels)]
    second = [range(totals[1] + 1) if cells[i, 1] else [counts[i, 1]] for i in range(levels)]
    for a in itertools.product(*first):
        if sum(a) != totals[0]:
            continue
        for b in itertools.product(*second):
            if sum(b) != totals[1]:
                continue
            table = np.array([a, b]).T
            shown = ~cells[:, 2]
            if (table.sum(axis=1)[shown] == counts.sum(axis=1)[shown]).all():
                yield np.column_stack([table, table.sum(axis=1)])


@settings(max_examples=60, deadline=None)
@given(arrays(int, (3, 2), elements=st.integers(0, 9)))
def test_no_reader_can_work_out_a_small_cell(counts):
    smallest = 3
    # A known total that is small, or that stands in one level, gives itself away.
    assume(
        (counts.sum(axis=0) >= 2 * smallest).all() and (np.count_nonzero(counts, axis=0) > 1).all()
    )
    cells = hidden(counts, smallest)
    table = np.column_stack([counts, counts.sum(axis=1)])
    small = (table > 0) & (table < smallest)
    assert cells[small].all()
    possible = np.array(list(solutions(counts, cells)))
    for level, column in np.argwhere(small):
        assert len(np.unique(possible[:, level, column])) > 1


@pytest.mark.parametrize("shape", [(1, 3), (4, 3)])
def test_the_answer_has_the_shape_of_the_table(shape):
    counts = np.ones(shape, int)
    assert to_hide(counts, counts, 10, total=True).all()


def test_known_sums_of_rows_close_a_ring():
    counts = np.array([[600, 100, 120], [500, 4, 100]])
    cells = to_hide(counts, counts, 10, rows_known=True)
    assert cells.tolist() == [[False, True, True], [False, True, True]]


def test_a_set_is_shown_where_it_gives_away_no_few_patients_of_those_shown_before():
    rows = np.arange(100)
    shown = ShownSets(rows, 10)
    assert shown.may_be(rows < 50) and not shown.may_be(rows < 9)
    assert not shown.may_be(rows < 45)  # five are in the first only
    assert shown.may_be(rows < 50)  # the same
    assert not shown.may_be(rows >= 45)  # five are in both
    assert shown.may_be(rows >= 40) and shown.may_be(rows < 0)
    # Together or not at all; what was refused is not known to readers.
    assert not shown.may_be(rows < 20, rows < 25) and shown.may_be(rows < 25)
    # A patient may have several rows.
    assert not ShownSets(rows // 20, 3).may_be(rows < 40)
    assert ShownSets(rows // 20, 0).may_be(rows < 1)
