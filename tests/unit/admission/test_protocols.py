"""The single split is the configuration itself, and optimistic where its test patients stop it."""

import pytest

from mimicflow.admission import protocols


def test_the_single_split_has_the_scenario_without_a_name():
    assert protocols.folds("single", {"split": {"folds": 5}}) == [""]


@pytest.mark.parametrize(("stopping", "optimistic"), [("validation", False), ("test", True)])
def test_the_single_split_is_optimistic_where_test_patients_stop_it(stopping, optimistic):
    found = protocols.optimistic({"split": {"stopping": stopping}})
    assert ("single" in found) is optimistic
    assert {"published", "seed"} <= found
