"""Draw the alarms: sensitivity against false alarms per day, and the time that is left."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from mimicflow.evaluation.figures.canvas import BLUE, GREY, INK, LINES, VERMILION, figure_file
from mimicflow.evaluation.figures.performance import forest_lines, forest_panel
from mimicflow.evaluation.statistics.metrics import NO_INTERVAL, NOT_PROMISED, Estimate
from mimicflow.evaluation.study import Study

_MATCHED = {
    "false_alarms_per_day": ("False alarms", "Alarms per patient-day of control stays (1/day)", 1),
    "event_sensitivity": ("Arrests announced", "Share of event stays with an alarm", 2),
}
"""Score of the matched alarms -> title of its panel, label of its axis, digits."""
_EDGES = np.array([0, 1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24.0])  # h before the arrest


def draw_alarms(
    table: pd.DataFrame,
    lead: pd.DataFrame,
    path: str | Path,
    study: Study,
    *,
    rule: str,
    silence: float,
) -> None:
    """Draw the curve of all silences, and how long before the arrest the first alarm rings.

    Parameters
    ----------
    table : pandas.DataFrame
        As `mimicflow.arrest.results.alarms.score_alarms` writes it.
    lead : pandas.DataFrame
        ``patient, hours`` of every event stay at the chosen threshold; NaN without an alarm.
    path : path-like
        PNG to write.
    study : Study
        Bars of fewer patients than its smallest cell are joined with their neighbours.
    rule : str
        Rule of the chosen threshold, which is marked on the curves.
    silence : float
        Minutes, of the configuration: its curve has the intervals.
    """
    with figure_file(path, study, (11.5, 5.0)) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
        _curves(left, table, rule, silence)
        _lead_times(right, table, lead, rule, study.smallest_cell)


def _curves(axes: Axes, table: pd.DataFrame, rule: str, silence: float) -> None:
    x, y = "false_alarms_per_day", "event_sensitivity"
    silences = sorted(table["silence_min"].unique())
    shown, chance = False, None
    for minutes, (colour, line) in zip(silences, cycle(LINES), strict=False):
        points = _curve(table[table["silence_min"] == minutes])
        points = points[points[f"{x}_value"].notna() & points[f"{y}_value"].notna()]
        if points.empty:
            continue
        shown = True
        axes.plot(
            points[f"{x}_value"],
            points[f"{y}_value"],
            color=colour,
            linestyle=line,
            label=f"{minutes:g} min" if minutes else "none",
        )
        if minutes == silence:
            chance = points
            axes.fill_between(
                points[f"{x}_value"],
                points[f"{y}_lower"],
                points[f"{y}_upper"],
                color=colour,
                alpha=0.12,
                linewidth=0,
            )
        for _, point in points[points["rule"] == rule].iterrows():
            _mark(axes, point, x, y, colour, minutes == silence)
    if chance is not None:
        line = (chance[f"{x}_value"], chance[f"{y}_chance_value"])
        axes.plot(*line, color=GREY, linestyle=":", label=f"at random, {silence:g} min")
    axes.set(ylim=(-0.02, 1.02), xlabel="False alarms per patient-day of control stays (1/day)")
    axes.set_ylabel("Share of event stays with an alarm")
    axes.set_title(f"Arrests announced against false alarms{_stays(table, rule)}")
    axes.grid(color="#e6e6e6", linewidth=0.6)
    marked = f"● {_words(rule)}" if rule in set(table["rule"]) else _not_promised(rule)
    if shown:
        axes.set_xscale("symlog", linthresh=1)
        ticks = [
            tick for tick in (0, 0.5, 1, 2, 5, 10, 20, 50, 100, 200) if tick < axes.get_xlim()[1]
        ]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xlim(left=0)
        axes.minorticks_off()
        axes.legend(
            loc="lower right",
            title=f"silence after an alarm\n{marked}\nband: 95 % interval, {silence:g} min",
            title_fontsize=9,
            alignment="left",
        )
    else:
        _too_few(axes)


def _curve(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row per threshold, the highest first: ``rule`` and value and interval by score."""
    wide = table.pivot(
        index=["threshold", "rule"], columns="measure", values=["value", "lower", "upper"]
    )
    wide.columns = [f"{score}_{end}" for end, score in wide.columns]
    return wide.sort_index(ascending=False).reset_index()


