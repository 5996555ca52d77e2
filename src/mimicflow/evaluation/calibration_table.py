"""Compare the calibration of all models before and after each correction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.evaluation.figures.calibration import draw_reliability
from mimicflow.evaluation.models import counted_models, read_models
from mimicflow.evaluation.predictions import PredictionsError, check_predictions, folds_of
from mimicflow.evaluation.smallest_cell import rounded
from mimicflow.evaluation.statistics.calibrated import calibration_errors
from mimicflow.evaluation.statistics.calibration import calibration_line
from mimicflow.evaluation.statistics.clusters import rarer
from mimicflow.evaluation.statistics.jackknife import estimate, jackknife
from mimicflow.evaluation.statistics.metrics import scores
from mimicflow.evaluation.statistics.recalibration import FITS
from mimicflow.evaluation.statistics.reliability import reliability
from mimicflow.evaluation.study import Study
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
"""Rows of the table. ``ece`` and ``ici`` have no interval, but what a calibrated model has."""


def calibrate_models(
    predictions: Mapping[str, str | Path],
    subsets: Mapping[str, str],
    output: str | Path,
    diagram: str | Path,
    figure: str | Path,
    study: Study,
    beside: Sequence[str | Path] = (),
) -> None:
    """Write how well the models are calibrated, as they are and recalibrated.

    Parameters
    ----------
    predictions, subsets
        As `mimicflow.evaluation.models.read_models` takes them.
    output : path-like
        CSV to write: ``model, title, recalibration, score, value, low, high, calibrated_up_to``
        (see `mimicflow.evaluation.statistics.calibrated.calibration_errors`), a row per model,
        correction (``none`` and, where folds have validation patients, ``temperature``,
        ``isotonic``, ``beta``) and score of `SCORES`, with 95 % intervals.
    diagram : path-like
        CSV to write: ``model, title, recalibration, bin, n, events, predicted, observed, low,
        high``.
    figure : path-like
        PNG to write.
    study : Study
        The corrections are not fitted anew without each patient. Bins are merged until each
        outcome comes from as many patients as its smallest cell; none is shown of models of which
        readers may not know how many rows they have.
    beside : sequence of path-like
        As `mimicflow.evaluation.models.counted_models` takes them.

    Raises
    ------
    ConfigError, PredictionsError
        A model without an entry in ``subsets``, a table that cannot be scored or recalibrated.
    """
    score_tables: list[pd.DataFrame] = []
    bin_tables: list[pd.DataFrame] = []
    probabilities = {}
    counted = counted_models(predictions, subsets, study, beside)
    for model in read_models(predictions, subsets, study):
        recalibrated = recalibrate(model.table, model.file, key=study.key)
        label, patient = recalibrated["label"].to_numpy(), recalibrated["subject_id"].to_numpy()
        probabilities[model.name] = recalibrated
        for method in ("none", *FITS):
            if method not in recalibrated.columns:
                continue
            probability = recalibrated[method].to_numpy()
            bins = reliability(
                label, probability, patient=patient, smallest=study.smallest_cell, seed=study.seed
            ).drop(columns="patients")
            table = _score_rows(label, probability, patient, study)
            if model.name not in counted:
                bins = bins.iloc[:0]
                table = rounded(table, [True] * len(table), ["value", "low", "high"])
            for frame, tables in ((table, score_tables), (bins, bin_tables)):
                tables.append(model.named(frame, recalibration=method))
    measured, bins = pd.concat(score_tables), pd.concat(bin_tables)
    write_csv(measured, output)
    write_csv(bins, diagram)
    draw_reliability(bins, measured, probabilities, subsets, figure, study)


def _score_rows(
    label: np.ndarray, probability: np.ndarray, patient: np.ndarray, study: Study
) -> pd.DataFrame:
    """Return the scores with their intervals, and the errors with what a calibrated model has."""
    found, units = jackknife(label, probability, patient, study.seed), rarer(label, patient)
    errors = calibration_errors(label, probability, patient, seed=study.seed)
    line = calibration_line(label, probability)
    values = scores(label, probability) | {
        "calibration_intercept": line.intercept,
        "calibration_slope": line.slope,
    }
    rows: list[dict[str, object]] = []
    for score in SCORES:
        row: dict[str, object] = {"score": score}
        if score in errors:
            row |= errors[score]._asdict()
        else:
            row["value"] = values[score]
            if not np.isnan(values[score]):
                _, row["low"], row["high"] = estimate(score, found[score], units)
        rows.append(row)
    return pd.DataFrame(rows, columns=["score", "value", "low", "high", "calibrated_up_to"])


def recalibrate(test: pd.DataFrame, file: str | Path, *, key: str = "stay_id") -> pd.DataFrame:
    """Return the test predictions as they are and after each correction.

    Parameters
    ----------
    test : pandas.DataFrame
        As `mimicflow.evaluation.predictions.read_predictions` returns it.
    file : path-like
        Where it was read. Its rows of the split ``validation`` fit the corrections
        of their own fold.
    key : str
        Column that names a row.

    Returns
    -------
    pandas.DataFrame
        The test rows sorted by stay: ``stay_id, subject_id, fold, label, none`` and, if the table
        has validation rows, a column of probabilities per method of `FITS`.

    Raises
    ------
    PredictionsError
        When test rows cannot be scored, when a patient is in both parts of a fold, or when a
        fold's validation rows are of one class, or absent while other folds have some.
    """
    test = pd.DataFrame(
        {column: test[column] for column in (key, "subject_id")}
        | {"fold": folds_of(test), "label": test["label"], "none": test["probability"]}
    )
    validation = pd.read_parquet(file, filters=[("split", "==", "validation")])
    if validation.empty:
        return test
    inner_folds = folds_of(validation)
    corrected = pd.DataFrame(index=test.index, columns=list(FITS), dtype=np.float64)
    for fold, rows in test.groupby("fold"):
        try:
            inner = check_predictions(validation[inner_folds == fold], file, key=key)
        except PredictionsError as error:
            raise PredictionsError(
                f"validation of fold {fold}: {error.message}",
                file=file,
                remedy=error.remedy,
            ) from error
        probability, label = inner["probability"].to_numpy(), inner["label"].to_numpy()
        for method, fit in FITS.items():
            corrected.loc[rows.index, method] = fit(probability, label)(rows["none"].to_numpy())
    return test.join(corrected)
