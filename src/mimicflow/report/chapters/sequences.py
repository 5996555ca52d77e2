"""Chapter of visit sequences: both protocols side by side, and the embedding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.reference import reference
from mimicflow.report import charts, grouped_charts
from mimicflow.report.blocks import (
    DASH,
    Block,
    Cell,
    Chart,
    Section,
    Table,
    Text,
    count,
    number,
    p_value,
    table,
    with_interval,
    with_spread,
)
from mimicflow.report.chapters import section
from mimicflow.report.chapters.models import Protocol, System, difference
from mimicflow.report.inputs import label, read_table

COMPARED = ["auroc", "auprc", "test_loss"]
# A protocol with its rows of a table.
Part = tuple[Protocol, pd.DataFrame]


def comparison(system: System, path: Path) -> Section:
    """Return all models under each protocol: scores, size, time, difference, spread of repeats."""
    needed = [f"{score}{part}" for score in COMPARED for part in ("", "_low", "_high", "_mean")]
    frame = read_table(path, "protocol", "model", "title", "delong_difference", "p_holm", *needed)
    protocols = system.protocols_of(set(frame["protocol"]))
    parts = [(protocol, frame[frame["protocol"] == protocol.name]) for protocol in protocols]
    context = _context(system.name)
    blocks: list[Block] = []
    if context is not None:
        between = f"{number(context['low'])}{DASH}{number(context['high'])}"
        blocks.append(Text(f"Published context: AUROC {between}, {context['text']}."))
    blocks += [_comparison_chart(parts, context), _compared(system, parts)]
    blocks.append(_repeats(parts, _seconds(system.files.times)))
    return section("comparison", blocks, system=system.name)


def _seconds(path: Path | None) -> dict[tuple[str, str], float]:
    """Return how long the first repeat of each protocol and model was trained."""
    if path is None:
        return {}
    times = read_table(path, "protocol", "model", "repeat", "train_seconds")
    first = times[times["repeat"] == 1]
    runs = zip(first["protocol"], first["model"], strict=True)
    return dict(zip(runs, first["train_seconds"], strict=True))


def _context(system: str) -> pd.Series | None:
    """Return low, high and text of what was published of other patients, if anything was."""
    known = pd.read_csv(reference("published_context.csv"))
    found = known[(known["system"] == system) & (known["score"] == "auroc")]
    return None if found.empty else found.iloc[0]


def _comparison_chart(parts: list[Part], context: pd.Series | None) -> Chart:
    frames = [frame.assign(group=protocol.marked_title) for protocol, frame in parts]
    names = {"title": "row", "auroc": "value", "auroc_low": "low", "auroc_high": "high"}
    points = pd.concat(frames).rename(columns=names).round(5)
    points = points[["row", "group", "value", "low", "high"]]
    band, caption = None, "AUROC with 95 % interval under each protocol."
    if context is not None:
        band = (float(context["low"]), float(context["high"]))
        caption += " Grey band: the published context."
    groups = " and ".join(protocol.title for protocol, _ in parts)
    description = f"Dot plot of the AUROC of {points['row'].nunique()} models. {groups}."
    rows = [
        [row.row, row.group, with_interval(row.value, row.low, row.high)]
        for row in points.itertuples()
    ]
    columns = [("Model", False), ("Protocol", False), ("AUROC (95 % CI)", True)]
    spec = charts.specification(grouped_charts.grouped_forest(points, "AUROC", band), description)
    return Chart(caption, description, spec, table(caption, columns, rows), wide=True)


def _compared(system: System, parts: list[Part]) -> Table:
    columns = [("Model", False), *((f"{label('score', one)} (95 % CI)", True) for one in COMPARED)]
    columns += [("AUROC less the LSTM's (95 % CI)", True), ("P (Holm)", True)]
    rows: list[list[Cell | str]] = []
    for protocol, frame in parts:
        rows.append([f"{protocol.marked_title}: {system.sizes(frame).rstrip('.')}"])
        for row in frame.to_dict("records"):
            low, high = row["delong_low"], row["delong_high"]
            gap = with_interval(row["delong_difference"], low, high)
            texts = [
                with_interval(*(row[f"{score}{part}"] for part in ("", "_low", "_high")))
                for score in COMPARED
            ]
            cell = difference(gap, low, high) if gap else DASH
            p, corrected = (p_value(row[name]) for name in ("p", "p_holm"))
            tested = f"{p} ({corrected})" if p else DASH
            rows.append([row["title"], *texts, cell, tested])
    return table("Models under each protocol.", columns, rows)


def _repeats(parts: list[Part], seconds: Mapping[tuple[str, str], float]) -> Table:
    columns = [
        ("Model", False),
        ("Parameters", True),
        ("Training\u00a0(s)", True),
        ("Repeats", True),
    ]
    columns += [(f"{label('score', score)}, mean ± SD", True) for score in COMPARED]
    columns += [("Brier", True), ("F1 at 0.5", True)]
    rows: list[list[str]] = []
    for protocol, frame in parts:
        rows.append([protocol.marked_title])
        for row in frame.to_dict("records"):
            trained = seconds.get((protocol.name, row["model"]), np.nan)
            size = [count(row["parameters"]) or DASH, number(trained, 1) or DASH]
            spreads = [with_spread(row[f"{one}_mean"], row[f"{one}_sd"]) for one in COMPARED]
            others = [number(row["brier"]), number(row["f1"])]
            rows.append([row["title"], *size, count(row["repeats"]), *spreads, *others])
    caption = "Size and time of training of the first repeat, and the spread over repeats."
    return table(caption, columns, rows)


def leak(system: System, path: Path) -> Section:
    """Return what each model gains from the leaks of the published protocol."""
    needed = ("leak", "model", "score", "published", "audited", "difference", "low", "high")
    frame = read_table(path, *needed)
    frame = frame.assign(title=frame["model"].map(system.title))
    alone = frame[frame["leak"] != "all"]
    frame = frame.drop(alone.index)
    auroc = frame[frame["score"] == "auroc"]
    names = {"title": "row", "difference": "value"}
    points = auroc.rename(columns=names)[["row", "value", "low", "high"]].round(5)
    caption = "AUROC under the published protocol less that under the audited one."
    description = (
        f"Dot plot of the difference of AUROC, with 95 % interval, of {len(auroc)} models."
    )
    chart = charts.forest(points, "AUROC, published − audited", line=0.0)
    spec = charts.specification(chart, description)
    data = _leak_table(system, auroc, caption)
    drawn = Chart(caption, description, spec, data, wide=True, opened=True)
    others = _leak_table(system, frame.drop(auroc.index), "Other scores under both protocols.")
    blocks: list[Block] = [drawn, *([others] if others.rows else [])]
    if not alone.empty:
        blocks.append(_alone(alone))
    return section("leak", blocks, system=system.name)


def _alone(frame: pd.DataFrame) -> Table:
    """Return the price of each leak alone, score by score."""
    columns = [("Key", False), ("Model", False), ("As audited", True), ("As published", True)]
    columns += [("Difference (95 % CI)", True)]
    rows: list[list[Cell | str]] = []
    for score, part in frame.groupby("score", sort=False):
        rows.append([label("score", score)])
        for row in part.itertuples():
            gap = with_interval(row.difference, row.low, row.high)
            cells = [row.leak, row.title, number(row.audited), number(row.published)]
            rows.append([*cells, difference(gap, row.low, row.high)])
    return table("One key of the protocol as published, all others audited.", columns, rows)


def _leak_table(system: System, frame: pd.DataFrame, caption: str) -> Table:
    ours, theirs = system.protocols_of(["audited", "published"])
    columns = [("Model", False), (ours.marked_title, True), (theirs.marked_title, True)]
    columns += [("Difference (95 % CI)", True)]
    rows: list[list[Cell | str]] = []
    for score, part in frame.groupby("score", sort=False):
        rows += [[label("score", score)]] if frame["score"].nunique() > 1 else []
        for row in part.itertuples():
            gap = with_interval(row.difference, row.low, row.high)
            cells = [row.title, number(row.audited), number(row.published)]
            rows.append([*cells, difference(gap, row.low, row.high)])
    return table(caption, columns, rows)


def neighbours(system: System) -> Section:
    """Return the codes that the embedding to judge by takes for alike."""
    blocks: list[Block] = []
    for protocol, path in list(system.with_file("neighbours"))[:1]:
        needed = ["code", "title", "visits", "rank", "neighbour", "neighbour_title", "similarity"]
        frame = read_table(path, *needed)
        rows: list[list[Cell | str]] = []
        for code, part in frame.sort_values("rank", kind="stable").groupby("code", sort=False):
            first = part.iloc[0]
            near = [
                f"{number(row.similarity, 2)}  {_named(row.neighbour, row.neighbour_title)}"
                for row in part.itertuples()
            ]
            visits = count(first["visits"], system.smallest)
            rows.append([_named(code, first["title"]), visits, Cell("\n".join(near), prose=True)])
        columns = [
            ("Code", False),
            ("Visits", True),
            ("Nearest codes, with their similarity", False),
        ]
        caption = f"{protocol.title}, nearest codes of the {len(rows)} most frequent ones."
        blocks.append(table(caption, columns, rows, optimistic=protocol.optimistic, folded=True))
    return section("neighbours", blocks, system=system.name)


def _named(code: object, title: object) -> str:
    return str(code) if pd.isna(title) else f"{title} ({code})"
