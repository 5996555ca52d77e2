"""Draw ROC and precision-recall curves of all horizons of a model, and the models side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mimicflow.arrest.results.within_stays import WITHIN
from mimicflow.evaluation.figures.canvas import GREY, INK, LINES, figure_file
from mimicflow.evaluation.figures.performance import forest_lines, forest_panel, mark_published
from mimicflow.evaluation.scores import thin
from mimicflow.evaluation.statistics.metrics import NO_INTERVAL, Curves, Estimate
from mimicflow.evaluation.study import Study

SIZE = (8.6, 5.4)
_STYLES = [*LINES, (INK, (0, (3, 1, 1, 1)))]
_PANELS = {
    "auroc": ("AUROC across stays", "beside: difference, p of DeLong by patient, Holm"),
    WITHIN: ("AUROC within event stays", "beside: stays with epochs near and far"),
    "auprc": ("AUPRC", "beside: difference (95 % interval)"),
}
_POINTS = 1000  # of a curve: the eye cannot separate more


@dataclass(frozen=True)
class HorizonCurves:
    """What is drawn of one horizon; ``curves`` is None where there is nothing to draw."""

    hours: float
    n: int
    events: int
    event_stays: int | None
    suppressed: bool
    curves: Curves | None
    auroc: Estimate
    auprc: Estimate


def draw_roc(
    horizons: Sequence[HorizonCurves], path: str | Path, study: Study, *, title: str
) -> None:
    """Draw the ROC curves of all horizons, with AUROC and 95 % interval beside them.

    Parameters
    ----------
    horizons : sequence of HorizonCurves
        One curve each.
    path : path-like
        PNG to write.
    title : str
        Of the model.
    study : Study
        Whose figure it is.
    """
    with figure_file(path, study, SIZE) as figure:
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="chance")
        for horizon, (colour, line) in _styled(horizons):
            x, y = np.array([]), np.array([])
            if horizon.curves is not None:
                x, y = thin(horizon.curves.fpr, horizon.curves.tpr, _POINTS)
            axes.plot(x, y, color=colour, linestyle=line, label=_entry(horizon, "auroc"))
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.set_aspect("equal")
        _finish(figure, axes, title, "1 − specificity", "Sensitivity", horizons)


def draw_precision_recall(
    horizons: Sequence[HorizonCurves], path: str | Path, study: Study, *, title: str
) -> None:
    """Draw the precision-recall curves of all horizons, their prevalences as dotted lines.

    The axis of precision ends above the highest precision that any curve has at a sensitivity of
    5 % or more: with few events it lies far below 1. Parameters are those of `draw_roc`.
    """
    with figure_file(path, study, SIZE) as figure:
        axes = figure.add_subplot()
        highest = 0.0
        for horizon, (colour, line) in _styled(horizons):
            x, y = np.array([]), np.array([])
            if horizon.curves is not None:
                axes.axhline(horizon.events / horizon.n, color=colour, linewidth=1, linestyle=":")
                recall, precision = horizon.curves.recall[::-1], horizon.curves.precision[::-1]
                highest = max(highest, float(precision[recall >= 0.05].max()))
                # The end at sensitivity 0 and precision 1 is no point of the model.
                x, y = thin(recall[recall > 0], precision[recall > 0], _POINTS)
            axes.plot(
                x,
                y,
                color=colour,
                linestyle=line,
                drawstyle="steps-pre",  # average precision is a sum of steps
                label=_entry(horizon, "auprc"),
            )
        axes.plot([], [], color=GREY, linewidth=1, linestyle=":", label="prevalence (chance)")
        top = min(1.01, 1.15 * highest) if highest else 1.01
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01 * top, top))
        axes.set_box_aspect(1)
        _finish(figure, axes, title, "Sensitivity (recall)", "Precision (PPV)", horizons)


def draw_models(table: pd.DataFrame, path: str | Path, study: Study) -> None:
    """Draw AUROC, across and within stays, and AUPRC of the models at every horizon.

    Behind the AUROC of a model that is compared with another stands their difference with Holm's p
    value of DeLong's test clustered by patient, behind its AUPRC the difference with the 95 %
    interval of the jackknife. Below stands which is compared with which.

    Parameters
    ----------
    table : pandas.DataFrame
        As `mimicflow.arrest.results.comparison.compare_arrest_models` writes it.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    """
    rows, headings = _lines(table)
    size = (20, 2.1 + 0.34 * (len(rows) + len(headings)))
    with figure_file(path, study, size) as figure:
        panels = figure.subplots(1, len(_PANELS), sharey=True)
        for axes, (score, (name, beside)) in zip(panels, _PANELS.items(), strict=True):
            shown = {line: row for line, row in rows.items() if pd.notna(row[score])}
            forest_panel(axes, shown, score, name, _notes(shown, score))
            if score == WITHIN:
                axes.axvline(0.5, color=GREY, linewidth=1, linestyle=":", label="chance")
                _say_nothing_is_far(axes, rows)
            else:
                published = {line: row[f"published_{score}"] for line, row in shown.items()}
                mark_published(axes, published, "published, another hospital")
            axes.set_title(f"{name} (95 % interval)\n{beside}", fontsize=10, loc="left")
        forest_lines(panels[0], rows, headings)
        named = [axes.get_legend_handles_labels() for axes in panels]
        handles = {label: of for all_of in named for of, label in zip(*all_of, strict=True)}
        entries = [*handles.values()][::-1], [*handles][::-1]
        figure.legend(
            *entries,
            loc="outside lower center",
            ncols=len(handles),
            title=_compared(table),
            title_fontsize=9,
        )


def _compared(table: pd.DataFrame) -> str:
    """Return which model is compared with which, as the differences are read."""
    titles = dict(zip(table["model"], table["title"], strict=True))
    pairs = table.dropna(subset="compared_with").drop_duplicates(["model", "compared_with"])
    texts = [f"{row.title} less {titles[row.compared_with]}" for row in pairs.itertuples()]
    return f"Differences: {'; '.join(texts)}" if texts else ""


def _say_nothing_is_far(axes: Axes, rows: Mapping[int, pd.Series]) -> None:
    """Say why a horizon has no AUROC within stays: their epochs are all near, or all far."""
    for line, row in rows.items():
        stays = row[f"{WITHIN}_stays"]
        if pd.notna(stays) and stays == 0:
            axes.annotate("no stay with both", (1.02, line), color=GREY, va="center", fontsize=8.5,
                          xycoords=("axes fraction", "data"))  # fmt: skip


def _styled(
    horizons: Sequence[HorizonCurves],
) -> Iterator[tuple[HorizonCurves, tuple[str, Any]]]:
    return zip(horizons, cycle(_STYLES), strict=False)


def _entry(horizon: HorizonCurves, score: str) -> str:
    """Return the two lines of a horizon in the legend."""
    if horizon.suppressed:
        return f"within {horizon.hours:g} h\ntoo few patients to be shown"
    size = f"{horizon.events:,} epochs"
    if horizon.event_stays is not None:
        size += f" of {horizon.event_stays:,} stays"
    if horizon.curves is None:
        return f"within {horizon.hours:g} h: {size}\nno {score.upper()}"
    return f"within {horizon.hours:g} h: {size}\n{score.upper()} {getattr(horizon, score)}"


def _finish(
    figure: Figure,
    axes: Axes,
    title: str,
    horizontal: str,
    vertical: str,
    horizons: Sequence[HorizonCurves],
) -> None:
    axes.set(xlabel=horizontal, ylabel=vertical)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_title(title)
    figure.legend(
        loc="outside right center",
        title=f"{horizons[0].n:,} held-out epochs\nArrest (95 % interval by patient)",
        title_fontsize=9,
        alignment="left",
        handlelength=2.8,
        labelspacing=0.8,
    )


def _lines(table: pd.DataFrame) -> tuple[dict[int, pd.Series], dict[int, str]]:
    """Give every horizon a heading and every model a line, counted from the top."""
    rows: dict[int, pd.Series] = {}
    headings: dict[int, str] = {}
    for hours, of_horizon in table.groupby("horizon_h", sort=False):
        first = of_horizon.iloc[0]
        counts = f"n = {first['n']:,} epochs"
        if pd.notna(first["events"]):
            counts += f", {first['events']:,} events"
        if pd.notna(first["event_stays"]):
            counts += f" in {first['event_stays']:,} stays"
        headings[len(rows) + len(headings)] = f"Within {hours:g} h ({counts})"
        for _, row in of_horizon.iterrows():
            rows[len(rows) + len(headings)] = row
    return rows, headings


def _notes(rows: Mapping[int, pd.Series], score: str) -> dict[int, str]:
    """Return what stands behind the figures of each line: the difference and its test."""
    notes = {}
    if score == WITHIN:
        stays = {line: row[f"{WITHIN}_stays"] for line, row in rows.items()}
        return {line: f"   {number:,} stays" for line, number in stays.items() if pd.notna(number)}
    for line, row in rows.items():
        difference = row[f"{score}_difference"]
        if pd.isna(difference):
            continue
        note = f"   {difference:+.3f}".replace("-", "−")
        if score == "auroc":
            p = row["p_holm"]
            tested = ", p < 0.001" if p < 0.001 else f", p = {p:.3f}"
            note += f" ({NO_INTERVAL})" if pd.isna(p) else tested  # as with one event stay
        else:
            ends = (row[f"auprc_difference_{end}"] for end in ("low", "high"))
            note = f"   {Estimate(difference, *ends).words(signed=True)}"
        notes[line] = note
    return notes
