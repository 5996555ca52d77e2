"""Compare the admission network with networks trained without one of its branches.

Training without a branch is a rule like any other training. Here only the predictions are compared,
on the same stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.evaluation.figures.canvas import figure_file
from mimicflow.evaluation.figures.differences import draw_differences
from mimicflow.evaluation.predictions import read_predictions, require_same_rows
from mimicflow.evaluation.statistics.clusters import rarer
from mimicflow.evaluation.statistics.jackknife import estimate, jackknife
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.study import RESCORED, Study
from mimicflow.running.writing import write_csv

SCORES = ("auroc", "auprc", "brier")
BRANCHES = {"ecg": "ECG", "vitals": "vital signs", "static": "static data"}
"""Branch -> its name for readers."""
COLUMNS = [
    *("model", "title", "removed", "patients", "n", "events", "score", "value", "low", "high"),
    *("full_value", "difference", "difference_low", "difference_high", *RESCORED),
]


def ablate_branches(
    model: str,
    full: str | Path,
    removed: Mapping[str, str | Path],
    table: str | Path,
    figure: str | Path,
    study: Study,
) -> None:
    """Compare a model with the same model trained without one of its branches.

    Parameters
    ----------
    model : str
        Name of the whole model.
    full : path-like
        Predictions table of the whole model.
    removed : mapping of str to path-like
        Branch (ecg, vitals, static) -> predictions of the model without it, for the same stays.
    table : path-like
        CSV: for each branch and score the value without the branch with its 95 % interval, the
        value of the whole model, and the difference (without less whole) with its interval.
    figure : path-like
        PNG: AUROC of each model, and its difference to the whole one.
    study : Study
        The same patients are left out of all models, which makes the differences paired.

    Raises
    ------
    PredictionsError
        A table that cannot be scored, or that holds other stays or outcomes than that of the whole
        model.
    """
    whole = read_predictions(full)
    of_whole, units = _scored(whole, study), rarer(whole["label"], whole["subject_id"])
    rows = []
    for branch, path in removed.items():
        rest = read_predictions(path)
        require_same_rows(rest, whole, path, full)
        found = _scored(rest, study)
        for score in SCORES:
            less = estimate("difference", found[score] - of_whole[score], units)
            rows.append(
                {
                    "model": model,
                    "title": study.title(model),
                    "removed": branch,
                    "patients": rest["subject_id"].nunique(),
                    "n": len(rest),
                    "events": int(rest["label"].sum()),
                    "score": score,
                    **estimate(score, found[score], units)._asdict(),
                    "full_value": of_whole[score][0],
                    "difference": less.value,
                    "difference_low": less.low,
                    "difference_high": less.high,
                }
            )
    frame = pd.DataFrame(rows, columns=COLUMNS).assign(**RESCORED)
    write_csv(frame, table)
    reference = estimate("auroc", of_whole["auroc"], units)
    _draw(frame[frame["score"] == "auroc"], reference, study.title(model), figure, study)


def _scored(table: pd.DataFrame, study: Study) -> dict[str, np.ndarray]:
    """Return the scores of every weighting, everybody's first."""
    label, probability, patient = (
        table[name].to_numpy() for name in ("label", "probability", "subject_id")
    )
    return jackknife(label, probability, patient, study.seed)


def _draw(
    frame: pd.DataFrame, reference: Estimate, title: str, path: str | Path, study: Study
) -> None:
    """Draw AUROC and difference of each model without a branch, the whole model first."""
    names = ["whole model", *(f"without {BRANCHES.get(name, name)}" for name in frame["removed"])]
    with figure_file(path, study, (9, 1.6 + 0.45 * len(names))) as figure:
        draw_differences(
            figure.subplots(1, 2, sharey=True),
            names,
            np.vstack([reference, frame[["value", "low", "high"]].to_numpy()]),
            frame[["difference", "difference_low", "difference_high"]].to_numpy(),
            title=title,
            to="the whole model",
        )
