"""Thresholds come from the validation patients of a fold and decide on its test patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mimicflow.evaluation.predictions import PredictionsError
from mimicflow.evaluation.thresholds import choose_by_fold, decide

TEST = pd.DataFrame({"probability": [0.2, 0.5, 0.7, 0.5], "fold": [0, 0, 1, 1]}, index=[5, 3, 8, 1])


def validation(folds: int = 2) -> pd.DataFrame:
    """In fold k the positives have at least 0.6 + k / 10, the negatives less than 0.2."""
    generator = np.random.default_rng(0)
    rows = 20 * folds
    label, fold = np.arange(rows) % 2, np.arange(rows) // 20
    probability = np.where(label, 0.6 + fold / 10 + 0.1 * generator.random(rows), 0.2)
    probability[label == 0] *= generator.random(rows // 2)
    probability[1::20] = 0.6 + np.arange(folds) / 10
    return pd.DataFrame(
        {
            "stay_id": np.arange(rows),
            "subject_id": np.arange(rows),
            "fold": fold,
            "split": "validation",
            "label": label,
            "probability": probability,
        }
    )


def test_each_fold_has_its_own(tmp_path):
    path = tmp_path / "p.parquet"
    validation().to_parquet(path)
    chosen = choose_by_fold(path, {"youden": True, "specificity": [0.95]})
    assert chosen == {
        0: {"youden": pytest.approx(0.6), "specificity_0.95": pytest.approx(0.6)},
        1: {"youden": pytest.approx(0.7), "specificity_0.95": pytest.approx(0.7)},
    }
    validation(1).drop(columns="fold").to_parquet(path)
    assert choose_by_fold(path, {"youden": True}) == {0: {"youden": pytest.approx(0.6)}}


def test_test_patients_choose_nothing(tmp_path):
    path = tmp_path / "p.parquet"
    frame = validation().assign(split="test")
    frame.to_parquet(path)
    assert choose_by_fold(path, {"youden": True}) == {}
    others = frame.assign(stay_id=frame["stay_id"] + 100, subject_id=frame["subject_id"] + 100)
    pd.concat([validation(), others.assign(probability=0.99)]).to_parquet(path)
    assert choose_by_fold(path, {"youden": True})[0]["youden"] == pytest.approx(0.6)


def test_a_fold_of_one_class(tmp_path):
    frame = validation()
    frame[(frame["fold"] == 0) | (frame["label"] == 1)].to_parquet(tmp_path / "p.parquet")
    with pytest.raises(PredictionsError, match="all 10 validation rows of fold 1"):
        choose_by_fold(tmp_path / "p.parquet", {"youden": True})


def test_rows_are_decided_by_their_fold_and_keep_their_place():
    flagged = decide(TEST, {0: {"a": 0.5, "b": 0.1}, 1: {"a": 0.6, "b": np.nan}})
    assert flagged.index.tolist() == [5, 3, 8, 1]
    assert flagged["a"].tolist() == [0, 1, 1, 0]
    assert flagged["b"].tolist()[:2] == [1, 1]
    assert flagged["b"].isna().tolist() == [False, False, True, True]


def test_without_folds_there_is_one():
    assert decide(TEST[["probability"]], {0: {"a": 0.6}})["a"].tolist() == [0, 0, 1, 0]


def test_a_fold_without_thresholds():
    with pytest.raises(PredictionsError, match="no thresholds were chosen for fold 1"):
        decide(TEST, {0: {"a": 0.5}})
