"""Compare two predictions tables by the difference of every score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from mimicflow.evaluation.predictions import check_predictions
from mimicflow.evaluation.statistics.bootstrap import bootstrap, interval
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.statistics.weighted import plain_scores


class ScoreDifference(NamedTuple):
    """A score of two tables and the first less the second, each with its interval."""

    first: Estimate
    second: Estimate
    difference: Estimate
    paired: bool


def score_differences(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    draws: int = 1000,
    seed: int = 0,
    key: str = "stay_id",
) -> dict[str, ScoreDifference]:
    """Compare two predictions tables by every score.

    Each draw takes the same patients for both, as far as both have them (the stays may differ:
    draws are of patients). The fewer they share, the wider is the interval of the difference.

    Parameters
    ----------
    first, second : pandas.DataFrame
        As `mimicflow.evaluation.predictions.read_predictions` returns them.
    draws, seed : int
        Of the bootstrap by patient.
    key : str
        Column that names a row.

    Returns
    -------
    dict of str to ScoreDifference
        By score: ``auroc, auprc, brier, log_loss, calibration_intercept, calibration_slope``.

    Raises
    ------
    PredictionsError
        When a table cannot be scored.
    """
    tables = [check_predictions(table, key=key) for table in (first, second)]
    patients = [np.unique(table["subject_id"]) for table in tables]
    paired, everyone = np.array_equal(patients[0], patients[1]), np.union1d(*patients)
    values, drawn = [], []
    for table in tables:
        label = table["label"].to_numpy(dtype=np.int64)
        probability = table["probability"].to_numpy(dtype=np.float64)
        values.append(plain_scores(label, probability))
        patient = table["subject_id"].to_numpy()
        drawn.append(bootstrap(label, probability, patient, draws, seed, among=everyone))

    def estimate(values: np.ndarray, draws: np.ndarray) -> Estimate:
        return Estimate(float(values), *interval(draws))

    return {
        score: ScoreDifference(
            estimate(values[0][score], drawn[0][score]),
            estimate(values[1][score], drawn[1][score]),
            estimate(values[0][score] - values[1][score], drawn[0][score] - drawn[1][score]),
            paired,
        )
        for score in drawn[0]
    }
