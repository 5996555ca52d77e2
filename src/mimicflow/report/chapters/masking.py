"""Write counts of real patients so that no small one can be worked out."""

from __future__ import annotations

from mimicflow.evaluation.smallest_cell import HIDDEN
from mimicflow.report.blocks import count


class Shown:
    """Writes counts that belong together, none that differs from another by a small one.

    The difference of two counts is a count of its own: of those who are in one of them only.
    """

    def __init__(self, smallest: int) -> None:
        self.smallest = smallest
        self._written: dict[str, list[float]] = {}

    def write(self, value: float, kind: str) -> str:
        """Write a count, unless one of its kind that was written before would give it away."""
        if value < self.smallest:
            return count(value, self.smallest)
        others = self._written.setdefault(kind, [])
        if any(0 < abs(value - other) < self.smallest for other in others):
            return HIDDEN
        others.append(value)
        return count(value, self.smallest)
