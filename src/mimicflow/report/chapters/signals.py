"""Chapter of signals: selected features, SHAP ranking, courses before the arrest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.arrest.features import feature_table
from mimicflow.evaluation.figures.canvas import BLUE, GREY, ORANGE, VERMILION
from mimicflow.evaluation.smallest_cell import SMALLEST_CELL
from mimicflow.reference import reference
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
    number,
    p_value,
    table,
    with_interval,
)
from mimicflow.report.chapters import section
from mimicflow.report.chapters.models import System
from mimicflow.report.inputs import label, read_table

LEADING = 20  # features drawn of each model
DECISIONS = {"accepted": BLUE, "tentative": ORANGE, "rejected": GREY}
DIRECTIONS = {"up": VERMILION, "down": BLUE, "": GREY}
_DIGITS = 4


def selection(system: System) -> Section:
    """Return which features each model was given, with their importance and their shadow's."""
    needed = ["feature", "importance", "shadow", "hits", "rounds", "decision"]
    frames = {
        system.title(model): read_table(path, *needed)
        for model, path in system.only_models_with("selected_features")
    }
    if not frames:
        return section("selection", system=system.name)
    stacked = _stacked(frames)
    caption = "Importance of the features, and that of the best shadow (line)."
    names = {"importance": "value", "shadow": "mark"}
    drawn = stacked.rename(columns=names).round({"value": 6, "mark": 6})
    drawn["group"] = [label("decision", one) for one in stacked["decision"]]
    drawn = drawn[["of", "feature", "about", "group", "value", "mark"]]
    colours = {label("decision", one): colour for one, colour in DECISIONS.items()}
    description = f"Bar chart of the importance of the features. {_numbers(frames)}"
    chart = arrest_charts.ranking(drawn, "Mean |SHAP|, log odds", "Decision", colours)
    spec = charts.specification(chart, description)
    data = _selected(stacked, caption)
    caption = f"{caption} {_numbers(frames)}"
    return section(
        "selection", [Chart(caption, description, spec, data, wide=True)], system=system.name
    )


