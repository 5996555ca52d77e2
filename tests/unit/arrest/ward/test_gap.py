"""Scores without the last hours before the arrest, against scikit-learn on the epochs left."""

from __future__ import annotations

import made_arrest_predictions as made
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from mimicflow.arrest.ward.gap import COLUMNS, GAP_SCORES, score_gaps
from mimicflow.evaluation.study import Study

OPTIONS = {"horizons_h": [24, 2], "specificity": 0.8, "confidence": "none", "gaps_h": [2, 0.5, 1]}
SYNTHETIC = Study(synthetic=True, key="epoch_id")


def scored(folder, table, study=SYNTHETIC):
    files = made.write(folder, {"hrv": table})
    score_gaps(files, OPTIONS, folder / "gaps.csv", study)
    return pd.read_csv(folder / "gaps.csv")


@pytest.fixture(scope="module")
def predicted():
    return made.predictions()


def test_epochs_that_end_in_the_gap_are_left_out_and_nothing_else(tmp_path, predicted):
    found = scored(tmp_path, predicted)
    assert found.columns.tolist() == COLUMNS
    at = found.set_index(["score", "horizon_h", "gap_h"])
    test = predicted[predicted["split"] == "test"]
    for hours, gaps in ((24, (0, 0.5, 1, 2)), (2, (0, 0.5, 1))):
        assert sorted(found.loc[found["horizon_h"] == hours, "gap_h"].unique()) == list(gaps)
        for gap in gaps:
            left = test[~(test["hours_to_arrest"] < gap)]
            label = left["hours_to_arrest"] <= hours
            row = at.loc[("auroc", hours, gap)]
            assert (row["n"], row["events"]) == (len(left), label.sum())
            assert row["value"] == pytest.approx(roc_auc_score(label, left["probability"]))
            value = at.loc[("auprc", hours, gap), "value"]
            assert value == pytest.approx(average_precision_score(label, left["probability"]))


def test_the_difference_is_to_the_scores_of_all_epochs_of_the_same_patients(tmp_path, predicted):
    found = scored(tmp_path, predicted).set_index(["score", "horizon_h", "gap_h"])
    for score in GAP_SCORES:
        less = found.loc[(score, 24, 2), "value"] - found.loc[(score, 24, 0), "value"]
        assert found.loc[(score, 24, 2), "difference"] == pytest.approx(less)
        assert np.isnan(found.loc[(score, 24, 0), "difference"])
        # No epoch ends less than half an hour before the arrest, so that nothing is left out.
        ends = ["difference", "difference_lower", "difference_upper"]
        assert found.loc[(score, 24, 0.5), ends].tolist() == [0, 0, 0]
    assert found.loc[("auroc", 24, 2), "difference"] < 0  # the risk rises to the last


def test_a_stay_that_lies_in_the_gap_takes_its_patient_along(tmp_path, predicted):
    late = (predicted["stay_id"] == "s0000") & (predicted["hours_to_arrest"] > 1.5)
    found = scored(tmp_path, predicted[~late])
    row = found[(found["gap_h"] == 2) & (found["score"] == "auroc")].iloc[0]
    whole = found[(found["gap_h"] == 0) & (found["score"] == "auroc")].iloc[0]
    assert (row["patients"], row["event_stays"]) == (
        whole["patients"] - 1,
        whole["event_stays"] - 1,
    )
    assert row["lower"] <= row["value"] <= row["upper"]


def test_what_few_real_patients_give_away_is_hidden(tmp_path, predicted):
    found = scored(tmp_path, predicted, Study(smallest=25, key="epoch_id"))
    assert found["suppressed"].all()
    assert found[["n", "events", "value", "difference"]].isna().all(axis=None)
    # Of one patient alone an epoch lies in the gap: how many are left would show it.
    own = predicted["hours_to_arrest"] < 1
    one = predicted[~own | (predicted["stay_id"] == "s0000")]
    found = scored(tmp_path, one, Study(key="epoch_id")).query("horizon_h == 24")
    hidden = found.groupby("gap_h")["suppressed"].all()
    assert hidden[1.0] and not hidden[0.0]
