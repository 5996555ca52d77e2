"""Chapter of performance: scores, folds, comparisons, subgroups, price of defects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.evaluation.smallest_cell import HIDDEN, SMALLEST_CELL
from mimicflow.evaluation.statistics.metrics import NOT_PROMISED
from mimicflow.evaluation.thresholds import GIVEN
from mimicflow.report import charts
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
from mimicflow.report.chapters.models import (
    ACTING,
    ERRORS,
    SCORES,
    Protocol,
    System,
    by_subset,
    caption_of,
    difference,
    estimate,
    rule_title,
)
from mimicflow.report.inputs import label, read_table

NEEDED = ["model", "title", "stays", "patients", "n", "events", "score", "threshold_rule"]
NEEDED += ["value", "low", "high", "interval", "calibrated_up_to", "fold_mean", "fold_sd"]
NEEDED += ["published"]
# The scores that a reader sees first; the others are folded below them.
MAIN = ["auroc", "auprc", "brier"]
FEW = f"<{SMALLEST_CELL}"
CALIBRATED = "≤: of 95 % of calibrated models"


def scores(system: System) -> Section:
    """Return the scores of all models beside published ones, if any, one part per protocol."""
    parts = []
    for place, (protocol, path) in enumerate(system.with_file("scores")):
        frame = read_table(path, *NEEDED)
        blocks: list[Block] = []
        if place == 0 and system.files.comparison is None:  # else the chart stands there
            blocks.append(_auroc_chart(system, protocol, frame))
        blocks += [
            _main_scores(system, protocol, subset, part)
            for subset, part in by_subset(system, frame)
        ]
        blocks.append(_plain_scores(system, protocol, frame))
        if frame["threshold_rule"].notna().any():
            blocks.append(_threshold_scores(system, protocol, frame))
        parts.append(
            Section(f"{system.name}-scores-{protocol.name}", protocol.title, protocol.text, blocks)
        )
    return section("scores", sections=parts, system=system.name)


def one_interval(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep one row per model and score: of several intervals the jackknife's."""
    plain = frame[frame["threshold_rule"].isna()]
    order = (plain["interval"] != "jackknife").astype(int)
    first = plain.assign(order=order).sort_values("order", kind="stable")
    return first.drop_duplicates(["model", "score"]).sort_index().drop(columns="order")


def _main_scores(system: System, protocol: Protocol, subset: str, frame: pd.DataFrame) -> Table:
    wide = one_interval(frame).set_index(["model", "score"]).sort_index()
    columns, rows = [("Model", False)], [[system.title(name)] for name in frame["model"].unique()]
    for name in [name for name in MAIN if name in set(frame["score"])]:
        of_score = wide.xs(name, level="score").reindex(frame["model"].unique())
        columns.append((f"{label('score', name)} (95 % CI)", True))
        with_published = of_score["published"].notna().any()
        if with_published:
            columns += [("Fold mean ± SD", True)] * protocol.fold_tables
            columns.append((f"Published {label('score', name)}", True))
        for row, (_, entry) in zip(rows, of_score.iterrows(), strict=True):
            row.append(with_interval(entry["value"], entry["low"], entry["high"]))
            if with_published:
                spread = with_spread(entry["fold_mean"], entry["fold_sd"])
                row += [spread] * protocol.fold_tables
                row.append(number(entry["published"]) or DASH)
    caption = caption_of(protocol, subset, "main scores") + " " + system.sizes(frame)
    return table(caption, columns, rows, optimistic=protocol.optimistic)


def _plain_scores(system: System, protocol: Protocol, frame: pd.DataFrame) -> Table:
    """Return every score that needs no threshold, with each of its intervals."""
    columns = [("Model", False), ("Score", False), ("Value (95 % CI)", True), ("Interval", False)]
    folds, published = protocol.fold_tables, bool(frame["published"].notna().any())
    columns += [("Fold mean ± SD", True)] * folds + [("Published", True)] * published
    rows: list[list[Cell | str]] = []
    for row in frame[frame["threshold_rule"].isna()].to_dict("records"):
        kind = "" if pd.isna(row["interval"]) else label("interval", row["interval"])
        kind = CALIBRATED if row["score"] in ERRORS else kind
        cells: list[Cell | str] = [system.full_title(row["model"]), label("score", row["score"])]
        cells += [estimate(row), kind]
        cells += [with_spread(row["fold_mean"], row["fold_sd"])] * folds
        rows.append(cells + [number(row["published"])] * published)
    caption = caption_of(protocol, "", "every score without a threshold")
    return table(caption, columns, rows, optimistic=protocol.optimistic, folded=True)


