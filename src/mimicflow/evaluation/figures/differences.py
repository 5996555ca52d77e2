"""Draw scores side by side, and beside each its difference to the first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mimicflow.evaluation.figures.canvas import BLUE, GREY, INK
from mimicflow.evaluation.statistics.metrics import Estimate


def draw_differences(
    panels: tuple[Axes, Axes],
    names: Sequence[str],
    values: np.ndarray,
    differences: np.ndarray,
    *,
    title: str,
    to: str,
) -> None:
    """Draw the AUROC of each of several models, and its difference to the first, with intervals.

    Parameters
    ----------
    panels : pair of Axes
        Left for the AUROC, right for the difference; they share their y axis.
    names : sequence of str
        Of the n models, the one that the others are compared with first.
    values : numpy.ndarray of shape (n, 3)
        AUROC and the ends of its interval.
    differences : numpy.ndarray of shape (n - 1, 3)
        Likewise, of all but the first.
    title : str
        Above the left panel.
    to : str
        What the differences are to.
    """
    left, right = panels
    places = np.arange(len(names))
    for axes, at, estimates in ((left, places, values), (right, places[1:], differences)):
        value, low, high = estimates.T
        axes.hlines(at, low, high, colors=INK, linewidth=1.6)
        axes.plot(value, at, "s", color=BLUE, markersize=6)
        for place, found in zip(at, estimates, strict=True):
            axes.annotate(
                Estimate(*found).words(signed=axes is right), (found[0], place), (0, 7),
                textcoords="offset points", horizontalalignment="center", fontsize=8,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
            )  # fmt: skip
        axes.margins(x=0.35)
        axes.xaxis.set_major_locator(MaxNLocator(5))
    left.axvline(values[0, 0], color=GREY, linewidth=1, linestyle=":")
    right.axvline(0, color=GREY, linewidth=1, linestyle=":")
    left.set_yticks(places, names)
    left.set(ylim=(len(names) - 0.6, -0.7), xlabel="AUROC (95 % CI)", title=title)
    right.set_xlabel(f"Difference to {to} (95 % CI)")
    right.tick_params(axis="y", length=0)
