"""What drives the predictions: importance, ablation, attributions, single ECGs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mimicflow.report import charts
from mimicflow.report.blocks import (
    Block,
    Chart,
    Picture,
    Section,
    Table,
    count,
    in_sentence,
    number,
    table,
    with_interval,
)
from mimicflow.report.chapters import section
from mimicflow.report.chapters.models import SCORES, System, difference
from mimicflow.report.images import data_uri
from mimicflow.report.inputs import label, read_table

LEADING = 20  # features shown of each model


def importance(system: System, path: Path) -> Section:
    """Return the leading features of the tabular models, over folds."""
    frame = read_table(path, "model", "feature", "group", "measure", "mean", "sd", "rank")
    frame = frame[frame["rank"] <= LEADING].sort_values(["model", "measure", "rank"], kind="stable")
    of = [
        f"{system.full_title(row.model)}: {in_sentence(label('measure', row.measure))}"
        for row in frame.itertuples()
    ]
    shown = pd.DataFrame(
        {
            "of": of,
            "feature": frame["feature"].to_numpy(),
            "group": [label("group", group) for group in frame["group"]],
            "value": frame["mean"].to_numpy(),
            "low": (frame["mean"] - frame["sd"]).to_numpy(),
            "high": (frame["mean"] + frame["sd"]).to_numpy(),
        }
    )
    columns = [("Model and measure", False), ("Rank", True), ("Feature", False), ("Group", False)]
    columns += [("Mean over folds", True), ("SD", True)]
    rows = [
        [name, str(row.rank), row.feature, label("group", row.group), number(row.mean, 4)]
        + [number(row.sd, 4)]
        for name, row in zip(of, frame.itertuples(), strict=True)
    ]
    caption = f"The {LEADING} leading features, mean ± SD over folds."
    description = f"Bar chart of the {LEADING} most important features of each tabular model."
    data = table(caption, columns, rows)
    spec = charts.specification(charts.bars(shown, "Importance"), description)
    return section(
        "importance", [Chart(caption, description, spec, data, wide=True)], prefix=f"{system.name}-"
    )


def attributions(system: System, path: Path) -> Section:
    """Return the static features that moved the multimodal models most."""
    frame = read_table(path, "model", "feature", "group", "mean_abs", "mean", "rank")
    frame = frame[frame["rank"] <= LEADING].sort_values(["model", "rank"], kind="stable")
    of = [system.full_title(model) for model in frame["model"]]
    shown = pd.DataFrame(
        {
            "of": of,
            "feature": frame["feature"].to_numpy(),
            "group": [label("group", group) for group in frame["group"]],
            "value": frame["mean_abs"].to_numpy(),
        }
    )
    columns = [("Model", False), ("Rank", True), ("Feature", False), ("Group", False)]
    columns += [("Mean size", True), ("Mean with sign", True)]
    rows = [
        [name, str(row.rank), row.feature, label("group", row.group), number(row.mean_abs, 4)]
        + [number(row.mean, 4)]
        for name, row in zip(of, frame.itertuples(), strict=True)
    ]
    caption = f"The {LEADING} static features with the largest mean attribution."
    description = f"Bar chart of the {LEADING} static features with the largest attribution."
    data = table(caption, columns, rows)
    spec = charts.specification(charts.bars(shown, "Mean size of the attribution"), description)
    return section(
        "attributions",
        [Chart(caption, description, spec, data, wide=True)],
        prefix=f"{system.name}-",
    )


def ablation(system: System, path: Path) -> Section:
    """Return what is lost with each branch."""
    frame = read_table(path, "model", "removed", "score", "value", "full_value", "difference")
    blocks: list[Block] = []
    for place, score in enumerate(name for name in SCORES if name in set(frame["score"])):
        part, name = frame[frame["score"] == score], label("score", score)
        columns = [("Model", False), ("Removed", False), ("Stays", True), ("Events", True)]
        columns += [(f"{name} without it (95 % CI)", True), (f"{name} with all", True)]
        columns += [("Difference (95 % CI)", True)]
        rows = [
            [
                system.full_title(row.model),
                label("removed", row.removed),
                count(row.n, system.mask),
                count(row.events, system.mask),
                with_interval(row.value, row.low, row.high),
                number(row.full_value),
                difference(
                    with_interval(row.difference, row.difference_low, row.difference_high),
                    row.difference_low,
                    row.difference_high,
                ),
            ]
            for row in part.itertuples()
        ]
        data = table(f"{name} with one branch removed.", columns, rows, folded=place > 0)
        blocks.append(_ablation_chart(system, part, name, data) if place == 0 else data)
    return section("ablation", blocks, prefix=f"{system.name}-")


def _ablation_chart(system: System, frame: pd.DataFrame, name: str, data: Table) -> Chart:
    points = pd.DataFrame(
        {
            "row": [
                f"{system.full_title(row.model)} without {in_sentence(label('removed', row.removed))}"
                for row in frame.itertuples()
            ],
            "value": frame["difference"].to_numpy(),
            "low": frame["difference_low"].to_numpy(),
            "high": frame["difference_high"].to_numpy(),
        }
    )
    description = f"Dot plot of the change of {name} when a branch is removed."
    chart = charts.forest(points, f"Change of {name}", line=0.0)
    caption = f"Change of {name} when a branch is removed, with 95 % interval."
    spec = charts.specification(chart, description)
    return Chart(caption, description, spec, data, wide=True)


def ecgs(system: System) -> Section:
    """Return the chosen ECGs."""
    pictures = []
    for path in system.files.ecgs:
        kind = label("ecg", path.stem.removeprefix("ecg_"))
        description = f"Twelve-lead ECG of a {in_sentence(kind)} with the attribution in colour."
        pictures.append(Picture(f"{kind}.", description, data_uri(path)))
    return section("ecgs", pictures, prefix=f"{system.name}-")
