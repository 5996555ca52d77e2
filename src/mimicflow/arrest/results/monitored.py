"""Read what monitors recorded of stays, whether their epochs were kept or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mimicflow.arrest.hrv_features import NOT_MONITORED
from mimicflow.errors import InputError

_COLUMNS = ["epoch_id", "subject_id", "stay_id", "start", "end", "hours_to_arrest", "label"]


@dataclass(frozen=True)
class PlannedFiles:
    """What was planned and measured of all stays.

    Parameters
    ----------
    plan, spine : path-like
        Parquet of the planned epochs, and of the stays with their split.
    measured : sequence of path-like
        Parquet of the measured epochs, all shards: their ``reason``.
    """

    plan: str | Path
    spine: str | Path
    measured: Sequence[str | Path]


def monitored_epochs(
    files: PlannedFiles, predicted: pd.DataFrame, split: str = "test"
) -> pd.DataFrame:
    """Return all epochs of the stays of a part in which a monitor recorded something.

    Parameters
    ----------
    files : PlannedFiles
        Of all stays.
    predicted : pandas.DataFrame
        ``epoch_id, probability`` of the epochs of this part that were kept.
    split : {"test", "train"}
        Held-out patients, or those of development.

    Returns
    -------
    pandas.DataFrame
        ``epoch_id, subject_id, stay_id, start, end, hours_to_arrest, label, probability``; the last
        is NaN of epochs that were dropped for their quality.

    Raises
    ------
    InputError
        When a predicted epoch is not among them.
    """
    epochs = pd.read_parquet(files.plan, columns=_COLUMNS)
    part = pd.read_parquet(files.spine, columns=["stay_id", "split"]).set_index("stay_id")["split"]
    reasons = pd.concat(
        pd.read_parquet(file, columns=["epoch_id", "reason"]) for file in files.measured
    ).set_index("epoch_id")["reason"]
    of_part = (epochs["stay_id"].map(part) == split).to_numpy()
    recorded = ~epochs["epoch_id"].map(reasons).isin(NOT_MONITORED).to_numpy()
    epochs = epochs[of_part & recorded]
    if not predicted["epoch_id"].isin(epochs["epoch_id"]).all():
        raise InputError(
            "lacks epochs that were predicted",
            file=files.plan,
            remedy="delete results/arrest/epochs.parquet and run again",
        )
    known = predicted.set_index("epoch_id")["probability"]
    return epochs.assign(probability=epochs["epoch_id"].map(known)).reset_index(drop=True)
