"""Draw a 12-lead ECG on paper as cardiologists read it: 25 mm/s, 10 mm/mV, true to scale.

Everything is placed in millimetres of the printed page. The layout is that of ECG carts: three
rows of four leads, 2.5 s each and simultaneous (column k shows the seconds 2.5 k to 2.5 k + 2.5),
a rhythm strip of lead II below, a calibration pulse of 1 mV and 0.2 s before each row.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mimicflow.ecg.records import LEADS
from mimicflow.errors import InputError
from mimicflow.evaluation.figures.canvas import (
    BLUE,
    GREY,
    INK,
    VERMILION,
    figure_file,
    stamp_height,
)
from mimicflow.evaluation.study import Study

ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
RHYTHM_LEAD = "II"
MM_PER_SECOND, MM_PER_MV = 25, 10
SECONDS = 10.0
WIDTH, HEIGHT = 270, 190
"""Of the page in mm, without the strip of the synthetic stamp."""
MM_PER_INCH = 25.4

_LEFT, _RIGHT, _BOTTOM, _TOP = 5, 265, 25, 175  # the grid, in mm from the lower left corner
_START = 15  # where second 0 lies
_BASELINES = (150, 115, 80, 45)  # of the three rows and the rhythm strip, on strong lines
_COLUMN = SECONDS / 4 * MM_PER_SECOND
_TALL = 8.0  # mm, of a bar higher than 99 of 100
_CUT = 12.0  # mm, where still higher ones end
_POINT = 72 / MM_PER_INCH  # points per mm
_PAPER, _FINE, _BOLD = "#FFF8F6", "#F9DAD3", "#EBA99D"


def draw_paper(
    ecg: np.ndarray,
    sampling_rate: float,
    path: str | Path,
    study: Study,
    *,
    attribution: np.ndarray | None = None,
    directions: tuple[str, str] = ("admission", "discharge"),
    title: str = "",
    note: str = "",
    lead_mask: np.ndarray | None = None,
) -> None:
    """Draw an ECG on paper, and what each moment of each lead adds to a prediction.

    Printed at 100 % the figure is 270 mm wide and true to scale. It carries no id and no time; say
    in ``title`` and ``note`` nothing that shows who the patient is.

    Parameters
    ----------
    ecg : ndarray of shape (12, n)
        mV, leads in the order of ``LEADS``; the first 10 s are drawn, less if there is less. NaN
        leaves a gap.
    sampling_rate : float
        Hz.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    attribution : ndarray of shape (12, n), optional
        Of each sample, in log-odds. Summed over 40 ms (1 mm of paper) and drawn as bars from the
        isoelectric line, up where it is positive, down where it is negative: direction and size
        are legible without colour.
    directions : tuple of str
        What a positive attribution speaks for, and a negative one.
    title, note : str
        Above the paper, and below it.
    lead_mask : ndarray of bool, shape (12,), optional
        Leads that were recorded; the others say so instead of showing a line.

    Raises
    ------
    InputError
        The signals are not twelve leads of at least one sample, or the attribution has another
        shape.
    """
    _require_shapes(ecg, sampling_rate, attribution)
    size = (WIDTH / MM_PER_INCH, (HEIGHT + stamp_height(study) * MM_PER_INCH) / MM_PER_INCH)
    with figure_file(path, study, size) as figure:
        axes = page(figure)
        _draw_grid(axes)
        recorded = np.ones(len(LEADS), bool) if lead_mask is None else np.asarray(lead_mask)
        bars = [] if attribution is None else _bars(attribution, sampling_rate, recorded)
        scale = _draw_legend(axes, bars, directions) if bars else 0.0
        for place, (lead, baseline, x, start, seconds) in enumerate(_windows()):
            row = LEADS.index(lead)
            axes.text(x + 1.5, baseline + 13, lead, fontsize=9, fontweight="bold", color=INK)
            if not recorded[row]:
                axes.text(x + 8, baseline + 1, "not recorded", fontsize=8, color=GREY)
                continue
            if bars:
                _draw_bars(axes, x, baseline, scale * bars[place])
            first, last = (round(at * sampling_rate) for at in (start, start + seconds))
            shown = ecg[row, first : last + 1]  # one more, so that the line reaches the next lead
            along = x + MM_PER_SECOND * (np.arange(len(shown)) / sampling_rate)
            _draw_line(axes, along, baseline + MM_PER_MV * shown)
        _draw_calibration(axes)
        axes.text(_LEFT, _TOP + 5, title, fontsize=12, fontweight="bold", color=INK)
        axes.text(_LEFT, _BOTTOM - 6, "25 mm/s   10 mm/mV", fontsize=9, color=INK)
        axes.text(_LEFT, _BOTTOM - 20, note, fontsize=9, color=INK)


def draw_empty_paper(path: str | Path, study: Study, *, title: str, message: str) -> None:
    """Draw paper without an ECG, and say why.

    Parameters
    ----------
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    title, message : str
        Above the paper, and on it.
    """
    with figure_file(path, study, (WIDTH / MM_PER_INCH, HEIGHT / MM_PER_INCH / 2)) as figure:
        axes = page(figure)
        axes.text(_LEFT, HEIGHT / 2 - 20, title, fontsize=12, fontweight="bold", color=INK)
        axes.text(
            WIDTH / 2,
            HEIGHT / 4 - 10,
            message,
            fontsize=12,
            color=INK,
            horizontalalignment="center",
        )


def page(figure: Figure) -> Axes:
    """Return axes over the whole figure in which one unit is one millimetre of the page."""
    figure.set_layout_engine("none")  # places are given in mm, not found
    axes = figure.add_axes((0, 0, 1, 1))
    width, height = (float(inches) * MM_PER_INCH for inches in figure.get_size_inches())
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return axes


def _require_shapes(ecg: np.ndarray, sampling_rate: float, attribution: np.ndarray | None) -> None:
    remedy = "give signals in mV with one row per lead, and a positive sampling rate"
    if ecg.ndim != 2 or ecg.shape[0] != len(LEADS) or not ecg.shape[1] or not sampling_rate > 0:
        raise InputError(
            f"an ECG of shape {ecg.shape} at {sampling_rate} Hz cannot be drawn", remedy=remedy
        )
    if attribution is not None and attribution.shape != ecg.shape:
        raise InputError(
            f"the attribution has shape {attribution.shape}, the ECG {ecg.shape}",
            remedy="give one number per sample of each lead",
        )


def _windows() -> list[tuple[str, float, float, float, float]]:
    """Return lead, baseline and left end in mm, first second and seconds of each stretch."""
    quarter = SECONDS / 4
    stretches = [
        (lead, baseline, _START + column * _COLUMN, column * quarter, quarter)
        for leads, baseline in zip(ROWS, _BASELINES, strict=False)
        for column, lead in enumerate(leads)
    ]
    return [*stretches, (RHYTHM_LEAD, _BASELINES[-1], float(_START), 0.0, SECONDS)]


def _draw_grid(axes: Axes) -> None:
    """Draw lines every mm, stronger ones every 5 mm."""
    size = (_RIGHT - _LEFT, _TOP - _BOTTOM)
    axes.add_patch(Rectangle((_LEFT, _BOTTOM), *size, facecolor=_PAPER, edgecolor="none"))
    for step, colour, width in ((1, _FINE, 0.1), (5, _BOLD, 0.18)):
        across, along = np.arange(_LEFT, _RIGHT + 1, step), np.arange(_BOTTOM, _TOP + 1, step)
        axes.vlines(across, _BOTTOM, _TOP, colors=colour, linewidths=width * _POINT)
        axes.hlines(along, _LEFT, _RIGHT, colors=colour, linewidths=width * _POINT)


def _clip(axes: Axes, artist: Artist) -> None:
    """End what leaves the grid."""
    grid = Rectangle((_LEFT, _BOTTOM), _RIGHT - _LEFT, _TOP - _BOTTOM, transform=axes.transData)
    artist.set_clip_path(grid)


def _draw_line(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    (line,) = axes.plot(x, y, color=INK, linewidth=0.3 * _POINT, zorder=3)
    _clip(axes, line)


def _draw_calibration(axes: Axes) -> None:
    """Draw 1 mV for 0.2 s before each row, and marks where one lead follows another."""
    left, wide = _START - 8, 0.2 * MM_PER_SECOND
    x = left + np.array([0, 1.5, 1.5, 1.5 + wide, 1.5 + wide, 3 + wide])
    for baseline in _BASELINES:
        _draw_line(axes, x, baseline + MM_PER_MV * np.array([0, 0, 1, 1, 0, 0]))
    changes = _START + _COLUMN * np.arange(1, 4)
    for baseline in _BASELINES[:-1]:
        for low in (baseline - 8, baseline + 5):
            axes.vlines(changes, low, low + 3, colors=INK, linewidths=0.3 * _POINT)


def _bars(attribution: np.ndarray, sampling_rate: float, recorded: np.ndarray) -> list[np.ndarray]:
    """Sum the attribution over each mm of paper, for each stretch of paper."""
    bars = []
    for lead, _, _, start, seconds in _windows():
        row = LEADS.index(lead)
        first, last = (round(at * sampling_rate) for at in (start, start + seconds))
        shown = attribution[row, first:last] * recorded[row]
        mm = (np.arange(len(shown)) * MM_PER_SECOND / sampling_rate).astype(int)
        bars.append(np.bincount(mm, weights=shown))
    return bars


def _draw_legend(axes: Axes, bars: list[np.ndarray], directions: tuple[str, str]) -> float:
    """Say what the bars mean; return their mm per log-odds."""
    heights = np.abs(np.concatenate(bars))
    tall = float(np.quantile(heights, 0.99)) or float(heights.max())
    y = _BOTTOM - 13
    for x, colour, words in (
        (_LEFT, VERMILION, f"bars upwards: toward {directions[0]}"),
        (_LEFT + 66, BLUE, f"bars downwards: toward {directions[1]}"),
    ):
        axes.add_patch(Rectangle((x, y - 0.3), 5, 2.6, facecolor=colour, edgecolor="none"))
        axes.text(x + 7, y, words, fontsize=9, color=INK)
    words = f"{_TALL:g} mm: {tall:.2g} log-odds from 40 ms; cut at {_CUT:g} mm"
    axes.text(_LEFT + 138, y, words, fontsize=9, color=INK)
    return _TALL / tall if tall > 0 else 0.0


def _draw_bars(axes: Axes, x: float, baseline: float, heights: np.ndarray) -> None:
    edges = x + np.arange(len(heights) + 1)
    heights = np.append(heights, 0.0).clip(-_CUT, _CUT)
    for colour, part in ((VERMILION, heights.clip(min=0)), (BLUE, heights.clip(max=0))):
        filled = axes.fill_between(
            edges,
            baseline,
            baseline + part,
            step="post",
            color=colour,
            alpha=0.6,
            linewidth=0,
            zorder=2.5,
        )
        _clip(axes, filled)
