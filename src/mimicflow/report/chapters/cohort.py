"""Who was looked at: the flow of patients and the cohort by outcome."""

from __future__ import annotations

import pandas as pd

from mimicflow.evaluation.disclosure import HIDDEN, SMALLEST_CELL
from mimicflow.report.blocks import Block, Cell, Picture, Section, count, table
from mimicflow.report.chapters import section
from mimicflow.report.chapters.models import System
from mimicflow.report.images import data_uri
from mimicflow.report.inputs import label, read_table


def flow(system: System) -> Section:
    """Return the flow of patients as figure and table, whichever there is."""
    blocks: list[Block] = []
    if system.files.flow is not None:
        description = "Flow of patients from all stays to the cohort; the table gives its numbers."
        blocks.append(Picture("Flow of patients.", description, data_uri(system.files.flow)))
    if system.files.attrition is not None:
        frame = read_table(system.files.attrition, "description", "rows", "stays", "patients")
        columns = [("Step", False), ("Rows", True), ("Stays", True), ("Patients", True)]
        counts = [_steps(frame[name], system.mask) for name in ("rows", "stays", "patients")]
        rows = zip(frame["description"], *counts, strict=True)
        blocks.append(table("What is left after each step of the cohort.", columns, rows))
    return section("flow", blocks, prefix=f"{system.name}-")


def _steps(counts: pd.Series, mask: bool) -> list[str]:
    """Write the counts of steps; when masked, none that differs from a shown one by 1 to 9.

    The difference of two steps is a count of its own: of those who were lost between them.
    """
    shown: list[int] = []
    texts = []
    for value in counts:
        if mask and any(0 < abs(value - other) < SMALLEST_CELL for other in shown):
            texts.append(HIDDEN)
            continue
        shown.append(value)
        texts.append(count(value, mask))
    return texts


def table_one(system: System) -> Section:
    """Return the cohort by outcome, its cells as they stand in the file."""
    path = system.files.table_one
    if path is None:
        return section("table_one", prefix=f"{system.name}-")
    frame = read_table(path, "variable", "level", text=True).fillna("")
    rest = [name for name in frame.columns if name not in ("variable", "level", "data")]
    columns = [("Characteristic", False)] + [(label("column", name), True) for name in rest]
    rows: list[list[Cell | str]] = []
    for variable, part in frame.groupby("variable", sort=False):
        for place, (_, row) in enumerate(part.iterrows()):
            if row["level"] and place == 0:
                rows.append([str(variable)])
            name = Cell(row["level"], inner=True) if row["level"] else str(variable)
            rows.append([name, *row[rest]])
    caption = "Characteristics of the cohort by outcome."
    return section("table_one", [table(caption, columns, rows)], prefix=f"{system.name}-")
