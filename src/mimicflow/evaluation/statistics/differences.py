"""Compare two predictions tables by the difference of every score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from mimicflow.evaluation.predictions import check_predictions
from mimicflow.evaluation.statistics.clusters import rarer
from mimicflow.evaluation.statistics.jackknife import estimate, jackknife
from mimicflow.evaluation.statistics.metrics import Estimate


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
    seed: int = 0,
    key: str = "stay_id",
) -> dict[str, ScoreDifference]:
    """Compare two predictions tables by every score.

    The same patients are left out of both, as far as both have them (the stays may differ). The
    fewer they share, the wider is the interval of the difference.

    Parameters
    ----------
    first, second : pandas.DataFrame
        As `mimicflow.evaluation.predictions.read_predictions` returns them.
    seed : int
        Of the groups of patients that are left out where there are many.
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
    found, units = [], []
    for table in tables:
        label = table["label"].to_numpy(dtype=np.int64)
        probability = table["probability"].to_numpy(dtype=np.float64)
        patient = table["subject_id"].to_numpy()
        found.append(jackknife(label, probability, patient, seed, among=everyone))
        units.append(rarer(label, patient))
    one, other = found
    return {
        score: ScoreDifference(
            estimate(score, one[score], units[0]),
            estimate(score, other[score], units[1]),
            estimate("difference", one[score] - other[score], min(units)),
            paired,
        )
        for score in one
    }
