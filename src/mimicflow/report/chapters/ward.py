"""Chapter of what the sample does not show: other populations, and arrests that nobody lists."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mimicflow.evaluation.smallest_cell import HIDDEN
from mimicflow.report.blocks import (
    DASH,
    NOT_KNOWN,
    Block,
    Section,
    Table,
    count,
    in_sentence,
    table,
    with_interval,
)
from mimicflow.report.chapters import section
from mimicflow.report.chapters.horizons import within
from mimicflow.report.chapters.models import System
from mimicflow.report.inputs import label, read_table

_POPULATION = [
    *("prevalence", "mean_probability", "mean_probability_moved", "calibration_intercept"),
    *("calibration_intercept_moved", "calibration_slope", "precision"),
]
_SENSITIVITY = ["auroc", "auprc", "sensitivity", "specificity", "precision"]
_OF_GAP = ["auroc", "auprc", "sensitivity"]
_DIFFERENCE = ["difference", "difference_lower", "difference_upper"]
_VALUE = ["score", "value", "lower", "upper"]


def populations(system: System) -> Section:
    """Return what the probabilities are worth in the sample, as planned and of all monitored."""
    columns = [("Population", False), ("Epochs", True)]
    columns += [(f"{label('population_score', name)} (95 % CI)", True) for name in _POPULATION]
    rows: list[list[str]] = []
    for model, path in system.only_models_with("populations"):
        frame = read_table(path, "population", "stands_for", "suppressed", *_VALUE)
        rows.append([system.title(model)])
        for population, part in frame.groupby("population", sort=False):
            size = count(round(part["stands_for"].iloc[0]), system.smallest)
            texts = _values(part, _POPULATION)
            rows.append([label("population", population), size, *texts])
    caption = "Probabilities of held-out epochs by population, for arrests within 24 h."
    blocks: list[Block] = [table(caption, columns, rows)] if rows else []
    return section("populations", blocks, system=system.name)


def doubtful(system: System) -> Section:
    """Return how many controls may have had an arrest, and the scores without them."""
    blocks: list[Block] = []
    if system.files.doubtful_controls is not None:
        frame = read_table(system.files.doubtful_controls, "description", "known", "stays")
        columns = [("Controls", False), (label("column", "stays"), True)]
        rows = [[str(row.description), _counted(system, row)] for row in frame.itertuples()]
        blocks.append(table("Controls that may have had an arrest.", columns, rows))
    if system.files.sensitivity is not None:
        needed = ["model", "title", "horizon_h", "excluded", "known", "suppressed"]
        blocks.append(_without(read_table(system.files.sensitivity, *needed, *_VALUE)))
    return section("doubtful", blocks, system=system.name)


def gaps(system: System) -> Section:
    """Return the scores without the last hours before the arrest."""
    blocks: list[Block] = []
    if system.files.gaps is not None:
        needed = ["title", "horizon_h", "gap_h", "events", "suppressed", *_VALUE]
        frame = read_table(system.files.gaps, *needed, *_DIFFERENCE)
        longest = frame["horizon_h"].max()
        first, *others = [f"{label('score', score)} (95 % CI)" for score in _OF_GAP]
        columns = [("Left out before the arrest", False), ("Epochs before one", True)]
        columns += [(first, True), ("Difference (95 % CI)", True)]
        columns += [(name, True) for name in others]
        rows: list[list[str]] = []
        for title, part in frame[frame["horizon_h"] == longest].groupby("title", sort=False):
            rows.append([str(title)])
            rows += [_gap(system, gap, of) for gap, of in part.groupby("gap_h", sort=False)]
        caption = (
            f"Scores with a gap before the arrest, for arrests {in_sentence(within(longest))}."
        )
        blocks.append(table(f"{caption} Other horizons are in gaps.csv.", columns, rows))
    return section("gaps", blocks, system=system.name)


def _gap(system: System, gap: Any, frame: pd.DataFrame) -> list[str]:
    events = frame["events"].iloc[0]
    size = HIDDEN if pd.isna(events) else count(events, system.smallest)
    less = frame.set_index("score").loc[_OF_GAP[0], _DIFFERENCE]
    left_out = f"{gap:g} h" if gap else "Nothing"
    first, *others = _values(frame, _OF_GAP)
    return [left_out, size, first, with_interval(*less) or DASH, *others]


def _counted(system: System, row: Any) -> str:
    if row.known == "no":
        return NOT_KNOWN
    return HIDDEN if pd.isna(row.stays) else count(row.stays, system.smallest)


def _without(frame: pd.DataFrame) -> Table:
    longest = frame["horizon_h"].max()
    columns = [("Controls left out", False)]
    columns += [(f"{label('score', name)} (95 % CI)", True) for name in _SENSITIVITY]
    rows: list[list[str]] = []
    for title, part in frame[frame["horizon_h"] == longest].groupby("title", sort=False):
        rows.append([str(title)])
        for excluded, scores in part.groupby("excluded", sort=False):
            known = scores["known"].iloc[0] == "yes"
            texts = _values(scores, _SENSITIVITY) if known else [NOT_KNOWN] * len(_SENSITIVITY)
            rows.append([label("excluded", excluded), *texts])
    caption = "Scores with all controls, and without the doubtful ones, for arrests "
    caption += f"{in_sentence(within(longest))}. Other horizons are in sensitivity.csv."
    return table(caption, columns, rows)


def _values(frame: pd.DataFrame, scores: list[str]) -> list[str]:
    """Return the scores with their intervals, a dash where there is none."""
    values = frame.drop_duplicates("score").set_index("score").reindex(scores)
    ends = values[["value", "lower", "upper"]].to_numpy()
    return [with_interval(*row) or DASH for row in ends]
