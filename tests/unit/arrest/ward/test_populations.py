"""Probabilities of the sample and of other populations, against plain weighted sums."""

from __future__ import annotations

import json

import made_arrest_predictions as made
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import precision_score, recall_score

from mimicflow.arrest.ward.populations import COLUMNS, POPULATION_SCORES, score_populations
from mimicflow.arrest.ward.weights import epoch_weights, moved
from mimicflow.errors import InputError
from mimicflow.evaluation.study import Study

PREVALENCE = {"sample": 0.33, "planned": 0.3, "monitored": 0.05}


class Files:
    def __init__(self, folder, table):
        self.folder = folder
        self.predictions = made.write(folder, {"hrv": table})["hrv"]
        stays = table.groupby(["stay_id", "subject_id", "split", "label"], as_index=False).size()
        control = stays["label"] == 0
        self.weights = stays.assign(
            weight_sample=1.0, weight_planned=1.5, weight_monitored=np.where(control, 8.0, 1.5)
        )
        self.weights.to_parquet(folder / "weights.parquet")
        self.describe({"threshold": {"specificity_0.8": 0.2}, "prevalence": PREVALENCE})

    def describe(self, facts):
        (self.folder / "model.json").write_text(json.dumps(facts))

    def score(self, *, synthetic=True):
        score_populations(
            self.predictions, self.folder / "weights.parquet", self.folder / "model.json",
            {"specificity": 0.8, "confidence": "none"}, self.folder / "populations.csv",
            Study(synthetic=synthetic), model="hrv",
        )  # fmt: skip
        return pd.read_csv(self.folder / "populations.csv")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    files = Files(tmp_path_factory.mktemp("populations"), made.predictions())
    files.table = files.score()
    return files


@pytest.mark.parametrize("population", list(PREVALENCE))
def test_scores_are_those_of_weighted_epochs(files, population):
    rows = files.table[files.table["population"] == population].set_index("score")
    test = pd.read_parquet(files.predictions).query("split == 'test'")
    weight = epoch_weights(test["stay_id"], files.weights, population)
    label, probability = test["label"].to_numpy(), test["probability"].to_numpy()
    there = moved(probability, PREVALENCE["sample"], PREVALENCE[population])
    flagged, each = probability >= 0.2, {"sample_weight": weight}
    expected = {
        "prevalence": np.average(label, weights=weight),
        "mean_probability": np.average(probability, weights=weight),
        "mean_probability_moved": np.average(there, weights=weight),
        "sensitivity": recall_score(label, flagged, **each),
        "specificity": recall_score(label, flagged, pos_label=0, **each),
        "precision": precision_score(label, flagged, **each),
    }
    assert rows.loc[list(expected), "value"].to_dict() == pytest.approx(expected)
    assert rows["stands_for"].iloc[0] == pytest.approx(weight.sum())
    assert (rows["n"] == len(test)).all()
    inner = ["prevalence", "mean_probability", "sensitivity"]
    assert (rows.loc[inner, "lower"] < rows.loc[inner, "value"]).all()
    assert (rows.loc[inner, "value"] < rows.loc[inner, "upper"]).all()


def test_where_arrests_are_rarer_a_moved_probability_is_nearer_to_the_truth(files):
    assert list(files.table.columns) == COLUMNS
    found = files.table.set_index(["population", "score"])["value"]
    assert set(found["sample"].index) == set(POPULATION_SCORES)
    assert found["sample", "mean_probability_moved"] == found["sample", "mean_probability"]
    assert found["monitored", "prevalence"] < found["planned", "prevalence"]
    # The predictions know the order, not the level: only the change by moving is looked at.
    step = np.log(0.05 / 0.95) - np.log(0.33 / 0.67)
    plain, corrected = (found["monitored", f"calibration_intercept{end}"] for end in ("", "_moved"))
    assert corrected - plain == pytest.approx(-step)
    assert found["monitored", "precision"] < found["sample", "precision"]
    assert found["monitored", "sensitivity"] == pytest.approx(found["sample", "sensitivity"])


def test_a_model_without_a_threshold_has_no_scores_of_decisions(tmp_path):
    files = Files(tmp_path, made.predictions())
    files.describe({"threshold": {"specificity_0.8": None}, "prevalence": PREVALENCE})
    found = files.score().set_index("score")
    decisions = ["sensitivity", "specificity", "precision"]
    assert found.loc[decisions, ["threshold", "value", "lower", "upper"]].isna().all(axis=None)
    assert found.drop(decisions)["value"].notna().all()


def test_few_real_patients_are_hidden(tmp_path):
    found = Files(tmp_path, made.predictions(stays=40, events=8)).score(synthetic=False)
    assert found["suppressed"].all() and found[["value", "lower"]].isna().all(axis=None)


def test_decisions_about_few_real_patients_are_hidden(tmp_path):
    files = Files(tmp_path, made.predictions(stays=120, events=40, noise=2.0))
    files.describe({"threshold": {"specificity_0.8": 0.995}, "prevalence": PREVALENCE})
    decided = ["sensitivity", "specificity", "precision"]
    assert files.score().set_index("score").loc[decided, "value"].notna().any()
    found = files.score(synthetic=False).set_index("score")
    assert found.loc[decided, ["value", "lower", "upper"]].isna().all(axis=None)
    assert found.drop(decided)["value"].notna().all()


def test_a_model_of_an_older_version_is_refused(files):
    files.describe({"threshold": {"specificity_0.8": 0.2}})
    with pytest.raises(InputError, match="does not name the prevalences"):
        files.score()
