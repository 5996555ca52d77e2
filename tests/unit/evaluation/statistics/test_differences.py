"""Differences of scores: patients of both are drawn together, those of one by themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from mimicflow.evaluation.predictions import PredictionsError
from mimicflow.evaluation.statistics.differences import score_differences


def predictions(n=400, seed=0, first_patient=0) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    label = np.arange(n) % 2
    return pd.DataFrame(
        {
            "stay_id": np.arange(n),
            "subject_id": first_patient + np.arange(n) // 2,
            "split": "test",
            "label": label,
            "probability": 1 / (1 + np.exp(-generator.normal(size=n) - label + 0.5)),
        }
    )


def width(estimate):
    return estimate.high - estimate.low


def test_the_same_patients_are_paired():
    first = predictions()
    noise = np.random.default_rng(1).normal(size=400) * 0.05
    second = first.assign(probability=(first["probability"] + noise).clip(0, 1))
    found = score_differences(first, second)
    assert set(found) >= {"auroc", "auprc", "brier", "calibration_slope"}
    auroc = found["auroc"]
    assert auroc.paired
    values = [roc_auc_score(table["label"], table["probability"]) for table in (first, second)]
    assert (auroc.first.value, auroc.second.value) == pytest.approx(tuple(values))
    assert auroc.difference.value == pytest.approx(values[0] - values[1])
    assert width(auroc.difference) < 0.5 * width(auroc.first)
    brier = brier_score_loss(first["label"], first["probability"])
    assert found["brier"].first.value == pytest.approx(brier)


def test_a_table_and_itself():
    found = score_differences(predictions(), predictions())
    assert {score.difference for score in found.values()} == {(0, 0, 0)}


def test_the_same_patients_with_fewer_stays_are_still_paired():
    every = predictions()
    one_stay = every.groupby("subject_id").sample(1, random_state=0)
    found = score_differences(every, one_stay)["brier"]
    assert found.paired
    alone = score_differences(one_stay, one_stay)["brier"]
    assert found.second == alone.first


def test_other_patients_are_left_out_by_themselves():
    found = score_differences(predictions(), predictions(first_patient=1000))["auroc"]
    assert not found.paired
    assert found.difference.value == 0  # the same values of other patients
    expected = np.hypot(width(found.first), width(found.second))
    assert width(found.difference) == pytest.approx(expected, rel=0.1)


def test_patients_that_both_have_are_left_out_together():
    every = predictions()
    most = every[every["subject_id"] < 190]

    shared = score_differences(every, most)["auroc"]

    assert not shared.paired
    assert width(shared.difference) < 0.4 * np.hypot(width(shared.first), width(shared.second))


def test_a_table_that_cannot_be_scored():
    with pytest.raises(PredictionsError, match="NaN"):
        score_differences(predictions(), predictions().assign(probability=np.nan))
