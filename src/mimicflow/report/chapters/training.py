"""Chapter of training: how the networks were trained, and what they decide at a threshold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from mimicflow.evaluation.smallest_cell import HIDDEN, to_hide
from mimicflow.evaluation.statistics.metrics import NOT_PROMISED
from mimicflow.report import charts, grouped_charts
from mimicflow.report.blocks import (
    DASH,
    Block,
    Chart,
    Section,
    Table,
    count,
    in_sentence,
    number,
    table,
)
from mimicflow.report.chapters import section
from mimicflow.report.chapters.models import Protocol, System, rule_title
from mimicflow.report.inputs import label, read_table

SCORES, PARTS = ["loss", "auc", "ap"], ["train", "val"]
CELLS = ["tn", "fp", "fn", "tp"]


def history(system: System) -> Section:
    """Return the scores by pass: charts of the protocol to judge by, tables of the others."""
    blocks: dict[str, list[Block]] = {}
    texts: dict[str, str] = {}
    for protocol in system.protocols:
        for model, path in system.models_with(protocol, "history"):
            columns = [f"{part}_{score}" for score in SCORES for part in PARTS]
            frame = read_table(path, "epoch", "is_best", *columns)
            if model in blocks:
                blocks[model].append(_pass_table(protocol, frame, SCORES, folded=True))
                continue
            blocks[model] = [_passes(protocol, frame, score) for score in SCORES]
            texts[model] = f"{protocol.marked_title}. {_kept_text(frame)}"
    parts = [
        Section(f"{system.name}-history-{model}", system.title(model), texts[model], found)
        for model, found in blocks.items()
    ]
    return section("history", sections=parts, system=system.name)


def _passes(protocol: Protocol, frame: pd.DataFrame, score: str) -> Chart:
    drawn = frame.rename(columns={f"{part}_{score}": label("epoch", part) for part in PARTS})
    drawn = drawn.melt("epoch", [label("epoch", part) for part in PARTS], "title").dropna().round(5)
    name = label("epoch", score)
    description = f"{name} on training and validation patients by epoch."
    spec = charts.specification(grouped_charts.passes(drawn, name, _kept(frame)), description)
    data = _pass_table(protocol, frame, [score])
    return Chart(f"{name} by epoch.", description, spec, data, small=True)


def _pass_table(
    protocol: Protocol, frame: pd.DataFrame, scores: list[str], folded: bool = False
) -> Table:
    columns = [("Epoch", True)]
    for score in scores:
        names = [label("epoch", part) for part in PARTS]
        if len(scores) > 1:
            names = [f"{label('epoch', score)}, {in_sentence(name)}" for name in names]
        columns += [(name, True) for name in names]
    kept = _kept(frame)
    rows = [
        [f"{row['epoch']:.0f}{' (kept)' if row['epoch'] == kept else ''}"]
        + [number(row[f"{part}_{score}"]) for score in scores for part in PARTS]
        for _, row in frame.iterrows()
    ]
    what = ", ".join(label("epoch", score) for score in scores)
    caption = f"{protocol.title}, {in_sentence(what)} by epoch."
    return table(caption, columns, rows, optimistic=protocol.optimistic, folded=folded)


def _kept(frame: pd.DataFrame) -> int | None:
    """Return the pass whose weights were kept: the last that was the best so far."""
    best = frame.loc[frame["is_best"].astype(bool), "epoch"]
    return None if best.empty else int(best.iloc[-1])


def _kept_text(frame: pd.DataFrame) -> str:
    kept = _kept(frame)
    return "" if kept is None else f"Epoch {kept} of {len(frame)} was kept."


def confusion(system: System) -> Section:
    """Return right and wrong predictions at each threshold, and the classification report."""
    blocks: list[Block] = []
    for protocol in system.protocols:
        matrices = _stacked(system, protocol, "confusion", *CELLS)
        reports = _stacked(system, protocol, "classification_report", "class", "support")
        if not matrices.empty:
            blocks.append(_matrices(system, protocol, matrices))
        if not reports.empty:
            blocks.append(_report(system, protocol, reports))
    return section("confusion", blocks, system=system.name)


def _stacked(system: System, protocol: Protocol, kind: str, *needed: str) -> pd.DataFrame:
    """Return the tables of all models, those of a threshold rule together."""
    frames = [
        read_table(path, "threshold_rule", "threshold", *needed).assign(model=model)
        for model, path in system.models_with(protocol, kind)
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _by_rule(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for rule, part in frame.groupby("threshold_rule", sort=False):
        chosen = f"At the threshold chosen on validation patients by {rule_title(str(rule))}"
        yield "At a fixed threshold" if rule == "fixed" else chosen, part


def _matrices(system: System, protocol: Protocol, frame: pd.DataFrame) -> Table:
    columns = [("Model", False), ("Threshold", True)]
    columns += [(f"{label('confusion', cell)} (share)", True) for cell in reversed(CELLS)]
    rows: list[list[str]] = []
    for heading, part in _by_rule(frame):
        rows.append([heading])
        for _, row in part.iterrows():
            cells = (
                [HIDDEN] * len(CELLS)
                if row.get("suppressed", False)
                else _cells(row[CELLS].to_numpy(dtype=float).reshape(2, 2), system.smallest)
            )
            rows.append(
                [system.title(row["model"]), number(row["threshold"]) or NOT_PROMISED, *cells[::-1]]
            )
    caption = f"{protocol.title}, patients by prediction and outcome."
    options = {"optimistic": protocol.optimistic, "folded": protocol.optimistic}
    return table(caption, columns, rows, **options)


def _cells(counts: np.ndarray, smallest: int) -> list[str]:
    """Write counts (outcome, prediction) with their share of the outcome; – without a threshold."""
    if np.isnan(counts).any():
        return [DASH] * counts.size
    hide = to_hide(counts, counts, smallest, rows_known=True)
    texts = []
    for n, total, hidden in zip(counts.flat, counts.sum(axis=1).repeat(2), hide.flat, strict=True):
        share = f" ({number(100 * n / total, 1)} %)" if total else ""
        shown = f"{count(n)}{share}"
        texts.append((count(n, smallest) if n < smallest else HIDDEN) if hidden else shown)
    return texts


def _report(system: System, protocol: Protocol, frame: pd.DataFrame) -> Table:
    scores = ["precision", "recall", "f1"]
    columns = [("Model", False), ("Threshold", True), ("Class", False), ("Precision", True)]
    columns += [("Recall", True), ("F1", True), ("Patients", True)]
    rows: list[list[str]] = []
    for heading, of_rule in _by_rule(frame):
        rows.append([heading])
        for model, part in of_rule.groupby("model", sort=False):
            few, revealing = _too_few(part, system.smallest)
            for _, row in part.iterrows():
                size = count(row["support"], system.smallest) or HIDDEN
                hidden = few and row["support"] >= system.smallest
                rows.append(
                    [
                        system.title(str(model)),
                        number(row["threshold"]) or NOT_PROMISED,
                        label("class", row["class"]),
                        *(DASH if revealing else number(row[score]) or DASH for score in scores),
                        HIDDEN if hidden else size,
                    ]
                )
    caption = f"{protocol.title}, classification report."
    return table(caption, columns, rows, optimistic=protocol.optimistic, folded=True)


def _too_few(report: pd.DataFrame, smallest: int) -> tuple[bool, bool]:
    """Return whether a class is too small to be shown, and whether the scores reveal a small count.

    Recall and size of a class give the patients that are right and those that are wrong.
    """
    classes = report[~report["class"].astype(str).str.contains("average")]
    right = (classes["recall"] * classes["support"]).round()
    counts = pd.concat([right, classes["support"] - right])
    few = classes["support"].between(1, smallest - 1).any()
    return bool(few), bool(few or counts.between(1, smallest - 1).any())
