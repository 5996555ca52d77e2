"""Reading a predictions table, and refusing one that no score can be trusted on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from mimicflow.errors import MimicflowError

COLUMNS = ("stay_id", "subject_id", "split", "label", "probability")
_REMEDY = (
    "delete the file and run its rule again; if it comes back, the model that wrote it is wrong"
)


class PredictionsError(MimicflowError):
    """A predictions table that cannot be scored."""


def read_predictions(path: str | Path, split: str = "test") -> pd.DataFrame:
    """Read the predictions of one split.

    Parameters
    ----------
    path : path-like
        Parquet with the columns ``stay_id, subject_id, split, label, probability``.
    split : str
        Which patients: ``test`` for every reported score, ``validation`` for choices.

    Returns
    -------
    pandas.DataFrame
        The checked rows of the split, sorted by ``stay_id``.

    Raises
    ------
    PredictionsError
        When the table is not sound; the message names the file and what is wrong.
    """
    frame = pd.read_parquet(path)
    _check_columns(frame, path)
    shared = frame.groupby("subject_id")["split"].nunique()
    if (shared > 1).any():
        raise PredictionsError(
            f"{int((shared > 1).sum())} patients are in more than one split",
            file=path,
            remedy="splits are drawn by patient; run the split and everything after it again",
        )
    chosen = frame[frame["split"] == split]
    return check_predictions(chosen, path).sort_values("stay_id", ignore_index=True)


def check_predictions(frame: pd.DataFrame, file: str | Path | None = None) -> pd.DataFrame:
    """Return ``frame`` when it can be scored, else raise.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per stay: ``stay_id``, ``subject_id``, ``split``, ``label`` (0 or 1) and
        ``probability`` (of label 1).
    file : path-like, optional
        Where it came from, for the message.

    Raises
    ------
    PredictionsError
        On missing columns, no rows, duplicate ids, labels other than 0 and 1, a single class,
        or probabilities that are missing or outside [0, 1].
    """
    _check_columns(frame, file)
    if frame.empty:
        raise PredictionsError(
            "no predictions for these patients", file=file, remedy="the split needs more patients"
        )
    faults = {
        "occur more than once": frame["stay_id"].duplicated(),
        "have a label that is not 0 or 1": ~frame["label"].isin([0, 1]),
        "have no probability (NaN)": frame["probability"].isna(),
        "have a probability outside [0, 1]": frame["probability"].notna()
        & ~frame["probability"].between(0, 1),
    }
    for fault, rows in faults.items():
        if rows.any():
            first = frame.loc[rows, "stay_id"].iloc[0]
            raise PredictionsError(
                f"{int(rows.sum())} of {len(frame)} stays {fault}, the first is stay {first}",
                file=file,
                remedy=_REMEDY,
            )
    if frame["label"].nunique() < 2:
        raise PredictionsError(
            f"all {len(frame)} stays have label {int(frame['label'].iloc[0])}; "
            "with one class there is no AUROC or AUPRC",
            file=file,
            remedy="the split needs patients of both outcomes: use more patients or a larger share",
        )
    return frame


def _check_columns(frame: pd.DataFrame, file: str | Path | None) -> None:
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing:
        raise PredictionsError(
            f"columns missing: {', '.join(missing)}",
            file=file,
            remedy=f"a predictions table has the columns {', '.join(COLUMNS)}",
        )
