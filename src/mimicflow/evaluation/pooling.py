"""Pool the predictions of several folds into one table, and of several models into one model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mimicflow.evaluation.predictions import PredictionsError, check_predictions
from mimicflow.running.writing import write_parquet


def pool_folds(paths: Sequence[str | Path], output: str | Path) -> None:
    """Write the predictions of all folds of a model below each other.

    Parameters
    ----------
    paths : sequence of path-like
        Predictions Parquet of fold 0, 1, ...; each with its own validation and test patients.
    output : path-like
        The same columns with ``fold`` after the patient. Every row of the test split is
        out of fold, so no stay is there twice.

    Raises
    ------
    PredictionsError
        A stay or a patient that is tested in two folds, or a table that cannot be scored.
    """
    frames = []
    for fold, path in enumerate(paths):
        frame = pd.read_parquet(path)
        frame.insert(frame.columns.get_loc("subject_id") + 1, "fold", fold)
        frames.append(frame)
    pooled = pd.concat(frames, ignore_index=True)
    tested = pooled[pooled["split"] == "test"]
    twice = tested.groupby("subject_id")["fold"].nunique() > 1
    if twice.any():
        raise PredictionsError(
            f"{int(twice.sum())} patients are tested in more than one fold",
            file=paths[0],
            remedy="folds are drawn by patient; run the splits and everything after them again",
        )
    check_predictions(tested, paths[0])
    write_parquet(pooled.sort_values(["fold", "stay_id"], ignore_index=True), output)


def fuse_models(paths: Sequence[str | Path], output: str | Path) -> None:
    """Write the mean of several models' probabilities: late fusion.

    Parameters
    ----------
    paths : sequence of path-like
        Pooled predictions of models that were fitted on the same folds.
    output : path-like
        Predictions in the same form.

    Raises
    ------
    PredictionsError
        Models that do not predict the same stays, or disagree on a label.
    """
    row = ["stay_id", "subject_id", "fold", "split", "label"]
    first, *others = (pd.read_parquet(path).set_index(row)["probability"] for path in paths)
    for path, other in zip(paths[1:], others, strict=True):
        if not first.index.sort_values().equals(other.index.sort_values()):
            raise PredictionsError(
                f"does not predict the stays of {paths[0]}",
                file=path,
                remedy="fuse models that were fitted on the same stays and folds",
            )
    mean = pd.concat([first, *others], axis=1).mean(axis=1).rename("probability")
    write_parquet(mean.reset_index().sort_values(["fold", "stay_id"], ignore_index=True), output)