def _stays(table: pd.DataFrame, rule: str) -> str:
    """Return how many stays there are, as far as they may be shown, on a line of its own."""
    chosen = table[table["rule"] == rule] if rule in set(table["rule"]) else table
    chosen = chosen[~chosen["suppressed"].astype(bool)]
    sizes = chosen.drop_duplicates("measure").set_index("measure")
    found = []
    if "event_sensitivity" in sizes.index:
        found.append(f"{sizes.at['event_sensitivity', 'stays']:,} event stays")
    if "control_stays_alarmed" in sizes.index:
        row = sizes.loc["control_stays_alarmed"]
        found.append(f"{row['stays']:,} control stays, {row['days']:,.1f} days")
    return f"\n{'; '.join(found)}" if found else ""


def _mark(axes: Axes, point: pd.Series, x: str, y: str, colour: str, intervals: bool) -> None:
    """Mark the chosen threshold, with the intervals of both scores if wanted."""
    errors = [
        np.abs(point[[f"{of}_lower", f"{of}_upper"]].to_numpy(dtype=float) - point[f"{of}_value"])
        if intervals
        else np.zeros(2)
        for of in (x, y)
    ]
    axes.errorbar(
        point[f"{x}_value"],
        point[f"{y}_value"],
        xerr=errors[0][:, None],
        yerr=errors[1][:, None],
        fmt="o",
        color=colour,
        markersize=6,
        markeredgecolor=INK,
        ecolor=INK,
        elinewidth=1,
        capsize=2.5 if intervals else 0,
        zorder=4,
    )


def _lead_times(
    axes: Axes, table: pd.DataFrame, lead: pd.DataFrame, rule: str, smallest: int
) -> None:
    axes.set(xlim=(24, 0), xlabel="Hours from the first alarm to the arrest (h)")
    axes.set_ylabel("Share of event stays per hour (1/h)")
    axes.set_title("Time that is left at the first alarm")
    axes.set_axisbelow(True)
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    axes.set_xticks(range(0, 25, 4))
    chosen = table[table["rule"] == rule].drop_duplicates("measure").set_index("measure")
    if chosen.empty:
        _too_few(axes, _not_promised(rule))
        return
    edges = joined(lead, smallest)
    if edges is None or chosen.at["lead_time_median", "suppressed"]:
        _too_few(axes)
        return
    stays = np.histogram(lead["hours"].dropna(), edges)[0]
    axes.stairs(
        stays / len(lead) / np.diff(edges), edges, fill=True, color=BLUE, alpha=0.55, linewidth=0
    )
    axes.stairs(stays / len(lead) / np.diff(edges), edges, color=BLUE, linewidth=1.2)
    median = chosen.loc["lead_time_median"]
    sensitivity = chosen.loc["event_sensitivity"]
    words = (
        f"{_words(rule)}\nalarm in {int(median['stays']):,} of {len(lead):,} event stays\n"
        f"({sensitivity['value']:.0%}, {_interval(sensitivity, '.0%')})"
    )
    if pd.notna(median["value"]):
        quartiles = [chosen.at[f"lead_time_{q}", "value"] for q in ("q25", "q75")]
        axes.axvline(median["value"], color=VERMILION, linestyle="--", linewidth=1.4)
        words += (
            f"\nmedian {median['value']:.1f} h ({_interval(median, '.1f')})"
            f"\nquartiles {quartiles[0]:.1f} and {quartiles[1]:.1f} h"
        )
    axes.set_ylim(0, 1.55 * (stays / len(lead) / np.diff(edges)).max() or 1)
    axes.text(
        0.98,
        0.98,
        words,
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=8.5,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
    )


