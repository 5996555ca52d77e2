"""Chapter of the audit: what was checked, what was found, and how to read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from mimicflow.audit.findings import COLUMNS, Check, audit_checks, read_findings, verdict
from mimicflow.evaluation.smallest_cell import HIDDEN
from mimicflow.evaluation.study import RESCORED, RESCORED_WORDS
from mimicflow.report.blocks import DASH, Block, Cell, Section, Table, Text, number, table
from mimicflow.report.chapters import section
from mimicflow.report.chapters.models import System
from mimicflow.report.inputs import label

FAILED = Cell("failed", strong=True)
_OPEN = 14
"""Rows of a table that stand open; a longer one has to be opened."""
_FIRST = 100
"""Rows of a table that are shown."""
_IN_WORDS = (
    *("data", "setting", "model", "title", "score", "feature", "protocol", "permutation"),
    *("run_low", "run_high", "other_low", "other_high", "level", "reading", *RESCORED),
)
"""Columns that the words of a finding say already, or the page, or that the file alone has."""


def chapters(systems: list[System]) -> list[Section]:
    """Return a chapter per system, with a section per check."""
    return [part for part in (chapter(system) for system in systems) if not part.empty]


def chapter(system: System) -> Section:
    """Return all checks of a system as a chapter of a page of their own."""
    found = list(_read(system))
    if not found:
        return Section(f"audit-{system.name}", str(system.words["title"]))
    parts = [_check(check, findings) for check, _, findings in found]
    blocks = [_summary(system, found)]
    return Section(
        f"audit-{system.name}", str(system.words["title"]), blocks=blocks, sections=parts
    )


def audit(system: System) -> Section:
    """Return all checks of a system as a section of the report."""
    found = list(_read(system))
    blocks: list[Block] = [_summary(system, found)] if found else []
    for check, _, findings in found:
        blocks.append(Text(terms=[(check.title, f"{check.asks} {check.reading}")]))
        blocks += [_findings(check, findings, folded=True), *_readings(findings)]
    return section("audit", blocks, system=system.name)


def _read(system: System) -> Iterator[tuple[Check, Path, pd.DataFrame]]:
    for check in audit_checks():
        if check.system == system.name and (path := system.files.audit.get(check.check)):
            yield check, path, read_findings(path)


def _summary(system: System, found: list[tuple[Check, Path, pd.DataFrame]]) -> Table:
    columns = [("Check", False), ("Judged", True), ("Verdict", False), ("Worst finding", False)]
    rows: list[list[Cell | str]] = []
    for check, _, findings in found:
        reached = verdict(findings)
        judged: Cell | str = "passed" if reached.judged else "for reading"
        worst = Cell(reached.worst or DASH, prose=bool(reached.worst))
        rows.append([check.title, str(reached.judged), judged if reached.passed else FAILED, worst])
    title = str(system.words["title"])
    return table(f"{title}: every check with the rows that were judged.", columns, rows)


def _check(check: Check, findings: pd.DataFrame) -> Section:
    blocks = [_findings(check, findings, folded=len(findings) > _OPEN), *_readings(findings)]
    text = f"{check.asks} {check.reading}"
    text += f" {RESCORED_WORDS}" if {*RESCORED} <= set(findings) else ""
    return Section(f"audit-{check.system}-{check.check}", check.title, text, blocks)


def _readings(findings: pd.DataFrame) -> list[Block]:
    """Return what rows of a check say of themselves, each beside its finding."""
    if "reading" not in findings:
        return []
    said: dict[str, list[str]] = {}
    for row in findings[findings["reading"].notna()].itertuples():
        finding = str(row.what).rpartition(": ")[0] or str(row.what)
        if finding not in said.setdefault(str(row.reading), []):
            said[str(row.reading)].append(finding)
    terms = [("; ".join(whats), reading) for reading, whats in said.items()]
    return [Text(terms=terms)] if terms else []


def _findings(check: Check, findings: pd.DataFrame, folded: bool) -> Table:
    """Return the rows of a check, the failing ones first; the file has all of them."""
    ordered = findings.sort_values("passed", kind="stable", na_position="last")
    if findings["passed"].fillna(True).all():
        ordered = findings
    own = [name for name in findings.columns[len(COLUMNS) :] if name not in _IN_WORDS]
    own = [name for name in own if findings[name].notna().any()]
    judging = findings["passed"].notna().any()
    columns = [("Finding", False), ("Number", True)]
    columns += [("Limit", False), ("Verdict", False)] if judging else []
    columns += [(_heading(name), pd.api.types.is_numeric_dtype(findings[name])) for name in own]
    rows: list[list[Cell | str]] = []
    for _, row in ordered.head(_FIRST).iterrows():
        judged: Cell | str = "" if pd.isna(row["passed"]) else "passed"
        judged = judged if pd.isna(row["passed"]) or row["passed"] else FAILED
        texts = [_text(row[name]) for name in own]
        verdicts = [row["limit"], judged] if judging else []
        rows.append([row["what"], _text(row["number"]) or HIDDEN, *verdicts, *texts])
    n = f"the first {len(rows)} of {len(findings)}" if len(findings) > len(rows) else str(len(rows))
    order = ", those that fail first" if judging else ""
    caption = f"{check.title}: {n} findings{order} ({check.path})."
    return table(caption, columns, rows, folded=folded)


def _heading(column: str) -> str:
    """Return the words for a column of a check's own."""
    words = label("column", column)
    return words[:1].upper() + words[1:]


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return number(value) if not isinstance(value, int) else f"{value:,}".replace(",", "\u202f")
