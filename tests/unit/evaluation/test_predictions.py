"""A predictions table that cannot be trusted is refused, with the reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mimicflow.evaluation.predictions import (
    PredictionsError,
    check_predictions,
    folds_of,
    read_predictions,
)


@pytest.fixture
def sound() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "stay_id": [4, 3, 2, 1],
            "subject_id": [40, 30, 20, 10],
            "split": ["test", "test", "test", "validation"],
            "label": [1, 0, 1, 1],
            "probability": [0.9, 0.0, 1.0, 0.5],
        }
    )


def test_only_the_rows_of_the_split_are_read_sorted_by_stay(sound, tmp_path):
    sound.to_parquet(tmp_path / "p.parquet")
    read = read_predictions(tmp_path / "p.parquet")
    assert read["stay_id"].tolist() == [2, 3, 4]
    assert read["probability"].tolist() == [1.0, 0.0, 0.9]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("probability", np.nan, "1 of 4 stays have no probability"),
        ("probability", 1.0001, "probability outside"),
        ("probability", -0.1, "probability outside"),
        ("probability", np.inf, "probability outside"),
        ("label", 2, "label that is not 0 or 1"),
        ("probability", -np.inf, "probability outside"),
        ("label", np.nan, "label that is not 0 or 1"),
        ("stay_id", 1, "occur more than once, the first in row 3 "),
        ("stay_id", np.nan, "1 of 4 stays have no stay_id"),
        ("subject_id", np.nan, "have no subject_id, the first in row 0 "),
        ("split", None, "have no split"),
    ],
)
def test_a_faulty_cell_is_named(sound, column, value, message):
    sound = sound.astype({"label": float, "stay_id": float, "subject_id": float})
    sound.loc[0, column] = value
    with pytest.raises(PredictionsError, match=message):
        check_predictions(sound)


def test_one_class_only(sound):
    with pytest.raises(PredictionsError, match="all 3 stays have label 1"):
        check_predictions(sound[sound["label"] == 1])


def test_no_rows(sound, tmp_path):
    sound.to_parquet(tmp_path / "p.parquet")
    with pytest.raises(PredictionsError, match="no predictions"):
        read_predictions(tmp_path / "p.parquet", split="train")


def test_missing_columns_and_the_file_are_named(sound, tmp_path):
    sound.drop(columns=["label", "split"]).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(PredictionsError, match=r"p\.parquet: columns missing: split, label"):
        read_predictions(tmp_path / "p.parquet")


def test_a_patient_in_two_splits(sound, tmp_path):
    sound.assign(subject_id=[10, 20, 30, 10]).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(PredictionsError, match="1 patients are in more than one split"):
        read_predictions(tmp_path / "p.parquet")


def test_columns_that_are_no_numbers(sound):
    with pytest.raises(PredictionsError, match="column probability holds object, not numbers"):
        check_predictions(sound.assign(probability="0.5"))
    with pytest.raises(PredictionsError, match="column probability holds bool"):
        check_predictions(sound.assign(probability=True))
    with pytest.raises(PredictionsError, match="column fold holds object"):
        check_predictions(sound.assign(fold="a"))
    check_predictions(sound.assign(label=sound["label"] == 1))


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(PredictionsError, match=r"p\.parquet: cannot be read.*\n.*What to do"):
        read_predictions(tmp_path / "p.parquet")
    (tmp_path / "p.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(PredictionsError, match="cannot be read as Parquet"):
        read_predictions(tmp_path / "p.parquet")


def test_a_row_without_split_or_patient_is_not_passed_over(sound, tmp_path):
    for column in ("split", "subject_id"):
        broken = sound.astype({"subject_id": float})
        broken.loc[3, column] = None
        broken.to_parquet(tmp_path / "p.parquet")
        with pytest.raises(PredictionsError, match=f"have no {column}, the first in row 3 "):
            read_predictions(tmp_path / "p.parquet")


@pytest.fixture
def folds() -> pd.DataFrame:
    """Two folds; each tests two patients and validates on one of the other fold."""
    return pd.DataFrame(
        {
            "stay_id": [1, 2, 3, 3, 4, 1],
            "subject_id": [10, 20, 30, 30, 40, 10],
            "fold": [0, 0, 0, 1, 1, 1],
            "split": ["test", "test", "validation", "test", "test", "validation"],
            "label": [0, 1, 1, 1, 0, 0],
            "probability": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
            "sex": list("FMFFMM"),
        }
    )


def test_folds_and_groups_are_passed_through(folds, tmp_path):
    folds.to_parquet(tmp_path / "p.parquet")
    test = read_predictions(tmp_path / "p.parquet")
    assert test["stay_id"].tolist() == [1, 2, 3, 4]
    assert test["fold"].tolist() == folds_of(test).tolist() == [0, 0, 1, 1]
    assert test["sex"].tolist() == list("FMFM")
    validation = read_predictions(tmp_path / "p.parquet", "validation")
    assert validation["probability"].tolist() == [0.6, 0.3]
    assert folds_of(test.drop(columns="fold")).tolist() == [0, 0, 0, 0]


def test_the_same_stay_chooses_in_two_folds_but_is_tested_in_one(folds, tmp_path):
    path = tmp_path / "p.parquet"
    again = folds.iloc[[2]].assign(fold=2)
    pd.concat([folds, again]).to_parquet(path)
    assert len(read_predictions(path, "validation")) == 3
    pd.concat([folds, again.assign(fold=0)]).to_parquet(path)
    with pytest.raises(PredictionsError, match="1 of 3 stays occur more than once"):
        read_predictions(path, "validation")
    pd.concat([folds, again.assign(split="test")]).to_parquet(path)
    with pytest.raises(PredictionsError, match="occur more than once, the first in row 6 "):
        read_predictions(path)


def test_a_patient_in_two_splits_of_one_fold(folds, tmp_path):
    folds.loc[2, "subject_id"] = 20
    folds.to_parquet(tmp_path / "p.parquet")
    with pytest.raises(PredictionsError, match="1 patients are in more than one split"):
        read_predictions(tmp_path / "p.parquet")


def test_rows_of_another_kind(folds, tmp_path):
    epochs = folds.rename(columns={"stay_id": "epoch_id"})
    epochs.to_parquet(tmp_path / "p.parquet")
    assert len(read_predictions(tmp_path / "p.parquet", key="epoch_id")) == 4
    epochs.loc[0, "probability"] = 2
    with pytest.raises(PredictionsError, match=r"1 of 6 epochs .* the first in row 0 "):
        check_predictions(epochs, key="epoch_id")
    with pytest.raises(PredictionsError, match="columns missing: stay_id"):
        read_predictions(tmp_path / "p.parquet")
