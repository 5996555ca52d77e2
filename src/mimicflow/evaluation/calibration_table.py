"""Compare the calibration of all models before and after each correction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.evaluation.disclosure import SMALLEST_CELL
from mimicflow.evaluation.figures.calibration import draw_reliability
from mimicflow.evaluation.statistics.bootstrap import bootstrap, interval
from mimicflow.evaluation.statistics.calibration import calibration_scores, reliability
from mimicflow.evaluation.statistics.metrics import scores
from mimicflow.evaluation.statistics.recalibration import FITS, recalibrate
from mimicflow.evaluation.titles import by_subset, read_titles
from mimicflow.running.writing import write_csv

SCORES = (
    "brier",
    "log_loss",
    "auroc",
    "calibration_intercept",
    "calibration_slope",
    "ece",
    "ici",
)
"""Rows of the table. ``ici`` has no interval: a thousand smoothed curves take too long."""


def calibrate_models(
    predictions: Mapping[str, str | Path],
    subsets: Mapping[str, str],
    published_scores: str | Path,
    output: str | Path,
    diagram: str | Path,
    figure: str | Path,
    *,
    draws: int = 1000,
    seed: int = 0,
    synthetic: bool = False,
    smallest: int = SMALLEST_CELL,
    key: str = "stay_id",
) -> None:
    """Write how well the models are calibrated, as they are and recalibrated.

    Parameters
    ----------
    predictions : mapping of str to path-like
        Predictions Parquet of each model, by model name.
    subsets : mapping of str to str
        ``all`` or ``multi``, by model name.
    published_scores : path-like
        CSV with the titles of the models.
    output : path-like
        CSV to write: ``model, title, recalibration, score, value, low, high``, a row per model,
        correction (``none`` and, where folds have validation patients, ``temperature``,
        ``isotonic``, ``beta``) and score of `SCORES`, with 95 % intervals.
    diagram : path-like
        CSV to write: ``model, title, recalibration, bin, n, events, predicted, observed, low,
        high``.
    figure : path-like
        PNG to write.
    draws, seed : int
        Of the bootstrap by patient. The corrections are not fitted anew in each draw.
    synthetic : bool
        Whether the patients are synthetic.
    smallest : int
        Unless they are, bins are merged until each outcome comes from as many patients.
    key : str
        Column that names a row of the predictions.

    Raises
    ------
    ConfigError, PredictionsError
        A model without an entry in ``subsets``, a table that cannot be scored or recalibrated.
    """
    titles = read_titles(published_scores)
    score_tables: list[pd.DataFrame] = []
    bin_tables: list[pd.DataFrame] = []
    probabilities = {}
    for model in by_subset(predictions, subsets):
        recalibrated = recalibrate(predictions[model], key=key)
        label, patient = recalibrated["label"].to_numpy(), recalibrated["subject_id"].to_numpy()
        probabilities[model] = recalibrated
        for method in ("none", *FITS):
            if method not in recalibrated.columns:
                continue
            probability = recalibrated[method].to_numpy()
            bins = reliability(
                label, probability, patient=patient, smallest=0 if synthetic else smallest
            )
            table = _score_rows(
                label, probability, bootstrap(label, probability, patient, draws, seed)
            )
            for frame, tables in ((table, score_tables), (bins, bin_tables)):
                frame.insert(0, "recalibration", method)
                frame.insert(0, "title", titles.get(model, model))
                frame.insert(0, "model", model)
                tables.append(frame)
    measured, bins = pd.concat(score_tables), pd.concat(bin_tables)
    write_csv(measured, output)
    write_csv(bins, diagram)
    draw_reliability(
        bins, measured, probabilities, subsets, figure, synthetic=synthetic, smallest=smallest
    )


def _score_rows(
    label: np.ndarray, probability: np.ndarray, drawn: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Return the scores; those without a value, and the index, without an interval."""
    values = scores(label, probability) | calibration_scores(label, probability)
    nothing = (float("nan"), float("nan"))
    rows = [
        (
            score,
            values[score],
            *(
                interval(drawn[score])
                if score in drawn and not np.isnan(values[score])
                else nothing
            ),
        )
        for score in SCORES
    ]
    return pd.DataFrame(rows, columns=["score", "value", "low", "high"])
