"""Choose the columns of a given file: as the reader names them, else by their usual names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import pandas as pd

from mimicflow.evaluation.given.file import GivenFile
from mimicflow.reference import reference

NO_COLUMN = "none"
"""Named in place of a column: there is none, whatever some column is called."""
_NEEDED = ("label", "probability")


@dataclass(frozen=True)
class Columns:
    """The columns of a file by their roles; empty where it has none, or where none was named.

    Several columns of ``probability`` are several models. ``guessed`` are the roles whose columns
    were found by their names.
    """

    label: str = ""
    probability: tuple[str, ...] = ()
    patient: str = ""
    row: str = ""
    model: str = ""
    split: str = ""
    fold: str = ""
    groups: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        """The columns whose values are names."""
        of = (self.patient, self.row, self.model, self.split, *self.groups)
        return [name for name in of if name]

    @property
    def all(self) -> list[str]:
        """Every column that is read."""
        return list(
            dict.fromkeys(
                name for name in (self.label, *self.probability, self.fold, *self.texts) if name
            )
        )

    def said(self) -> Iterator[tuple[str, str]]:
        """Yield every role with its columns, and whether they were guessed."""
        for role in (item.name for item in fields(self) if item.name != "guessed"):
            found = getattr(self, role)
            names = ", ".join(found) if isinstance(found, tuple) else found
            if names:
                how = f" (guessed by its name; --{role} says otherwise)"
                yield role, names + (how if role in self.guessed else "")


def choose_columns(file: GivenFile, wanted: Columns, *, lenient: bool = False) -> Columns:
    """Return the columns of a file.

    Parameters
    ----------
    file : GivenFile
        Whose columns.
    wanted : Columns
        Those that the reader named; ``none`` for a role that no column has. Others are guessed.
    lenient : bool
        Whether a named column that is not there is guessed, too: of a second file.

    Raises
    ------
    PredictionsError
        A named column that is not there, no or several columns that may be meant.
    """
    found, guessed = wanted, []
    if lenient:
        roles = [item.name for item in fields(Columns) if item.name != "guessed"]
        known = {*file.columns, NO_COLUMN}
        lost = [role for role in roles if not set(_names(getattr(found, role))) <= known]
        found = _with(found, {role: type(getattr(found, role))() for role in lost})
    for name in _names((*found.probability, *found.groups)):
        _check(file, name)
    for role in ("label", "probability", "patient", "row", "model", "split", "fold"):
        named = getattr(found, role)
        if named == NO_COLUMN and NO_COLUMN not in file.columns and role not in _NEEDED:
            found = _with(found, {role: ""})
        elif named:
            for name in _names(named):
                _check(file, name)
        else:
            guess = _guess(file, role)
            found = _with(found, {role: guess if role == "probability" else "".join(guess)})
            guessed += [role] * bool(guess)
    if found.model and len(found.probability) > 1:
        raise file.fault(
            f"has several columns of probabilities and a column of models ({found.model})",
            "give one column with --probability, or --model none",
        )
    return replace(found, guessed=tuple(guessed))


def _with(columns: Columns, changed: dict[str, Any]) -> Columns:
    return replace(columns, **changed)


def _names(named: str | tuple[str, ...]) -> tuple[str, ...]:
    return (named,) if isinstance(named, str) and named else tuple(named)


def _check(file: GivenFile, name: str) -> None:
    if name not in file.columns:
        near = difflib.get_close_matches(name, file.columns, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise file.fault(f"no column is called {name}", f"{meant}{_columns(file)}")


def _guess(file: GivenFile, role: str) -> tuple[str, ...]:
    """Return the column of a role that is called as such columns usually are; several of models."""
    known = pd.read_csv(reference("prediction_columns.csv"))
    for _, ranked in known[known["role"] == role].groupby("rank"):
        patterns = "|".join(name.replace("*", ".+") for name in ranked["name"])
        found = [name for name in file.columns if re.fullmatch(patterns, _plain(name))]
        several = ranked["name"].str.endswith("*").all()
        if len(found) > 1 and not several:
            raise file.fault(
                f"{' and '.join(found)} may both be the {role}",
                f"say which with --{role}"
                + (f", or --{role} {NO_COLUMN}" if role not in _NEEDED else ""),
            )
        if found:
            return tuple(found)
    if role in _NEEDED:
        raise file.fault(
            f"no column is called as a {role} usually is",
            f"name it with --{role}. {_columns(file)}",
        )
    return ()


def _plain(name: str) -> str:
    return re.sub(r"[\s.\-]+", "_", name.strip().lower())


def _columns(file: GivenFile, most: int = 12) -> str:
    more = f" and {len(file.columns) - most} more" if len(file.columns) > most else ""
    return f"Its columns: {', '.join(file.columns[:most])}{more}"
