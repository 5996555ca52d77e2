"""Draw the leading measures in the hours before the arrest."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes

from mimicflow.arrest.selection import ACCEPTED
from mimicflow.evaluation.figures.canvas import BLUE, GREY, VERMILION, figure_file
from mimicflow.evaluation.statistics.metrics import NO_INTERVAL
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
    words = (
        f"{_who(table, 'tau_stays')}. τ: Kendall, of means of stay and hour "
        "with the hours to the arrest (95 % interval and p by patient, Holm)"
    )
    _draw(table, _hours, words, path, study)


def draw_by_epoch(table: pd.DataFrame, path: str | Path, study: Study) -> None:
    """Draw median and quartiles by epoch before the arrest, a panel per measure.

    Parameters
    ----------
    table : pandas.DataFrame
        As `mimicflow.arrest.results.over_time.describe_hrv_by_epoch` writes it.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    """
    shown = table.dropna(subset="stays")
    minutes = round(60 * float((table["hours_from"] - table["hours_to"]).iloc[0]), 2)
    stays = (
        ""
        if shown.empty
        else f", {_range(shown['stays'])} event stays in each step of {minutes:g} min"
    )
    _draw(table, _epochs, f"{_who(table)}{stays}", path, study)


def _draw(
    table: pd.DataFrame,
    panel: Callable[[Axes, pd.DataFrame], None],
    words: str,
    path: str | Path,
    study: Study,
) -> None:
    """Draw a panel per measure, in the order of the table."""
    measures = list(dict.fromkeys(table["measure"]))
    columns = min(_COLUMNS, len(measures))
    rows = -(-len(measures) // columns)
    size = (max(5.0, 4.1 * columns), 3.1 * rows + 1.1)
    with figure_file(path, study, size) as figure:
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
        for axes, measure in zip(panels, measures, strict=False):
            part = table[table["measure"] == measure]
            panel(axes, part)
            _frame(axes, part)
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
            ncols=len(labels),
            title=words,
            title_fontsize=9,
        )


def _who(table: pd.DataFrame, event_stays: str | None = None) -> str:
    """Return whose stays are drawn, and how many where they may be known."""
    first = table.iloc[0]
    sizes = [
        f"{first[column]:,} {words}"
        for column, words in ((event_stays, "event stays"), ("control_stays", "control stays"))
        if column and pd.notna(first[column])
    ]
    return ", ".join([f"{first['split'][0].upper()}{first['split'][1:]} patients", *sizes])


def _range(counts: pd.Series) -> str:
    low, high = counts.min(), counts.max()
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _hours(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the mean of each hour with its interval, and the trend in words."""
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
        _say_nothing(axes)
    # Beside the trend there is no room to say that a measure is accepted, which most are.
    decision = "" if first["decision"] == ACCEPTED else f", {first['decision']}"
    axes.set_title(f"{_measure(first)}{decision}")
    if pd.notna(first["tau"]):
        axes.text(1, 1.02, _trend(first), transform=axes.transAxes, ha="right", fontsize=8.5)


def _epochs(axes: Axes, table: pd.DataFrame) -> None:
    """Draw median and quartiles of each step, and the quartiles of control stays."""
    first = table.iloc[0]
    if table["median"].notna().any():
        middle = (table["hours_from"] + table["hours_to"]) / 2
        axes.vlines(middle, table["q25"], table["q75"], color=BLUE, alpha=0.25, linewidth=1.2,
                    label="event stays: quartiles")  # fmt: skip
        axes.plot(middle, table["median"], color=BLUE, marker="o", markersize=2.2,
                  linestyle="none", label="event stays: median of the step")  # fmt: skip
    else:
        _say_nothing(axes)
    if pd.notna(first["control_median"]):
        axes.axhspan(first["control_q25"], first["control_q75"], color=VERMILION, alpha=0.12,
                     linewidth=0, label="control stays: quartiles")  # fmt: skip
    axes.set_title(f"{_measure(first)}, {first['decision']}")


def _frame(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the median of control stays, and the hours."""
    first = table.iloc[0]
    if pd.notna(first["control_median"]):
        axes.axhline(
            first["control_median"], color=VERMILION, linestyle="--", linewidth=1.4,
            label="control stays: median",
        )  # fmt: skip
    most = math.ceil(table["hours_from"].max())
    axes.set_xlim(most, 0)
    axes.set_xticks(range(0, most + 1, 4))
    axes.grid(axis="y", color="#e6e6e6", linewidth=0.6)


def _measure(row: pd.Series) -> str:
    return f"{row['measure']} ({row['unit']})" if row["unit"] else str(row["measure"])


def _say_nothing(axes: Axes) -> None:
    axes.text(0.5, 0.5, "too few patients\nto be shown", transform=axes.transAxes,
              ha="center", va="center", color=GREY)  # fmt: skip


def _trend(row: pd.Series) -> str:
    if pd.isna(row["p_holm"]):
        return f"τ {row['tau']:.2f} ({NO_INTERVAL})\nn = {row['tau_n']:,}".replace("-", "−")
    p = "p < 0.001" if row["p_holm"] < 0.001 else f"p = {row['p_holm']:.3f}"
    numbers = f"{row['tau']:.2f} ({row['tau_lower']:.2f} to {row['tau_upper']:.2f})"
    return f"τ {numbers}\n{p}, n = {row['tau_n']:,}".replace("-", "−")
