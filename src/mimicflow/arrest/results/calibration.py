"""Compare predicted probability and observed share of one model, bin by bin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.arrest.results.horizon_scores import draws_of_patients, quotient, read_epochs
from mimicflow.arrest.results.calibration_figures import draw_calibration
from mimicflow.evaluation.statistics.bootstrap import interval
from mimicflow.evaluation.statistics.calibration import BINS, quantile_bins, reliability
from mimicflow.evaluation.disclosure import SMALLEST_CELL
from mimicflow.evaluation.titles import read_titles
from mimicflow.running.writing import write_csv

COLUMNS = [
    *("model", "title", "bin", "n", "events", "patients", "predicted", "observed"),
    *("low", "high", "by_patient_low", "by_patient_high", "data"),
]


def write_calibration(
    predictions: str | Path,
    published: str | Path,
    output: str | Path,
    figure: str | Path,
    *,
    model: str,
    bins: int = BINS,
    draws: int = 1000,
    seed: int = 0,
    synthetic: bool = False,
    smallest: int = SMALLEST_CELL,
) -> None:
    """Write and draw how the probabilities of held-out epochs agree with what happened.

    Parameters
    ----------
    predictions : path-like
        Parquet of predicted epochs, see `mimicflow.arrest.results.horizon_scores.read_epochs`.
    published : path-like
        CSV with the titles of the models.
    output : path-like
        CSV to write: `COLUMNS`, a row per bin of (nearly) equal numbers of epochs, the
        most likely last. ``low, high`` is Wilson's 95 % interval, which takes
        epochs as independent; ``by_patient_…`` that of a bootstrap by patient, which does not. A
        bin without events, or with nothing else, has no width by patient: there Wilson's is all
        that is known.
    figure : path-like
        PNG to write.
    model : str
        Name of the model.
    bins : int
        How many.
    draws, seed : int
        Of the bootstrap by patient.
    synthetic : bool
        Whether the patients are synthetic.
    smallest : int
        Unless they are, bins are merged until each outcome comes from as many patients.

    Raises
    ------
    PredictionsError
        A table that cannot be scored.
    """
    epochs = read_epochs(predictions, "test")
    table = calibration_bins(epochs, bins, draws, seed, 0 if synthetic else smallest)
    table = table.assign(
        model=model,
        title=read_titles(published).get(model, model),
        data="synthetic" if synthetic else "real",
    )[COLUMNS]
    write_csv(table, output)
    title = read_titles(published).get(model, model)
    draw_calibration(table, figure, title=title, synthetic=synthetic)


def calibration_bins(
    epochs: pd.DataFrame, bins: int, draws: int, seed: int, smallest: int
) -> pd.DataFrame:
    """Return the bins of `write_calibration`, without model, title and data."""
    label = epochs["label"].to_numpy(dtype=np.int64)
    probability = epochs["probability"].to_numpy()
    patient = epochs["subject_id"].to_numpy()
    table = reliability(label, probability, bins, patient=patient, smallest=smallest)
    units, unit = np.unique(patient, return_inverse=True)
    weights = draws_of_patients(units, draws, seed)
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
