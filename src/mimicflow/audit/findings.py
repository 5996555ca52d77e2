"""Write and read what a check of the audit has found, and say whether it has passed."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.errors import InputError
from mimicflow.evaluation.smallest_cell import to_tens
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv

COLUMNS = ("what", "number", "limit", "passed")
"""With which every table of the audit begins; ``data`` is its last column."""
_DIGITS = 3
NONE = "0"
"""The limit of what must not be."""


@dataclass(frozen=True)
class Check:
    """A line of ``audit_checks.csv``: a check of one system."""

    check: str
    """Its name, and that of its table: ``{system}/audit/{check}.csv``."""
    system: str
    title: str
    asks: str
    """What is done, in a sentence."""
    reading: str
    """How to read it, and what a failure means."""

    @property
    def path(self) -> str:
        """Where its table lies, below ``results/``."""
        return f"{self.system}/audit/{self.check}.csv"


@dataclass(frozen=True)
class Verdict:
    """What the rows of a table come to."""

    judged: int
    """Rows that pass or fail; the others are for reading only."""
    failed: int
    worst: str
    """What the failing row with the largest number says; empty where none fails."""

    @property
    def passed(self) -> bool:
        """Whether no row says that it has failed."""
        return self.failed == 0


def audit_checks() -> list[Check]:
    """Return all checks of all systems, in the order of the page."""
    with reference("audit_checks.csv").open(encoding="utf-8", newline="") as file:
        return [Check(**line) for line in csv.DictReader(file)]


def finding(
    what: str, number: float, limit: str = "", passed: bool | None = None, **more: Any
) -> dict[str, Any]:
    """Return a row of a table: its words, its number, and whether that may be.

    Parameters
    ----------
    what : str
        Words for a reader.
    number : float
        What was found.
    limit : str
        What it may be, as text; empty where the row is for reading only.
    passed : bool, optional
        Whether it is within the limit; None for reading only.
    **more
        Columns of the check's own.
    """
    return {"what": what, "number": number, "limit": limit, "passed": passed, **more}


def words_of(models: Iterable[str], study: Study) -> dict[str, str]:
    """Return what a finding calls each model: its title, with its name where others have it too."""
    titles = {model: study.title(model) for model in models}
    shared = Counter(titles.values())
    return {
        model: f"{title} ({model})" if shared[title] > 1 else title
        for model, title in titles.items()
    }


def none_of(what: str, number: float, **more: Any) -> dict[str, Any]:
    """Return a row of something that must not be: it passes at 0."""
    return finding(what, number, NONE, number == 0, **more)


def write_findings(
    rows: Iterable[Mapping[str, Any]],
    path: str | Path,
    study: Study,
    counts: Sequence[str] = (),
) -> None:
    """Write the table of a check.

    Parameters
    ----------
    rows : iterable of mappings
        As `finding` makes them.
    path : path-like
        CSV to write: ``COLUMNS``, the check's own columns, ``data``. An empty number is hidden.
    study : Study
        Whose data they are: of real ones, small counts are hidden, and others rounded to tens, as
        those of two protocols may differ by a few patients; scores have three digits.
    counts : sequence of str
        Columns that count stays or patients, ``number`` perhaps among them. Whether a row has
        passed stays to be seen.
    """
    frame = pd.DataFrame(list(rows))
    frame = frame[[*COLUMNS, *(name for name in frame if name not in COLUMNS)]]
    frame["passed"] = frame["passed"].astype("boolean")
    for name in counts:
        values = pd.to_numeric(frame[name]).astype("float64")
        whole = values % 1 == 0  # a score or a threshold counts nobody
        tens = values[whole].map(lambda n: to_tens(n, study.smallest_cell)).astype("float64")
        few = whole & values.between(1, study.smallest_cell - 1)
        frame[name] = values.mask(whole, tens).mask(few)
    for name in frame.select_dtypes("float64"):
        if study.smallest_cell:  # the last digits of a share of pairs say how many there are
            frame[name] = frame[name].round(_DIGITS)
        if (frame[name].dropna() % 1 == 0).all():
            frame[name] = frame[name].astype("Int64")
    write_csv(frame.assign(data=study.data), path)


def read_findings(path: str | Path) -> pd.DataFrame:
    """Read a table that `write_findings` wrote; ``passed`` is True, False or missing.

    Raises
    ------
    InputError
        A file that is missing or is none of the audit.
    """
    try:
        frame = pd.read_csv(
            path,
            keep_default_na=False,
            na_values=[""],
            dtype={"what": str, "limit": str, "passed": str},
        )
        if tuple(frame.columns[: len(COLUMNS)]) != COLUMNS or frame.columns[-1] != "data":
            raise ValueError(f"its columns are not {', '.join(COLUMNS)}, ..., data")
        passed = frame["passed"].map({"True": True, "False": False}, na_action="ignore")
        return frame.assign(limit=frame["limit"].fillna(""), passed=passed.astype("boolean"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"not a table of the audit: {error}", file=path, remedy="run its rule again"
        ) from error


def verdict(findings: pd.DataFrame) -> Verdict:
    """Return what the rows of a table come to: a check has passed if no row says otherwise."""
    judged = findings[findings["passed"].notna()]
    failed = judged[~judged["passed"].astype(bool)]
    if failed.empty:
        return Verdict(len(judged), 0, "")
    worst = failed["number"].abs().fillna(0).to_numpy().argmax()
    return Verdict(len(judged), len(failed), str(failed["what"].iloc[worst]))
