"""Chapter of what was left out before a model was fitted: stays and epochs by reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.evaluation.smallest_cell import HIDDEN, to_hide
from mimicflow.hrv.epochs import CLINICAL_REASONS
from mimicflow.reference import reference
from mimicflow.report.blocks import Cell, Section, Table, count, counted, number, table
from mimicflow.report.chapters import section
from mimicflow.report.chapters.masking import Shown
from mimicflow.report.chapters.models import System
from mimicflow.report.inputs import label, read_table

_EXCLUDED = ["stays", "patients", "recordings"]
_COUNTED = ["epochs", "stays_with", "patients"]


def exclusions(path: Path, shown: Shown) -> Table:
    """Return who and what was left out by reason; reasons that none has are not listed.

    The counts of the reasons of a step add up to what the steps lose, which is written beside.
    """
    frame = read_table(path, "reason", "description", *_EXCLUDED)
    found = (frame[_EXCLUDED] > 0).any(axis=1) | frame[_EXCLUDED].isna().any(axis=1)
    frame = frame[found].reset_index(drop=True)
    known = pd.read_csv(reference("arrest_exclusions.csv"), keep_default_na=False)
    steps = frame["reason"].map(known.set_index("reason")["step"]).fillna("")
    hidden = _hidden(frame, _EXCLUDED, steps, shown.smallest)
    rows = [
        [str(row["description"]), *_texts(row[_EXCLUDED], hide, shown)]
        for (_, row), hide in zip(frame.iterrows(), hidden, strict=True)
    ]
    columns = [("Reason", False), *((label("column", name), True) for name in _EXCLUDED)]
    return table("What was left out by reason.", columns, rows)


def _hidden(frame: pd.DataFrame, kinds: list[str], sums: pd.Series, smallest: int) -> np.ndarray:
    """Return which counts to hide; those of a group of ``sums`` add up, those of ``""`` do not.

    Empty ones are those that the table hides itself.
    """
    empty = frame[kinds].isna()
    frame = frame.fillna(dict.fromkeys(kinds, 0))
    hidden = pd.DataFrame(False, index=frame.index, columns=kinds)
    for of, part in frame.groupby(sums, sort=False):
        patients = part[["patients"]].to_numpy()
        for kind in kinds:
            few = ((patients > 0) & (patients < smallest))[:, 0]
            if of:
                few = to_hide(part[[kind]].to_numpy(), patients, smallest)[:, 0]
            hidden.loc[part.index, kind] = few & (part[kind] > 0).to_numpy()
    return (hidden | empty).to_numpy()


def _texts(values: pd.Series, hide: np.ndarray, shown: Shown) -> list[str]:
    return [
        _hidden_text(value, shown.smallest) if hidden else shown.write(value, "patients")
        for value, hidden in zip(values, hide, strict=True)
    ]


def _hidden_text(value: float, smallest: int) -> str:
    return count(value, smallest) if value < smallest else HIDDEN


def epochs(system: System, path: Path) -> Section:
    """Return the epochs kept and dropped by reason, of stays with and without an arrest."""
    frame = read_table(path, "stays", "reason", "description", *_COUNTED)
    hidden = _hidden(frame, _COUNTED, frame["stays"], system.smallest)
    planned = frame.groupby("stays")["epochs"].transform("sum", min_count=1)
    planned = planned.mask(frame["epochs"].isna().groupby(frame["stays"]).transform("any"))
    columns = [("Reason", False), ("Epochs", True), ("Share", True)]
    columns += [("Stays with one", True), ("Patients with one", True)]
    rows: list[list[Cell | str]] = []
    for stays, part in frame.groupby("stays", sort=False):
        total = count(planned[part.index[0]], system.smallest) or HIDDEN
        rows.append([f"{label('epochs_of', stays)}: {counted(total, 'epochs')} planned"])
        for place, row in part.iterrows():
            counts = [
                _hidden_text(row[name], system.smallest)
                if hide
                else count(row[name], system.smallest)
                for name, hide in zip(_COUNTED, hidden[frame.index.get_loc(place)], strict=True)
            ]
            known = counts[0][:1].isdigit() and planned[place] > 0
            share = f"{number(100 * row['epochs'] / planned[place], 1)} %" if known else ""
            rows.append([Cell(_named(row), inner=True), counts[0], share, *counts[1:]])
    caption = f"Epochs kept and dropped by reason. {_kept(frame)}"
    return section("epochs", [table(caption, columns, rows)], system=system.name)


def _named(row: pd.Series) -> str:
    text = str(row["description"])
    named = text[:1].upper() + text[1:]
    return f"{named} (of the patient)" if row["reason"] in CLINICAL_REASONS else named


def _kept(frame: pd.DataFrame) -> str:
    if frame["epochs"].isna().any():
        return ""
    total = frame["epochs"].sum()
    kept = frame.loc[frame["reason"] == "kept", "epochs"].sum()
    return f"{number(100 * kept / total, 1)} % of all were kept." if total else ""
