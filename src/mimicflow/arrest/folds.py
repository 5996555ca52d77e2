"""Split patients into development and test, and development patients into folds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.errors import CohortError
from mimicflow.learning.splits import assign_folds, assign_test
from mimicflow.running.writing import write_parquet

NO_FOLD = -1
"""The fold of test patients, who are in none."""


def split_arrest_patients(
    stays: str | Path, options: Mapping[str, Any], seed: int, output: str | Path
) -> None:
    """Write the spine: the stays, with the part and the fold of their patient.

    Parameters
    ----------
    stays : path-like
        Parquet, one row per stay with ``stay_id``, ``subject_id`` and ``label`` (1: the stay has
        an arrest).
    options : mapping
        Section ``arrest.split`` of the configuration: ``test``, the share of patients that
        nothing is fitted on, and ``folds``, the number of folds of the others.
    seed : int
        The draw depends on the seed and the patients only, not on the order of rows.
    output : path-like
        The same table sorted by ``stay_id``, with the columns ``split`` (train, test) and ``fold``
        (0 to ``folds - 1``; -1 for test patients).

    Raises
    ------
    ConfigError
        A share that leaves one of the parts without patients.
    CohortError
        Fewer patients of one outcome than parts, or than folds among the development patients.

    Notes
    -----
    Both draws are by patient and stratified by whether any stay of the patient has an arrest:
    epochs of one patient are alike, so a patient on both sides of a split would be recognised.
    """
    frame = pd.read_parquet(stays).sort_values("stay_id", ignore_index=True)
    outcomes = frame.groupby("subject_id")["label"].max().sort_index()
    try:
        parts = assign_test(outcomes, options["test"], seed)
        folds = assign_folds(outcomes[parts == "train"], options["folds"], seed)
    except CohortError as error:
        raise CohortError(error.message, file=stays, remedy=error.remedy) from error
    frame["split"] = frame["subject_id"].map(parts)
    frame["fold"] = frame["subject_id"].map(folds).fillna(NO_FOLD).astype("int64")
    write_parquet(frame, output)
