"""Score the same predictions without the last hours before the arrest.

What is easy to see shortly before an arrest may come too late for those who are called. No model is
fitted anew: its predictions of the epochs that are left are scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.arrest.results.horizon_scores import (
    OPERATING,
    RANKING,
    decisions_shown,
    horizon_label,
    may_be_shown,
    read_epochs,
    weighted_scores,
)
from mimicflow.arrest.results.horizons import horizons_of
from mimicflow.arrest.thresholds import choose_threshold
from mimicflow.evaluation.smallest_cell import ShownSets
from mimicflow.evaluation.statistics.clusters import patients_behind
from mimicflow.evaluation.statistics.jackknife import all_weightings, estimate
from mimicflow.evaluation.study import Study
from mimicflow.running.writing import write_csv

GAP_SCORES = (*RANKING, "sensitivity", "specificity")
_COUNTS = ["patients", "event_stays", "n", "events"]
COLUMNS = [
    *("model", "title", "horizon_h", "gap_h", *_COUNTS, "score"),
    *("value", "lower", "upper", "difference", "difference_lower", "difference_upper"),
    *("suppressed", "data"),
]


def score_gaps(
    predictions: Mapping[str, str | Path],
    options: Mapping[str, Any],
    output: str | Path,
    study: Study,
) -> None:
    """Write the scores of every model with a gap before the arrest.

    Parameters
    ----------
    predictions : mapping of str to path-like
        Predictions Parquet by model, see
        `mimicflow.arrest.results.horizon_scores.read_epochs`.
    options : mapping
        ``horizons_h``, ``specificity`` and ``gaps_h``, of ``arrest.evaluation``. The threshold of a
        horizon stays what it is without a gap.
    output : path-like
        CSV to write: `COLUMNS`, a row per model, horizon, gap and score; first without a gap (0).
        With one, epochs of event stays that end less than ``gap_h`` hours before the arrest are
        left out. ``difference`` is to the scores without.
    study : Study
        Whose scores they are. Scores are suppressed where either class
        comes from fewer patients than its smallest cell, or what is left out does.
    """
    rows = [
        {"horizon_h": hours, "gap_h": gap, **row, **study.labels(model)}
        for model, path in predictions.items()
        for hours, gap, row in _of_model(path, options, study)
    ]
    table = pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(_COUNTS, "Int64"))
    write_csv(table, output)


def _of_model(
    path: str | Path, options: Mapping[str, Any], study: Study
) -> Iterator[tuple[float, float, dict[str, Any]]]:
    test, validation = (read_epochs(path, split) for split in ("test", "validation"))
    weights = all_weightings(test["subject_id"].to_numpy(), study.seed)
    for hours in horizons_of(options):
        threshold = choose_threshold(validation, hours, options)
        shown = ShownSets(test["subject_id"], study.smallest_cell)
        whole = None
        for gap in (0.0, *(gap for gap in sorted(options["gaps_h"]) if gap < hours)):
            left = ~(test["hours_to_arrest"] < gap).to_numpy()
            size, found = _scored(test, left, hours, threshold, weights, shown, study)
            whole = found if gap == 0 else whole
            label, patient = horizon_label(test[left], hours), test.loc[left, "subject_id"]
            for score in GAP_SCORES:
                patients = patients_behind(score, label, patient)
                yield hours, gap, size | {"score": score} | _numbers(found, whole, score, patients)


def _scored(
    test: pd.DataFrame,
    left: np.ndarray,
    hours: float,
    threshold: float,
    weights: np.ndarray,
    shown: ShownSets,
    study: Study,
) -> tuple[dict[str, Any], dict[str, np.ndarray] | None]:
    """Return the sizes and every score of each weighting, of the epochs that are left."""
    epochs = test[left]
    label, patient = horizon_label(epochs, hours), epochs["subject_id"].to_numpy()
    near = left & (horizon_label(test, hours) == 1)
    few = not may_be_shown(label, patient, study.smallest_cell)
    if few or not shown.may_be(left, near):
        return {**dict.fromkeys(_COUNTS), "suppressed": True}, None
    size: dict[str, Any] = {
        "patients": epochs["subject_id"].nunique(),
        "event_stays": test.loc[near, "stay_id"].nunique(),
        "n": len(epochs),
        "events": int(label.sum()),
        "suppressed": False,
    }
    if len(np.unique(label)) < 2:
        return size, None
    kept = np.isin(np.unique(test["subject_id"]), patient)
    probability = epochs["probability"].to_numpy()
    scores = weighted_scores(label, probability, patient, threshold, weights[:, kept])
    exceeding = (test["probability"] >= threshold).to_numpy()
    if not decisions_shown(horizon_label(test, hours), exceeding, shown, left):
        scores |= dict.fromkeys(OPERATING, np.full(len(weights), np.nan))
    return size, scores


def _numbers(
    found: Mapping[str, np.ndarray] | None,
    whole: Mapping[str, np.ndarray] | None,
    score: str,
    patients: int,
) -> dict[str, float]:
    """Return the value and its difference to that of all epochs, each with its interval."""
    row: dict[str, float] = {}
    if found is not None:
        value, lower, upper = estimate(score, found[score], patients)
        row |= {"value": value, "lower": lower, "upper": upper}
    if found is not None and whole is not None and found is not whole:
        value, lower, upper = estimate("difference", found[score] - whole[score], patients)
        row |= {"difference": value, "difference_lower": lower, "difference_upper": upper}
    return row
