"""What all scores share: who may be shown, what models are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mimicflow.evaluation.smallest_cell import SMALLEST_CELL
from mimicflow.evaluation.titles import read_titles

RESCORED = {"rescored": True}
"""Column of tables whose models are tried on test patients that others were scored on before.

What is looked at more than once is there to be read; who chooses a model or a setting by it,
chooses by the test patients.
"""

RESCORED_WORDS = (
    "The test patients have been scored before: these figures are to be read, not to choose by."
)
"""What the audit's page says of them."""


@dataclass(frozen=True)
class Study:
    """The rules by which the predictions of one run are scored and shown.

    Parameters
    ----------
    synthetic : bool
        Whether the patients are made up: figures say so, and nobody needs to be hidden.
    seed : int
        Of the groups of patients that are left out for intervals, where there are many patients.
    key : str
        Column that names a row of the predictions.
    smallest : int
        Fewest real patients that a count may stand for.
    titles : mapping of str to str
        What readers call a model, by its name.
    rows : str
        What figures call the rows of the predictions.
    """

    synthetic: bool = False
    seed: int = 0
    key: str = "stay_id"
    smallest: int = SMALLEST_CELL
    titles: Mapping[str, str] = field(default_factory=read_titles, repr=False)
    rows: str = "stays"

    @property
    def smallest_cell(self) -> int:
        """Fewest patients that a count may stand for; 0 where all counts may be shown."""
        return 0 if self.synthetic else self.smallest

    @property
    def data(self) -> str:
        """What the column ``data`` of every table says."""
        return "synthetic" if self.synthetic else "real"

    def title(self, model: str) -> str:
        """Return what readers call a model; its name where it has no title."""
        return self.titles.get(model, model)

    def labels(self, model: str) -> dict[str, str]:
        """Return the columns that say whose scores a row holds: ``model, title, data``."""
        return {"model": model, "title": self.title(model), "data": self.data}
