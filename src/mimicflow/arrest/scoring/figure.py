"""Draw the probability of an arrest over the length of one recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from mimicflow.arrest.hrv_features import EPOCH_REASONS
from mimicflow.arrest.model_folder import ArrestModel
from mimicflow.arrest.score import Strip, Tachogram
from mimicflow.evaluation.figures.canvas import BLUE, GREY, INK, VERMILION, figure_file
from mimicflow.evaluation.statistics.metrics import NOT_PROMISED
from mimicflow.evaluation.study import Study
from mimicflow.hrv.epochs import CLINICAL_REASONS

_SIZE = (9.0, 5.2)
_STRIP_HEIGHT = 1.6
_STAMP = "MODEL FITTED ON SYNTHETIC DATA – not for any care"
_HATCHES = ("////", "....", "\\\\\\\\", "xxxx", "----", "oooo", "++++")  # legible without colour


def draw_scores(
    scores: pd.DataFrame,
    model: ArrestModel,
    name: str,
    output: str | Path,
    strip: Strip | Tachogram | None = None,
    *,
    of_beats: bool = False,
) -> None:
    """Draw probability and quality of the epochs of one recording, and that of the highest risk.

    Parameters
    ----------
    scores : pandas.DataFrame
        As of :func:`mimicflow.arrest.score.score_ecg`; may have no row.
    model : ArrestModel
        Gives threshold, horizon and length of the epochs; a model that was fitted on made-up
        patients stamps the figure.
    name : str
        Of the recording, for the title.
    output : path-like
        PNG or SVG to write.
    strip : Strip or Tachogram, optional
        The ECG or RR intervals to show.
    of_beats : bool
        Whether the recording is one of beats, without samples.
    """
    end_h = scores["time_s"].to_numpy() / 3600
    start_h = end_h - model.epoch_minutes / 60
    size = (_SIZE[0], _SIZE[1] + (_STRIP_HEIGHT if strip else 0))
    with figure_file(output, Study(synthetic=model.synthetic), size, _STAMP) as figure:
        heights = [3, 1, 1] if strip else [3, 1]
        upper, lower, *rest = figure.subplots(len(heights), 1, height_ratios=heights)
        upper.sharex(lower)
        upper.tick_params(labelbottom=False)
        if isinstance(strip, Tachogram):
            _draw_tachogram(rest[0], strip)
        elif strip:
            _draw_strip(rest[0], strip)
        least, most = model.horizon_h
        upper.set_title(f"{name}: cardiac arrest within {least:g}–{most:g} h")
        _draw_probability(upper, end_h, scores, model)
        share = 100 * scores["good_share"].to_numpy()
        lower.plot(end_h, share, color=INK, marker="o", markersize=2.5, linewidth=1)
        steps = model.preprocessing
        rule = steps.beats if of_beats else steps.quality
        lower.axhline(100 * rule.good_share, color=GREY, linestyle="--")
        lower.set(ylim=(0, 105), ylabel="Good beats (%)", xlabel="Time from first sample (h)")
        lower.set_xlim(0, max(end_h, default=model.epoch_minutes / 60))
        styles = {reason: _style(reason, place) for place, reason in enumerate(_reasons(scores))}
        for reason, style in styles.items():
            of_reason = (scores["reason"] == reason).to_numpy()
            _shade((upper, lower), start_h, end_h, of_reason, style)
        lines = [
            handle for axes in (upper, *rest) for handle in axes.get_legend_handles_labels()[0]
        ]
        handles = [*lines, *_legend(scores, styles)]
        figure.legend(handles=handles, loc="outside lower left", ncols=2)


def _draw_strip(axes: Axes, strip: Strip) -> None:
    """Draw seconds of ECG, with the beats that were found in them."""
    time_s = strip.start_s + np.arange(len(strip.ecg)) / strip.sampling_rate
    axes.plot(time_s, strip.ecg, color=INK, linewidth=0.8)
    found = strip.r_peaks
    axes.plot(found, np.interp(found, time_s, strip.ecg), "v", color=VERMILION, markersize=4)
    axes.set(
        ylabel="ECG (mV)", xlabel="Time from first sample (s): end of the epoch of highest risk"
    )
    _plain_seconds(axes)


def _draw_tachogram(axes: Axes, tachogram: Tachogram) -> None:
    """Draw the RR intervals of an epoch; those that do not count are crosses."""
    ends_s, rr, counted = tachogram.ends_s, tachogram.rr, tachogram.counted
    label = (
        None
        if counted.all()
        else "RR interval left out: implausible, or by a beat that is not normal"
    )
    axes.plot(ends_s, np.where(counted, rr, np.nan), color=INK, linewidth=0.8)
    axes.plot(ends_s[~counted], rr[~counted], "x", color=VERMILION, markersize=4, label=label)
    axes.set(ylabel="RR interval (ms)", xlabel="Time from first sample (s): epoch of highest risk")
    _plain_seconds(axes)


def _plain_seconds(axes: Axes) -> None:
    """Write seconds in full, also days after the first sample: no offset, no power of ten."""
    axes.margins(x=0)
    axes.ticklabel_format(axis="x", style="plain", useOffset=False)


def _draw_probability(
    axes: Axes, end_h: np.ndarray, scores: pd.DataFrame, model: ArrestModel
) -> None:
    # A dropped epoch is NaN, and breaks the line.
    probability = 100 * scores["probability"].to_numpy()
    axes.plot(end_h, probability, color=BLUE, marker="o", markersize=3, label="Probability")
    finite = probability[np.isfinite(probability)]
    axes.set_ylabel("Probability of arrest (%)")
    axes.set_ylim(0, 1.15 * max(finite, default=1) or 1)
    if not model.has_threshold:
        words = f"no threshold: {model.threshold_name.replace('_', ' ')} {NOT_PROMISED}"
        axes.plot([], [], linestyle="none", label=words)
        return
    exceeding = scores["alarm"].to_numpy(dtype=bool)
    axes.plot(
        *(end_h[exceeding], probability[exceeding]),
        color=VERMILION,
        marker="D",
        markersize=5,
        linestyle="none",
        label="At or above the threshold",
    )
    axes.axhline(
        100 * model.threshold,
        color=VERMILION,
        linestyle="--",
        label=f"Threshold {100 * model.threshold:.3g} % ({model.threshold_name.replace('_', ' ')})",
    )
    axes.set_ylim(0, 1.15 * max([100 * model.threshold, *finite], default=1) or 1)


def _reasons(scores: pd.DataFrame) -> list[str]:
    """Return the reasons that occur, in the order of their table."""
    return [reason for reason in EPOCH_REASONS if reason and (scores["reason"] == reason).any()]


def _style(reason: str, place: int) -> dict[str, Any]:
    """Return how epochs of a reason are shaded: red where the patient has it, not the recording."""
    clinical = reason in CLINICAL_REASONS
    return {
        "facecolor": "#FBE3DA" if clinical else "#EEEEEE",
        "edgecolor": VERMILION if clinical else "#AAAAAA",
        "hatch": _HATCHES[place % len(_HATCHES)],
    }


def _shade(
    panels: tuple[Axes, ...],
    start_h: np.ndarray,
    end_h: np.ndarray,
    mask: np.ndarray,
    style: dict[str, Any],
) -> None:
    """Shade the runs of epochs of one reason."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    for first, beyond in zip(edges[::2], edges[1::2], strict=True):
        for axes in panels:
            axes.axvspan(start_h[first], end_h[beyond - 1], linewidth=0, zorder=0, **style)


def _legend(scores: pd.DataFrame, styles: dict[str, dict[str, Any]]) -> list[Patch]:
    counts = scores["reason"].value_counts()
    return [
        Patch(label=f"Dropped ({counts[reason]}): {EPOCH_REASONS[reason]}", **style)
        for reason, style in styles.items()
    ]
