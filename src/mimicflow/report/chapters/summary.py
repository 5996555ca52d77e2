"""Make what is read first: of each system one number with what goes with it, and a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from mimicflow.audit.findings import read_findings, verdict
from mimicflow.report.blocks import (
    DASH,
    Block,
    Card,
    Question,
    Section,
    Text,
    count,
    in_sentence,
    number,
    table,
    with_interval,
)
from mimicflow.report.chapters import section
from mimicflow.report.chapters.models import Protocol, System, rule_title
from mimicflow.report.chapters.performance import NEEDED, one_interval
from mimicflow.report.inputs import label, read_table

_ACTING = ("sensitivity", "ppv")
_ENDS = ["value", "low", "high"]


def summary(systems: Sequence[System]) -> Section:
    """Return a card per system, and the AUROC of its main models."""
    rows = [row for system in systems for row in _rows(system)]
    if not rows:
        return section("summary")
    columns = [("System", False), ("Protocol", False), ("Model", False)]
    columns += [("Patients", True), ("Predictions", True), ("Events", True)]
    columns += [("AUROC (95 % CI)", True), ("Published", True)]
    cards = [card for system in systems for card in _cards(system, f"#system-{system.name}")]
    caption = "Main result of each system."
    return section("summary", [*cards, table(caption, columns, rows), Text(_extent(systems))])


def opening(system: System) -> list[Block]:
    """Return what stands at the head of a system's chapter: its question and its card."""
    words = system.words
    terms = [("Who", words["who"]), ("When", words["prediction_time"])]
    terms.append(("Positive outcome", words["positive_class"]))
    published = words["published"], words["published_link"]
    return [Question(words["question"], terms, *published), *_cards(system)]


def _extent(systems: Sequence[System]) -> str:
    """Return what else there is: beside a full report documents, else the full report."""
    folds = any(protocol.fold_tables for system in systems for protocol in system.protocols)
    full = folds or any(system.files.audit for system in systems)
    return label("extent", "full" if full else "single")


def _scored(system: System) -> Iterator[tuple[Protocol, pd.DataFrame]]:
    """Yield the protocol to judge by with its scores, if there are any."""
    for protocol, path in list(system.with_file("scores"))[:1]:
        yield protocol, read_table(path, *NEEDED)


def _cards(system: System, link: str = "") -> Iterator[Card]:
    """Yield what is said first of a system, by its first main model."""
    for protocol, scores in _scored(system):
        for model in system.main_models[:1]:
            own = scores[scores["model"] == model]
            plain = one_interval(own).set_index("score")
            auroc = plain.loc["auroc"]
            points = [system.sizes(own.head(1)), *_published(auroc), *_acting(own)]
            if "calibration_slope" in plain.index:
                slope = plain.loc["calibration_slope", _ENDS]
                points.append(f"Calibration slope {with_interval(*slope)}; 1 is best.")
            points += _audited(system)
            yield Card(
                str(system.words["title"]),
                with_interval(auroc["value"], auroc["low"], auroc["high"]),
                f"AUROC (95 % CI) of {system.full_title(model)}. {protocol.marked_title}.",
                points,
                str(system.words["question"]) if link else "",
                link,
            )


def _published(auroc: pd.Series) -> Iterator[str]:
    if pd.notna(auroc["published"]):
        yield f"Published: {number(auroc['published'])}."


def _acting(scores: pd.DataFrame) -> Iterator[str]:
    """Yield what the model does at the first threshold that there is."""
    known = scores[scores["threshold_rule"].notna() & scores["value"].notna()]
    for rule, part in list(known.groupby("threshold_rule", sort=False))[:1]:
        values = part.drop_duplicates("score").set_index("score")
        texts = [
            f"{in_sentence(label('score', name))} {with_interval(*values.loc[name, _ENDS])}"
            for name in _ACTING
            if name in values.index
        ]
        if texts:
            yield f"At the threshold by {rule_title(str(rule))}: {', '.join(texts)}."


def _audited(system: System) -> Iterator[str]:
    verdicts = [verdict(read_findings(path)) for path in system.files.audit.values()]
    if judged := [one for one in verdicts if one.judged]:
        passed = sum(one.passed for one in judged)
        yield f"Leakage audit: {passed} of {len(judged)} checks passed."


def _rows(system: System) -> Iterator[list[str]]:
    for protocol, scores in _scored(system):
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
