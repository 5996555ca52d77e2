"""Chapter of the cohort: the flow of patients and the cohort by outcome."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.evaluation.smallest_cell import HIDDEN
from mimicflow.report.blocks import (
    NOT_KNOWN,
    Block,
    Box,
    Cell,
    Flow,
    Section,
    Table,
    count,
    counted,
    number,
    table,
)
from mimicflow.report.chapters import section
from mimicflow.report.chapters.epochs import exclusions
from mimicflow.report.chapters.masking import Shown
from mimicflow.report.chapters.models import System
from mimicflow.report.inputs import label, read_table

_COUNTED = ("rows", "admissions", "recordings", "stays", "patients")


def flow(system: System) -> Section:
    """Return the flow of patients as figure and tables, whichever there are."""
    blocks: list[Block] = []
    if system.files.flow is not None:
        blocks.append(_flow_chart(system, system.files.flow))
    shown = Shown(system.smallest)
    caption = "what is left after each step of the cohort."
    if system.files.attrition is not None:
        columns, rows = _attrition(system.files.attrition, shown)
        blocks.append(table(caption.capitalize(), columns, rows))
    for protocol, path in system.with_file("attrition"):
        columns, rows = _attrition(path, shown)
        options = {"optimistic": protocol.optimistic, "folded": protocol.optimistic}
        blocks.append(table(f"{protocol.title}, {caption}", columns, rows, **options))
    if system.files.exclusions is not None:
        blocks.append(exclusions(system.files.exclusions, shown))
    return section("flow", blocks, system=system.name)


def _flow_chart(system: System, path: Path) -> Flow:
    """Return the boxes of the chart; its numbers are texts, hidden where the drawing hides them."""
    frame = read_table(path, "kind", "text", "stays", "patients", text=True).fillna("")
    boxes: list[Box] = []
    parts: list[tuple[str, str, list[tuple[str, str]]]] = []
    left_out: list[tuple[str, str]] = []
    for row in frame.itertuples():
        size = f"{counted(row.stays, 'stays')} of {counted(row.patients, 'patients')}"
        if row.kind == "left_out":
            # The first says how many in all.
            left_out.append((row.stays if left_out else counted(row.stays, "stays"), row.text))
        elif row.kind == "box":
            boxes.append(Box(row.text, size, left_out))
            left_out = []
        elif row.kind == "part":
            parts.append((row.text, size, []))
        else:
            parts[-1][2].append((row.text, row.stays))
    return Flow("Flow of patients.", boxes, parts)


def _attrition(path: Path, shown: Shown) -> tuple[list[tuple[str, bool]], list[list[str]]]:
    """Return columns and rows of the table of steps."""
    frame = read_table(path, "description", "stays", "patients")
    suppressed = frame.get("suppressed", pd.Series(False, index=frame.index))
    kinds = [kind for kind in _COUNTED if kind in frame]
    columns = [("Step", False), *((label("column", kind), True) for kind in kinds)]
    # Where each patient has one row, one column would show what another hides.
    apart = "dropped" not in frame
    rows, before = [], ""
    for place, row in frame.iterrows():
        texts = (
            [HIDDEN] * len(kinds)
            if suppressed[place]
            else [shown.write(row[kind], kind if apart else "patients") for kind in kinds]
        )
        if not apart:
            # Beside a hidden count of those left, the number of those lost would give it away.
            beside, before = HIDDEN in (texts[-1], before), texts[-1]
            lost = row["dropped"]
            large = lost >= shown.smallest
            texts.append(HIDDEN if beside and large else shown.write(lost, "patients"))
            if suppressed[place]:
                texts[-1] = HIDDEN
        rows.append([str(row["description"]), *texts])
    return columns + [(label("column", "dropped"), True)] * (not apart), rows


def competing(system: System) -> Section:
    """Return what happens instead of the outcome, and what the label makes of it."""
    blocks = []
    if system.files.competing_events is not None:
        frame = read_table(system.files.competing_events, "description", "known", "n", "events")
        columns = [("Event", False), ("What the label makes of it", False), ("Stays", True)]
        columns += [("With the outcome", True), ("Share", True)]
        rows = [
            [str(row["description"]), _words(row["label"]), *_competing(system, row)]
            for row in frame.to_dict("records")
        ]
        blocks.append(table("Stays by competing event.", columns, rows))
    return section("competing", blocks, system=system.name)


def _words(text: object) -> str:
    return "" if pd.isna(text) else str(text)


def _competing(system: System, row: dict[str, Any]) -> list[str]:
    """Return n, events and share of one event, as far as they are known and may be shown."""
    if row["known"] == "no":
        return [NOT_KNOWN, "", ""]
    if pd.isna(row["n"]):
        return [HIDDEN, "", ""]
    events = HIDDEN if pd.isna(row["events"]) else count(row["events"], system.smallest)
    return [count(row["n"], system.smallest), events, f"{number(100 * row['share'], 1)} %"]


def sample_size(system: System) -> Section:
    """Return how many patients are needed, by what, and how many there are."""
    blocks = []
    if system.files.sample_size is not None:
        needed = ["purpose", "title", "needed", "had", "needed_events", "had_events", "met"]
        frame = read_table(
            system.files.sample_size, *needed, "model", "predictors", "auroc", "suppressed"
        )
        columns = [("Criterion", False), ("Patients needed", True), ("There are", True)]
        columns += [("Events needed", True), ("There are", True), ("Met", False)]
        rows: list[list[Cell | str]] = []
        for purpose, part in frame.groupby("purpose", sort=False):
            rows.append([label("purpose", purpose)])
            rows += [
                [Cell(str(row["title"]), inner=True), *_sizes(system, row)]
                for row in part.to_dict("records")
            ]
        first = frame.iloc[0]
        caption = (
            f"Patients needed and present: {system.title(first['model'])}, AUROC "
            f"{number(first['auroc'])}, {first['predictors']} predictors."
        )
        blocks.append(table(caption, columns, rows))
    return section("sample_size", blocks, system=system.name)


def _sizes(system: System, row: dict[str, Any]) -> list[str]:
    """Return what is needed and present by a criterion, and whether it is enough."""
    if row["suppressed"]:
        return [HIDDEN] * 4 + [""]
    none = "no number" if not row["met"] else ""
    needed = [none if pd.isna(row[name]) else count(row[name]) for name in _NEEDED]
    had = [
        "" if pd.isna(row[name]) else count(row[name], system.smallest)
        for name in ("had", "had_events")
    ]
    met = "" if pd.isna(row["met"]) else "yes" if row["met"] else "no"
    return [needed[0], had[0], needed[1], had[1], met]


_NEEDED = ("needed", "needed_events")


def missing(system: System) -> Section:
    """Return how often each feature is missing, and what is done with it."""
    blocks = []
    if system.files.missing is not None:
        names = ["share", "share_without_event", "share_with_event"]
        frame = read_table(
            system.files.missing, "feature", "n", "missing", *names, "handling", "suppressed"
        )
        columns = [("Feature", False), (label("unit", system.unit), True), ("Missing", True)]
        columns += [("Share", True), ("Without the outcome", True), ("With it", True)]
        columns.append(("What is done with it", False))
        rows = []
        for row in frame.to_dict("records"):
            shares = [f"{number(100 * row[name], 1)} %" for name in names]
            known = [count(row["missing"]), *shares]
            numbers = [HIDDEN] * 4 if row["suppressed"] else known
            text = label("feature", row["feature"])
            rows.append([text, count(row["n"]), *numbers, str(row["handling"])])
        caption = "Features that may be missing, by outcome."
        blocks.append(table(caption, columns, rows, folded=True))
    return section("missing", blocks, system=system.name)


def table_one(system: System) -> Section:
    """Return the cohort by outcome, its cells as they stand in the file.

    Of several protocols only the one to judge by is shown: two cohorts that differ by a few
    patients would show who these are.
    """
    blocks = []
    caption = "characteristics of the cohort by outcome."
    if system.files.table_one is not None:
        blocks.append(_characteristics(system.files.table_one, caption.capitalize()))
    for protocol, path in list(system.with_file("table_one"))[:1]:
        text = f"{protocol.title}, {caption}"
        blocks.append(_characteristics(path, text, optimistic=protocol.optimistic))
    return section("table_one", blocks, system=system.name)


def _characteristics(path: Path, caption: str, optimistic: bool = False) -> Table:
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
    return table(caption, columns, rows, optimistic=optimistic)
