"""A 12-lead ECG on paper as cardiologists read it: 25 mm/s, 10 mm/mV, true to scale.

Everything is placed in millimetres of the printed page. The layout is that of ECG carts: three
rows of four leads, 2.5 s each and simultaneous (column k shows the seconds 2.5 k to 2.5 k + 2.5),
a rhythm strip of lead II below, a calibration pulse of 1 mV and 0.2 s before each row.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mimicflow.ecg.records import LEADS
from mimicflow.errors import InputError
from mimicflow.evaluation.canvas import BLUE, GREY, INK, VERMILION, figure_file

ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
RHYTHM_LEAD = "II"
MM_PER_SECOND, MM_PER_MV = 25, 10
SECONDS = 10.0
WIDTH, HEIGHT = 270, 195
"""Of the page in mm, without the strip of the synthetic stamp."""
MM_PER_INCH = 25.4

_LEFT, _RIGHT, _BOTTOM, _TOP = 5, 265, 20, 180  # the grid, in mm from the lower left corner
_START = 15  # where second 0 lies
_BASELINES = (160, 122, 84, 46)  # of the three rows and the rhythm strip; multiples of 2 mm
_COLUMN = SECONDS / 4 * MM_PER_SECOND
_TALLEST = 6.0  # mm, of the largest attribution
_POINT = 72 / MM_PER_INCH  # points per mm
_PAPER, _FINE, _BOLD = "#FFF8F6", "#F9DAD3", "#EBA99D"


def draw_paper(
    ecg: np.ndarray,
    sampling_rate: float,
    path: str | Path,
    *,
    attribution: np.ndarray | None = None,
    title: str = "",
    note: str = "",
    synthetic: bool,
    lead_mask: np.ndarray | None = None,
) -> None:
    """Draw an ECG on paper, and what each moment of each lead adds to a prediction.

    Printed at 100 % the figure is 270 mm wide and true to scale. It carries no id and no time; say
    in ``title`` and ``note`` nothing that tells who the patient is.

    Parameters
    ----------
    ecg : ndarray of shape (12, n)
        mV, leads in the order of ``LEADS``; the first 10 s are drawn, less if there is less. NaN
        leaves a gap.
    sampling_rate : float
        Hz.
    path : path-like
        PNG to write.
    attribution : ndarray of shape (12, n), optional
        Of each sample, in log-odds: positive toward admission. Drawn as a band above the trace,
        negative (toward discharge) as a band below it, as high as it is large: the direction is
        told without colour. Averaged over 40 ms (1 mm of paper), for single samples flicker.
    title, note : str
        Above the paper, and below it.
    synthetic : bool
        Whether to stamp the figure as synthetic.
    lead_mask : ndarray of bool, shape (12,), optional
        Leads that were recorded; the others say so instead of showing a line.

    Raises
    ------
    InputError
        The signals are not twelve leads of at least one sample, or the attribution has another
        shape.
    """
    _require_shapes(ecg, sampling_rate, attribution)
    strip = 0.36 * MM_PER_INCH if synthetic else 0.0  # what the canvas takes for the stamp
    size = (WIDTH / MM_PER_INCH, (HEIGHT + strip) / MM_PER_INCH)
    with figure_file(path, synthetic, size) as figure:
        axes = page(figure)
        _draw_grid(axes)
        recorded = np.ones(len(LEADS), bool) if lead_mask is None else np.asarray(lead_mask)
        scale = 0.0
        if attribution is not None:
            attribution = _per_mm(attribution, sampling_rate)
            scale = _draw_scale(axes, attribution)
        for lead, baseline, x, start, seconds in _windows():
            row = LEADS.index(lead)
            axes.text(x + 1.5, baseline + 13, lead, fontsize=9, fontweight="bold", color=INK)
            if not recorded[row]:
                axes.text(x + 8, baseline + 1, "not recorded", fontsize=8, color=GREY)
                continue
            first, last = (round(at * sampling_rate) for at in (start, start + seconds))
            # One more sample, so that the line reaches the next lead.
            window = slice(first, min(last + 1, ecg.shape[1]))
            shown = ecg[row, window]
            along = x + MM_PER_SECOND * (np.arange(len(shown)) / sampling_rate)
            trace = baseline + MM_PER_MV * shown
            if attribution is not None:
                _draw_bands(axes, along, trace, scale * attribution[row, window])
            _draw_line(axes, along, trace)
        for baseline in _BASELINES:
            _draw_calibration(axes, baseline)
        axes.text(_LEFT, _TOP + 5, title, fontsize=12, fontweight="bold", color=INK)
        axes.text(_LEFT, _BOTTOM - 5.5, "25 mm/s   10 mm/mV", fontsize=9, color=INK)
        axes.text(_LEFT, _BOTTOM - 12, note, fontsize=8.5, color=INK)


def draw_empty_paper(path: str | Path, *, title: str, message: str, synthetic: bool) -> None:
    """Draw paper without an ECG, and say why.

    Parameters
    ----------
    path : path-like
        PNG to write.
    title, message : str
        Above the paper, and on it.
    synthetic : bool
        Whether to stamp the figure as synthetic.
    """
    with figure_file(path, synthetic, (WIDTH / MM_PER_INCH, HEIGHT / MM_PER_INCH / 2)) as figure:
        axes = page(figure)
        axes.text(_LEFT, HEIGHT / 2 - 20, title, fontsize=12, fontweight="bold", color=INK)
        axes.text(
            WIDTH / 2, HEIGHT / 4 - 10, message, fontsize=12, color=INK, horizontalalignment="center"
        )


def page(figure: Figure) -> Axes:
    """Return axes over the whole figure in which one unit is one millimetre of the page."""
    figure.set_layout_engine("none")  # places are given in mm, not found
    axes = figure.add_axes((0, 0, 1, 1))
    width, height = (float(inches) * MM_PER_INCH for inches in figure.get_size_inches())
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return axes


def _require_shapes(
    ecg: np.ndarray, sampling_rate: float, attribution: np.ndarray | None
) -> None:
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
        style = {"colors": colour, "linewidths": width * _POINT}
        axes.vlines(np.arange(_LEFT, _RIGHT + 1, step), _BOTTOM, _TOP, **style)
        axes.hlines(np.arange(_BOTTOM, _TOP + 1, step), _LEFT, _RIGHT, **style)


def _draw_line(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    clip = Rectangle((_LEFT, _BOTTOM), _RIGHT - _LEFT, _TOP - _BOTTOM, transform=axes.transData)
    (line,) = axes.plot(x, y, color=INK, linewidth=0.3 * _POINT, solid_joinstyle="round")
    line.set_clip_path(clip)


def _draw_calibration(axes: Axes, baseline: float) -> None:
    """Draw 1 mV for 0.2 s, with its feet, left of second 0."""
    left, wide = _START - 8, 0.2 * MM_PER_SECOND
    x = np.array([0, 1.5, 1.5, 1.5 + wide, 1.5 + wide, 3 + wide])
    _draw_line(axes, left + x, baseline + MM_PER_MV * np.array([0, 0, 1, 1, 0, 0]))


def _per_mm(attribution: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Average over 1 mm of paper, and give it in log-odds per mm: (12, n)."""
    samples = max(1, round(sampling_rate / MM_PER_SECOND))
    kernel = np.full(samples, 1 / samples)
    smooth = np.stack([np.convolve(lead, kernel, mode="same") for lead in attribution])
    return np.asarray(smooth[:, : attribution.shape[1]] * sampling_rate / MM_PER_SECOND)


def _draw_scale(axes: Axes, attribution: np.ndarray) -> float:
    """Draw the legend of the bands; return mm per unit of attribution."""
    largest = float(np.abs(attribution).max())
    scale = _TALLEST / largest if largest > 0 else 0.0
    y = _BOTTOM - 6.5
    for x, colour, words in (
        (88, VERMILION, "band above the trace: toward admission"),
        (156, BLUE, "band below the trace: toward discharge"),
    ):
        axes.add_patch(Rectangle((x, y + 0.2), 5, 2.6, facecolor=colour, edgecolor="none"))
        axes.text(x + 6.5, y + 1, words, fontsize=9, color=INK)
    axes.text(
        224, y + 1, f"{_TALLEST:g} mm high: {largest:.2g} log-odds/mm", fontsize=7.5, color=INK
    )
    return scale


def _draw_bands(axes: Axes, x: np.ndarray, trace: np.ndarray, height: np.ndarray) -> None:
    for colour, part in ((VERMILION, height.clip(min=0)), (BLUE, height.clip(max=0))):
        axes.fill_between(x, trace, trace + part, color=colour, alpha=0.75, linewidth=0)