def _threshold_scores(system: System, protocol: Protocol, frame: pd.DataFrame) -> Table:
    """Return sensitivity and its kin at each chosen threshold."""
    chosen = frame.dropna(subset=["threshold_rule"])
    names = list(dict.fromkeys(chosen["score"]))
    columns = [("Model", False), ("Threshold chosen by", False)]
    headings = [label("score", name) for name in names]
    columns += [
        (heading if name == "threshold" else f"{heading} (95 % CI)", True)
        for name, heading in zip(names, headings, strict=True)
    ]
    rows = []
    for (model, rule), part in chosen.groupby(["model", "threshold_rule"], sort=False):
        values = part.drop_duplicates("score").set_index("score").reindex(names)
        texts = [with_interval(*entry) for entry in values[["value", "low", "high"]].to_numpy()]
        texts[names.index("threshold")] = number(values.at["threshold", "value"]) or NOT_PROMISED
        rows.append([system.full_title(model), rule_title(str(rule)), *texts])
    given = chosen["threshold_rule"].str.startswith(GIVEN).all()
    what = "at the given thresholds" if given else "at thresholds chosen on validation patients"
    caption = caption_of(protocol, "", what)
    return table(caption, columns, rows, optimistic=protocol.optimistic, folded=True)


def _auroc_chart(system: System, protocol: Protocol, frame: pd.DataFrame) -> Chart:
    auroc = one_interval(frame).query("score == 'auroc'")
    points = auroc[["value", "low", "high"]].copy()
    points.insert(0, "row", auroc["model"].map(system.full_title))
    columns, beside, marks = [("Model", False), ("AUROC (95 % CI)", True)], "", ""
    rows = [[row.row, with_interval(row.value, row.low, row.high)] for row in points.itertuples()]
    if auroc["published"].notna().any():
        points["beside"] = auroc["published"]
        columns.append(("Published", True))
        for row, value in zip(rows, points["beside"], strict=True):
            row.append(number(value) or DASH)
        beside, marks = " beside the published value", " (dot) and published value (diamond)"
    caption = f"AUROC with 95 % interval{marks}. {protocol.title}."
    description = f"Dot plot of the AUROC of {len(points)} models{beside}{'s' if beside else ''}."
    data = table(f"AUROC{beside}", columns, rows, optimistic=protocol.optimistic)
    spec = charts.specification(charts.forest(points, "AUROC"), description)
    return Chart(caption, description, spec, data, wide=True)


def folds(system: System) -> Section:
    """Return the score of each fold and their mean ± SD."""
    blocks: list[Block] = []
    for protocol, path in system.with_file("folds"):
        if not protocol.fold_tables:
            continue
        frame = read_table(path, "model", "fold", "score", "value")
        if "threshold_rule" in frame:  # a score at several thresholds is not one score
            frame = frame[frame["threshold_rule"].isna()]
        numbers = sorted(frame["fold"].unique())
        columns = [("Model", False), ("Score", False)]
        columns += [(f"Fold {fold + 1}", True) for fold in numbers] + [("Mean ± SD", True)]
        for names, folded in ((("auroc", "auprc"), False), (None, True)):
            main = frame["score"].isin(("auroc", "auprc"))
            part = frame[main] if names else frame[~main]
            values = part.pivot_table(
                index=["model", "score"], columns="fold", values="value", sort=False
            ).reindex(columns=numbers)
            rows = [
                [
                    system.full_title(model),
                    label("score", score),
                    *map(number, row),
                    with_spread(row.mean(), row.std()),
                ]
                for (model, score), row in values.iterrows()
            ]
            what = "AUROC and AUPRC of each fold" if names else "other scores of each fold"
            if rows:
                caption = caption_of(protocol, "", what)
                options = {
                    "optimistic": protocol.optimistic,
                    "folded": folded or protocol.optimistic,
                }
                blocks.append(table(caption, columns, rows, **options))
    return section("folds", blocks, system=system.name)


