"""Everything said about one model comes from one place."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mimicflow.evaluation.assessment import Estimate, assess, fold_scores
from mimicflow.evaluation.predictions import PredictionsError
from mimicflow.evaluation.statistics.calibrated import calibration_errors
from mimicflow.evaluation.statistics.clusters import rarer
from mimicflow.evaluation.statistics.delong import auroc_interval
from mimicflow.evaluation.statistics.jackknife import estimate, jackknife
from mimicflow.evaluation.statistics.metrics import OPERATING_SCORES, scores
from mimicflow.evaluation.statistics.weighted import plain_scores
from mimicflow.evaluation.study import Study


@pytest.fixture
def predictions() -> pd.DataFrame:
    """Sixty patients with five stays each, of the same outcome and nearly the same score."""
    generator = np.random.default_rng(0)
    label = np.arange(60) % 2
    score = np.clip(0.2 * label + 0.8 * generator.random(60), 0.01, 0.99)
    return pd.DataFrame(
        {
            "stay_id": np.arange(300),
            "subject_id": np.repeat(np.arange(60), 5),
            "split": "test",
            "label": np.repeat(label, 5),
            "probability": np.repeat(score, 5) + np.tile(np.arange(5), 60) * 1e-6,
        }
    )


def test_counts_and_intervals_are_by_patient(predictions):
    found = assess(predictions, "model", Study(seed=4), level=0.99, threshold=0.4)
    assert (found.patients, found.n, found.events, found.prevalence) == (60, 300, 150, 0.5)
    assert (found.name, found.threshold, found.level) == ("model", 0.4, 0.99)
    label, probability = predictions["label"], predictions["probability"]
    by_patient, by_stay = (
        estimate(
            "auroc", jackknife(label, probability, units)["auroc"], rarer(label, units), level=0.99
        )
        for units in (predictions["subject_id"], predictions["stay_id"])
    )
    assert found.scores["auroc"] == by_patient
    # Five copies of a patient are no five patients: the interval is sqrt(5) times as wide.
    width = found.scores["auroc"].high - found.scores["auroc"].low
    assert width / (by_stay.high - by_stay.low) == pytest.approx(np.sqrt(5), rel=0.25)
    assert sum(found.confusion[cell] for cell in ("tn", "fp", "fn", "tp")) == 300


def test_a_faulty_table_is_refused(predictions):
    with pytest.raises(PredictionsError, match="NaN"):
        assess(predictions.assign(probability=np.nan), "model", Study())


def test_an_estimate_reads_as_in_a_paper():
    assert str(Estimate(0.9114, 0.9049, 0.917)) == "0.911 (0.905–0.917)"
    assert str(Estimate(0.9114, np.nan, np.nan)) == "0.911 (no interval)"
    signed = Estimate(-0.002, -0.0104, 0.006)
    assert signed.words(signed=True) == "−0.002 (−0.010 to +0.006)"
    assert Estimate(0.02, np.nan, np.nan).words(2, signed=True) == "+0.02 (no interval)"


@pytest.mark.parametrize(("flagged", "low"), [(6, 0.025 ** (1 / 6)), (4, np.nan)])
def test_a_share_of_the_flagged_is_known_by_them_alone(flagged, low):
    """Six of six flagged patients were right: 0.54 to 1, however many others have events."""
    columns = {"stay_id": range(100), "subject_id": range(100), "split": "test"}
    label = np.repeat([1, 0], [30, 70])
    probability = np.where(np.arange(100) < flagged, 0.9, 0.2)
    table = pd.DataFrame({**columns, "label": label, "probability": probability})
    found = assess(table, "model", Study(), thresholds={0: {"a": 0.5}}).decisions["a"]
    assert found["ppv"] == pytest.approx((1, low, 1 if flagged == 6 else np.nan), nan_ok=True)
    assert found["specificity"] == pytest.approx((1, 0.025 ** (1 / 70), 1))


def test_every_score_has_its_interval(predictions):
    found = assess(predictions, "model", Study())
    label, probability = predictions["label"], predictions["probability"]
    for score, value in scores(label, probability).items():
        assert found.scores[score].value == pytest.approx(value)
    for score in ("auprc", "log_loss", "calibration_intercept", "calibration_slope"):
        assert found.scores[score].low < found.scores[score].value < found.scores[score].high
    errors = calibration_errors(label, probability, predictions["subject_id"])
    assert found.calibration == errors and not {"ece", "ici"} & set(found.scores)
    assert found.delong == auroc_interval(label, probability, patient=predictions["subject_id"])
    assert found.decisions == {}


def test_thresholds_of_the_folds_decide_together(predictions):
    predictions["fold"] = predictions["subject_id"] % 3
    thresholds = {fold: {"a": 0.3 + 0.1 * fold, "b": 0.5 if fold else np.nan} for fold in range(3)}
    found = assess(predictions, "model", Study(), thresholds=thresholds)
    flagged = predictions["probability"] >= 0.3 + 0.1 * predictions["fold"]
    expected = plain_scores(
        *predictions[["label", "probability"]].to_numpy().T, flagged.to_numpy()[:, None]
    )
    for score in OPERATING_SCORES:
        value = expected[score][0]
        estimate = found.decisions["a"][score]
        assert estimate.value == pytest.approx(value)
        assert estimate.low < value < estimate.high
        assert np.isnan(found.decisions["b"][score]).all()  # a fold without a threshold


def test_scores_of_each_fold(predictions):
    predictions["fold"] = np.where(predictions["subject_id"] < 20, 0, 1)
    thresholds = {0: {"a": 0.4}, 1: {"a": np.nan}}
    table = fold_scores(predictions, Study(), thresholds).set_index(
        ["fold", "score", "threshold_rule"]
    )
    first = predictions[predictions["fold"] == 0]
    expected = scores(first["label"], first["probability"])
    for score, value in expected.items():
        assert table.at[(0, score, ""), "value"] == pytest.approx(value)
    flagged = (first["probability"] >= 0.4).to_numpy()[:, None]
    decisions = plain_scores(*first[["label", "probability"]].to_numpy().T, flagged)
    for score in OPERATING_SCORES:
        assert table.at[(0, score, "a"), "value"] == pytest.approx(decisions[score][0])
        assert np.isnan(table.at[(1, score, "a"), "value"])
    assert table.at[(0, "threshold", "a"), "value"] == 0.4
    assert table.loc[(0, "auroc", ""), ["patients", "n", "events"]].tolist() == [20, 100, 50]


def test_a_fold_of_one_class_has_no_auroc(predictions):
    predictions["fold"] = predictions["label"]
    table = fold_scores(predictions, Study()).set_index(["fold", "score"])["value"]
    for fold in (0, 1):
        assert np.isnan([table[fold, s] for s in ("auroc", "auprc", "calibration_slope")]).all()
        assert not np.isnan([table[fold, s] for s in ("brier", "ece")]).any()
