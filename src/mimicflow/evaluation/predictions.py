"""Read a predictions table, and refuse one whose scores could not be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from mimicflow.errors import MimicflowError

COLUMNS = ("stay_id", "subject_id", "split", "label", "probability")
_REMEDY = (
    "delete the file and run its rule again; if it comes back, the model that wrote it is wrong"
)


class PredictionsError(MimicflowError):
    """A predictions table that cannot be scored."""


def read_predictions(
    path: str | Path, split: str = "test", *, key: str = "stay_id"
) -> pd.DataFrame:
    """Read the predictions of one split.

    Parameters
    ----------
    path : path-like
        Parquet with the columns ``stay_id, subject_id, split, label, probability``; ``fold`` and
        columns of groups may be there as well and are passed through.
    split : str
        Which patients: ``test`` for every reported score, ``validation`` for choices.
    key : str
        Column that names a row; other systems have other rows than stays.

    Returns
    -------
    pandas.DataFrame
        The checked rows of the split, sorted by ``key``, and by fold within it.

    Raises
    ------
    PredictionsError
        When the table is not sound; the message names the file and what is wrong.
    """
    try:
        # Without the notes of pandas, which may name an index: damaged ones raise anything. So
        # the rows are numbered, as the messages count them.
        frame = pq.read_table(path).replace_schema_metadata().to_pandas()
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise PredictionsError(
            f"cannot be read as Parquet ({type(error).__name__})", file=path, remedy=_REMEDY
        ) from error
    _check_columns(frame, key, path)
    _check_cells(
        frame, _missing(frame, key), path, key
    )  # or grouping and choice would pass over them
    # A patient may be tested in one fold and choose thresholds in another, never both in one.
    shared = frame.groupby([*_fold(frame), "subject_id"], dropna=False)["split"].nunique()
    if (shared > 1).any():
        raise PredictionsError(
            f"{int((shared > 1).sum())} patients are in more than one split",
            file=path,
            remedy="splits are drawn by patient; run the split and everything after it again",
        )
    chosen = check_predictions(frame[frame["split"] == split], path, key=key)
    return chosen.sort_values([key, *_fold(frame)], ignore_index=True)


def check_predictions(
    frame: pd.DataFrame, file: str | Path | None = None, *, key: str = "stay_id"
) -> pd.DataFrame:
    """Return ``frame`` when it can be scored, else raise.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per stay, or per stay and fold outside the test split: ``stay_id``,
        ``subject_id``, ``split``, ``label`` (0 or 1) and ``probability`` (of label 1).
    file : path-like, optional
        Where it came from, for the message.
    key : str
        Column that names a row.

    Raises
    ------
    PredictionsError
        On missing columns, columns that are no numbers, no rows, duplicate ids, missing ids,
        patients or folds, labels other than 0 and 1, a single class, or probabilities that are
        missing or outside [0, 1].
    """
    _check_columns(frame, key, file)
    if frame.empty:
        raise PredictionsError(
            "no predictions for these patients", file=file, remedy="the split needs more patients"
        )
    _check_cells(frame, _faults(frame, key), file, key)
    if frame["label"].nunique() < 2:
        row, label = key.removesuffix("_id"), int(frame["label"].iloc[0])
        raise PredictionsError(
            f"all {len(frame)} {row}s have label {label}; "
            "with one class there is no AUROC or AUPRC",
            file=file,
            remedy="the split needs patients of both outcomes: use more patients or a larger share",
        )
    return frame


def require_same_rows(
    table: pd.DataFrame,
    other: pd.DataFrame,
    file: str | Path,
    other_file: str | Path,
    *,
    key: str = "stay_id",
    columns: Sequence[str] = ("subject_id", "label"),
) -> None:
    """Refuse to compare models that do not predict the same rows.

    Parameters
    ----------
    table, other : pandas.DataFrame
        As `read_predictions` returns them.
    file, other_file : path-like
        Where they came from, for the message.
    key : str
        Column that names a row.
    columns : sequence of str
        What the rows must agree on beside it.

    Raises
    ------
    PredictionsError
        When one has other rows than the other, or they disagree on a row.
    """
    same = [key, *columns]
    if table[same].equals(other[same]):
        return
    shared = len(table[same].merge(other[same], on=same))
    raise PredictionsError(
        f"not the rows of {other_file}: {len(table)} and {len(other)} rows, {shared} of them with "
        f"the same {', '.join(same)}",
        file=file,
        remedy="models are compared on the same rows; run all of them again on the same cohort, "
        "split and folds",
    )


def folds_of(predictions: pd.DataFrame) -> np.ndarray:
    """Return the fold of each row, shape (n,); 0 throughout for a single split."""
    if "fold" in predictions.columns:
        return predictions["fold"].to_numpy()
    return np.zeros(len(predictions), dtype=np.int64)


def _faults(frame: pd.DataFrame, key: str) -> dict[str, pd.Series]:
    """Return the rows that break each rule, in the order of the messages."""
    probability = frame["probability"]
    test = frame["split"] == "test"
    repeated = frame.duplicated([key, *_fold(frame)])
    repeated |= frame[test].duplicated(key).reindex(frame.index, fill_value=False)
    return _missing(frame, key) | {
        "occur more than once": repeated,
        "have a label that is not 0 or 1": ~frame["label"].isin([0, 1]),
        "have no probability (NaN)": probability.isna(),
        "have a probability outside [0, 1]": probability.notna() & ~probability.between(0, 1),
    }


def _missing(frame: pd.DataFrame, key: str) -> dict[str, pd.Series]:
    return {
        f"have no {column}": frame[column].isna()
        for column in (key, "subject_id", "split", *_fold(frame))
    }


def _check_cells(
    frame: pd.DataFrame, faults: dict[str, pd.Series], file: str | Path | None, key: str
) -> None:
    row = key.removesuffix("_id")
    for fault, rows in faults.items():
        if rows.any():
            raise PredictionsError(
                f"{int(rows.sum())} of {len(frame)} {row}s {fault}, the first in row "
                f"{rows.index[rows][0]} (the first row is 0)",
                file=file,
                remedy=_REMEDY,
            )


def _fold(frame: pd.DataFrame) -> list[str]:
    return ["fold"] if "fold" in frame.columns else []


def _check_columns(frame: pd.DataFrame, key: str, file: str | Path | None) -> None:
    columns = [key, *COLUMNS[1:]]
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise PredictionsError(
            f"columns missing: {', '.join(missing)}",
            file=file,
            remedy=f"a predictions table has the columns {', '.join(columns)}",
        )
    for column in ("label", "probability", *_fold(frame)):
        kind = frame[column].dtype
        if not is_numeric_dtype(kind) or (is_bool_dtype(kind) and column != "label"):
            raise PredictionsError(
                f"column {column} holds {kind}, not numbers", file=file, remedy=_REMEDY
            )
