"""Chapter of alarms, as a ward hears them: arrests announced, false alarms, time that is left."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from mimicflow.evaluation.statistics.metrics import NOT_PROMISED
from mimicflow.report import arrest_charts, charts
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
    table,
    with_interval,
)
from mimicflow.report.chapters import section
from mimicflow.report.chapters.models import System, difference, rule_title
from mimicflow.report.inputs import read_table

SWEEP = "sweep"  # the rule of the thresholds that only make the curve
X, Y = "false_alarms_per_day", "event_sensitivity"
CHANCE = "event_sensitivity_chance"
X_TITLE = "False alarms per patient-day"
Y_TITLE = "Share of event stays with an alarm"
EVERY = 4  # of the thresholds of the curve, in its table
_KEYS = ["silence_min", "rule", "threshold"]
_ENDS = ("", "_low", "_high")
_MATCHED = [
    *("title", "compared_with", "silence_min", "threshold", "development_event_sensitivity"),
    *("event_stays", "control_stays", "control_days"),
    *(f"{score}{kind}{end}" for score in (X, Y) for kind in ("", "_difference") for end in _ENDS),
]
_NEEDED = [*_KEYS, "measure", "stays", "patients", "days", "value", "lower", "upper", "suppressed"]


def alarms(system: System) -> Section:
    """Return the alarms at the thresholds of the models, and the curve of all thresholds."""
    frames = {
        system.title(model): read_table(path, *_NEEDED)
        for model, path in system.only_models_with("alarms")
    }
    blocks: list[Block] = []
    if frames:
        blocks.append(_at_threshold(system, frames))
        points = pd.concat([_curve(frame).assign(title=name) for name, frame in frames.items()])
        if not points.empty:
            blocks.append(_chart(points))
    if system.files.matched_alarms is not None:
        blocks.insert(1, _matched(system, read_table(system.files.matched_alarms, *_MATCHED)))
    return section("alarms", blocks, system=system.name)


def _at_threshold(system: System, frames: dict[str, pd.DataFrame]) -> Table:
    columns = [("Silence after an alarm", False), (f"{Y_TITLE} (95 % CI)", True)]
    columns += [("At random (95 % CI)", True)]
    columns += [("First alarm before the arrest, median hours (95 % CI)", True)]
    columns += [("Quartiles, hours", True), ("Alarms per event stay (95 % CI)", True)]
    columns += [(f"{X_TITLE} (95 % CI)", True), ("Share of control stays with an alarm", True)]
    rows: list[list[str]] = []
    for title, frame in frames.items():
        chosen = frame[frame["rule"] != SWEEP]
        if chosen.empty:
            rows.append([f"{title}: no threshold, its specificity {NOT_PROMISED}"])
            continue
        rows.append([f"{title}: {_size(system, chosen)}"])
        for silence, part in chosen.groupby("silence_min"):
            rows.append([silence_text(float(str(silence))), *_scores(part)])
    return table("Alarms at the threshold of each model, by silence.", columns, rows)


def _matched(system: System, frame: pd.DataFrame) -> Table:
    """Return the false alarms of each model where it announces as many arrests as the first."""
    first = str(frame["title"].iloc[0])
    columns = [("Model", False), ("Threshold", True)]
    columns += [("Share of event stays of development with an alarm", True)]
    columns += [(f"{Y_TITLE} (95 % CI)", True), (f"{X_TITLE} (95 % CI)", True)]
    columns.append((f"Difference to {in_sentence(first)} (95 % CI)", True))
    rows: list[list[Cell | str]] = []
    for row in frame.to_dict("records"):
        cells: list[Cell | str] = [str(row["title"]), number(row["threshold"]) or NOT_PROMISED]
        cells.append(number(row["development_event_sensitivity"]) or DASH)
        cells += [_estimate(row, Y, 3), _estimate(row, X, 2)]
        less = _estimate(row, f"{X}_difference", 2)
        low, high = (row[f"{X}_difference{end}"] for end in ("_low", "_high"))
        rows.append([*cells, DASH if less == DASH else difference(less, low, high)])
    silence = silence_text(float(frame["silence_min"].iloc[0]))
    caption = f"{X_TITLE} where each model announces as many arrests as {in_sentence(first)}."
    caption += f" Silence {silence}. {_held_out(system, frame.iloc[0])}"
    return table(caption.rstrip(), columns, rows)


def _estimate(row: Mapping[Hashable, Any], name: str, digits: int) -> str:
    value, low, high = (row[f"{name}{end}"] for end in _ENDS)
    return with_interval(value, low, high, digits) or DASH


def _held_out(system: System, row: pd.Series) -> str:
    """Return how many stays and days there are, as far as they may be shown."""
    texts = [
        counted(count(row[f"{kind}_stays"], system.smallest), f"{kind} stays")
        for kind in ("event", "control")
        if pd.notna(row[f"{kind}_stays"])
    ]
    return f"Held out: {', '.join(texts)}." if texts else ""


def silence_text(minutes: float) -> str:
    """Return ``30 min``, or ``none``."""
    return f"{minutes:g} min" if minutes else "none"


def _scores(part: pd.DataFrame) -> list[str]:
    of = part.set_index("measure")

    def interval(score: str, digits: int) -> str:
        value, low, high = of.loc[score, ["value", "lower", "upper"]]
        return with_interval(value, low, high, digits) or DASH

    quartiles = [number(of.at[f"lead_time_q{q}", "value"], 1) for q in (25, 75)]
    return [
        interval(Y, 3),
        interval(CHANCE, 3),
        interval("lead_time_median", 1),
        DASH.join(quartiles) if all(quartiles) else DASH,
        interval("alarms_per_event_stay", 1),
        interval(X, 2),
        interval("control_stays_alarmed", 3),
    ]


def _size(system: System, chosen: pd.DataFrame) -> str:
    """Return rule, threshold, and how many stays and days the alarms are of."""
    first = chosen.drop_duplicates("measure").set_index("measure")
    rule = f"{rule_title(str(chosen['rule'].iloc[0])).lower()} out of fold"
    texts = [f"threshold {number(chosen['threshold'].iloc[0])} ({rule})"]
    for score, kind in ((Y, "event"), (X, "control")):
        stays, days = first.loc[score, ["stays", "days"]]
        if pd.notna(stays):
            size = counted(count(stays, system.smallest), f"{kind} stays")
            texts.append(f"{size}, {number(days, 1)} monitored days" if kind == "control" else size)
    return "; ".join(texts)


def _curve(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a row per silence and threshold, both scores beside each other."""
    wide = frame[frame["measure"].isin((X, Y, CHANCE))].pivot(
        index=_KEYS, columns="measure", values=["value", "lower", "upper"]
    )
    names = {("value", X): "x", ("value", Y): "y", ("lower", Y): "low", ("upper", Y): "high"}
    names[("value", CHANCE)] = "chance"
    points = pd.DataFrame({to: wide[of] for of, to in names.items()}).reset_index()
    points = points.dropna(subset=["x", "y"]).sort_values(
        ["silence_min", "threshold"], ascending=[True, False]
    )
    points["silence"] = [silence_text(minutes) for minutes in points["silence_min"]]
    return points.assign(chosen=points["rule"] != SWEEP)


