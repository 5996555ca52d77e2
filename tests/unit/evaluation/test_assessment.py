"""Everything said about one model comes from one place."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mimicflow.evaluation.assessment import Estimate, assess
from mimicflow.evaluation.bootstrap import bootstrap, interval
from mimicflow.evaluation.predictions import PredictionsError


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
    found = assess(predictions, "model", draws=300, seed=4, level=0.99, threshold=0.4)
    assert (found.patients, found.n, found.events, found.prevalence) == (60, 300, 150, 0.5)
    assert (found.name, found.threshold, found.level) == ("model", 0.4, 0.99)
    label, probability = predictions["label"], predictions["probability"]
    by_patient = bootstrap(label, probability, predictions["subject_id"], 300, 4)
    by_stay = bootstrap(label, probability, predictions["stay_id"], 300, 4)
    assert found.scores["auroc"][1:] == interval(by_patient["auroc"], 0.99)
    # Five copies of a patient are no five patients: the interval is sqrt(5) times as wide.
    width = found.scores["auroc"].high - found.scores["auroc"].low
    assert width / -np.subtract(*interval(by_stay["auroc"], 0.99)) == pytest.approx(
        np.sqrt(5), rel=0.25
    )
    assert sum(found.confusion[cell] for cell in ("tn", "fp", "fn", "tp")) == 300


def test_a_faulty_table_is_refused(predictions):
    with pytest.raises(PredictionsError, match="NaN"):
        assess(predictions.assign(probability=np.nan), "model")


def test_an_estimate_reads_as_in_a_paper():
    assert str(Estimate(0.9114, 0.9049, 0.917)) == "0.911 (0.905–0.917)"
