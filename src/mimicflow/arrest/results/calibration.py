"""Compare predicted probability and observed share of one model, bin by bin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.arrest.results.calibration_figures import draw_calibration, draw_horizons
from mimicflow.arrest.results.horizon_scores import (
    horizon_label,
    read_epochs,
)
from mimicflow.arrest.results.horizons import horizons_of
from mimicflow.evaluation.statistics.calibration import BINS
from mimicflow.evaluation.statistics.recalibration import FITS
from mimicflow.evaluation.statistics.reliability import reliability
from mimicflow.evaluation.study import Study
from mimicflow.running.writing import write_csv

COLUMNS = [
    *("model", "title", "bin", "n", "events", "patients", "predicted", "observed"),
    *("low", "high", "data"),
]
HORIZON_COLUMNS = [*COLUMNS[:2], "horizon_h", "recalibration", *COLUMNS[2:]]
AS_IS, RECALIBRATED = "none", "beta"
"""Probabilities of the primary horizon, and those corrected to another one."""


def calibrate_epochs(
    predictions: str | Path,
    table: str | Path,
    figure: str | Path,
    study: Study,
    *,
    model: str,
    bins: int = BINS,
) -> None:
    """Write and draw how the probabilities of held-out epochs agree with what happened.

    Parameters
    ----------
    predictions : path-like
        Parquet of predicted epochs, see `mimicflow.arrest.results.horizon_scores.read_epochs`.
    table : path-like
        CSV to write: `COLUMNS`, a row per bin of (nearly) equal numbers of epochs, the
        most likely last. ``low, high`` is the 95 % interval by patient; of a bin without events, or
        with nothing else, the exact one of so many patients.
    figure : path-like
        PNG to write.
    study : Study
        Whose epochs they are. Bins are merged until each outcome comes
        from as many patients as its smallest cell.
    model : str
        Name of the model.
    bins : int
        How many.

    Raises
    ------
    PredictionsError
        A table that cannot be scored.
    """
    epochs = read_epochs(predictions, "test")
    found = calibration_bins(epochs, bins, study).assign(**study.labels(model))[COLUMNS]
    write_csv(found, table)
    draw_calibration(found, figure, study, title=study.title(model))


def calibrate_horizons(
    predictions: str | Path,
    options: Mapping[str, Any],
    table: str | Path,
    figure: str | Path,
    study: Study,
    *,
    model: str,
    bins: int = BINS,
) -> None:
    """Write and draw the calibration of held-out epochs at every horizon.

    A model says how likely an arrest is within the primary horizon; at a shorter one that is too
    much by its nature. So the probabilities are judged as they are, and after a beta calibration
    to the label of the horizon, which is fitted on the epochs predicted out of fold.

    Parameters
    ----------
    predictions, study, model, bins
        As `calibrate_epochs` takes them.
    options : mapping
        ``horizons_h`` (hours).
    table : path-like
        CSV to write: `HORIZON_COLUMNS`, for every horizon and ``recalibration`` (``none``,
        ``beta``) the bins of `calibrate_epochs`. A horizon without events out of fold has no
        ``beta``.
    figure : path-like
        PNG to write: a panel per horizon, recalibrated.

    Raises
    ------
    ConfigError
        Horizons that cannot be used.
    PredictionsError
        A table that cannot be scored.
    """
    test, validation = (read_epochs(predictions, split) for split in ("test", "validation"))
    hours = horizons_of(options)
    tables = []
    for horizon in hours:
        label = horizon_label(test, horizon)
        for recalibration, probability in _at_horizon(test, validation, horizon).items():
            epochs = test.assign(label=label, probability=probability)
            found = calibration_bins(epochs, bins, study)
            tables.append(found.assign(horizon_h=horizon, recalibration=recalibration))
    bins_of_all = pd.concat(tables, ignore_index=True).assign(**study.labels(model))
    bins_of_all = bins_of_all[HORIZON_COLUMNS]
    write_csv(bins_of_all, table)
    shown = bins_of_all[bins_of_all["recalibration"] == RECALIBRATED]
    draw_horizons(shown, hours, figure, study, title=study.title(model))


def _at_horizon(
    test: pd.DataFrame, validation: pd.DataFrame, hours: float
) -> dict[str, np.ndarray]:
    """Return the probabilities of the test epochs, (n,), by the name of their recalibration."""
    found = {AS_IS: test["probability"].to_numpy()}
    label = horizon_label(validation, hours)
    if len(np.unique(label)) > 1:
        correct = FITS[RECALIBRATED](validation["probability"].to_numpy(), label)
        found[RECALIBRATED] = correct(found[AS_IS])
    return found


def calibration_bins(epochs: pd.DataFrame, bins: int, study: Study) -> pd.DataFrame:
    """Return the bins of `calibrate_epochs`, without model, title and data."""
    label = epochs["label"].to_numpy(dtype=np.int64)
    probability = epochs["probability"].to_numpy()
    patient = epochs["subject_id"].to_numpy()
    return reliability(
        label, probability, bins, patient=patient, smallest=study.smallest_cell, seed=study.seed
    )
