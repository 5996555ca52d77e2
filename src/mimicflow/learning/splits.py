"""Training, validation and test patients, drawn once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.errors import CohortError, ConfigError
from mimicflow.files import write_parquet

SPLITS = ("train", "validation", "test")


def split_patients(
    stays: str | Path, test: float, validation: float, seed: int, output: str | Path
) -> None:
    """Write the spine: the stays, with the part their patient belongs to.

    Parameters
    ----------
    stays : path-like
        Parquet, one row per stay with ``stay_id``, ``subject_id`` and ``label`` (0 or 1).
    test, validation : float
        Shares of all patients; the rest trains.
    seed : int
        The draw depends on the seed and the patients only, not on the order of rows.
    output : path-like
        The same table sorted by ``stay_id``, with column ``split`` (train, validation, test).

    Raises
    ------
    CohortError
        A single class, or too few patients of one class to have one in each part.
    """
    frame = pd.read_parquet(stays).sort_values("stay_id", ignore_index=True)
    try:
        parts = assign_parts(frame["subject_id"], frame["label"], test, validation, seed)
    except CohortError as error:
        raise CohortError(error.message, file=stays, remedy=error.remedy) from error
    write_parquet(frame.assign(split=frame["subject_id"].map(parts)), output)


def assign_parts(
    patients: pd.Series, labels: pd.Series, test: float, validation: float, seed: int
) -> pd.Series:
    """Draw the part of each patient, stratified by whether any of the patient's stays is positive.

    Parameters
    ----------
    patients, labels : pandas.Series
        Patient and label (0 or 1) of each row.
    test, validation : float
        Shares of patients. Each part gets at least one patient of either outcome.
    seed : int
        Of the draw.

    Returns
    -------
    pandas.Series
        One of ``SPLITS`` by patient.
    """
    if test <= 0 or validation <= 0 or test + validation >= 1:
        raise ConfigError(
            f"split.test is {test} and split.validation {validation}",
            remedy="give shares above 0 that leave patients for training",
        )
    outcomes = labels.groupby(patients).max().sort_index()
    parts = pd.Series("train", index=outcomes.index, name="split", dtype=object)
    generator = np.random.default_rng(seed)
    for outcome in (0, 1):
        drawn = generator.permutation(outcomes.index[outcomes == outcome].to_numpy())
        if len(drawn) < len(SPLITS):
            raise CohortError(
                f"only {len(drawn)} patients have outcome {outcome}; each of training, validation "
                "and test needs one",
                remedy="use more patients, or widen the cohort in config.yaml",
            )
        n_test = min(max(1, round(test * len(drawn))), len(drawn) - 2)
        n_validation = min(max(1, round(validation * len(drawn))), len(drawn) - n_test - 1)
        parts[drawn[:n_test]] = "test"
        parts[drawn[n_test : n_test + n_validation]] = "validation"
    return parts
