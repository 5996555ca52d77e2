"""Chapter of horizons: models of arrest at every horizon, with the tests of their differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.evaluation.smallest_cell import HIDDEN
from mimicflow.evaluation.statistics.metrics import NOT_PROMISED
from mimicflow.report import charts, grouped_charts
from mimicflow.report.blocks import (
    DASH,
    Block,
    Cell,
    Chart,
    Section,
    Table,
    count,
    counted,
    in_sentence,
    number,
    p_value,
    table,
    with_interval,
)
from mimicflow.report.chapters import section
from mimicflow.report.chapters.masking import Shown
from mimicflow.report.chapters.models import System, difference
from mimicflow.report.inputs import label, read_table

RANKING = ["auroc", "auprc"]
WITHIN = "auroc_within"
OPERATING = ["sensitivity", "specificity", "precision", "accuracy", "f1"]
_ENDS = ("", "_low", "_high")


def comparison(system: System, path: Path) -> Section:
    """Return the models at every horizon, published scores beside, and their differences."""
    needed = [f"{score}{end}" for score in RANKING for end in _ENDS]
    needed += [f"published_{score}" for score in RANKING]
    needed += ["patients", "stays", "n", "events", "event_stays", "p_holm", "compared_with"]
    needed += [*(f"{WITHIN}{end}" for end in _ENDS), f"{WITHIN}_stays"]
    frame = read_table(path, "horizon_h", "model", "title", *needed)
    frame[f"published_{WITHIN}"] = float("nan")
    blocks: list[Block] = [_chart(frame, score) for score in ("auroc", WITHIN, "auprc")]
    blocks = [block for block in blocks if isinstance(block, Chart) and block.table.rows]
    blocks.append(_by_horizon(system, frame))
    # Not every model is compared with another, and only where both have scores.
    tested = frame.dropna(subset=["auroc_difference"])
    for (model, other), part in tested.groupby(["model", "compared_with"], sort=False):
        blocks.append(_differences(system, system.title(model), system.title(other), part))
    return section("comparison", blocks, system=system.name)


def within(hours: float) -> str:
    """Return ``Within 24 h``."""
    return f"Within {hours:g} h"


def _chart(frame: pd.DataFrame, score: str) -> Chart:
    names = {"title": "group", score: "value", f"{score}_low": "low", f"{score}_high": "high"}
    points = frame.rename(columns={**names, f"published_{score}": "beside"})
    points = points.assign(row=[within(hours) for hours in points["horizon_h"]])
    points = points[["row", "group", "value", "low", "high", "beside"]].round(5)
    points = points.dropna(subset=["value"])
    name = label("score", score)
    caption = f"{name} with 95 % interval by patient, for arrests within each horizon."
    if score == WITHIN:
        caption += " Dashed line: chance. Across stays, the patient is compared as well."
    columns = [("Arrest", False), ("Model", False), (f"{name} (95 % CI)", True)]
    rows = [
        [row.row, row.group, with_interval(row.value, row.low, row.high)]
        for row in points.itertuples()
    ]
    if points["beside"].notna().any():
        caption += " Open triangle: published value."
        columns.append(("Published", True))
        for row, value in zip(rows, points["beside"], strict=True):
            row.append(number(value) or DASH)
    else:
        points = points.drop(columns="beside")
    groups = " and ".join(dict.fromkeys(points["group"]))
    description = f"Dot plot of the {name} at {points['row'].nunique()} horizons. {groups}."
    chance = 0.5 if score == WITHIN else None
    chart = grouped_charts.grouped_forest(points, name, line=chance, of="Model")
    spec = charts.specification(chart, description)
    return Chart(caption, description, spec, table(caption, columns, rows), wide=True)


def _by_horizon(system: System, frame: pd.DataFrame) -> Table:
    columns, shown = [("Model", False)], Shown(system.smallest)
    for score in RANKING:
        columns.append((f"{label('score', score)} (95 % CI)", True))
        columns.append((f"Published {label('score', score)}", True))
    columns += [(f"{label('score', WITHIN)} (95 % CI)", True), ("Stays with both", True)]
    rows: list[list[str]] = []
    for hours, part in frame.groupby("horizon_h", sort=False):
        rows.append([f"{within(float(str(hours)))}: {_size(part.iloc[0], shown)}"])
        for row in part.to_dict("records"):
            cells = [str(row["title"])]
            for score in RANKING:
                cells.append(with_interval(*(row[f"{score}{end}"] for end in _ENDS)) or DASH)
                cells.append(number(row[f"published_{score}"]) or DASH)
            cells.append(with_interval(*(row[f"{WITHIN}{end}"] for end in _ENDS)) or DASH)
            cells.append(_stays_with_both(row, shown))
            rows.append(cells)
    size = frame.iloc[0]
    texts = (counted(count(size[name], system.smallest), name) for name in ("patients", "stays"))
    caption = "Scores by horizon. All horizons have the same held-out epochs, "
    caption += f"{count(size['n'], system.smallest)} of {' and '.join(texts)}."
    caption += " Stays with both: event stays with epochs within the horizon and further away."
    return table(caption, columns, rows)


def _size(row: pd.Series, shown: Shown) -> str:
    if pd.isna(row["events"]):
        return "too few patients to be shown"
    events = shown.write(row["events"], "events")
    known = pd.notna(row["event_stays"])
    stays = shown.write(row["event_stays"], "event stays") if known else HIDDEN
    # Beside a count that is not written, its share would give it away.
    share = f" ({number(100 * row['events'] / row['n'], 1)} %)" if events[0].isdigit() else ""
    return f"arrests follow {counted(events, 'epochs')}{share} of {counted(stays, 'stays')}"


def _stays_with_both(row: dict[str, Any], shown: Shown) -> str:
    stays = row[f"{WITHIN}_stays"]
    return DASH if pd.isna(stays) else shown.write(stays, "event stays")


def _differences(system: System, first: str, second: str, tested: pd.DataFrame) -> Chart:
    pair = f"{first} less {in_sentence(second)}"
    points = pd.DataFrame(
        {
            "row": [within(hours) for hours in tested["horizon_h"]],
            "value": tested["auroc_difference"],
            "low": tested["auroc_difference_low"],
            "high": tested["auroc_difference_high"],
        }
    ).round(5)
    caption = f"Difference of AUROC with DeLong's 95 % interval. {pair}, on the same epochs."
    description = f"Dot plot of the difference of AUROC at {len(tested)} horizons. {pair}."
    title = f"AUROC: {in_sentence(pair)}"
    chart = charts.forest(points, title, line=0.0)
    spec = charts.specification(chart, description)
    data = _tests(system, tested, caption)
    return Chart(caption, description, spec, data, wide=True, opened=True)


def _tests(system: System, tested: pd.DataFrame, caption: str) -> Table:
    columns = [("Arrest", False), ("Difference of AUROC (95 % CI by patient)", True)]
    columns += [("P", True), ("P, Holm", True), ("Difference of AUPRC (95 % CI by patient)", True)]
    rows: list[list[Cell | str]] = []
    for row in tested.to_dict("records"):
        cells: list[Cell | str] = [within(row["horizon_h"])]
        values = [row[f"auroc_difference{end}"] for end in _ENDS]
        cells.append(difference(with_interval(*values), *values[1:]))
        cells += [p_value(row[p]) or DASH for p in ("p", "p_holm")]
        values = [row[f"auprc_difference{end}"] for end in _ENDS]
        cells.append(difference(with_interval(*values), *values[1:]))
        rows.append(cells)
    return table(caption, columns, rows)


def operating(system: System) -> Section:
    """Return what each model does at its threshold, at every horizon, published scores beside."""
    blocks: list[Block] = []
    columns = [("Arrest", False), ("Threshold", True)]
    columns += [(f"{label('score', name)} (95 % CI)", True) for name in OPERATING]
    rows: list[list[str]] = []
    needed = ["horizon_h", "threshold", "score", "value", "lower", "upper", "published"]
    for model, path in system.only_models_with("metrics"):
        frame = read_table(path, *needed)
        rows.append([system.title(model)])
        for hours, part in frame.groupby("horizon_h", sort=False):
            values = part.drop_duplicates("score").set_index("score").reindex(OPERATING)
            entries = values[["value", "lower", "upper"]].to_numpy()
            threshold = number(part["threshold"].iloc[0]) or NOT_PROMISED
            # Without any of them the decisions are about a few real patients.
            hidden = threshold != NOT_PROMISED and values["value"].isna().all()
            nothing = HIDDEN if hidden and system.smallest else DASH
            texts = [with_interval(*entry) or nothing for entry in entries]
            rows.append([within(float(str(hours))), threshold, *texts])
            if values["published"].notna().any():
                published = [number(value) or DASH for value in values["published"]]
                rows.append([f"{within(float(str(hours)))}, published", DASH, *published])
    if rows:
        caption = "Scores of the decisions at the threshold of each horizon."
        blocks.append(table(caption, columns, rows))
    return section("operating", blocks, system=system.name)