def comparisons(system: System) -> Section:
    """Return the pairwise differences of AUROC."""
    blocks: list[Block] = []
    columns = [("First − second model", False), ("AUROC of first", True)]
    columns += [("AUROC of second", True), ("Difference (95 % CI)", True)]
    columns += [("P", True), ("P, Holm", True)]
    for protocol, path in system.with_file("comparisons"):
        frame = read_table(path, "model_a", "title_a", "difference", "p_holm")
        for subset, part in by_subset(system, frame.rename(columns={"model_a": "model"})):
            rows = [
                [
                    f"{row.title_a} − {row.title_b}",
                    number(row.auroc_a),
                    number(row.auroc_b),
                    difference(with_interval(row.difference, row.low, row.high), row.low, row.high),
                    p_value(row.p),
                    p_value(row.p_holm),
                ]
                for row in part.itertuples()
            ]
            sizes = part[["n", "patients"]].drop_duplicates()
            texts = map(system.size, sizes.itertuples())
            caption = f"{caption_of(protocol, subset, 'differences of AUROC')} {'; '.join(texts)}."
            options = {"optimistic": protocol.optimistic, "folded": protocol.optimistic}
            blocks.append(table(caption, columns, rows, **options))
    return section("comparisons", blocks, system=system.name)


def subgroups(system: System) -> Section:
    """Return AUROC and calibration by group of patients, without the small groups."""
    blocks: list[Block] = []
    hidden = False
    for place, (protocol, path) in enumerate(system.with_file("subgroups")):
        frame = read_table(path, "model", "group", "level", "score", "value", "suppressed")
        if place == 0:
            models = list(dict.fromkeys(frame["model"]))
            first = next((name for name in models if name in system.main_models), models[0])
            part = frame[frame["model"] == first]
            data = _subgroup_table(system, protocol, part, system.full_title(first))
            blocks.append(_subgroup_chart(system, protocol, frame, first, data))
        blocks.append(_subgroup_table(system, protocol, frame, "every model"))
        hidden = hidden or bool(frame["suppressed"].any())
    if hidden:
        blocks.insert(0, Text(label("hidden", "subgroups")))
    return section("subgroups", blocks, system=system.name)


def _subgroup_table(system: System, protocol: Protocol, frame: pd.DataFrame, of: str) -> Table:
    names = [name for name in [*SCORES, *ACTING] if name in set(frame["score"])]
    counted = "Stays" if system.unit == "patients" else label("unit", system.unit)
    columns = [("Group", False), ("Patients", True), (counted, True), ("Events", True)]
    columns += [(f"{label('score', name)} (95 % CI)", True) for name in names]
    rows: list[list[str]] = []
    for model, table_of_model in frame.groupby("model", sort=False):
        if frame["model"].nunique() > 1:
            rows.append([system.full_title(model)])
        for (group, level), part in table_of_model.groupby(["group", "level"], sort=False):
            some, hidden = part.iloc[0], bool(part["suppressed"].any())
            sizes = [
                FEW if hidden else count(some[name], system.smallest)
                for name in ("patients", "n", "events")
            ]
            values = part.drop_duplicates("score").set_index("score").reindex(names)
            entries = values[["value", "low", "high"]].to_numpy()
            texts = [DASH if hidden else with_interval(*entry) for entry in entries]
            rows.append([f"{label('group', group)}: {level}", *sizes, *texts])
    what = "by group of patients"
    if ACTING[0] in names:
        rules = frame.loc[frame["score"] == ACTING[0], "threshold_rule"].dropna().unique()
        what += f"; sensitivity and PPV at the threshold of {' or '.join(map(rule_title, rules))}"
    caption = caption_of(protocol, of, what)
    return table(caption, columns, rows, optimistic=protocol.optimistic, folded=True)


