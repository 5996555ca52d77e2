"""One model on one set of patients: everything that tables and figures say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from mimicflow.evaluation.bootstrap import bootstrap, interval
from mimicflow.evaluation.metrics import Curves, confusion, curves, scores
from mimicflow.evaluation.predictions import check_predictions


class Estimate(NamedTuple):
    """A score with its confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return for instance ``0.911 (0.905–0.917)``."""
        return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"


@dataclass(frozen=True)
class Assessment:
    """Scores, curves and confusion of one predictions table."""

    name: str
    patients: int
    n: int
    events: int
    scores: dict[str, Estimate]
    curves: Curves
    confusion: dict[str, float]
    threshold: float
    level: float

    @property
    def prevalence(self) -> float:
        """Share of events."""
        return self.events / self.n


def assess(
    predictions: pd.DataFrame,
    name: str,
    *,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    threshold: float = 0.5,
) -> Assessment:
    """Score a predictions table.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `mimicflow.evaluation.predictions.read_predictions` returns it.
    name : str
        How tables and figures call the model.
    draws, seed : int
        Of the bootstrap by patient.
    level : float
        Of the intervals.
    threshold : float
        Of the confusion matrix.

    Raises
    ------
    PredictionsError
        When the table cannot be scored.
    """
    check_predictions(predictions)
    label = predictions["label"].to_numpy()
    probability = predictions["probability"].to_numpy()
    patient = predictions["subject_id"].to_numpy()
    drawn = bootstrap(label, probability, patient, draws, seed)
    return Assessment(
        name=name,
        patients=predictions["subject_id"].nunique(),
        n=len(label),
        events=int(label.sum()),
        scores={
            score: Estimate(value, *interval(drawn[score], level))
            for score, value in scores(label, probability).items()
        },
        curves=curves(label, probability),
        confusion=confusion(label, probability, threshold),
        threshold=threshold,
        level=level,
    )
