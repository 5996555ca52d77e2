"""How many cases there are, whatever the order and the processes in which they run."""

from .damaged_files import CASES


def test_there_are_enough_cases():
    # Each test runs all of its seeds, or fails; properties and single cases come on top.
    assert sum(CASES.values()) >= 2000
    assert min(CASES.values()) >= 40
