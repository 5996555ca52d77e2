"""Read the development epochs of a feature table, for selection, tuning and training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.arrest.features import KEYS
from mimicflow.errors import CohortError, InputError

_WIDEN = "use more patients with an arrest, or widen the cohort in config.yaml"


@dataclass(frozen=True)
class Development:
    """The epochs that something may be fitted on, in the order of ``epoch_id``.

    Attributes
    ----------
    values : ndarray of shape (epochs, features)
        NaN where a measure is missing.
    label : ndarray of shape (epochs,)
        1 before an arrest.
    patient : ndarray of shape (epochs,)
        Number of the patient, from 0 in the order of ``subject_id``.
    fold : ndarray of shape (epochs,)
        Of the patient.
    features : tuple of str
        Names of the columns of ``values``.
    subject_id : ndarray of shape (epochs,)
        Of the patient, as in the table.
    """

    values: np.ndarray
    label: np.ndarray
    patient: np.ndarray
    fold: np.ndarray
    features: tuple[str, ...]
    subject_id: np.ndarray

    def folds(self) -> list[int]:
        """Return the numbers of the folds, ascending."""
        return [int(fold) for fold in np.unique(self.fold)]


def read_epochs(
    features: str | Path, split: str, names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Read the keys and features of one part of the patients, sorted by ``epoch_id``.

    Parameters
    ----------
    features : path-like
        Feature table: ``features.KEYS``, then one column per feature.
    split : {"train", "test"}
        Rows of other patients are not even read.
    names : sequence of str, optional
        The features, in the order wanted; all unless given.

    Raises
    ------
    InputError
        When a column is missing.
    """
    frame = pd.read_parquet(features, filters=[("split", "==", split)])
    wanted = [*KEYS, *(names if names is not None else [])]
    if missing := [name for name in wanted if name not in frame.columns]:
        raise InputError(
            f"columns missing: {', '.join(missing)}",
            file=features,
            remedy="select features on this table again, or build the table again",
        )
    if names is not None:
        frame = frame[wanted]
    return frame.sort_values("epoch_id", ignore_index=True)


def read_development(features: str | Path, names: Sequence[str] | None = None) -> Development:
    """Read what may be fitted on.

    Parameters
    ----------
    features, names
        As `read_epochs` takes them.

    Raises
    ------
    InputError
        When a column is missing, or a patient is in two folds.
    CohortError
        When the development epochs, or those of one fold, are of a single class.
    """
    frame = read_epochs(features, "train", names)
    if frame["label"].nunique() < 2:
        only = "none" if frame.empty else f"all with label {int(frame['label'].iloc[0])}"
        raise CohortError(
            f"the development patients have {len(frame)} epochs, {only}; "
            "nothing can be learned without both outcomes",
            file=features,
            remedy=_WIDEN,
        )
    for fold, labels in frame.groupby("fold")["label"]:
        if labels.nunique() < 2:
            raise CohortError(
                f"all {len(labels)} epochs of fold {fold} have label {int(labels.iloc[0])}; "
                "no AUPRC can be measured there",
                file=features,
                remedy=f"{_WIDEN}, or lower split.folds",
            )
    shared = frame.groupby("subject_id")["fold"].nunique() > 1
    if shared.any():
        raise InputError(
            f"{int(shared.sum())} patients are in more than one fold",
            file=features,
            remedy="folds are drawn by patient; run the split and everything after it again",
        )
    columns = [name for name in frame.columns if name not in KEYS]
    return Development(
        values=frame[columns].to_numpy(np.float64),
        label=frame["label"].to_numpy(np.int64),
        patient=np.unique(frame["subject_id"].to_numpy(str), return_inverse=True)[1],
        fold=frame["fold"].to_numpy(np.int64),
        features=tuple(columns),
        subject_id=frame["subject_id"].to_numpy(),
    )
