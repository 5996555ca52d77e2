"""Make the first table of the page: one line per system and subset of stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mimicflow.report.blocks import (
    DASH,
    Section,
    Text,
    count,
    in_sentence,
    number,
    table,
    with_interval,
)
from mimicflow.report.chapters import section
from mimicflow.report.chapters.models import System
from mimicflow.report.chapters.performance import NEEDED, one_interval
from mimicflow.report.inputs import label, read_table


def summary(systems: Sequence[System]) -> Section:
    """Return the AUROC of the main models of each system."""
    rows = [row for system in systems for row in _rows(system)]
    columns = [("System", False), ("Protocol", False), ("Model", False)]
    columns += [("Patients", True), ("Predictions", True), ("Events", True)]
    columns += [("AUROC (95 % CI)", True), ("Published", True)]
    caption = "Main result of each system."
    if not rows:
        return section("summary")
    return section("summary", [table(caption, columns, rows), Text(_extent(systems))])


def _extent(systems: Sequence[System]) -> str:
    """Return what else there is: beside a full report documents, else the full report."""
    folds = any(protocol.fold_tables for system in systems for protocol in system.protocols)
    full = folds or any(system.files.audit for system in systems)
    return label("extent", "full" if full else "single")


def _rows(system: System) -> Iterator[list[str]]:
    for protocol, path in list(system.with_file("scores"))[:1]:
        scores = read_table(path, *NEEDED)
        auroc = one_interval(scores).query("score == 'auroc'").set_index("model")
        for model in system.main_models:
            found = auroc.loc[model]
            subset = in_sentence(system.subset_words(found["stays"]))
            yield [
                system.words["title"] + ("" if found["stays"] == "all" else f", {subset}"),
                protocol.marked_title,
                system.title(model),
                *(count(found[name], system.smallest) for name in ("patients", "n", "events")),
                with_interval(found["value"], found["low"], found["high"]),
                number(found["published"]) or DASH,
            ]
