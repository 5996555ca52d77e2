"""Chapter of explanations: importance, ablation, attributions, single ECGs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mimicflow.evaluation.importance import feature_labels
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
from mimicflow.report.inputs import label, read_table, texts_of

LEADING = 20  # features shown of each model
NOTHING = 0.01  # of the log odds: a hundredth of the odds
_DRAWN = ["of", "feature", "group", "value", "low", "high"]


def importance(system: System, path: Path) -> Section:
    """Return the leading features of the tabular models, over folds."""
    frame = read_table(path, "model", "feature", "group", "measure", "mean", "sd", "rank")
    of = frame["model"].map(system.full_title) + ": "
    of += [in_sentence(label("measure", measure)) for measure in frame["measure"]]
    frame = frame.assign(of=of, value=frame["mean"], second=frame["sd"])
    frame = frame.assign(low=frame["mean"] - frame["sd"], high=frame["mean"] + frame["sd"])
    caption = f"The {LEADING} leading features, mean ± SD over folds."
    names = ("Model and measure", "Importance", "SD")
    return section("importance", _features(frame, caption, *names), system=system.name)


def attributions(system: System, path: Path) -> Section:
    """Return the static features that moved the multimodal models most."""
    frame = read_table(path, "model", "feature", "group", "mean_abs", "mean", "rank")
    frame = frame.assign(
        of=frame["model"].map(system.full_title), value=frame["mean_abs"], second=frame["mean"]
    )
    caption = f"The {LEADING} static features with the largest mean attribution."
    largest = frame.groupby("of", sort=False)["value"].max()
    nothing = [str(model) for model, value in largest.items() if value < NOTHING]
    if nothing:
        caption += f" In {' and '.join(map(in_sentence, nothing))} next to nothing:"
        caption += f" no feature moves the log odds by {NOTHING} on average."
    names = ("Model", "Mean size of the attribution", "Mean with sign")
    blocks = _features(frame, caption, *names, largest=largest.max())
    return section("attributions", blocks, system=system.name)


def _features(
    frame: pd.DataFrame,
    caption: str,
    of: str,
    value: str,
    second: str,
    largest: float | None = None,
) -> list[Chart]:
    """Chart the leading features of each model, on one scale if its end is given.

    Hovering shows the columns of, value and second.
    """
    if frame.empty:  # no model of this run has such features
        return []
    # Features that are of no use share a rank: it cannot decide how many to show.
    parts = [
        part.sort_values("rank", kind="stable").head(LEADING)
        for _, part in frame.groupby("of", sort=False)
    ]
    shown = pd.concat(parts)
    shown = shown.assign(
        feature=shown["feature"].map(feature_labels()).fillna(shown["feature"]),
        group=[label("group", group) for group in shown["group"]],
    )
    rows = [
        [row.of, str(row.rank), row.feature, row.group, number(row.value, 4), number(row.second, 4)]
        for row in shown.itertuples()
    ]
    columns = [(of, False), ("Rank", True), ("Feature", False), ("Group", False)]
    columns += [(value, True), (second, True)]
    drawn = shown[[name for name in _DRAWN if name in shown]].round(6)
    description = f"Bar chart. {caption}"
    spec = charts.specification(charts.bars(drawn, value, largest), description)
    return [Chart(caption, description, spec, table(caption, columns, rows), wide=True)]


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
                count(row.n, system.smallest),
                count(row.events, system.smallest),
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
    return section("ablation", blocks, system=system.name)


def _ablation_chart(system: System, frame: pd.DataFrame, name: str, data: Table) -> Chart:
    points = pd.DataFrame(
        {
            "row": [
                f"{system.full_title(row.model)}: no {in_sentence(label('removed', row.removed))}"
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
    order = [f"ecg_{kind}" for kind in texts_of("labels").loc["ecg", "key"]]
    for path in sorted(system.files.ecgs, key=lambda path: order.index(path.stem)):
        kind = label("ecg", path.stem.removeprefix("ecg_"))
        description = f"Twelve-lead ECG of a {in_sentence(kind)} with the attribution in colour."
        pictures.append(Picture(f"{kind}.", description, data_uri(path)))
    return section("ecgs", pictures, system=system.name)
