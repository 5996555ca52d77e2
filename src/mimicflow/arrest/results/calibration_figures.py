"""Draw the calibration of one model."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mimicflow.evaluation.figures.canvas import BLUE, GREY, VERMILION, figure_file
from mimicflow.evaluation.study import Study


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
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="perfect")
        if table.empty:
            axes.text(0.5, 0.5, "too few patients\nto be shown", transform=axes.transAxes,
                      ha="center", va="center", color=GREY)  # fmt: skip
            top = 1.0
        else:
            observed = table["observed"].to_numpy()
            for ends, colour, width, label in (
                (("by_patient_low", "by_patient_high"), BLUE, 1.4, "95 % interval by patient"),
                (("low", "high"), VERMILION, 3.2, "95 % interval (Wilson)"),
            ):
                axes.vlines(
                    table["predicted"], table[ends[0]], table[ends[1]], color=colour,
                    linewidth=width, alpha=0.8, label=label,
                )  # fmt: skip
            axes.plot(table["predicted"], observed, "o-", color=BLUE, markersize=5, linewidth=1,
                      label="mean of a bin")  # fmt: skip
            highest = table[["predicted", "observed", "high", "by_patient_high"]].max().max()
            top = min(1.02, 1.08 * float(highest))
        axes.set(xlim=(-0.02 * top, top), ylim=(-0.02 * top, top))
        axes.set_aspect("equal")
        axes.grid(color="#e6e6e6", linewidth=0.6)
        axes.set_xlabel("Predicted probability of an arrest within 24 h")
        axes.set_ylabel("Observed share of epochs")
        size = "" if table.empty else (
            f"\n{table['n'].sum():,} held-out epochs, {table['events'].sum():,} events"
        )  # fmt: skip
        axes.set_title(f"{title}{size}")
        figure.legend(loc="outside lower center", ncols=2)
