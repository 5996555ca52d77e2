"""Turn the statements of the machine's report into labels.

The rules are the rows of ``reference/ecg_report_labels.csv``. Per statement they are taken in the
order of the steps: A drops the whole recording, A2 the statement; B gives any number of labels; C
takes statements away from what follows; D gives the label of the first row that matches, after
which the statement is used up; E and F are equalities and unions on what is left. Where the column
``ours`` is filled, its regular expression replaces the published patterns (``omit``: no rule).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache

from mimicflow.raw.code_texts import clean_text
from mimicflow.reference import reference

DROP_RECORD = "!drop_record"
IGNORE_STATEMENT = "!ignore_statement"
_RULES_FILE = reference("ecg_report_labels.csv")


@dataclass(frozen=True)
class Rule:
    """One row of the table: statements in which ``pattern`` is found get ``label``."""

    label: str
    step: str
    pattern: re.Pattern[str]


@cache
def load_rules() -> tuple[Rule, ...]:
    """Read the rules that say something about a statement, in file order.

    Returns
    -------
    tuple of Rule
    """
    return tuple(
        Rule(row["label"], row["step"], _pattern(row))
        for row in _rows()
        if row["match_type"] != "any" and row["ours"] != "omit"
    )


@cache
def vocabulary() -> tuple[str, ...]:
    """List the labels, in file order: the binary outputs of the pretrained encoder.

    Returns
    -------
    tuple of str
        75 labels, whether or not a data set has them.
    """
    return tuple(dict.fromkeys(row["label"] for row in _rows() if not row["label"].startswith("!")))


def normalise(statement: str) -> str:
    """Bring a statement to the form in which equal ones are equal.

    Parameters
    ----------
    statement : str
        As the machine wrote it.

    Returns
    -------
    str
        Lower case, blanks trimmed and collapsed, no dots at the end, no ``summary:``.
    """
    text = " ".join(clean_text(statement).split()).rstrip(". ")
    return " ".join(text.replace("summary: ", "").split())


def label_statement(statement: str) -> frozenset[str]:
    """Label one statement.

    Parameters
    ----------
    statement : str
        Normalised by `normalise`.

    Returns
    -------
    frozenset of str
        Labels of the vocabulary; or only ``!drop_record`` or ``!ignore_statement``.
    """
    steps: dict[str, list[str]] = {}  # step -> labels of the rules that match, in file order
    for rule in load_rules():
        if rule.pattern.search(statement):
            steps.setdefault(rule.step, []).append(rule.label)
    if "A" in steps or "A2" in steps:
        return frozenset({DROP_RECORD if "A" in steps else IGNORE_STATEMENT})
    labels = set(steps.get("B", []))
    if "C" not in steps:
        labels |= set(
            steps["D"][:1] if "D" in steps else [*steps.get("E", []), *steps.get("F", [])]
        )
    return frozenset(labels | {union for union, member in _unions() if member in labels})


@cache
def _rows() -> tuple[dict[str, str], ...]:
    with open(_RULES_FILE, newline="", encoding="utf-8") as stream:
        return tuple(csv.DictReader(stream))


@cache
def _unions() -> tuple[tuple[str, str], ...]:
    return tuple(
        (row["label"], row["patterns"].removeprefix("label:"))
        for row in _rows()
        if row["match_type"] == "any"
    )


def _pattern(row: dict[str, str]) -> re.Pattern[str]:
    if row["ours"]:
        return re.compile(row["ours"])
    texts = row["patterns"].split(";")
    if row["match_type"] == "contains":  # not trimmed: a blank in front counts
        return re.compile("|".join(re.escape(text) for text in texts))
    return re.compile(f"^(?:{'|'.join(re.escape(normalise(text)) for text in texts)})$")
