"""Draw the calibration of one model, at its primary horizon and at all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mimicflow.evaluation.figures.canvas import BLUE, GREY, figure_file
from mimicflow.evaluation.study import Study

_COLUMNS = 3


def draw_calibration(table: pd.DataFrame, path: str | Path, study: Study, *, title: str) -> None:
    """Draw the observed share of events against the mean prediction of each bin.

    Parameters
    ----------
    table : pandas.DataFrame
        As `mimicflow.arrest.results.calibration.calibrate_epochs` writes it.
    path : path-like
        PNG to write.
    title : str
        Of the model.
    study : Study
        Whose figure it is.
    """
    with figure_file(path, study, (5.6, 7.0)) as figure:
        axes = figure.add_subplot()
        _bins(axes, table)
        axes.set_xlabel("Predicted probability of an arrest within 24 h")
        axes.set_ylabel("Observed share of epochs")
        size = "" if table.empty else f"\n{_epochs(table)}, {_events(table)}"
        axes.set_title(f"{title}{size}")
        figure.legend(loc="outside lower center", ncols=2)


def draw_horizons(
    table: pd.DataFrame, hours: Sequence[float], path: str | Path, study: Study, *, title: str
) -> None:
    """Draw the calibration at every horizon, a panel each, on axes of its own.

    Parameters
    ----------
    table : pandas.DataFrame
        As `mimicflow.arrest.results.calibration.calibrate_horizons` writes it, of one
        recalibration.
    hours : sequence of float
        The horizons, in the order of the panels.
    path, study, title
        As `draw_calibration` takes them.
    """
    columns = min(_COLUMNS, len(hours))
    rows = -(-len(hours) // columns)
    with figure_file(path, study, (max(5.6, 3.6 * columns), 3.9 * rows + 1.0)) as figure:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, horizon in zip(panels, hours, strict=False):
            part = table[table["horizon_h"] == horizon]
            _bins(axes, part)
            size = "" if part.empty else f"\n{_events(part)}"
            axes.set_title(f"Within {horizon:g} h{size}", fontsize=10)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
            axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 5, 10]))
        for axes in panels[len(hours) :]:
            axes.set_axis_off()
        for axes in panels[: len(hours) : columns]:
            axes.set_ylabel("Observed share of epochs")
        for axes in panels[max(0, len(hours) - columns) : len(hours)]:
            axes.set_xlabel("Predicted probability")
        drawn = next((axes for axes in panels if len(axes.collections)), panels[0])
        first = table[table["horizon_h"] == table["horizon_h"].max()]
        figure.legend(
            *drawn.get_legend_handles_labels(),
            loc="outside lower center",
            ncols=4,
            title=f"{title}, recalibrated to each horizon out of fold"
            + ("" if first.empty else f": {_epochs(first)}"),
            title_fontsize=9,
        )


def _epochs(table: pd.DataFrame) -> str:
    return f"{table['n'].sum():,} held-out epochs"


def _events(table: pd.DataFrame) -> str:
    return f"{table['events'].sum():,} events"


def _bins(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the bins with their intervals, on equal axes that end above the highest."""
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="perfect")
    if table.empty:
        axes.text(0.5, 0.5, "too few patients\nto be shown", transform=axes.transAxes,
                  ha="center", va="center", color=GREY)  # fmt: skip
        top = 1.0
    else:
        axes.vlines(table["predicted"], table["low"], table["high"], color=BLUE,
                    linewidth=1.4, alpha=0.8, label="95 % interval by patient")  # fmt: skip
        axes.plot(table["predicted"], table["observed"], "o-", color=BLUE, markersize=5,
                  linewidth=1, label="mean of a bin")  # fmt: skip
        highest = table[["predicted", "observed", "high"]].max().max()
        top = min(1.02, 1.08 * float(highest))
    axes.set(xlim=(-0.02 * top, top), ylim=(-0.02 * top, top))
    axes.set_aspect("equal")
    axes.grid(color="#e6e6e6", linewidth=0.6)
