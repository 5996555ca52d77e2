"""Draw the rounds of Boruta, in which features compete with their shadows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from mimicflow.arrest.selection import ACCEPTED, REJECTED, TENTATIVE
from mimicflow.evaluation.figures.canvas import BLUE, GREY, INK, ORANGE, VERMILION, figure_file
from mimicflow.evaluation.figures.performance import read_columns
from mimicflow.evaluation.study import Study

COLOURS = {ACCEPTED: BLUE, TENTATIVE: ORANGE, REJECTED: VERMILION}
"""Of the decisions."""
_SHOWN = 50
_SELECTED = ["feature", "hits", "rounds", "decision"]


def draw_selection(
    selected: str | Path, rounds: str | Path, figure: str | Path, study: Study, *, model: str
) -> None:
    """Draw the importance of each feature over the rounds, and how often it beat the best shadow.

    Parameters
    ----------
    selected, rounds : path-like
        Both CSV of `mimicflow.arrest.selection.select_features`.
    figure : path-like
        PNG to write; of many features the leading ones.
    study : Study
        Whose figure it is.
    model : str
        Name of the model.

    Raises
    ------
    InputError
        A file that cannot be read.
    """
    decided = read_columns(selected, _SELECTED)
    course = read_columns(rounds, ["round", "feature", "importance", "shadow"])
    shown = decided.head(_SHOWN)
    with figure_file(figure, study, (9.6, 2.4 + 0.21 * len(shown))) as canvas:
        left, right = canvas.subplots(1, 2, sharey=True, width_ratios=[3, 1.2])
        _importance(left, shown, course)
        _hits(right, shown)
        left.set_yticks(range(len(shown)), shown["feature"], fontsize=8.5)
        left.set_ylim(len(shown) - 0.4, -0.6)
        of = f"{len(shown)} of {len(decided)}" if len(shown) < len(decided) else f"{len(shown)}"
        left.set_title(
            f"{study.title(model)}: {of} features in {course['round'].max()} rounds of Boruta"
        )
        _legend(canvas, decided)


def _importance(axes: Axes, shown: pd.DataFrame, course: pd.DataFrame) -> None:
    """Draw a box per feature from its quartiles, over the range of the best shadow."""
    shadow = course.drop_duplicates("round")["shadow"]
    axes.axvspan(shadow.min(), shadow.max(), color=GREY, alpha=0.2, linewidth=0)
    axes.axvline(shadow.median(), color=GREY, linestyle="--", linewidth=1.2)
    by_feature = {name: part.to_numpy() for name, part in course.groupby("feature")["importance"]}
    drawn = axes.boxplot(
        [by_feature[feature] for feature in shown["feature"]],
        positions=range(len(shown)),
        orientation="horizontal",
        whis=(0, 100),
        widths=0.65,
        showcaps=False,
        patch_artist=True,
        manage_ticks=False,
        medianprops={"color": INK, "linewidth": 1.2},
        whiskerprops={"color": INK, "linewidth": 0.8},
    )
    for box, decision in zip(drawn["boxes"], shown["decision"], strict=True):
        box.set(facecolor=COLOURS[decision], edgecolor=INK, linewidth=0.6)
    axes.set_xlabel("Importance in a round: mean |SHAP value| (log-odds)")
    axes.set_xlim(0, None)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)


def _hits(axes: Axes, shown: pd.DataFrame) -> None:
    """Draw the share of rounds that each feature won, and write both numbers beside it."""
    places = np.arange(len(shown))
    share = 100 * shown["hits"] / shown["rounds"]
    axes.barh(places, share, height=0.65, color=[COLOURS[of] for of in shown["decision"]])
    for place, row in zip(places, shown.itertuples(), strict=True):
        axes.annotate(
            f"{row.hits} of {row.rounds}", (1.03, place), xycoords=("axes fraction", "data"),
            va="center", fontsize=8,
        )  # fmt: skip
    axes.set(xlim=(0, 100))
    axes.set_xlabel("Rounds won (%)")
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)


def _legend(canvas: Figure, decided: pd.DataFrame) -> None:
    counts = decided["decision"].value_counts()
    handles: list[Patch | Line2D] = [
        Patch(color=colour, label=f"{decision} ({counts.get(decision, 0)})")
        for decision, colour in COLOURS.items()
    ]
    handles.append(Patch(color=GREY, alpha=0.2, label="best shadow, all rounds"))
    handles.append(Line2D([], [], color=GREY, linestyle="--", linewidth=1.2, label="its median"))
    canvas.legend(handles=handles, loc="outside lower center", ncols=5)
