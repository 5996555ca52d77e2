"""Draw the flow of patients: from all stays to the cohort, and into its parts."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from mimicflow.errors import InputError
from mimicflow.evaluation.figures.canvas import (
    BLUE,
    GREY,
    INK,
    describe_svg,
    figure_file,
    stamp_height,
)
from mimicflow.evaluation.smallest_cell import HIDDEN, to_hide
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference
from mimicflow.running.writing import atomic_output

_PARTS = {"train": "Training", "validation": "Validation", "test": "Test"}


@dataclass(frozen=True)
class Stage:
    """A box of the chart: how many are left, and who was left out on the way to it."""

    title: str
    stays: str
    patients: str
    left_out: tuple[tuple[str, str], ...] = ()  # (how many stays, why)
    left_out_stays: str = ""


@dataclass(frozen=True)
class Part:
    """A part of the cohort, with its outcomes as (name, count)."""

    title: str
    stays: str
    patients: str
    outcomes: tuple[tuple[str, str], ...]


def stages(attrition: str | Path, study: Study, steps: pd.DataFrame | None = None) -> list[Stage]:
    """Return the main boxes; ``reference/flow.csv`` says which steps are boxes and why stays go.

    A box that fewer stays or patients than the smallest cell were lost on the way to is joined with
    the next one, so that no difference between two boxes gives a small count away. So is a box
    whose counts the table hides.

    Parameters
    ----------
    attrition : path-like
        CSV: step, description, rows, stays, patients, empty where they are hidden; steps that
        ``flow.csv`` lacks are facts counted beside the way and make no box.
    study : Study
        Whose flow it is, and who may be shown.
    steps : pandas.DataFrame, optional
        What ``flow.csv`` says, of another system: step, box, left_out.

    Raises
    ------
    InputError
        When a step is missing.
    """
    limit = study.smallest_cell
    counts = pd.read_csv(attrition).set_index("step")
    if steps is None:
        steps = pd.read_csv(reference("flow.csv"), keep_default_na=False)
    missing = [step for step in steps["step"] if step not in counts.index]
    if missing:
        raise InputError(
            f"lacks the steps {', '.join(missing)}",
            file=attrition,
            remedy="delete results/cohort and run again",
        )
    left = counts.loc[steps["step"], ["stays", "patients"]].to_numpy(dtype=float)
    boxes = [i for i, box in enumerate(steps["box"]) if box and not np.isnan(left[i]).any()]
    if not boxes:
        return []
    kept = boxes[:1]
    for i in boxes[1:]:
        if _far_apart(left[kept[-1]], left[i], limit):
            kept.append(i)
        elif i == boxes[-1]:
            # The last box is the cohort: the boxes before it give way.
            while len(kept) > 1 and not _far_apart(left[kept[-1]], left[i], limit):
                kept.pop()
            kept.append(i)
    found = [Stage(steps["box"][kept[0]], *_pair(left[kept[0]], limit))]
    for before, i in itertools.pairwise(kept):
        lost = left[before:i, 0] - left[before + 1 : i + 1, 0]  # NaN beside a hidden count
        known = ~np.isnan(lost)
        texts = np.full(len(lost), HIDDEN, dtype=object)
        texts[known] = _masked(lost[known], limit)
        reasons = tuple(
            (text, reason)
            for text, reason, n in zip(
                texts, steps["left_out"][before + 1 : i + 1], lost, strict=True
            )
            if n != 0
        )
        gone = int(left[before, 0] - left[i, 0])
        total = _text(gone, gone, limit)
        found.append(Stage(steps["box"][i], *_pair(left[i], limit), reasons, total))
    return found


def parts(spine: str | Path, study: Study, folds: str | Path | None = None) -> list[Part]:
    """Return the parts of the cohort: training, validation and test, or the folds.

    Parameters
    ----------
    spine : path-like
        Parquet, one row per stay with subject_id, label and split, and disposition where there is
        one.
    study : Study
        As in `stages`.
    folds : path-like, optional
        Predictions of one model of a cross-validation (``stay_id``, ``fold``, ``split``); its
        reported (test) stays make the parts instead of the split.
    """
    stays = pd.read_parquet(spine)
    if folds is None:
        order = [name for name in _PARTS if name in set(stays["split"])]
        titles = stays["split"].map(_PARTS)
        ordered = [_PARTS[name] for name in order]
    else:
        reported = pd.read_parquet(folds).query("split == 'test'").set_index("stay_id")["fold"]
        stays = stays[stays["stay_id"].isin(reported.index)]
        titles = "Fold " + (stays["stay_id"].map(reported).astype(int) + 1).astype(str)
        ordered = [f"Fold {fold + 1}" for fold in sorted(set(reported.astype(int)))]
    limit = study.smallest_cell
    if "disposition" not in stays:
        stays["disposition"] = stays["label"].map({0: "without the outcome", 1: "with the outcome"})
    names = stays.groupby("label")["disposition"].first().str.capitalize()
    masks = [
        [(titles == title) & (stays["label"] == label) for title in ordered]
        for label in names.index
    ]
    counts = np.array([[int(mask.sum()) for mask in row] for row in masks])
    people = np.array([[stays.loc[mask, "subject_id"].nunique() for mask in row] for row in masks])
    hidden = to_hide(counts, people, limit, rows_known=True)
    found = []
    for i, title in enumerate(ordered):
        inside = titles == title
        patients = stays.loc[inside, "subject_id"].nunique()
        found.append(
            Part(
                title,
                _text(int(inside.sum()), patients, limit),
                _text(patients, patients, limit),
                tuple(
                    (name, _masked_text(counts[k, i], people[k, i], bool(hidden[k, i]), limit))
                    for k, name in enumerate(names)
                ),
            )
        )
    return found


def draw_flow(
    attrition: str | Path,
    spine: str | Path,
    table: str | Path,
    svg: str | Path,
    png: str | Path,
    study: Study,
    folds: str | Path | None = None,
) -> None:
    """Draw the flow of patients, and write what stands in it as a table.

    Parameters
    ----------
    attrition, spine, study, folds
        As in `stages` and `parts`.
    table : path-like
        CSV from top to bottom: kind (``box``, ``left_out``, ``part``, ``outcome``), text, and
        stays and patients as they stand in the chart, empty where it says none.
    svg : path-like
        SVG with title and description for screen readers, without references to anything outside.
    png : path-like
        The same as PNG.
    """
    boxes = stages(attrition, study)
    divided = parts(spine, study, folds)
    with atomic_output(table) as temporary:
        pd.DataFrame(_lines(boxes, divided)).to_csv(temporary, index=False)
    chart = _Chart(boxes, divided)
    width, height = chart.size
    stamp = stamp_height(study)
    for path in (svg, png):
        with figure_file(path, study, (width, height + stamp)) as figure:
            # A page may show the drawing where these fonts are unknown: letters become shapes.
            mpl.rcParams["svg.fonttype"] = "path"
            figure.set_layout_engine("none")
            chart.draw(figure.add_axes((0.0, 0.0, 1.0, height / (height + stamp))))
    describe_svg(svg, "Flow of patients", _in_words(boxes, divided))


def _lines(boxes: list[Stage], divided: list[Part]) -> Iterator[dict[str, str]]:
    for box in boxes:
        if box.left_out:
            yield _line("left_out", "", box.left_out_stays)
        for n, reason in box.left_out:
            yield _line("left_out", reason, n)
        yield _line("box", box.title, box.stays, box.patients)
    for part in divided:
        yield _line("part", part.title, part.stays, part.patients)
        for name, n in part.outcomes:
            yield _line("outcome", name, n)


def _line(kind: str, text: str, stays: str, patients: str = "") -> dict[str, str]:
    return {"kind": kind, "text": text, "stays": stays, "patients": patients}


class _Chart:
    """Where each box stands; inches, the origin at the top left."""

    WIDTH, MAIN, SIDE = 9.6, 3.9, 4.1
    LINE, PAD, GAP, MARGIN = 0.215, 0.14, 0.34, 0.2
    NUMBER = 0.65  # column of the numbers of those left out

    def __init__(self, boxes: list[Stage], divided: list[Part]) -> None:
        self.boxes, self.divided = boxes, divided
        self.columns = min(len(divided), 5)
        self.rows = math.ceil(len(divided) / max(self.columns, 1))
        height = 2 * self.MARGIN + len(boxes) * self._main_height()
        height += self.rows * self._part_height() + (self.rows - 1) * self.GAP / 2
        height += sum(self._step(stage) for stage in boxes[1:]) + 2 * self.GAP
        self.size = (self.WIDTH, height)

    def _main_height(self) -> float:
        return 2 * self.LINE + 2 * self.PAD

    def _side(self, stage: Stage) -> list[str]:
        """Return the lines of the box of those left out; the first is its heading."""
        lines = [f"Left out: {_counted(stage.left_out_stays, 'stays')}"]
        if len(stage.left_out) == 1:
            return [*lines, stage.left_out[0][1]]
        for n, reason in stage.left_out:
            wrapped = textwrap.wrap(reason, 42)
            lines.append(f"{n}\t{wrapped[0]}")
            lines.extend(f"\t{line}" for line in wrapped[1:])
        return lines

    def _step(self, stage: Stage) -> float:
        """Return the distance from the box before to this one."""
        if not stage.left_out:
            return 1.5 * self.GAP
        return len(self._side(stage)) * self.LINE + 2 * self.PAD + self.GAP

    def _part_height(self) -> float:
        lines = 3 + max((len(part.outcomes) for part in self.divided), default=0)
        return lines * self.LINE + 2 * self.PAD

    def draw(self, axes: Axes) -> None:
        """Draw all boxes and arrows."""
        axes.set_xlim(0, self.WIDTH)
        axes.set_ylim(self.size[1], 0)
        axes.set_axis_off()
        # The parts fill the width; the way to them stands left of the middle, its side boxes right.
        centre = self.MARGIN + 0.2 + self.MAIN / 2
        y = self.MARGIN
        for i, stage in enumerate(self.boxes):
            if i:
                step = self._step(stage)
                self._arrow(axes, (centre, y), (centre, y + step))
                if stage.left_out:
                    lines = self._side(stage)
                    height = len(lines) * self.LINE + 2 * self.PAD
                    x = self.WIDTH - self.MARGIN - 0.2 - self.SIDE
                    top = y + (step - height) / 2
                    self._arrow(axes, (centre, y + step / 2), (x, y + step / 2))
                    self._box(axes, x, top, self.SIDE, height, lines, GREY, left=True)
                y += step
            last = i == len(self.boxes) - 1
            lines = [stage.title, _size(stage)]
            left = centre - self.MAIN / 2
            self._box(axes, left, y, self.MAIN, self._main_height(), lines, BLUE, filled=last)
            y += self._main_height()
        self._draw_parts(axes, centre, y)

    def _draw_parts(self, axes: Axes, centre: float, y: float) -> None:
        gap, width = 0.25, self.WIDTH - 2 * self.MARGIN - 0.4
        each = (width - gap * (self.columns - 1)) / self.columns
        lefts = [self.MARGIN + 0.2 + k * (each + gap) for k in range(self.columns)]
        middles = [left + each / 2 for left in lefts]
        bar, top = y + self.GAP, y + 2 * self.GAP
        style: dict[str, Any] = {"color": INK, "linewidth": 1.1, "solid_capstyle": "projecting"}
        axes.plot([centre, centre], [y, bar], **style)
        axes.plot([min(*middles, centre), max(*middles, centre)], [bar, bar], **style)
        for middle in middles:
            self._arrow(axes, (middle, bar), (middle, top))
        for k, part in enumerate(self.divided):
            row, column = divmod(k, self.columns)
            lines = [part.title, _counted(part.stays, "stays")]
            lines.append(_counted(part.patients, "patients"))
            lines += [f"{name}: {n}" for name, n in part.outcomes]
            y_part = top + row * (self._part_height() + self.GAP / 2)
            self._box(axes, lefts[column], y_part, each, self._part_height(), lines, BLUE)

    def _arrow(self, axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
        style = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.1, "mutation_scale": 11}
        style |= {"shrinkA": 0, "shrinkB": 0}
        axes.annotate("", xy=end, xytext=start, arrowprops=style, zorder=1)

    def _box(
        self,
        axes: Axes,
        x: float,
        y: float,
        width: float,
        height: float,
        lines: list[str],
        color: str,
        *,
        left: bool = False,
        filled: bool = False,
    ) -> None:
        """Draw a box with a bold first line."""
        axes.add_patch(
            FancyBboxPatch(
                (x, y),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=0.07",
                facecolor=color if filled else "white",
                edgecolor=color,
                linewidth=1.3,
                zorder=2,
            )
        )
        style: dict[str, Any] = {"verticalalignment": "center", "fontsize": 9.5, "zorder": 3}
        style["color"] = "white" if filled else INK
        for i, line in enumerate(lines):
            at = y + height / 2 + (i - (len(lines) - 1) / 2) * self.LINE
            weight = "bold" if i == 0 else "normal"
            if not left:
                axes.text(x + width / 2, at, line, ha="center", fontweight=weight, **style)
                continue
            number, tab, text = line.rpartition("\t")
            start = x + self.PAD + (self.NUMBER if tab else 0.0)
            axes.text(start, at, text, ha="left", fontweight=weight, **style)
            axes.text(start - 0.1, at, number, ha="right", **style)


def _far_apart(before: np.ndarray, after: np.ndarray, limit: int) -> bool:
    lost = before - after
    return bool(((lost == 0) | (lost >= limit)).all())


def _text(n: int, patients: int, limit: int) -> str:
    return f"<{limit}" if 0 < patients < limit else f"{n:,}"


def _pair(counts: np.ndarray, limit: int) -> tuple[str, str]:
    stays, patients = (int(n) for n in counts)
    return _text(stays, patients, limit), _text(patients, patients, limit)


def _masked_text(n: int, patients: int, hide: bool, limit: int) -> str:
    return _text(n, patients, limit) if not hide or patients < limit else HIDDEN


def _masked(counts: np.ndarray, limit: int) -> list[str]:
    """Return counts with a known sum as texts."""
    hidden = to_hide(counts[:, None], counts[:, None], limit)[:, 0]
    return [
        _masked_text(int(n), int(n), hide, limit) for n, hide in zip(counts, hidden, strict=True)
    ]


def _counted(text: str, noun: str) -> str:
    return f"{text} {noun.removesuffix('s') if text == '1' else noun}"


def _size(box: Stage | Part) -> str:
    return f"{_counted(box.stays, 'stays')} of {_counted(box.patients, 'patients')}"


def _in_words(boxes: list[Stage], divided: list[Part]) -> str:
    """Return the whole chart as sentences."""
    sentences = []
    for stage in boxes:
        if stage.left_out:
            reasons = "; ".join(f"{n}: {reason}" for n, reason in stage.left_out)
            sentences.append(f"{_counted(stage.left_out_stays, 'stays')} left out ({reasons}).")
        sentences.append(f"{stage.title}: {_size(stage)}.")
    for part in divided:
        outcomes = ", ".join(f"{name} {n}" for name, n in part.outcomes)
        sentences.append(f"{part.title}: {_size(part)} ({outcomes}).")
    return " ".join(sentences)
