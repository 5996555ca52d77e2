"""Figures of scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mimicflow.evaluation.assessment import Assessment
from mimicflow.evaluation.canvas import BLUE, GREY, INK, LINES, VERMILION, figure_file
from mimicflow.evaluation.titles import STAYS


def draw_roc(
    assessments: Sequence[Assessment], path: str | Path, *, synthetic: bool, title: str = ""
) -> None:
    """Draw the ROC curves of one or several models, with AUROC and interval in the legend.

    Parameters
    ----------
    assessments : sequence of Assessment
        One curve each.
    path : path-like
        PNG to write.
    synthetic : bool
        Whether to stamp the figure as synthetic.
    title : str
        Above the axes.
    """
    with figure_file(path, synthetic, (5, 5.6)) as figure:
        axes = _unit_square(figure, title, "False positive rate", "True positive rate")
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="Chance")
        for assessment, (colour, line) in zip(assessments, _line_styles(), strict=False):
            axes.plot(
                assessment.curves.fpr,
                assessment.curves.tpr,
                color=colour,
                linestyle=line,
                label=_legend(assessment, "auroc"),
            )
        _legend_box(axes, "lower right")


def draw_prc(
    assessments: Sequence[Assessment], path: str | Path, *, synthetic: bool, title: str = ""
) -> None:
    """Draw precision-recall curves, with AUPRC and interval in the legend and the prevalences.

    Parameters are those of `draw_roc`.
    """
    with figure_file(path, synthetic, (5, 5.6)) as figure:
        axes = _unit_square(figure, title, "Recall (sensitivity)", "Precision (PPV)")
        for assessment, (colour, line) in zip(assessments, _line_styles(), strict=False):
            axes.axhline(assessment.prevalence, color=colour, linewidth=1, linestyle=":")
            axes.plot(
                assessment.curves.recall,
                assessment.curves.precision,
                color=colour,
                linestyle=line,
                # Average precision is a sum of steps, not of slopes: so is the line.
                drawstyle="steps-pre",
                label=_legend(assessment, "auprc"),
            )
        axes.plot([], [], color=GREY, linewidth=1, linestyle=":", label="Prevalence (chance)")
        _legend_box(axes, "lower left")


def draw_confusion(
    assessment: Assessment,
    path: str | Path,
    *,
    synthetic: bool,
    classes: tuple[str, str] = ("negative", "positive"),
) -> None:
    """Draw the confusion matrix, counts and shares of each true class.

    Parameters
    ----------
    assessment : Assessment
        Its ``confusion`` and ``threshold``.
    path : path-like
        PNG to write.
    synthetic : bool
        Whether to stamp the figure as synthetic.
    classes : tuple of str
        Names of label 0 and label 1.
    """
    cells = assessment.confusion
    counts = np.array([[cells["tn"], cells["fp"]], [cells["fn"], cells["tp"]]])
    shares = counts / counts.sum(axis=1, keepdims=True)
    with figure_file(path, synthetic, (4.6, 5.5)) as figure:
        axes = figure.add_subplot()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(2, 2):
            axes.text(
                column,
                row,
                f"{counts[row, column]:,.0f}\n{shares[row, column]:.1%}",
                ha="center",
                va="center",
                fontsize=13,
                color="white" if shares[row, column] > 0.5 else INK,
            )
        axes.set_xticks([0, 1], classes)
        axes.set_yticks([0, 1], classes, rotation=90, va="center")
        axes.set_xlabel(f"Predicted (probability ≥ {assessment.threshold:g} is {classes[1]})")
        axes.set_ylabel("True; % of each row")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(
            f"{assessment.name}\n{_size(assessment)}\nprecision {cells['precision']:.2f}, "
            f"recall {cells['recall']:.2f}, F1 {cells['f1']:.2f}",
            fontsize=10,
        )


def draw_loss(history: pd.DataFrame, path: str | Path, *, synthetic: bool, title: str = "") -> None:
    """Draw losses and AUROCs by epoch, the chosen epoch marked.

    Parameters
    ----------
    history : pandas.DataFrame
        ``epoch, train_loss, val_loss, train_auc, val_auc, is_best``; the last row with
        ``is_best`` is the epoch whose weights were kept.
    path : path-like
        PNG to write.
    synthetic : bool
        Whether to stamp the figure as synthetic.
    title : str
        Above the axes.
    """
    best = history.loc[history["is_best"].astype(bool), "epoch"]
    with figure_file(path, synthetic, (6, 5.6)) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True)
        for axes, measure, label in ((upper, "loss", "Loss"), (lower, "auc", "AUROC")):
            for part, name, colour, marker in (
                ("train", "training", GREY, "s"),
                ("val", "validation", BLUE, "o"),
            ):
                axes.plot(
                    history["epoch"],
                    history[f"{part}_{measure}"],
                    color=colour,
                    marker=marker,
                    markersize=4,
                    label=name,
                )
            if len(best):
                epoch = best.iloc[-1]
                axes.axvline(epoch, color=VERMILION, linestyle="--", linewidth=1.2,
                             label=f"kept: epoch {epoch}")  # fmt: skip
            axes.set_ylabel(label)
            axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        upper.set_title(title)
        upper.legend(loc="best")
        lower.set_xlabel("Epoch")
        lower.xaxis.set_major_locator(MaxNLocator(integer=True))


def draw_comparison(table: pd.DataFrame, path: str | Path, *, synthetic: bool) -> None:
    """Draw AUROC and AUPRC of all models with intervals, the published scores beside them.

    Parameters
    ----------
    table : pandas.DataFrame
        As `mimicflow.evaluation.comparison.compare` writes it.
    path : path-like
        PNG to write.
    synthetic : bool
        Whether to stamp the figure as synthetic.
    """
    rows, headings = _forest_rows(table)
    with figure_file(path, synthetic, (10.5, 2.0 + 0.36 * (len(rows) + len(headings)))) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        _forest_panel(left, rows, "auroc", "AUROC")
        _forest_panel(right, rows, "auprc", "AUPRC")
        positions = [*headings, *rows]
        left.set_yticks(positions, [*headings.values(), *(row["title"] for row in rows.values())])
        for tick, position in zip(left.get_yticklabels(), positions, strict=True):
            if position in headings:
                tick.set_fontweight("bold")
        left.set_ylim(max(positions) + 0.6, min(positions) - 0.6)
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=2)


def _forest_rows(table: pd.DataFrame) -> tuple[dict[int, pd.Series], dict[int, str]]:
    """Give every model and every heading (one per set of stays) its line, counted from the top."""
    rows: dict[int, pd.Series] = {}
    headings: dict[int, str] = {}
    for stays, group in table.groupby("stays", sort=False):
        first = group.iloc[0]
        headings[len(rows) + len(headings)] = (
            f"{STAYS.get(str(stays), stays)} (n = {first['n']:,}, {first['events']:,} events)"
        )
        for _, row in group.iterrows():
            rows[len(rows) + len(headings)] = row
    return rows, headings


def _forest_panel(axes: Axes, rows: dict[int, pd.Series], score: str, label: str) -> None:
    """One score of all models: interval, value in figures, published value as a diamond."""
    for position, row in rows.items():
        value, low, high = (row[f"{score}{end}"] for end in ("", "_low", "_high"))
        axes.errorbar(
            value,
            position,
            xerr=[[value - low], [high - value]],
            fmt="o",
            color=BLUE,
            markersize=5,
            capsize=2.5,
            label="this run, 95 % interval" if position == min(rows) else None,
        )
        published = row[f"published_{score}"]
        figures = f"{value:.3f} ({low:.3f}–{high:.3f})"
        axes.annotate(
            figures if np.isnan(published) else f"{figures}  |  {published:.3f}",
            (1.02, position),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8.5,
        )
    published = {p: row[f"published_{score}"] for p, row in rows.items()}
    axes.plot(
        list(published.values()),
        list(published),
        linestyle="none",
        marker="D",
        markersize=6,
        markerfacecolor="none",
        markeredgecolor=VERMILION,
        label="published, on MIMIC-IV",
    )
    axes.set_title(f"{label}: this run | published", fontsize=10)
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _unit_square(figure: Figure, title: str, horizontal: str, vertical: str) -> Axes:
    axes = figure.add_subplot()
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=horizontal, ylabel=vertical)
    axes.set_aspect("equal")
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_title(title)
    return axes


def _line_styles() -> Iterator[tuple[str, object]]:
    while True:
        yield from LINES


def _legend(assessment: Assessment, score: str) -> str:
    return (
        f"{assessment.name}, {_size(assessment)}\n{score.upper()} {assessment.scores[score]}, "
        f"{assessment.level:.0%} interval"
    )


def _legend_box(axes: Axes, place: Literal["lower left", "lower right"]) -> None:
    legend = axes.legend(loc=place, frameon=True, framealpha=0.85, edgecolor="none")
    legend.set_zorder(5)


def _size(assessment: Assessment) -> str:
    return f"n = {assessment.n:,}, {assessment.events:,} events"