def _stacked(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the tables of all models below each other, each row with what its feature is."""
    stacked = pd.concat([frame.assign(of=title) for title, frame in frames.items()])
    return stacked.assign(about=stacked["feature"].map(feature_table()["text"]).fillna(""))


def _numbers(frames: dict[str, pd.DataFrame]) -> str:
    """Return ``Vital signs: 40 of 43 accepted, 2 tentative, 1 rejected.`` of every model."""
    texts = []
    for title, frame in frames.items():
        counts = frame["decision"].value_counts()
        found = [f"{counts.get(one, 0)} {label('decision', one).lower()}" for one in DECISIONS]
        found[0] = found[0].replace(" ", f" of {len(frame)} ", 1)
        texts.append(f"{title}: {', '.join(found)}.")
    return " ".join(texts)


def _selected(frame: pd.DataFrame, caption: str) -> Table:
    columns = [("Feature", False), ("What it is", False), ("Decision", False)]
    columns += [("Importance", True), ("Best shadow", True), ("Rounds won", True)]
    rows: list[list[Cell | str]] = []
    for title, part in frame.groupby("of", sort=False):
        rows.append([str(title)])
        rows += [
            [
                row.feature,
                Cell(row.about, prose=True),
                label("decision", row.decision),
                number(row.importance, _DIGITS),
                number(row.shadow, _DIGITS),
                f"{row.hits} of {row.rounds}",
            ]
            for row in part.itertuples()
        ]
    return table(caption, columns, rows)


def shap(system: System) -> Section:
    """Return how far each feature moves the predictions, the published ranks beside."""
    needed = ["feature", "unit", "rank", "mean_abs_shap", "lower", "upper", "direction"]
    needed += ["known_share", "n", "events", "patients", "published_rank"]
    frames = {
        system.title(model): read_table(path, *needed)
        for model, path in system.only_models_with("shap")
    }
    if not frames:
        return section("shap", system=system.name)
    stacked = _stacked(frames)
    sign = np.sign(stacked["direction"].fillna(0)).map({1.0: "up", -1.0: "down", 0.0: ""})
    stacked["towards"] = [label("direction", one) for one in sign]
    sizes = "; ".join(_explained(system, title, frame) for title, frame in frames.items())
    caption = f"Mean size of the SHAP value with 95 % interval by patient. {sizes}."
    blocks: list[Block] = [_shap_chart(stacked, caption)]
    ranked = ((title, _published_ranks(system, title)) for title in frames)
    blocks += [_published(title, ranks, frames[title]) for title, ranks in ranked if len(ranks)]
    return section("shap", blocks, system=system.name)


def _published_ranks(system: System, title: str) -> pd.Series:
    """Return the published rank of the features of a model, the first first."""
    known = pd.read_csv(reference("published_arrest.csv"))
    of_model = known["model"].map(system.title) == title
    ranks = known[of_model & (known["score"] == "shap_rank")]
    return ranks.set_index("feature")["value"].sort_values()


def _explained(system: System, title: str, frame: pd.DataFrame) -> str:
    first = frame.iloc[0]
    patients = counted(count(first["patients"], system.smallest), "patients")
    epochs = counted(count(first["n"], system.smallest), "held-out epochs")
    return f"{title}: {epochs} of {patients}"


def _shap_chart(frame: pd.DataFrame, caption: str) -> Chart:
    names = {"mean_abs_shap": "value", "lower": "low", "upper": "high", "towards": "group"}
    drawn = frame.rename(columns=names).round({"value": 6, "low": 6, "high": 6})
    drawn["note"] = [
        "" if pd.isna(rank) else f"published: {rank:.0f}" for rank in drawn["published_rank"]
    ]
    kept = ["of", "feature", "about", "group", "value", "low", "high", "note"]
    drawn = drawn.groupby("of", sort=False).head(LEADING)[kept]
    if not drawn["note"].any():
        drawn = drawn.drop(columns="note")
    colours = {label("direction", one): colour for one, colour in DIRECTIONS.items()}
    description = f"Bar chart of the {LEADING} leading features of each model."
    chart = arrest_charts.ranking(drawn, "Mean |SHAP|, log odds", "Direction", colours)
    spec = charts.specification(chart, description)
    return Chart(caption, description, spec, _shap_table(frame, caption), wide=True)


def _shap_table(frame: pd.DataFrame, caption: str) -> Table:
    columns = [("Feature", False), ("What it is", False), ("Rank", True)]
    columns += [("Mean |SHAP| (95 % CI)", True), ("Direction", True), ("Known", True)]
    columns += [("Published rank", True)]
    rows: list[list[Cell | str]] = []
    for title, part in frame.groupby("of", sort=False):
        rows.append([str(title)])
        rows += [
            [
                row.feature,
                Cell(row.about, prose=True),
                f"{row.rank:.0f}",
                with_interval(row.mean_abs_shap, row.lower, row.upper, _DIGITS),
                number(row.direction, 2) or DASH,
                f"{number(100 * row.known_share, 1)} %",
                _rank(row.published_rank),
            ]
            for row in part.itertuples()
        ]
    return table(caption, columns, rows)


def _published(title: str, ranks: pd.Series, frame: pd.DataFrame) -> Table:
    """Return the published ranking with our ranks beside; a feature may not be selected here."""
    columns = [("Feature", False), ("What it is", False), ("Published rank", True)]
    columns.append(("Rank here", True))
    ours, texts = frame.set_index("feature")["rank"], feature_table()["text"]
    rows = [
        [feature, Cell(texts.get(feature, ""), prose=True), f"{rank:.0f}", _rank(ours.get(feature))]
        for feature, rank in ranks.items()
    ]
    caption = f"{title}: the published ranking, and the rank here (– for a feature not selected)."
    return table(caption, columns, rows)


def _rank(value: float | None) -> str:
    return DASH if pd.isna(value) else f"{value:.0f}"


def over_time(system: System, path: Path) -> Section:
    """Return the course of the leading measures in the hours before the arrest."""
    needed = ["measure", "unit", "rank", "hours_from", "hours_to", "stays", "patients"]
    needed += ["mean", "lower", "upper", "suppressed", "control_median", "control_q25"]
    needed += ["control_q75", "control_stays", "tau", "tau_lower", "tau_upper", "p", "p_holm"]
    frame = read_table(path, *needed, "tau_n", "tau_stays")
    parts = [part for _, part in frame.groupby("measure", sort=False)]
    blocks: list[Block] = [_course(system, part) for part in parts]
    return section("over_time", [*blocks, _trends(system, parts)], system=system.name)


def _named(row: pd.Series) -> str:
    return str(row["measure"]) if pd.isna(row["unit"]) else f"{row['measure']} ({row['unit']})"


def _course(system: System, part: pd.DataFrame) -> Chart:
    first = part.iloc[0]
    drawn = part.assign(hours=(part["hours_from"] + part["hours_to"]) / 2)
    drawn = drawn.rename(columns={"lower": "low", "upper": "high"})
    drawn["n"] = [count(value, system.smallest) for value in drawn["stays"]]
    drawn = drawn[["hours", "mean", "low", "high", "n"]].dropna(subset=["mean"])
    for name in ("mean", "low", "high"):
        drawn[name] = [float(f"{value:.5g}") for value in drawn[name]]
    level = None if pd.isna(first["control_median"]) else float(first["control_median"])
    caption = f"{_named(first)}. τ {_tau(first)}." if _tau(first) else f"{_named(first)}."
    about = feature_table()["text"].get(first["measure"], first["measure"])
    description = f"{about}, by hour before the arrest, with the median of control stays."
    chart = arrest_charts.course(drawn, _named(first), level)
    spec = charts.specification(chart, description)
    return Chart(caption, description, spec, _hours(system, part, _named(first)), small=True)


def _tau(row: pd.Series) -> str:
    return with_interval(row["tau"], row["tau_lower"], row["tau_upper"], 2)


def _hours(system: System, part: pd.DataFrame, name: str) -> Table:
    columns = [("Hours before", False), ("Mean (95 % CI)", True), ("Stays", True)]
    rows, digits = [], _digits(part["mean"])
    for _, row in part.iterrows():
        mean = with_interval(row["mean"], row["lower"], row["upper"], digits)
        stays = f"<{SMALLEST_CELL}" if row["suppressed"] else count(row["stays"], system.smallest)
        rows.append([f"{row['hours_from']:g} to {row['hours_to']:g}", mean or DASH, stays])
    return table(f"{name} by hour before the arrest.", columns, rows)


def _digits(values: pd.Series) -> int:
    """Return how many decimals leave about four digits of the largest value."""
    largest = values.abs().max()
    if pd.isna(largest) or largest == 0:
        return 3
    return int(np.clip(3 - np.floor(np.log10(largest)), 0, 5))


def _trends(system: System, parts: list[pd.DataFrame]) -> Table:
    columns = [("Measure", False), ("Kendall's τ (95 % CI)", True)]
    columns += [("P", True), ("P, Holm", True), ("Means of stay and hour", True)]
    columns += [("Event stays", True), ("Control stays: median (quartiles)", True)]
    columns += [("Control stays", True)]
    rows = []
    for part in parts:
        row, digits = part.iloc[0], _digits(part["control_median"])
        median, low, high = (row[f"control_{name}"] for name in ("median", "q25", "q75"))
        rows.append(
            [
                _named(row),
                _tau(row) or DASH,
                *(p_value(row[p]) or DASH for p in ("p", "p_holm")),
                *(count(row[name], system.smallest) or DASH for name in ("tau_n", "tau_stays")),
                with_interval(median, low, high, digits) or DASH,
                count(row["control_stays"], system.smallest) or DASH,
            ]
        )
    return table("Trend of each measure before the arrest.", columns, rows)
