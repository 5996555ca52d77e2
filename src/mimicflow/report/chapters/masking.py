"""Write counts of real patients so that no small one can be worked out."""

from __future__ import annotations

from mimicflow.evaluation.disclosure import HIDDEN, SMALLEST_CELL
from mimicflow.report.blocks import count


class Shown:
    """Writes counts that belong together; when masked, none that differs from another by 1 to 9.

    The difference of two counts is a count of its own: of those who are in one of them only.
    """

    def __init__(self, mask: bool) -> None:
        self.mask = mask
        self._written: dict[str, list[float]] = {}

    def write(self, value: float, kind: str) -> str:
        """Write a count, unless one of its kind that was written before would give it away."""
        if value < SMALLEST_CELL:
            return count(value, self.mask)
        others = self._written.setdefault(kind, [])
        if self.mask and any(0 < abs(value - other) < SMALLEST_CELL for other in others):
            return HIDDEN
        others.append(value)
        return count(value, self.mask)
