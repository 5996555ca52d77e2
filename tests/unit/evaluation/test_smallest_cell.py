"""Small groups can neither be read nor worked out."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mimicflow.evaluation.smallest_cell import ShownSets, hide_rows, shown_sets, to_hide


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


def test_sums_of_many_sets_are_worked_out_too():
    """A reader takes the parts of a whole away one by one."""
    rows = np.arange(95)
    shown = ShownSets(rows, 10)
    for first in range(0, 80, 20):
        assert shown.may_be((first <= rows) & (rows < first + 20))
    assert not shown.may_be((rows >= 80) & (rows < 90))  # five would be left of the whole
    assert shown.may_be(rows >= 80)
    # Half of each part: their sum lacks six of what is known.
    assert not shown.may_be(*((first <= rows) & (rows < first + 17) for first in (0, 20)))


def test_sets_that_cross_give_nothing_away():
    """How many are in both does not follow from how many are in each."""
    rows = np.arange(100)
    shown = ShownSets(rows, 10)
    assert shown.may_be(rows < 50) and shown.may_be((rows >= 45) & (rows < 90))
    assert not shown.may_be(rows < 90)  # the two together: five are in both


def test_patients_who_lose_some_of_their_rows_only_are_counted():
    """Nobody is lost, but twelve rows, of three patients."""
    patients = np.repeat(np.arange(20), 5)
    shown = ShownSets(patients, 10)
    assert not shown.may_be((np.arange(100) % 5 == 0) | (patients >= 3))
    assert shown.may_be(np.arange(100) % 5 == 0)


@settings(max_examples=60, deadline=None)
@given(arrays(bool, (6, 12)), st.integers(2, 4))
def test_no_sum_of_shown_sets_is_small(sets, smallest):
    """Every sum with whole weights of up to two, tried one by one."""
    shown = ShownSets(np.arange(12), smallest)
    kept = np.array([np.ones(12, bool), *(found for found in sets if shown.may_be(found))])
    for weights in itertools.product((-2, -1, 0, 1, 2), repeat=min(len(kept), 5)):
        total = np.asarray(weights) @ kept[: len(weights)].astype(int)
        assert not (set(total) <= {0, 1} and 0 < total.sum() < smallest)


def of(stays, patients_of=lambda stay: stay):
    return pd.DataFrame({"stay_id": stays, "subject_id": [patients_of(stay) for stay in stays]})


def test_a_step_that_loses_a_few_is_not_shown_beside_the_one_before():
    steps = {"all": of(range(100)), "adults": of(range(97)), "cohort": of(range(60))}
    assert shown_sets(steps, 10) == {"all", "cohort"}
    assert shown_sets(steps, 10, first=["adults"]) == {"adults", "cohort"}
    assert shown_sets(steps, 0) == set(steps)


def test_what_is_not_in_a_set_is_counted_like_what_is():
    cohort = of(range(60))
    found = shown_sets({"cohort": cohort, "positive": cohort[:55], "late": cohort[:3]}, 10)
    assert found == {"cohort"}
    assert shown_sets({"cohort": cohort, "positive": cohort[:50]}, 10) == {"cohort", "positive"}


def test_stays_of_a_few_patients_are_few():
    """Twelve stays are lost, all of one patient who has more."""
    stays = of(range(100), lambda stay: stay if stay > 20 else 0)
    assert shown_sets({"all": stays, "left": stays[12:]}, 10) == {"all"}


def test_a_row_may_lack_an_id():
    rows = pd.DataFrame({"stay_id": [1, None] * 15, "subject_id": range(30)})
    assert shown_sets({"all": rows, "some": rows[:20]}, 10) == {"all", "some"}


def test_hidden_rows_are_empty_and_so_are_differences_to_them():
    table = pd.DataFrame({"step": list("abc"), "patients": [90, 87, 50], "dropped": [0, 3, 37]})
    found = hide_rows(table, pd.Series([False, True, False]), ["patients"], follows="dropped")
    assert found["patients"].isna().tolist() == [False, True, False]
    assert found["dropped"].isna().tolist() == [False, True, True]
    assert found["suppressed"].tolist() == [False, True, False]


@pytest.mark.parametrize("smallest", [5, 10])
def test_differences_of_all_steps_that_are_shown_are_not_small(smallest):
    generator = np.random.default_rng(0)
    left, steps = np.arange(400), {}
    for step in range(30):
        steps[str(step)] = of(left)
        left = generator.choice(left, len(left) - generator.integers(0, 14), replace=False)
    sizes = [len(rows) for step, rows in steps.items() if step in shown_sets(steps, smallest)]
    lost = -np.diff(sizes)
    assert len(sizes) > 5
    assert ((lost == 0) | (lost >= smallest)).all()
