"""Draw SHAP values: the ranking of the features, and how the leading ones act."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import shap as shap_package
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


def draw_dots(
    table: pd.DataFrame, epochs: pd.DataFrame, shap: np.ndarray, path: str | Path, study: Study
) -> None:
    """Draw the SHAP values of every epoch as a dot, coloured by the rank of the feature's value.

    No value of a feature is drawn. Of real patients no dot stands alone at an end: dots lie no
    further out than the smallest cell of patients reach.

    Parameters
    ----------
    table : pandas.DataFrame
        ``shap`` of `mimicflow.arrest.results.explain.explain_arrest_model`: k rows.
    epochs : pandas.DataFrame
        n rows, with ``subject_id`` and the features.
    shap : numpy.ndarray of shape (n, k)
        Log-odds, in the order of the rows of ``table``.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is; its seed decides the order in which dots lie over each other.
    """
    shown = list(table["feature"].head(_SHOWN))
    first = table.iloc[0]
    with figure_file(path, study, (7.6, max(3.6, 2.2 + 0.3 * len(shown)))) as figure:
        axes = figure.add_subplot()
        # With fewer, what half of them reach is reached by too few.
        if study.smallest_cell and first["patients"] < 2 * study.smallest_cell:
            axes.text(0.5, 0.5, "too few patients\nto be shown", transform=axes.transAxes,
                      ha="center", va="center", color=GREY)  # fmt: skip
        else:
            places = within_reach(
                shap[:, : len(shown)], epochs["subject_id"].to_numpy(), study.smallest_cell
            )
            ranks = epochs[shown].rank(pct=True).to_numpy()
            _dots(axes, places, ranks, shown, study.seed)
            figure.axes[-1].tick_params(labelsize=8.5)  # the bar of colours
            figure.axes[-1].set_ylabel("Value, by rank (grey: unknown)", fontsize=9, labelpad=4)
        axes.set_xlabel("SHAP value (log-odds), a dot per epoch", fontsize=10)
        axes.set_title(
            f"{first['title']}: {len(shown)} of {len(table)} features\n"
            f"{first['n']:,} held-out epochs of {first['patients']:,} patients{_events(first)}"
        )


def within_reach(values: np.ndarray, patient: np.ndarray, smallest: int) -> np.ndarray:
    """Return values moved to where at least ``smallest`` patients reach, on either side.

    Parameters
    ----------
    values : numpy.ndarray of shape (n, k)
        Of each epoch.
    patient : numpy.ndarray of shape (n,)
        Of each epoch; at least twice ``smallest`` of them.
    smallest : int
        0 moves nothing.
    """
    if not smallest:
        return values
    of_patient = pd.DataFrame(values).groupby(patient)
    low = np.sort(of_patient.min().to_numpy(), axis=0)[smallest - 1]
    high = np.sort(of_patient.max().to_numpy(), axis=0)[-smallest]
    return np.clip(values, low, high)


def _dots(axes: Axes, places: np.ndarray, ranks: np.ndarray, names: list[str], seed: int) -> None:
    """Draw the swarm of the package shap, which shuffles by NumPy's global generator."""
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        shap_package.plots.beeswarm(
            shap_package.Explanation(values=places, data=ranks, feature_names=names),
            order=np.arange(len(names)),
            max_display=len(names),
            group_remaining_features=False,
            s=9,
            ax=axes,
            plot_size=None,
            show=False,
        )
    finally:
        np.random.set_state(state)
    axes.tick_params(axis="both", labelsize=8.5)
    axes.tick_params(axis="y", length=0)


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