def _chart(points: pd.DataFrame) -> Chart:
    silences = sorted(points["silence_min"].unique())
    shown_first = silence_text(silences[len(silences) // 2])
    caption = "Arrests announced against false alarms, for all thresholds, by silence."
    text = f"{caption} Band: 95 % interval by patient. Dot: the threshold of the model. "
    text += "Dotted: alarms at random."
    names = " and ".join(dict.fromkeys(points["title"]))
    description = f"Curves of the {Y_TITLE.lower()} against {X_TITLE.lower()}. {names}."
    columns = ["title", "silence", "threshold", "x", "y", "low", "high", "chance", "chosen"]
    drawn = points[columns].round(4)
    chart = arrest_charts.alarms(drawn, X_TITLE, Y_TITLE, shown_first)
    spec = charts.specification(chart, description)
    return Chart(text, description, spec, _points_table(points, caption), wide=True)


def _points_table(points: pd.DataFrame, caption: str) -> Table:
    columns = [("Silence", False), ("Threshold", True)]
    columns += [(f"{Y_TITLE} (95 % CI)", True), ("At random", True), (X_TITLE, True)]
    rows: list[list[str]] = []
    for (title, _), part in points.groupby(["title", "silence_min"], sort=False):
        rows.append([f"{title}, silence {part['silence'].iloc[0]}"])
        swept = part[~part["chosen"]].iloc[::EVERY]
        for row in pd.concat([swept, part[part["chosen"]]]).itertuples():
            rows.append(
                [
                    "the model's threshold" if row.chosen else "",
                    number(row.threshold),
                    with_interval(row.y, row.low, row.high),
                    number(row.chance) or DASH,
                    number(row.x, 2),
                ]
            )
    return table(f"{caption} Every {EVERY}th threshold.", columns, rows)
