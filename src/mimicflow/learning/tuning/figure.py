"""Draw the trials of a search: how good each was, and by what each of its keys was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from mimicflow.evaluation.figures.canvas import BLUE, GREY, INK, VERMILION, figure_file
from mimicflow.evaluation.study import Study
from mimicflow.learning.tuning.space import Parameter
from mimicflow.learning.tuning.trials import COMPLETE, SCORE

_ACROSS = 3  # panels of keys side by side
_FAR = 300  # between the ends of a logarithmic axis: more ticks than decades would touch


def draw_trials(
    trials: pd.DataFrame,
    space: Sequence[Parameter],
    path: str | Path,
    *,
    title: str,
    study: Study,
) -> None:
    """Draw the AUROC of the trials by their number, and by each key that they change.

    Parameters
    ----------
    trials : pandas.DataFrame
        As `mimicflow.learning.tuning.choice.choose_trial` writes them.
    space : sequence of Parameter
        What they could be.
    path : path-like
        PNG.
    title : str
        Of the model.
    study : Study
        Whose scores they are.
    """
    n_rows = -(-len(space) // _ACROSS)
    with figure_file(path, study, (9, 3.2 + 2.4 * n_rows)) as figure:
        heights = [3.2, 2.4 * n_rows]
        [above], [below] = figure.subfigures(2, 1, squeeze=False, height_ratios=heights)
        _draw_course(above, trials, title)
        panels = below.subplots(n_rows, _ACROSS, squeeze=False, sharey=True)
        for axes, of in zip(panels.flat, space, strict=False):
            _draw_key(axes, trials, of)
        for axes in panels.flat[len(space) :]:
            axes.set_visible(False)
        for axes in panels[:, 0]:
            axes.set_ylabel("AUROC")


def _draw_course(figure: Figure, trials: pd.DataFrame, title: str) -> None:
    """Draw the score of each trial with its interval, and the best so far."""
    axes = figure.subplots()
    scored = trials[trials["state"] == COMPLETE]
    number, score = scored["number"], scored[SCORE]
    axes.vlines(number, scored[f"{SCORE}_low"], scored[f"{SCORE}_high"], colors=GREY, linewidth=1)
    label = "trial (95 % CI)" if scored[f"{SCORE}_low"].notna().any() else "trial"
    axes.plot(number, score, "o", color=BLUE, markersize=4, label=label)
    axes.step(number, score.cummax(), where="post", color=INK, linewidth=1.2, label="best so far")
    _mark_chosen(axes, trials, trials["number"].astype(float))
    diverged = trials.loc[trials["state"] != COMPLETE, "number"]
    if len(diverged):
        low = axes.get_ylim()[0]
        axes.plot(diverged, np.full(len(diverged), low), "x", color=INK, label="diverged")
    for first in trials.loc[trials["round"].diff() > 0, "number"]:
        axes.axvline(first - 0.5, color=GREY, linewidth=0.6, linestyle=":")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="Trial (0: the configuration itself; dotted: rounds)", title=title)
    axes.set_ylabel("AUROC on validation patients")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, columnspacing=1)


def _draw_key(axes: Axes, trials: pd.DataFrame, of: Parameter) -> None:
    """Draw the score of each trial by what it makes of a key."""
    tried = trials[trials[of.key].notna()]
    at = tried[of.key]
    if of.choices:
        names = [str(choice) for choice in of.choices]
        names += [name for name in dict.fromkeys(at.map(str)) if name not in names]
        at = at.map(str).map(names.index)
        axes.set_xticks(range(len(names)), names)
        axes.margins(x=0.2)
    axes.plot(at.astype(float), tried[SCORE], "o", color=BLUE, markersize=4)
    _mark_chosen(axes, tried, at.astype(float))
    if of.log:
        axes.set_xscale("log")
        least, most = axes.get_xlim()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if most < _FAR * least else (1,)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("")
    axes.set_xlabel(of.key.replace(".", ".\N{ZERO WIDTH SPACE}"), fontsize=8)


def _mark_chosen(axes: Axes, trials: pd.DataFrame, at: pd.Series) -> None:
    chosen = trials["chosen"]
    axes.plot(
        at[chosen], trials.loc[chosen, SCORE], "D", color=VERMILION, markersize=7, label="chosen"
    )
