"""Compare predicted probability and observed share of one model, bin by bin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.arrest.results.calibration_figures import draw_calibration
from mimicflow.arrest.results.horizon_scores import draws_of_patients, quotient, read_epochs
from mimicflow.evaluation.statistics.bootstrap import interval
from mimicflow.evaluation.statistics.calibration import BINS, quantile_bins, reliability
from mimicflow.evaluation.study import Study
from mimicflow.running.writing import write_csv

COLUMNS = [
    *("model", "title", "bin", "n", "events", "patients", "predicted", "observed"),
    *("low", "high", "by_patient_low", "by_patient_high", "data"),
]


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
        most likely last. ``low, high`` is Wilson's 95 % interval, which takes
        epochs as independent; ``by_patient_…`` that of a bootstrap by patient, which does not. A
        bin without events, or with nothing else, has no width by patient: there Wilson's is all
        that is known.
    figure : path-like
        PNG to write.
    study : Study
        Whose epochs they are, and how patients are drawn. Bins are merged until each outcome comes
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


def calibration_bins(epochs: pd.DataFrame, bins: int, study: Study) -> pd.DataFrame:
    """Return the bins of `calibrate_epochs`, without model, title and data."""
    label = epochs["label"].to_numpy(dtype=np.int64)
    probability = epochs["probability"].to_numpy()
    patient = epochs["subject_id"].to_numpy()
    table = reliability(label, probability, bins, patient=patient, smallest=study.smallest_cell)
    units, unit = np.unique(patient, return_inverse=True)
    weights = draws_of_patients(units, study.draws, study.seed)
    # A merged bin is called by its first: every row is in the last bin that begins at or before.
    member = np.searchsorted(table["bin"], quantile_bins(probability, bins) + 1, side="right") - 1
    rows = []
    for place in range(len(table)):
        inside = member == place
        events, total = (
            weights @ np.bincount(unit[inside], weights=of[inside], minlength=len(units))
            for of in (label, np.ones(len(label)))
        )
        low, high = interval(quotient(events, total))
        rows.append((len(np.unique(unit[inside])), low, high))
    found = pd.DataFrame(rows, columns=["patients", "by_patient_low", "by_patient_high"])
    return pd.concat([table, found], axis=1)
