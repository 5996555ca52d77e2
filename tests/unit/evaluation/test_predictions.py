"""A predictions table that cannot be trusted is refused, with the reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mimicflow.evaluation.predictions import PredictionsError, check_predictions, read_predictions


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
        ("stay_id", 1, "occur more than once, the first is stay 1"),
    ],
)
def test_a_faulty_cell_is_named(sound, column, value, message):
    sound = sound.astype({"label": float})
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
