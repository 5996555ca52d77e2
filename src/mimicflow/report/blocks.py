"""The blocks of a section: tables, charts, pictures, notes, and how figures are written."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from mimicflow.evaluation.statistics.metrics import NO_INTERVAL

MINUS, DASH = "−", "–"
NOT_KNOWN = "not known"


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    text: str
    note: str = ""  # set beside the text as a mark, read out by a screen reader
    strong: bool = False
    code: bool = False  # a long word that may break anywhere
    inner: bool = False  # the name of a row below the name of its group
    prose: bool = False  # sentences, which want a wide column


@dataclass(frozen=True)
class Table:
    """A table with its caption; the first column names the row.

    A row of a single cell is the heading of the rows below it.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: Sequence[bool]
    optimistic: bool = False
    folded: bool = False  # inside <details>
    kind: Literal["table"] = "table"

    @property
    def marked(self) -> str:
        """What the mark beside some cells means; empty without marks."""
        return next((cell.note for row in self.rows for cell in row if cell.note), "")


@dataclass(frozen=True)
class Chart:
    """An interactive chart, with the table that says the same."""

    caption: str
    description: str
    spec: dict[str, Any]
    table: Table
    wide: bool = False
    opened: bool = False  # whether the table stands open below the chart
    small: bool = False  # so that three stand side by side
    kind: Literal["chart"] = "chart"

    @property
    def id(self) -> str:
        """A name made from the contents: the same chart has the same name on every page."""
        content = json.dumps([self.caption, self.spec], sort_keys=True).encode("utf-8")
        return f"chart-{hashlib.sha256(content).hexdigest()[:12]}"


@dataclass(frozen=True)
class Picture:
    """An image as data URI."""

    caption: str
    description: str
    uri: str
    wide: bool = True
    kind: Literal["picture"] = "picture"


@dataclass(frozen=True)
class Text:
    """A paragraph, a list, a definition list or verbatim text."""

    text: str = ""
    items: Sequence[str] = ()
    terms: Sequence[tuple[str, str]] = ()
    verbatim: str = ""
    kind: Literal["text"] = "text"


@dataclass(frozen=True)
class Box:
    """A box of a flow of patients, and who was left out on the way to it."""

    title: str
    size: str
    left_out: Sequence[tuple[str, str]] = ()  # (how many, why); the first is their sum


@dataclass(frozen=True)
class Flow:
    """A flow of patients from top to bottom, and the parts at its end, which lie side by side."""

    caption: str
    boxes: Sequence[Box]
    parts: Sequence[tuple[str, str, Sequence[tuple[str, str]]]]  # title, size, (outcome, number)
    kind: Literal["flow"] = "flow"


@dataclass(frozen=True)
class Question:
    """What a system predicts, for whom and when."""

    question: str
    terms: Sequence[tuple[str, str]]
    published: str = ""
    link: str = ""  # to the publication
    kind: Literal["question"] = "question"


@dataclass(frozen=True)
class Card:
    """One number that says most, what it is of, and what a reader should know beside it."""

    title: str
    value: str
    of: str
    points: Sequence[str]
    question: str = ""
    link: str = ""  # where the rest stands on the page
    kind: Literal["card"] = "card"


Block = Table | Chart | Picture | Flow | Text | Question | Card


@dataclass(frozen=True)
class Section:
    """A heading with what stands below it."""

    id: str
    title: str
    text: str = ""
    blocks: Sequence[Block] = ()
    sections: Sequence[Section] = field(default_factory=tuple)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self.blocks and not self.sections


def number(value: Any, digits: int = 3) -> str:
    """Write a number with a true minus sign; empty when missing.

    Parameters
    ----------
    value : number, str or missing
        Text passes as it is.
    digits : int
        Decimals of a number that is not an integer.
    """
    if isinstance(value, str):
        return value
    if value is None or pd.isna(value):
        return ""
    if math.isinf(value):
        return MINUS + "∞" if value < 0 else "∞"
    text = f"{value:.{digits}f}"
    # A difference that rounds to zero has no sign.
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def with_interval(value: Any, low: Any, high: Any, digits: int = 3) -> str:
    """Write ``0.911 (0.905–0.917)``; with a negative bound, ``to`` stands between the bounds.

    Of too few patients there is no interval, and that is said.
    """
    if pd.isna(value):
        return ""
    if pd.isna(low) or pd.isna(high):
        return f"{number(value, digits)} ({NO_INTERVAL})"
    between = " to " if min(low, high) < 0 else DASH
    return f"{number(value, digits)} ({number(low, digits)}{between}{number(high, digits)})"


def with_spread(mean: Any, sd: Any) -> str:
    """Write ``0.911 ± 0.003``."""
    if pd.isna(mean):
        return ""
    return number(mean, 3) if pd.isna(sd) else f"{number(mean, 3)} ± {number(sd, 3)}"


def count(value: Any, smallest: int = 0) -> str:
    """Write a count with thin spaces; one below the smallest that may be shown as ``<10``."""
    if pd.isna(value):
        return ""
    if 0 < value < smallest:
        return f"<{smallest}"
    return f"{int(value):,}".replace(",", "\u202f")


def counted(text: str, noun: str) -> str:
    """Return a written count with its noun, given in the plural: ``1 stay``, ``2 stays``."""
    return f"{text} {noun.removesuffix('s') if text == '1' else noun}"


def p_value(value: Any) -> str:
    """Write a p value with three decimals, and small ones as ``<0.001``."""
    if pd.isna(value):
        return ""
    return "<0.001" if value < 0.001 else number(value, 3)


def in_sentence(title: str) -> str:
    """Return a title as it reads inside a sentence: small first letter, unless it is ``ECG``."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def table(
    caption: str,
    columns: Iterable[tuple[str, bool]],
    rows: Iterable[Sequence[Any]],
    optimistic: bool = False,
    folded: bool = False,
) -> Table:
    """Make a table of cells or plain texts.

    Parameters
    ----------
    caption : str
        Says what the rows are.
    columns : iterable of (str, bool)
        Heading, and whether the column holds numbers.
    rows : iterable of sequences of Cell or str
        As many cells as columns, or one cell: a heading of the rows below it.
    optimistic : bool
        Whether its figures are, which is then said in the caption.
    folded : bool
        Whether the reader has to open it.

    Raises
    ------
    ValueError
        A row of another length.
    """
    headings, numeric = zip(*columns, strict=True)
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    if any(len(row) not in (1, len(headings)) for row in cells):
        raise ValueError(f"a row of the table {caption!r} does not fit its {len(headings)} columns")
    return Table(caption, headings, cells, numeric, optimistic, folded)
