"""Say how a model's probabilities agree with other populations than the sample of epochs.

A model learns how frequent arrests are from the epochs that were looked at. Where time is monitored
that nobody looked at, arrests are rarer, and the same probability is too high.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.arrest.results.horizon_scores import (
    OPERATING,
    decisions_shown,
    known_classes,
    may_be_shown,
    read_epochs,
)
from mimicflow.arrest.thresholds import read_threshold, threshold_rule
from mimicflow.arrest.ward.weights import POPULATIONS, epoch_weights, moved
from mimicflow.evaluation.statistics.clusters import patients_behind
from mimicflow.evaluation.statistics.jackknife import all_weightings, estimate
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.statistics.weighted import WeightedScores, quotient
from mimicflow.evaluation.study import Study
from mimicflow.running.own_files import read_field
from mimicflow.running.writing import write_csv

POPULATION_SCORES = (
    *("prevalence", "mean_probability", "calibration_intercept"),
    *("mean_probability_moved", "calibration_intercept_moved", "calibration_slope"),
    *("sensitivity", "specificity", "precision"),
)
COLUMNS = [
    *("model", "title", "population", "patients", "stays", "n", "stands_for", "threshold"),
    *("score", "value", "lower", "upper", "suppressed", "data"),
]


def score_populations(
    predictions: str | Path,
    weights: str | Path,
    model_file: str | Path,
    options: Mapping[str, Any],
    output: str | Path,
    study: Study,
    *,
    model: str,
) -> None:
    """Write scores of held-out epochs that depend on how frequent arrests are, by population.

    Parameters
    ----------
    predictions : path-like
        Parquet of predicted epochs, see `mimicflow.arrest.results.horizon_scores.read_epochs`; the
        test split is scored.
    weights : path-like
        Parquet of `mimicflow.arrest.ward.weights.weigh_stays`.
    model_file : path-like
        The model's JSON, with its threshold and the prevalences of its development patients.
    options : mapping
        ``specificity`` of the threshold.
    output : path-like
        CSV to write: `COLUMNS`, a row per population of `mimicflow.arrest.ward.weights` and score
        of `POPULATION_SCORES`, for arrests within the primary horizon. ``n`` are the kept epochs,
        ``stands_for`` the epochs that they stand for. Scores with ``_moved`` are those of
        probabilities that were moved from the prevalence of the sample to that of the population,
        both of development patients (`mimicflow.arrest.ward.weights.moved`); neither order nor
        decisions change with it.
    study : Study
        Whose scores they are. All is suppressed where
        either outcome comes from fewer patients than its smallest cell, and the scores of decisions
        where few of a class exceed, or all but a few do.
    model : str
        Name of the model.

    Raises
    ------
    InputError
        A model that names no threshold or prevalences, epochs of stays without a weight.
    PredictionsError
        A table that cannot be scored.
    """
    test = read_epochs(predictions, "test")
    stays = pd.read_parquet(weights)
    threshold = read_threshold(model_file, threshold_rule(options))
    known = read_prevalences(model_file)
    patient = test["subject_id"].to_numpy()
    label, exceeding = test["label"].to_numpy(), test["probability"].to_numpy() >= threshold
    hidden = not may_be_shown(label, patient, study.smallest_cell)
    decided = decisions_shown(label, exceeding, known_classes(label, patient, study.smallest_cell))
    weightings = all_weightings(patient, study.seed)
    rows = []
    for population in POPULATIONS:
        weight = epoch_weights(test["stay_id"], stays, population)
        there = test.assign(
            moved=moved(test["probability"].to_numpy(), known["sample"], known[population])
        )
        found = _scores(there, weight, threshold, weightings)
        size = {
            "patients": test["subject_id"].nunique(),
            "stays": test["stay_id"].nunique(),
            "n": len(test),
            "stands_for": weight.sum(),
            "threshold": threshold,
        }
        for score, of_score in found.items():
            few = hidden or (score in OPERATING and not decided)
            value = Estimate(*[float("nan")] * 3) if few else of_score
            ends = dict(zip(("value", "lower", "upper"), value, strict=True))
            rows.append({"population": population} | size | {"score": score} | ends)
    table = pd.DataFrame(rows).assign(suppressed=hidden, **study.labels(model))
    write_csv(table[COLUMNS], output)


def read_prevalences(path: str | Path) -> dict[str, float]:
    """Return the share of epochs before an arrest by population, of a model's development patients.

    Raises
    ------
    InputError
        A file that is missing or no JSON, or does not name them.
    """
    return read_field(
        path,
        lambda model: {name: float(model["prevalence"][name]) for name in POPULATIONS},
        "does not name the prevalences of the model's development patients",
        "fit the model again",
    )


def _scores(
    epochs: pd.DataFrame, weight: np.ndarray, threshold: float, weightings: np.ndarray
) -> dict[str, Estimate]:
    """Return the scores of weighted epochs, with intervals of the jackknife by patient.

    Parameters
    ----------
    epochs : pandas.DataFrame
        subject_id, stay_id, label, probability, moved.
    weight : numpy.ndarray of shape (n,)
        The same for all epochs of a stay.
    weightings : numpy.ndarray of shape (1 + groups, patients)
        As `mimicflow.evaluation.statistics.jackknife.all_weightings` returns them.
    """
    stay = np.unique(epochs["stay_id"], return_inverse=True)[1]
    first = pd.Series(stay).drop_duplicates().sort_values().index.to_numpy()
    patient = np.unique(epochs["subject_id"], return_inverse=True)[1][first]
    label = epochs["label"].to_numpy()
    printed, there = epochs["probability"].to_numpy(), epochs["moved"].to_numpy()
    exceeding = printed >= threshold if np.isfinite(threshold) else np.full(len(printed), np.nan)
    flagged = exceeding.astype(float)[:, None]
    scorers = {
        "": WeightedScores(label, printed, stay, flagged),
        "_moved": WeightedScores(label, there, stay),
    }
    sums = [np.bincount(stay, weights=of) for of in (np.ones(len(stay)), label, printed, there)]

    def of(weights: np.ndarray) -> dict[str, np.ndarray]:
        total, events, mean, mean_moved = (weights @ of_stay for of_stay in sums)
        plain, corrected = (scorer(weights) for scorer in scorers.values())
        return {
            "prevalence": quotient(events, total),
            "mean_probability": quotient(mean, total),
            "calibration_intercept": plain["calibration_intercept"],
            "mean_probability_moved": quotient(mean_moved, total),
            "calibration_intercept_moved": corrected["calibration_intercept"],
            "calibration_slope": plain["calibration_slope"],
            "sensitivity": plain["sensitivity"][:, 0],
            "specificity": plain["specificity"][:, 0],
            "precision": plain["ppv"][:, 0],
        }

    found = of(weightings[:, patient] * weight[first])
    whose = epochs["subject_id"].to_numpy()
    return {
        score: estimate(score, found[score], patients_behind(score, label, whose, exceeding))
        for score in POPULATION_SCORES
    }
