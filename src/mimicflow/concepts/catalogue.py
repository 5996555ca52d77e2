"""Which clinical concepts there are, and what each reads, by ``concepts.csv``.

The functions that extract them do not import this, so that another concept reruns none of those
that are there. Which keys of the configuration a concept reads is in ``reference/stages.csv``.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple


class Concept(NamedTuple):
    """A line of ``concepts.csv``."""

    rows: str
    """What there is one row of: ``stay``, ``drug``, ``reading`` or ``visit``."""
    tables: tuple[str, ...]
    """Raw tables that it reads beside the spine: ``"ed/edstays"``."""

    @property
    def table_names(self) -> tuple[str, ...]:
        """The tables as its SQL calls them."""
        return tuple(table.partition("/")[2] for table in self.tables)


def _read() -> dict[str, Concept]:
    with (Path(__file__).parent / "concepts.csv").open(encoding="utf-8", newline="") as file:
        return {
            line["concept"]: Concept(line["rows"], tuple(line["tables"].split()))
            for line in csv.DictReader(file)
        }


CONCEPTS = _read()
"""Name -> concept."""
