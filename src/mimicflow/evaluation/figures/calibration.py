"""Draw reliability diagrams before and after recalibration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from mimicflow.evaluation.figures.canvas import BLUE, GREY, VERMILION, figure_file
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.titles import SUBSETS

_AFTER = "beta"  # of the corrections, the smooth one that can also undo a shift
_LOOKS = {
    "none": ("as predicted", VERMILION, "s", "--"),
    _AFTER: ("after beta recalibration", BLUE, "o", "-"),
}
_HISTOGRAM = np.linspace(0, 1, 21)


def draw_reliability(
    bins: pd.DataFrame,
    measured: pd.DataFrame,
    probabilities: Mapping[str, pd.DataFrame],
    subsets: Mapping[str, str],
    path: str | Path,
    study: Study,
) -> None:
    """Draw observed shares against predictions, a panel per model, a row per subset.

    Parameters
    ----------
    bins, measured : pandas.DataFrame
        Diagram and scores as `mimicflow.evaluation.calibration_table.calibrate_models` writes
        them.
    probabilities : mapping of str to pandas.DataFrame
        As `mimicflow.evaluation.statistics.recalibration.recalibrate` returns them, by model name.
    subsets : mapping of str to str
        ``all`` or ``multi``, by model name.
    path : path-like
        PNG to write.
    study : Study
        Bars of fewer patients than its smallest cell are left out of the histograms.
    """
    by_subset: dict[str, list[str]] = {}
    for model in probabilities:
        by_subset.setdefault(subsets[model], []).append(model)
    columns = max(len(models) for models in by_subset.values())
    size = (max(5.0, 2.75 * columns + 0.5), 4.35 * len(by_subset) + 0.6)
    with figure_file(path, study, size) as figure:
        grid = figure.subplots(
            2 * len(by_subset),
            columns,
            squeeze=False,
            height_ratios=[3.2, 1] * len(by_subset),
            sharex=True,
            sharey="row",
        )
        for place, (subset, models) in enumerate(by_subset.items()):
            for column, axes in enumerate(grid[2 * place : 2 * place + 2].T):
                if column >= len(models):
                    for unused in axes:
                        unused.set_axis_off()
                    continue
                model = models[column]
                _diagram(axes[0], _of(bins, model), _of(measured, model))
                _histogram(axes[1], probabilities[model], study.smallest_cell)
                if column == 0:
                    axes[0].set_ylabel(f"{SUBSETS.get(subset, subset)}\nObserved share")
                    axes[1].set_ylabel(f"Share of\n{study.rows}")
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=3,
            title="Tenths of the predictions, with 95 % intervals by patient",
            title_fontsize=9,
        )


def _of(table: pd.DataFrame, model: str) -> pd.DataFrame:
    return table[table["model"] == model]


def _diagram(axes: Axes, bins: pd.DataFrame, measured: pd.DataFrame) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="perfect")
    notes = []
    for method, (label, colour, marker, line) in _LOOKS.items():
        points = bins[bins["recalibration"] == method]
        if points.empty:
            continue
        axes.errorbar(
            points["predicted"],
            points["observed"],
            yerr=np.abs(points[["low", "high"]].to_numpy().T - points["observed"].to_numpy()),
            color=colour,
            marker=marker,
            markersize=4,
            linestyle=line,
            linewidth=1.2,
            elinewidth=1,
            capsize=2,
            markerfacecolor="white" if method == "none" else colour,
            label=label,
        )
        values = measured[measured["recalibration"] == method].set_index("score")["value"]
        found = [values[f"calibration_{of}"] for of in ("intercept", "slope")]
        note = " / ".join("none" if pd.isna(value) else f"{value:.2f}" for value in found)
        notes.append((colour, note.replace("-", "−")))
    axes.text(0.04, 0.97, "intercept / slope", va="top", fontsize=8, transform=axes.transAxes)
    for line_number, (colour, note) in enumerate(notes):
        axes.text(
            0.04,
            0.885 - 0.085 * line_number,
            note,
            va="top",
            fontsize=8,
            color=colour,
            fontweight="bold",
            transform=axes.transAxes,
        )
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_title(measured["title"].iloc[0], fontsize=9)
    if bins.empty:
        axes.text(0.5, 0.45, "too few patients\nto be shown", ha="center", color=GREY)


def _histogram(axes: Axes, recalibrated: pd.DataFrame, smallest: int) -> None:
    for method, (_, colour, _, line) in _LOOKS.items():
        if method not in recalibrated.columns:
            continue
        bars = pd.cut(recalibrated[method], _HISTOGRAM, labels=False, include_lowest=True)
        stays = np.bincount(bars, minlength=len(_HISTOGRAM) - 1)
        patients = recalibrated.groupby(bars)["subject_id"].nunique()
        patients = patients.reindex(range(len(stays)), fill_value=0)
        axes.stairs(
            np.where(patients >= smallest, stays, 0) / len(recalibrated),
            _HISTOGRAM,
            color=colour,
            linestyle=line,
            linewidth=1.2,
            fill=False,
        )
    axes.set_xlabel("Predicted probability")
    axes.tick_params(labelbottom=True)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=2))
