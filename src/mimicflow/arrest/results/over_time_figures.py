"""Draw the leading measures in the hours before the arrest."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from mimicflow.evaluation.figures.canvas import BLUE, GREY, VERMILION, figure_file
from mimicflow.evaluation.study import Study

_COLUMNS = 3


def draw_over_time(table: pd.DataFrame, path: str | Path, study: Study) -> None:
    """Draw mean and 95 % interval by hour before the arrest, a panel per measure.

    Parameters
    ----------
    table : pandas.DataFrame
        As `mimicflow.arrest.results.over_time.describe_hrv_over_time` writes it.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    """
    measures = list(dict.fromkeys(table["measure"]))
    columns = min(_COLUMNS, len(measures))
    rows = -(-len(measures) // columns)
    size = (max(5.0, 4.1 * columns), 3.1 * rows + 1.1)
    with figure_file(path, study, size) as figure:
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
        for axes, measure in zip(panels, measures, strict=False):
            _panel(axes, table[table["measure"] == measure])
        for axes in panels[len(measures) :]:
            axes.set_axis_off()
        for axes in panels[max(0, len(measures) - columns) : len(measures)]:
            axes.set_xlabel("Hours before the arrest (h)")
            axes.tick_params(labelbottom=True)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=3,
            title=_words(table),
            title_fontsize=9,
        )


def _words(table: pd.DataFrame) -> str:
    first = table.iloc[0]
    sizes = [
        f"{first[column]:,} {words}"
        for column, words in (("tau_stays", "event stays"), ("control_stays", "control stays"))
        if pd.notna(first[column])
    ]
    who = f"{first['split'][0].upper()}{first['split'][1:]} patients"
    return (
        f"{', '.join([who, *sizes])}. τ: Kendall, of means of stay and hour "
        "with the hours to the arrest (95 % interval by patient)"
    )


def _panel(axes: Axes, table: pd.DataFrame) -> None:
    first = table.iloc[0]
    middle = (table["hours_from"] + table["hours_to"]) / 2
    if table["mean"].notna().any():
        axes.plot(middle, table["mean"], color=BLUE, marker="o", markersize=3.5,
                  label="event stays: mean of the hour")  # fmt: skip
        axes.fill_between(
            middle, table["lower"], table["upper"], color=BLUE, alpha=0.2, linewidth=0,
            label="95 % interval of the mean",
        )  # fmt: skip
    else:
        axes.text(0.5, 0.5, "too few patients\nto be shown", transform=axes.transAxes,
                  ha="center", va="center", color=GREY)  # fmt: skip
    if pd.notna(first["control_median"]):
        axes.axhline(
            first["control_median"], color=VERMILION, linestyle="--", linewidth=1.4,
            label="control stays: median",
        )  # fmt: skip
    unit = f" ({first['unit']})" if first["unit"] else ""
    axes.set_title(f"{first['measure']}{unit}")
    axes.set_xlim(table["hours_from"].max(), 0)
    axes.set_xticks(range(0, int(table["hours_from"].max()) + 1, 4))
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)
    if pd.notna(first["tau"]):
        axes.text(1, 1.02, _trend(first), transform=axes.transAxes, ha="right", fontsize=8.5)


def _trend(row: pd.Series) -> str:
    p = "p < 0.001" if row["tau_p"] < 0.001 else f"p = {row['tau_p']:.3f}"
    numbers = f"{row['tau']:.2f} ({row['tau_lower']:.2f} to {row['tau_upper']:.2f})"
    return f"τ {numbers}\n{p}, n = {row['tau_n']:,}".replace("-", "−")
