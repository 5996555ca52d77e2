"""What all figures share: colours, type, the stamp of synthetic data, saving.

Figures are legible in print and without colour, and have the same bytes every time.
"""

from __future__ import annotations

import contextlib
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from mimicflow.evaluation.study import Study
from mimicflow.running.writing import atomic_output

# Okabe and Ito's palette (jfly.uni-koeln.de/color), safe for colour-blind readers.
BLUE, VERMILION, GREEN, PURPLE, ORANGE = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"
GREY, INK = "#777777", "#222222"
LINES = [
    (BLUE, "-"),
    (VERMILION, "--"),
    (GREEN, "-."),
    (PURPLE, (0, (5, 1, 1, 1, 1, 1))),
    (ORANGE, (0, (1, 1))),
]

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same bytes on every machine
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "savefig.dpi": 200,
    "svg.hashsalt": "mimicflow",
}


def stamp_height(study: Study) -> float:
    """Return the height of the strip, in inches, that the stamp of synthetic data takes."""
    return 0.36 if study.synthetic else 0.0


STAMP = "SYNTHETIC DATA – not patients"


@contextlib.contextmanager
def figure_file(
    path: str | Path, study: Study, size: tuple[float, float], stamp: str = STAMP
) -> Iterator[Figure]:
    """Yield an empty figure; stamp and save it, atomically and without clock or version.

    Parameters
    ----------
    path : path-like
        PNG or SVG to write, by its suffix.
    study : Study
        Whose figure it is: one of synthetic patients is stamped.
    size : tuple of float
        Width and height in inches.
    stamp : str
        What the stamp says.
    """
    with mpl.rc_context(), atomic_output(path) as temporary:
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        # The stamp has a strip of its own above the layout, so that it never hides anything.
        strip = stamp_height(study) / size[1]
        layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, rect=(0, 0, 1, 1 - strip))
        figure = Figure(figsize=size, layout=layout)
        yield figure
        if study.synthetic:
            figure.text(
                0.98,
                1 - strip / 1.8,
                stamp,
                horizontalalignment="right",
                verticalalignment="center",
                fontsize=9,
                fontweight="bold",
                color="white",
                bbox={"boxstyle": "round,pad=0.35", "facecolor": VERMILION, "edgecolor": "none"},
            )
        if temporary.suffix == ".svg":
            nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            figure.savefig(temporary, format="svg", metadata=nothing)
        else:
            figure.savefig(temporary, format="png", metadata={"Software": None})


def describe_svg(path: str | Path, title: str, description: str) -> None:
    """Give an SVG its title and description, and take out what a page must not hold."""
    text = Path(path).read_text(encoding="utf-8")
    text = text[text.index("<svg") :]  # a page has its own declaration and document type
    # Rules for all elements and numbered names would reach into the rest of the page.
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="(?:figure|axes|patch|text|line2d)_\d+"', "", text)
    label = re.sub(r"\W+", "-", title.lower())
    style = "stroke-linejoin: round; stroke-linecap: butt"
    head = f'role="img" aria-labelledby="{label}-title {label}-text" style="{style}"'
    names = (
        f'<title id="{label}-title">{html.escape(title)}</title>'
        f'<desc id="{label}-text">{html.escape(description)}</desc>'
    )
    opening, rest = text.split(">", 1)
    with atomic_output(path) as temporary:
        temporary.write_text(f"{opening} {head}>{names}{rest}", "utf-8")
