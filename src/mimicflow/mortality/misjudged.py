"""Read the errors of one model: how many patients of each group it misjudges, and how surely.

Counts and mean probabilities of false positives and false negatives, as the notebook reads them,
beside those who are judged rightly. No patient is listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.errors import InputError
from mimicflow.evaluation.groups import GROUPS, LAST_LEVELS
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.smallest_cell import HIDDEN, to_hide
from mimicflow.evaluation.statistics.jackknife import all_weightings, estimate
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.statistics.weighted import quotient
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.subgroups import suppressed_levels
from mimicflow.running.writing import write_csv

CELLS = {"fp": (0, True), "fn": (1, False), "tp": (1, True), "tn": (0, False)}
"""Label, and whether the patient is flagged, of each cell; the errors first."""
_SAME_OUTCOME = {"fp": ("fp", "tn"), "tn": ("fp", "tn"), "fn": ("fn", "tp"), "tp": ("fn", "tp")}
EVERYBODY = "all"
"""The group of all test patients, and its level."""
COLUMNS = [
    *("model", "title", "threshold", "group", "level", "cell", "patients", "share"),
    *("mean_probability", "low", "high", "data"),
]


def describe_errors(
    model: str,
    predictions: str | Path,
    groups: str | Path,
    output: str | Path,
    study: Study,
    *,
    threshold: float = 0.5,
) -> None:
    """Write how many test patients of each group are misjudged, and at which mean probability.

    Parameters
    ----------
    model : str
        Its name.
    predictions : path-like
        Predictions Parquet, one row per patient.
    groups : path-like
        Parquet with ``stay_id`` and the groups of `mimicflow.evaluation.groups.GROUPS`, or some.
    output : path-like
        CSV to write: `COLUMNS`, for all patients and each level of a group the cells ``fp, fn, tp,
        tn``: patients, their share of those with the same outcome, and their mean probability with
        the 95 % interval of the jackknife by patient.
    study : Study
        Whose errors they are. Small cells read ``<10``,
        and those that would give them away ``hidden``; of both nothing else is written. A level
        that the scores by group do not show is hidden here too.
    threshold : float
        A probability of at least this is flagged. There is one only: between two of them a few
        patients would change their cell.

    Raises
    ------
    InputError
        Patients without a group.
    PredictionsError
        A table that cannot be scored.
    """
    members = pd.read_parquet(groups).set_index("stay_id")
    members = members[[group for group in GROUPS if group in members.columns]]
    test = read_predictions(predictions).join(members, on="stay_id")
    unknown = ~test["stay_id"].isin(members.index)
    if unknown.any():
        raise InputError(
            f"{int(unknown.sum())} stays with predictions have no row in the groups",
            file=groups,
            remedy="make the groups again from the cohort that the models were fitted on",
        )
    test = test.assign(flagged=test["probability"] >= threshold, **{EVERYBODY: EVERYBODY})
    rows = [row for group in (EVERYBODY, *members) for row in _rows(test, group, study)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    write_csv(table.assign(threshold=threshold, **study.labels(model)), output)


def _rows(test: pd.DataFrame, group: str, study: Study) -> Iterator[dict[str, object]]:
    """Yield a row per level and cell."""
    levels = sorted(set(test[group]), key=lambda level: (level in LAST_LEVELS, level))
    cells = {
        name: [
            test[(test[group] == level) & (test["label"] == label) & (test["flagged"] == flagged)]
            for level in levels
        ]
        for name, (label, flagged) in CELLS.items()
    }
    hidden = _hidden(test, group, levels, cells, study.smallest_cell)
    for place, level in enumerate(levels):
        for name in CELLS:
            cell = cells[name][place]
            alike = sum(len(cells[other][place]) for other in _SAME_OUTCOME[name])
            row = {"group": group, "level": level, "cell": name}
            if hidden[name][place]:
                few = 0 < cell["subject_id"].nunique() < study.smallest_cell
                yield row | {"patients": f"<{study.smallest}" if few else HIDDEN}
            else:
                yield row | _described(cell, alike, study)


def _described(cell: pd.DataFrame, alike: int, study: Study) -> dict[str, object]:
    """Return how many rows a cell has, and their mean probability with its interval."""
    probability = cell["probability"].to_numpy()
    patients, unit = np.unique(cell["subject_id"].to_numpy(), return_inverse=True)
    mean = Estimate(*[float("nan")] * 3)
    if len(cell):
        weights = all_weightings(patients, study.seed)
        total, size = (
            weights @ np.bincount(unit, weights=of) for of in (probability, np.ones(len(unit)))
        )
        mean = estimate("mean_probability", quotient(total, size), len(patients))
    return {
        "patients": str(cell["subject_id"].nunique()),
        "share": len(cell) / alike if alike else np.nan,
        **dict(zip(("mean_probability", "low", "high"), mean, strict=True)),
    }


def _hidden(
    test: pd.DataFrame,
    group: str,
    levels: Sequence[str],
    cells: Mapping[str, Sequence[pd.DataFrame]],
    smallest: int,
) -> dict[str, np.ndarray]:
    """Return which levels to hide, (levels,), of each cell.

    Readers are taken to know how many patients of each outcome a level has, and how many of all
    are in a cell.
    """
    unseen = np.isin(levels, list(suppressed_levels(test, group, smallest)))
    hidden: dict[str, np.ndarray] = {}
    for names in ("fp", "tn"), ("fn", "tp"):
        counts, patients = (
            np.array([[of(cells[name][place]) for name in names] for place in range(len(levels))])
            for of in (len, lambda cell: cell["subject_id"].nunique())
        )
        # Of a level that is not shown at all every cell counts as small.
        patients[unseen] = np.minimum(patients[unseen], 1)
        found = to_hide(counts, patients, smallest, rows_known=True) | unseen[:, None]
        hidden |= dict(zip(names, found.T, strict=True))
    return hidden
