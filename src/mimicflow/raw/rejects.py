"""Keep the rows of a raw table that cannot be used: how many, the first lines, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

EMPTY = "empty"
NOT_INTEGER = "not an integer"
NOT_A_NUMBER = "not a number"
NOT_A_TIME = "not a time"
NOT_A_DATE = "not a date"
WITH_A_ZONE = "a time with a zone"
WITHOUT_A_CLOCK = "a time without a clock"
IMPLAUSIBLE = "not a plausible date"
NOT_AMONG = "not one of"  # the values that the column may have
NEGATIVE = "negative"  # of an identifier
CONTRADICTION = "another row has the same key"
TOO_FEW = "too few fields"
TOO_MANY = "too many fields"
MISPLACED_QUOTE = "unbalanced quotes"
TOO_LONG = "line too long"
NOT_UTF8 = "not UTF-8"
ZERO_BYTE = "a zero byte within the line"
CARRIAGE_RETURN = "a carriage return within the line"

REMEDIES = {
    NOT_UTF8: "save the file as UTF-8 if it is in another encoding",
    WITH_A_ZONE: "write the hospital's local time without a zone, as the release has it",
    WITHOUT_A_CLOCK: "write hours and minutes, too: a day alone would be read as its midnight",
    MISPLACED_QUOTE: "put fields that hold a quote into quotes, and double the quote within",
}
"""What helps against a reason, where something else does than correcting the row."""

MAX_EXAMPLES = 1000
"""Rejected rows of a table that are listed; further ones are counted."""

_MAX_TEXT = 2000  # characters


class Reject(NamedTuple):
    """Why a row cannot be used: a row with several faults has several."""

    line: int
    column: str
    reason: str
    text: str


COLUMNS = ("file", *Reject._fields)
"""Of ``rejects.parquet``. The header is line 1; a row is found where its first line is."""


@dataclass
class Rejects:
    """Rejected rows of a table, or of a part of it."""

    rows: int = 0
    examples: list[Reject] = field(default_factory=list)
    _full: bool = False

    def add(self, rows: int, examples: Iterable[Reject]) -> None:
        """Count rows that have not been counted yet; `examples` are of the first of them."""
        self.rows += rows
        self.examples += (reject._replace(text=reject.text[:_MAX_TEXT]) for reject in examples)
        listed = sorted({reject.line for reject in self.examples})
        self._full = len(listed) >= MAX_EXAMPLES
        if len(listed) > MAX_EXAMPLES:
            last = listed[MAX_EXAMPLES - 1]
            self.examples = [reject for reject in self.examples if reject.line <= last]

    @property
    def wanted(self) -> int:
        """How many of the rejected rows that come later in the file are worth listing, at most."""
        return 0 if self._full else MAX_EXAMPLES

    @property
    def listed(self) -> int:
        """Rows among the examples."""
        return len({reject.line for reject in self.examples})

    def lines_without_text(self) -> list[int]:
        """Return the lines of which it is known that they are rejected, but not what they say."""
        return sorted({reject.line for reject in self.examples if not reject.text})

    def add_texts(self, texts: Mapping[int, str]) -> None:
        """Give the examples the text of their lines."""
        self.examples = [
            reject._replace(text=reject.text or texts[reject.line][:_MAX_TEXT])
            for reject in self.examples
        ]

    def frame(self, file: str) -> pd.DataFrame:
        """Return the examples with ``COLUMNS``, sorted by line."""
        frame = pd.DataFrame(sorted(self.examples), columns=list(Reject._fields))
        frame.insert(0, "file", file)
        return frame.astype({name: "int64" if name == "line" else "str" for name in COLUMNS})


def as_text(row: bytes) -> str:
    """Return the text of a row, in which bytes that are not UTF-8 are replaced."""
    return row[: 4 * _MAX_TEXT].decode("utf-8", errors="replace")
