"""What was looked at, what was found, and whether it is enough; one line of a table each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tabulate import tabulate

OK = "ok"
OPTIONAL = "optional"
"""It is not there, and nothing that was asked for needs it."""
SHORT = "short"
"""A run may do without, or need less than is foretold."""
MISSING = "missing"
"""A run would end there."""


@dataclass(frozen=True)
class Look:
    """One thing that a target needs."""

    part: str
    """As ``hosp/patients``, ``disk``."""
    found: str
    needed: str = ""
    verdict: str = OK
    remedy: str = ""

    @property
    def ends_runs(self) -> bool:
        """Whether no run gets further."""
        return self.verdict == MISSING


def as_lines(looks: Sequence[Look]) -> list[str]:
    """Return the looks as a table of text; remedies stand below it."""
    rows = [
        ("what", "", "found", "needed"),
        *((look.part, look.verdict, look.found, look.needed) for look in looks),
    ]
    table = tabulate(rows, tablefmt="plain", disable_numparse=True).splitlines()
    remedies = [f"{look.part}: {look.remedy}" for look in looks if look.remedy]
    return [*map(str.rstrip, table), *(["", *remedies] if remedies else [])]


def as_plain(looks: Sequence[Look]) -> list[dict[str, str]]:
    """Return the looks as they are written to JSON."""
    return [asdict(look) for look in looks]