def _subgroup_chart(
    system: System, protocol: Protocol, frame: pd.DataFrame, first: str, data: Table
) -> Chart:
    shown = frame[(frame["score"] == "auroc") & frame["value"].notna()]  # suppressed: no value
    points = pd.DataFrame(
        {
            "row": [f"{label('group', row.group)}: {row.level}" for row in shown.itertuples()],
            "of": shown["model"].map(system.full_title).to_numpy(),
            **{name: shown[name].to_numpy() for name in ("value", "low", "high")},
        }
    )
    description = f"Dot plot of the AUROC with 95 % interval in {points['row'].nunique()} groups."
    chart = charts.forest(points, "AUROC", choose="of", default=system.full_title(first))
    caption = f"AUROC with 95 % interval by group. {protocol.title}."
    return Chart(caption, description, charts.specification(chart, description), data, wide=True)


def price_of_defects(system: System, path: Path) -> Section:
    """Return what each decision of the published pipeline is worth."""
    frame = read_table(path, "row", "defect", "score", "difference", "difference_low")
    order = frame["row"].astype(str).str.extract(r"(\d+)", expand=False).astype(float)
    frame = frame.assign(order=order).sort_values("order", kind="stable")
    names = [name for name in SCORES if name in set(frame["score"])]
    tables = [
        _defect_table(system, name, frame[frame["score"] == name], folded=place > 0)
        for place, name in enumerate(names)
    ]
    blocks: list[Block] = []
    if tables:  # evaluation.priced_rows may name none
        blocks = [_defect_chart(frame, names[0], tables[0]), *tables[1:]]
    return section("defects", blocks, system=system.name)


_OF_SIDE = ("value", "low", "high", "calibrated_up_to")


def _defect_table(system: System, score: str, frame: pd.DataFrame, folded: bool) -> Table:
    beside = "" if score in ERRORS else " (95 % CI)"
    columns = [("Row and defect", False), (f"Difference{beside}", True)]
    beside = " (calibrated up to)" if score in ERRORS else beside
    columns += [(f"With our rule{beside}", True), (f"With the published rule{beside}", True)]
    columns += [("Our rule", False), ("Published rule", False), ("Model", False)]
    columns += [("Stays, ours / published", True), ("Same stays", False), ("Note", False)]
    rows: list[Sequence[Cell | str]] = [
        [
            f"{row.row}. {row.defect}",
            difference(
                with_interval(row.difference, row.difference_low, row.difference_high),
                row.difference_low,
                row.difference_high,
            ),
            *(
                estimate({end: getattr(row, f"{side}_{end}") for end in _OF_SIDE})
                for side in ("ours", "published")
            ),
            _option(row.ours),
            _option(row.published),
            row.title,
            _stays(system, row),
            "" if pd.isna(row.paired) else "yes" if row.paired else "no",
            Cell(_option(row.note), prose=True),
        ]
        for row in frame.itertuples()
    ]
    caption = f"{label('score', score)} with our rule and with the published one."
    return table(caption, columns, rows, folded=folded)


def _stays(system: System, row: Any) -> str:
    """Return how many stays are on either side of a priced row."""
    sizes = (row.n_ours, row.n_published)
    priced = not pd.isna(row.ours_value)
    return " / ".join(count(n, system.smallest) or HIDDEN for n in sizes) if priced else ""


def _defect_chart(frame: pd.DataFrame, score: str, data: Table) -> Chart:
    shown = frame[(frame["score"] == score) & frame["difference"].notna()]
    several = shown["title"].nunique() > 1
    points = pd.DataFrame(
        {
            "row": [
                f"{row.row}. {row.defect}" + (f" ({row.title})" if several else "")
                for row in shown.itertuples()
            ],
            "value": shown["difference"].to_numpy(),
            "low": shown["difference_low"].to_numpy(),
            "high": shown["difference_high"].to_numpy(),
        }
    )
    name = label("score", score)
    description = f"Dot plot of the difference of {name} of {len(points)} decisions."
    chart = charts.forest(points, f"{name}, published − ours", line=0.0)
    caption = f"{name} under the published rule less that under ours, with 95 % interval."
    return Chart(
        caption, description, charts.specification(chart, description), data, True, opened=True
    )


def _option(value: object) -> str:
    return "" if pd.isna(value) else str(value)