def _interval(row: pd.Series, form: str) -> str:
    if pd.isna(row["lower"]):
        return NO_INTERVAL
    return f"95 % interval {row['lower']:{form}}–{row['upper']:{form}}"


def draw_matched(table: pd.DataFrame, path: str | Path, study: Study) -> None:
    """Draw false alarms and event sensitivity of the models, at thresholds that match one of them.

    Behind the figures of a model stands the difference to the reference, with its 95 % interval.

    Parameters
    ----------
    table : pandas.DataFrame
        As `mimicflow.arrest.results.matched_alarms.match_alarms` writes it.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    """
    first = table.iloc[0]
    rows = {line: row for line, (_, row) in enumerate(table.iterrows())}
    with figure_file(path, study, (12.5, 2.3 + 0.36 * len(rows))) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (score, (title, label, digits)) in zip(panels, _MATCHED.items(), strict=True):
            shown = {line: row for line, row in rows.items() if pd.notna(row[score])}
            notes = {line: _difference(row, score, digits) for line, row in shown.items()}
            if shown:
                forest_panel(axes, shown, score, label, notes, digits)
            else:
                promised = pd.notna(first["threshold"])
                _too_few(axes, *([] if promised else [_not_promised(first["rule"])]))
            axes.set_title(f"{title} (95 % interval)   difference", fontsize=10)
        forest_lines(panels[0], rows, {})
        figure.legend(
            *panels[0].get_legend_handles_labels(),
            loc="outside lower center",
            title=f"Thresholds by which every model announces as many arrests of development as "
            f"{first['title'][:1].lower()}{first['title'][1:]}; differences are to it\n"
            f"{_matched_by(first)}",
            title_fontsize=9,
        )


def _difference(row: pd.Series, score: str, digits: int) -> str:
    value, low, high = (row[f"{score}_difference{end}"] for end in ("", "_low", "_high"))
    if pd.isna(value):
        return ""
    return f"   {Estimate(value, low, high).words(digits, signed=True)}"


def _matched_by(first: pd.Series) -> str:
    """Return by which stays the thresholds were chosen, and which are shown."""
    parts = [f"silence {first['silence_min']:g} min"]
    if pd.notna(first["development_event_stays"]):
        share = first["development_event_sensitivity"]
        parts.append(
            f"development: {share:.0%} of {first['development_event_stays']:,} event stays"
        )
    if pd.notna(first["event_stays"]) and pd.notna(first["control_stays"]):
        parts.append(
            f"held out: {first['event_stays']:,} event stays, {first['control_stays']:,} control "
            f"stays, {first['control_days']:,.1f} days"
        )
    return "; ".join(parts)


def joined(lead: pd.DataFrame, smallest: int) -> np.ndarray | None:
    """Return the edges (h) of bars that each hold no patient or at least ``smallest``.

    Parameters
    ----------
    lead : pandas.DataFrame
        ``patient, hours``.
    smallest : int
        0 joins nothing.

    Returns
    -------
    numpy.ndarray or None
        None where even all together are too few.
    """
    heard = lead.dropna(subset="hours")
    if not smallest:
        return _EDGES
    edges = [_EDGES[0]]
    for edge in _EDGES[1:]:
        inside = heard[(heard["hours"] >= edges[-1]) & (heard["hours"] < edge)]
        if inside["patient"].nunique() >= smallest:
            edges.append(edge)
    if len(edges) == 1:
        return None
    edges[-1] = _EDGES[-1]  # what is left at the end joins the last bar
    return np.array(edges)


def _not_promised(rule: str) -> str:
    """Return the words for a model without a threshold."""
    return f"{_words(rule)}\n{NOT_PROMISED}"


def _words(rule: str) -> str:
    """Return for instance ``specificity 0.8 of epochs``."""
    return f"{rule.replace('_', ' ')} of epochs"


def _too_few(axes: Axes, words: str = "too few patients\nto be shown") -> None:
    axes.text(
        0.5, 0.5, words,
        transform=axes.transAxes, ha="center", va="center", color=GREY,
    )  # fmt: skip
