"""Assess one model on one set of patients: everything that tables and figures say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mimicflow.evaluation.predictions import check_predictions, folds_of
from mimicflow.evaluation.statistics.calibrated import ERRORS, CalibrationError, calibration_errors
from mimicflow.evaluation.statistics.clusters import patients_behind, rarer
from mimicflow.evaluation.statistics.delong import auroc_interval
from mimicflow.evaluation.statistics.jackknife import estimate, jackknife
from mimicflow.evaluation.statistics.metrics import (
    OPERATING_SCORES,
    Curves,
    Estimate,
    cell_patients,
    confusion,
    curves,
)
from mimicflow.evaluation.statistics.weighted import plain_scores
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.thresholds import decide

__all__ = ["Assessment", "Estimate", "assess", "fold_scores"]


@dataclass(frozen=True)
class Assessment:
    """Scores, curves and confusion of one predictions table.

    ``scores`` are by name, with intervals of the jackknife by patient; ``calibration`` are the
    errors ``ece`` and ``ici``, which have none, each with up to where it reaches in a perfectly
    calibrated model; ``delong`` is the AUROC
    with DeLong's interval, clustered by patient; ``decisions`` are the scores at each threshold
    rule, by rule and name; ``cell_patients`` are the patients behind ``tn, fp, fn, tp``.
    """

    name: str
    patients: int
    n: int
    events: int
    scores: dict[str, Estimate]
    calibration: dict[str, CalibrationError]
    delong: Estimate
    decisions: dict[str, dict[str, Estimate]]
    curves: Curves
    confusion: dict[str, float]
    cell_patients: dict[str, int]
    threshold: float
    level: float

    @property
    def prevalence(self) -> float:
        """Share of events."""
        return self.events / self.n


def assess(
    predictions: pd.DataFrame,
    name: str,
    study: Study,
    *,
    level: float = 0.95,
    threshold: float = 0.5,
    thresholds: Mapping[int, Mapping[str, float]] | None = None,
) -> Assessment:
    """Score a predictions table, the rows of all its folds together.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `mimicflow.evaluation.predictions.read_predictions` returns it.
    name : str
        How tables and figures call the model.
    study : Study
        Which groups of patients are left out, and the column that names a row.
    level : float
        Of the intervals.
    threshold : float
        Of the confusion matrix.
    thresholds : mapping of int to mapping of str to float, optional
        Chosen thresholds by fold and rule, as
        `mimicflow.evaluation.thresholds.choose_by_fold` returns them.

    Raises
    ------
    PredictionsError
        When the table cannot be scored.
    """
    check_predictions(predictions, key=study.key)
    label, probability, patient = _arrays(predictions)
    decisions = decide(predictions, thresholds) if thresholds else None
    rules = {} if decisions is None else {rule: decisions[rule].to_numpy() for rule in decisions}
    found = jackknife(
        label, probability, patient, study.seed, None if decisions is None else decisions.to_numpy()
    )
    units = rarer(label, patient)
    return Assessment(
        name=name,
        patients=predictions["subject_id"].nunique(),
        n=len(label),
        events=int(label.sum()),
        scores={
            score: estimate(score, values, units, level)
            for score, values in found.items()
            if score not in OPERATING_SCORES
        },
        calibration=calibration_errors(label, probability, patient, seed=study.seed),
        delong=auroc_interval(label, probability, level, patient),
        decisions={
            rule: {
                score: estimate(
                    score,
                    found[score][:, column],
                    patients_behind(score, label, patient, flagged),
                    level,
                )
                for score in OPERATING_SCORES
            }
            for column, (rule, flagged) in enumerate(rules.items())
        },
        curves=curves(label, probability),
        confusion=confusion(label, probability, threshold),
        cell_patients=cell_patients(label, probability, patient, threshold),
        threshold=threshold,
        level=level,
    )


def fold_scores(
    predictions: pd.DataFrame,
    study: Study,
    thresholds: Mapping[int, Mapping[str, float]] | None = None,
) -> pd.DataFrame:
    """Score every fold by itself.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `mimicflow.evaluation.predictions.read_predictions` returns it; without a ``fold``
        column it is a single fold 0.
    study : Study
        How labels are drawn, by which the expected calibration error is freed of noise.
    thresholds : mapping of int to mapping of str to float, optional
        As `assess` takes them.

    Returns
    -------
    pandas.DataFrame
        ``fold, patients, n, events, score, threshold_rule, value``; NaN where a fold leaves a
        score undefined.
    """
    rows = []
    for fold, part in predictions.groupby(folds_of(predictions)):
        label, probability, patient = _arrays(part)
        flagged = decide(part, thresholds) if thresholds else None
        values = plain_scores(label, probability, None if flagged is None else flagged.to_numpy())
        errors = calibration_errors(label, probability, patient, seed=study.seed)
        found = {
            (score, ""): float(value)
            for score, value in values.items()
            if score not in OPERATING_SCORES
        } | {(error, ""): errors[error].value for error in ERRORS}
        for column, rule in enumerate([] if flagged is None else flagged.columns):
            found["threshold", rule] = (thresholds or {})[fold][rule]
            found |= {(score, rule): float(values[score][column]) for score in OPERATING_SCORES}
        size = {
            "fold": int(fold),
            "patients": part["subject_id"].nunique(),
            "n": len(part),
            "events": int(label.sum()),
        }
        rows += [
            size | {"score": score, "threshold_rule": rule, "value": value}
            for (score, rule), value in found.items()
        ]
    return pd.DataFrame(rows)


def _arrays(predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return (
        predictions["label"].to_numpy(dtype=np.int64),
        predictions["probability"].to_numpy(dtype=np.float64),
        predictions["subject_id"].to_numpy(),
    )
