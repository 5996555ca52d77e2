"""Draw SHAP values: the ranking of the features, and how the leading ones act."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from mimicflow.evaluation.figures.canvas import BLUE, GREY, INK, VERMILION, figure_file
from mimicflow.evaluation.study import Study

_COLUMNS = 3
_SHOWN = 20

MISSING = 0
"""The bin of the dependence that holds the epochs in which a feature is not known."""


def draw_ranking(table: pd.DataFrame, path: str | Path, study: Study) -> None:
    """Draw mean absolute SHAP values with 95 % intervals, coloured by direction.

    Parameters
    ----------
    table : pandas.DataFrame
        ``shap`` of `mimicflow.arrest.results.explain.explain_arrest_model`.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    """
    shown = table.head(_SHOWN)
    places = np.arange(len(shown))
    first = table.iloc[0]
    with figure_file(path, study, (7.2, 1.9 + 0.27 * len(shown))) as figure:
        axes = figure.add_subplot()
        axes.barh(places, shown["mean_abs_shap"], height=0.7, color=_colours(shown["direction"]))
        errors = np.abs(shown[["lower", "upper"]].to_numpy().T - shown["mean_abs_shap"].to_numpy())
        axes.errorbar(
            shown["mean_abs_shap"], places, xerr=errors, fmt="none", ecolor=INK, elinewidth=1,
            capsize=2,
        )  # fmt: skip
        names = [
            f"{row.feature}  (published: {row.published_rank})"
            if pd.notna(row.published_rank)
            else row.feature
            for row in shown.itertuples()
        ]
        axes.set_yticks(places, names, fontsize=8.5)
        axes.tick_params(axis="y", length=0)
        axes.set(ylim=(len(shown) - 0.4, -0.6), xlim=(0, None))
        axes.set_xlabel("Mean |SHAP value| (log-odds), 95 % interval by patient")
        axes.set_title(
            f"{first['title']}: {len(shown)} of {len(table)} features\n"
            f"{first['n']:,} held-out epochs of {first['patients']:,} patients"
        )
        axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(
            handles=[
                Patch(color=VERMILION, label="high values raise the risk"),
                Patch(color=BLUE, label="high values lower the risk"),
            ],
            loc="lower right",
        )


def draw_dependence(
    table: pd.DataFrame, bins: pd.DataFrame, path: str | Path, study: Study
) -> None:
    """Draw the SHAP value of the leading features against their value, a panel each.

    Parameters
    ----------
    table : pandas.DataFrame
        The leading rows of ``shap`` of `mimicflow.arrest.results.explain.explain_arrest_model`.
    bins : pandas.DataFrame
        Its ``dependence``.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    """
    features = list(table["feature"])
    columns = min(_COLUMNS, len(features))
    rows = -(-len(features) // columns)
    first = table.iloc[0]
    with figure_file(path, study, (max(5.0, 4.0 * columns), 3.0 * rows + 1.1)) as figure:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, row in zip(panels, table.itertuples(), strict=False):
            _panel(axes, row.feature, row.unit, bins[bins["feature"] == row.feature])
        for axes in panels[len(features) :]:
            axes.set_axis_off()
        for axes in panels[: len(features) : columns]:
            axes.set_ylabel("SHAP value (log-odds)")
        figure.legend(
            *panels[0].get_legend_handles_labels(),
            loc="outside lower center",
            ncols=3,
            title=f"{first['title']}: {first['n']:,} held-out epochs of {first['patients']:,} "
            f"patients{_events(first)}",
            title_fontsize=9,
        )


def _events(row: pd.Series) -> str:
    return "" if pd.isna(row["events"]) else f", {row['events']:,} before an arrest"


def _colours(direction: pd.Series) -> list[str]:
    return [GREY if pd.isna(of) else VERMILION if of > 0 else BLUE for of in direction]


def _panel(axes: Axes, feature: str, unit: str, bins: pd.DataFrame) -> None:
    known = bins[bins["bin"] != MISSING]
    missing = bins[bins["bin"] == MISSING]
    axes.axhline(0, color=GREY, linewidth=1, linestyle=":")
    axes.fill_between(
        known["value"], known["shap_q10"], known["shap_q90"], color=BLUE, alpha=0.2, linewidth=0,
        label="10th to 90th percentile",
    )  # fmt: skip
    axes.plot(
        known["value"], known["shap"], color=BLUE, marker="o", markersize=3.5,
        label="mean of a twentieth of the epochs",
    )  # fmt: skip
    # The line is drawn in every panel, so that the legend of the first names it.
    level = float(missing["shap"].iloc[0]) if len(missing) else float("nan")
    axes.axhline(level, color=VERMILION, linewidth=1.4, linestyle="--", label="mean where unknown")
    if known.empty:
        axes.text(0.5, 0.5, "too few patients\nto be shown", transform=axes.transAxes,
                  ha="center", va="center", color=GREY)  # fmt: skip
    axes.set_xlabel(f"{feature} ({unit})" if unit else feature)
    axes.grid(color="#e6e6e6", linewidth=0.6)
