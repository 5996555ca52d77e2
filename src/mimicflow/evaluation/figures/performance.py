"""Draw the figures of scores, and read what training wrote for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mimicflow.errors import InputError
from mimicflow.evaluation.assessment import Assessment
from mimicflow.evaluation.figures.canvas import BLUE, GREY, INK, LINES, VERMILION, figure_file
from mimicflow.evaluation.smallest_cell import HIDDEN, to_hide, to_tens
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.titles import SUBSETS


def read_columns(path: str | Path, columns: Sequence[str]) -> pd.DataFrame:
    """Read the columns of a CSV that the training of a model wrote, for instance its history.

    Parameters
    ----------
    path : path-like
        CSV with at least one row.
    columns : sequence of str
        Which, in this order.

    Raises
    ------
    InputError
        A file that is missing, empty or no CSV, or lacks a column.
    """
    remedy = "run the training of this model again"
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read as CSV: {error}", file=path, remedy=remedy) from error
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise InputError(f"columns missing: {', '.join(missing)}", file=path, remedy=remedy)
    if frame.empty:
        raise InputError("has no rows", file=path, remedy=remedy)
    return frame[list(columns)]


def draw_roc(
    assessments: Sequence[Assessment], path: str | Path, study: Study, *, title: str = ""
) -> None:
    """Draw the ROC curves of one or several models, with AUROC and interval in the legend.

    Parameters
    ----------
    assessments : sequence of Assessment
        One curve each.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    title : str
        Above the axes.
    """
    with figure_file(path, study, (5, 5.6)) as figure:
        axes = _unit_square(figure, title, "False positive rate", "True positive rate")
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="Chance")
        for assessment, (colour, line) in zip(assessments, _line_styles(), strict=False):
            axes.plot(
                assessment.curves.fpr,
                assessment.curves.tpr,
                color=colour,
                linestyle=line,
                label=_legend(assessment, "auroc", study),
            )
        _legend_box(axes, "lower right")


def draw_prc(
    assessments: Sequence[Assessment], path: str | Path, study: Study, *, title: str = ""
) -> None:
    """Draw precision-recall curves, with AUPRC and interval in the legend and the prevalences.

    Parameters are those of `draw_roc`.
    """
    with figure_file(path, study, (5, 5.6)) as figure:
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
                label=_legend(assessment, "auprc", study),
            )
        axes.plot([], [], color=GREY, linewidth=1, linestyle=":", label="Prevalence (chance)")
        _legend_box(axes, "lower left")


def draw_confusion(
    assessment: Assessment,
    path: str | Path,
    study: Study,
    *,
    classes: tuple[str, str] = ("negative", "positive"),
) -> None:
    """Draw the confusion matrix, counts and shares of each true class.

    Cells of fewer patients than may be shown read ``<10``, those that would give them away
    ``hidden``; rates are then left out. Counts of real patients are rounded to tens.

    Parameters
    ----------
    assessment : Assessment
        Its ``confusion``, ``cell_patients`` and ``threshold``.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    classes : tuple of str
        Names of label 0 and label 1.
    """
    cells, smallest = assessment.confusion, study.smallest_cell
    counts, patients = (
        np.array([[of["tn"], of["fp"]], [of["fn"], of["tp"]]])
        for of in (cells, assessment.cell_patients)
    )
    hidden = to_hide(counts, patients, smallest, rows_known=True)
    hidden |= hidden.any()  # as in the tables of all thresholds, or the two would be compared
    shares = np.where(hidden, np.nan, counts / counts.sum(axis=1, keepdims=True))
    texts = {
        cell: f"{to_tens(n, smallest):,}\n{shares[cell]:.1%}"
        if not hidden[cell]
        else (f"<{smallest}" if patients[cell] < smallest else HIDDEN)
        for cell, n in np.ndenumerate(counts)
    }
    rates = (
        f"\nprecision {cells['precision']:.2f}, recall {cells['recall']:.2f}, F1 {cells['f1']:.2f}"
    )
    with figure_file(path, study, (4.6, 5.5)) as figure:
        axes = figure.add_subplot()
        if hidden.any():
            axes.set_facecolor("#eeeeee")
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(2, 2):
            axes.text(
                column,
                row,
                texts[row, column],
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
            f"{assessment.name}\n{_size(assessment, study)}{'' if hidden.any() else rates}",
            fontsize=10,
        )


def draw_loss(history: pd.DataFrame, path: str | Path, study: Study, *, title: str = "") -> None:
    """Draw losses, AUROCs and, where both parts have them, AUPRCs by pass, the kept one marked.

    Parameters
    ----------
    history : pandas.DataFrame
        ``epoch, train_loss, val_loss, train_auc, val_auc, is_best``, and perhaps ``train_ap,
        val_ap``; the last row with ``is_best`` is the pass whose weights were kept.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    title : str
        Above the axes.
    """
    scores = {"loss": "Loss", "auc": "AUROC"}
    if {"train_ap", "val_ap"} <= set(history.columns):
        scores["ap"] = "AUPRC"
    best = history.loc[history["is_best"].astype(bool), "epoch"]
    with figure_file(path, study, (6, 1.2 + 2.2 * len(scores))) as figure:
        panels = figure.subplots(len(scores), 1, sharex=True)
        for axes, (score, label) in zip(panels, scores.items(), strict=True):
            for part, name, colour, marker in (
                ("train", "training", GREY, "s"),
                ("val", "validation", BLUE, "o"),
            ):
                axes.plot(
                    history["epoch"],
                    history[f"{part}_{score}"],
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
        panels[0].set_title(title)
        panels[0].legend(loc="best")
        panels[-1].set_xlabel("Epoch")
        panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))


def draw_comparison(table: pd.DataFrame, path: str | Path, study: Study) -> None:
    """Draw AUROC and AUPRC of all models with intervals, the published scores beside them.

    Parameters
    ----------
    table : pandas.DataFrame
        As `mimicflow.evaluation.comparison.compare` writes it.
    path : path-like
        PNG to write.
    study : Study
        Whose figure it is.
    """
    rows, headings = forest_rows(table, "stays", SUBSETS)
    with figure_file(path, study, (10.5, 2.0 + 0.36 * (len(rows) + len(headings)))) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        _panel_beside_published(left, rows, "auroc", "AUROC")
        _panel_beside_published(right, rows, "auprc", "AUPRC")
        forest_lines(left, rows, headings)
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=2)


def forest_rows(
    table: pd.DataFrame, by: str, headings: Mapping[str, str]
) -> tuple[dict[int, pd.Series], dict[int, str]]:
    """Give every model and every heading its line, counted from the top.

    Parameters
    ----------
    table : pandas.DataFrame
        A row per model: ``title, n, events``, the column ``by`` and whatever is drawn.
    by : str
        Column whose values stand together under a heading.
    headings : mapping of str to str
        Words for these values; without any a value is its own heading.

    Returns
    -------
    rows : dict of int to pandas.Series
        By line.
    headings : dict of int to str
        By line, with the size of the group's first model, unless it is hidden.
    """
    rows: dict[int, pd.Series] = {}
    lines: dict[int, str] = {}
    for value, group in table.groupby(by, sort=False):
        first, name = group.iloc[0], headings.get(str(value), value)
        sizes = "" if pd.isna(first["n"]) else f" (n = {first['n']:,}, {first['events']:,} events)"
        lines[len(rows) + len(lines)] = f"{name}{sizes}"
        for _, row in group.iterrows():
            rows[len(rows) + len(lines)] = row
    return rows, lines


def forest_lines(axes: Axes, rows: Mapping[int, pd.Series], headings: Mapping[int, str]) -> None:
    """Write the headings and the titles of the models (of `forest_rows`) beside the first panel."""
    positions = [*headings, *rows]
    axes.set_yticks(positions, [*headings.values(), *(row["title"] for row in rows.values())])
    for tick, position in zip(axes.get_yticklabels(), positions, strict=True):
        if position in headings:
            tick.set_fontweight("bold")
    axes.set_ylim(max(positions) + 0.6, min(positions) - 0.6)


def forest_panel(
    axes: Axes,
    rows: Mapping[int, pd.Series],
    score: str,
    label: str,
    notes: Mapping[int, str] | None = None,
    digits: int = 3,
) -> None:
    """Draw one score of all models with intervals, and write it in figures beside the panel.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    rows : mapping of int to pandas.Series
        As `forest_rows` returns them; each with ``score`` and its ``_low`` and ``_high``.
    score, label : str
        Column, and how the axis calls it.
    notes : mapping of int to str, optional
        By line, what follows the figures.
    digits : int
        Of the figures, behind the point.
    """
    for position, row in rows.items():
        value, low, high = (row[f"{score}{end}"] for end in ("", "_low", "_high"))
        # Where no patient changes the score, rounding puts the value outside of them by a hair.
        axes.errorbar(
            value,
            position,
            xerr=np.maximum([[value - low], [high - value]], 0),
            fmt="o",
            color=BLUE,
            markersize=5,
            capsize=2.5,
            label="this run, 95 % interval" if position == min(rows) else None,
        )
        axes.annotate(
            f"{Estimate(value, low, high).words(digits)}{(notes or {}).get(position, '')}",
            (1.02, position),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8.5,
        )
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def mark_published(axes: Axes, published: Mapping[int, float], label: str) -> None:
    """Mark published values, by line of the panel, as diamonds; ``label`` is for the legend."""
    axes.plot(
        list(published.values()),
        list(published),
        linestyle="none",
        marker="D",
        markersize=6,
        markerfacecolor="none",
        markeredgecolor=VERMILION,
        label=label,
    )


def _panel_beside_published(
    axes: Axes, rows: Mapping[int, pd.Series], score: str, label: str
) -> None:
    """One score of all models, the published value as a diamond and in figures."""
    published = {p: row[f"published_{score}"] for p, row in rows.items()}
    notes = {p: f"  |  {value:.3f}" for p, value in published.items() if not np.isnan(value)}
    forest_panel(axes, rows, score, label, notes)
    mark_published(axes, published, "published, on MIMIC-IV")
    axes.set_title(f"{label}: this run | published", fontsize=10)


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


def _legend(assessment: Assessment, score: str, study: Study) -> str:
    found = assessment.scores[score]
    return (
        f"{assessment.name}, {_size(assessment, study)}\n{score.upper()} {found}, "
        f"{assessment.level:.0%} interval"
    )


def _legend_box(axes: Axes, place: Literal["lower left", "lower right"]) -> None:
    legend = axes.legend(loc=place, frameon=True, framealpha=0.85, edgecolor="none")
    legend.set_zorder(5)


def _size(assessment: Assessment, study: Study) -> str:
    """Return how many rows there are; of real patients to tens, since other figures have others."""
    n, events = (to_tens(of, study.smallest_cell) for of in (assessment.n, assessment.events))
    return f"n {'≈' if study.smallest_cell else '='} {n:,}, {events:,} events"
