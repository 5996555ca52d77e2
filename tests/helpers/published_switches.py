"""A key that gives back a published behaviour, and how a table of them becomes tests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from mimicflow.errors import CohortError


@dataclass(frozen=True)
class Switch:
    """A key with our value and the old one, and what either gives on the smallest input."""

    row: str
    key: str
    ours: Any
    old: Any
    shows: Callable[[dict[str, Any]], Any]
    expected: Any
    expected_old: Any

    def shown(self, value: Any) -> Any:
        """Return what a value of the key gives; a cohort that nobody enters is empty."""
        try:
            return self.shows({self.key: value})
        except CohortError:
            return []


def each(switches: list[Switch]) -> pytest.MarkDecorator:
    """Call a test once for each switch."""
    ids = [f"row {switch.row}, {switch.key} {switch.old}" for switch in switches]
    return pytest.mark.parametrize("switch", switches, ids=ids)
