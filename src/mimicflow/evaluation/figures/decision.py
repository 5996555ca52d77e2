"""Draw decision curves."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from mimicflow.evaluation.figures.canvas import GREY, INK, LINES, figure_file
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.titles import SUBSETS


def draw_decision_curves(table: pd.DataFrame, path: str | Path, study: Study) -> None:
    """Draw net benefit by threshold with 95 % bands, a panel per subset.

    Parameters
    ----------
    table : pandas.DataFrame
        As `mimicflow.evaluation.decisions.weigh_decisions` writes it.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    """
    subsets = list(table["stays"].unique())
    styles = _styles(table)
    with figure_file(path, study, (5.2 * len(subsets) + 0.3, 4.9)) as figure:
        panels = figure.subplots(1, len(subsets), sharey=True, squeeze=False)[0]
        for axes, subset in zip(panels, subsets, strict=True):
            _panel(axes, table[table["stays"] == subset], styles)
            axes.set_title(SUBSETS.get(subset, subset))
        panels[0].set_ylabel(f"Net benefit (true positives per {study.rows.removesuffix('s')})")
        # Treat all falls without limit: what matters lies above a little below nothing.
        highest = table["high"].max()
        if not pd.isna(highest):  # of few patients nothing is shown
            panels[0].set_ylim(-0.08 * highest, 1.06 * highest)
        entries = {
            label: line
            for axes in panels
            for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            [entries[title] for title in styles],
            list(styles),
            loc="outside lower center",
            ncols=4,
            title="Lines: net benefit; bands: 95 % interval by patient",
            title_fontsize=9,
        )


def _styles(table: pd.DataFrame) -> dict[str, tuple[str, Any, float]]:
    """Return colour, line and width by title: a kind of model looks the same in all panels."""
    plain = {"treat_all": (GREY, "-", 1.0), "treat_none": (INK, "-", 1.0)}
    titles = table[~table["model"].isin(plain)]["title"].unique()
    styles = {title: (*look, 1.8) for title, look in zip(titles, cycle(LINES), strict=False)}
    return styles | {
        table.loc[table["model"] == model, "title"].iloc[0]: look for model, look in plain.items()
    }


def _panel(axes: Axes, table: pd.DataFrame, styles: dict[str, tuple[str, Any, float]]) -> None:
    for _, thresholds in table.groupby("model", sort=False):
        # Over thresholds of which nothing may be shown the line goes on.
        curve, title = thresholds.dropna(subset=["net_benefit"]), thresholds["title"].iloc[0]
        colour, line, width = styles[title]
        axes.fill_between(
            curve["threshold"], curve["low"], curve["high"], color=colour, alpha=0.12, linewidth=0
        )
        axes.plot(
            curve["threshold"],
            curve["net_benefit"],
            color=colour,
            linestyle=line,
            linewidth=width,
            label=title,
        )
    axes.set_xlim(0, 1)
    axes.set_xlabel("Threshold probability")
    axes.grid(color="#e6e6e6", linewidth=0.6)
