"""Tables and figures of one model, against hand-worked counts and scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_predictions import draw
from sklearn.metrics import (
    average_precision_score,
    confusion_matrix,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from mimicflow.errors import ConfigError, InputError
from mimicflow.evaluation.figures import performance as figures
from mimicflow.evaluation.predictions import PredictionsError
from mimicflow.evaluation.study import Study
from mimicflow.mortality import model_results
from mimicflow.mortality import training as train
from mimicflow.mortality.model_results import CLASSES, HISTORY, OUTPUTS, classify, confusions

MADE, REAL = Study(synthetic=True), Study()
SIX = pd.DataFrame({"label": [0, 0, 0, 0, 1, 1], "probability": [0.1, 0.2, 0.4, 0.6, 0.45, 0.9]})


@pytest.fixture
def predictions(tmp_path):
    """200 test patients, 200 validation patients who are predicted too much."""
    label, probability = draw(400, shift=1.0)
    frame = pd.DataFrame(
        {
            "stay_id": np.arange(400) + 7,
            "subject_id": np.arange(400),
            "split": np.repeat(["test", "validation"], 200),
            "label": label,
            "probability": probability,
        }
    )
    path = tmp_path / "predictions.parquet"
    frame.to_parquet(path)
    return path


@pytest.fixture
def history(tmp_path):
    epochs = pd.DataFrame([[e, 0.7, 0.7, 0.6, 0.6, 0.5, 0.4, e == 2] for e in (1, 2, 3)])
    epochs.set_axis(HISTORY, axis=1).to_csv(tmp_path / "history.csv", index=False)
    return tmp_path / "history.csv"


@pytest.fixture
def outputs(tmp_path):
    tables = {"confusion", "classification_report", "calibration", "reliability"}
    suffixes = {"curves": "npz", **dict.fromkeys(tables, "csv")}
    return {name: tmp_path / "out" / f"{name}.{suffixes.get(name, 'png')}" for name in OUTPUTS}


def columns(table):
    return table["label"], table["probability"]


def write(predictions, outputs, model="gru", study=REAL, **options):
    model_results.write_mortality_results(model, predictions, outputs, study, **options)


def test_the_counts_at_each_threshold_are_those_worked_by_hand():
    found = confusions(SIX, {"fixed": 0.5, "youden": 0.45, "ppv_0.9": np.nan})
    assert found["threshold_rule"].tolist() == ["fixed", "youden", "ppv_0.9"]
    assert found.loc[:1, ["tn", "fp", "fn", "tp"]].to_numpy().tolist() == [
        [3, 1, 1, 1],
        [3, 1, 0, 2],
    ]
    assert found.loc[2, ["threshold", "tn", "fp", "fn", "tp"]].isna().all()
    assert "3,1,0,2" in found.to_csv()  # whole numbers, although others are empty


def test_the_report_is_that_worked_by_hand():
    found = classify(SIX, {"fixed": 0.5, "ppv_0.9": np.nan})
    rows = found[found["threshold_rule"] == "fixed"].set_index("class")
    rates = ["precision", "recall", "f1", "support"]
    assert rows.loc["Alive", rates].tolist() == pytest.approx([0.75, 0.75, 0.75, 4])
    assert rows.loc["Died within a year", rates].tolist() == pytest.approx([0.5, 0.5, 0.5, 2])
    assert rows.loc["macro average", rates].tolist() == pytest.approx([0.625, 0.625, 0.625, 6])
    weighted = (4 * 0.75 + 2 * 0.5) / 6
    assert rows.loc["weighted average", rates].tolist() == pytest.approx([*[weighted] * 3, 6])
    unreached = found[found["threshold_rule"] == "ppv_0.9"]
    assert unreached[["threshold", "precision", "recall", "f1"]].isna().all(axis=None)
    assert unreached["support"].tolist() == [4, 2, 6, 6]


def test_a_probability_of_the_threshold_itself_means_death():
    rows = classify(SIX, {"youden": 0.45}).set_index("class")
    assert rows.loc["Died within a year", "recall"] == 1.0


def test_a_rate_of_nobody_is_zero():
    rows = classify(SIX, {"fixed": 1.0}).set_index("class")
    assert rows.loc["Died within a year", ["precision", "recall", "f1"]].tolist() == [0, 0, 0]


def test_the_files_of_a_model_are_of_test_patients(predictions, outputs):
    write(predictions, outputs, study=MADE)
    assert {path.name for path in outputs["roc"].parent.iterdir()} == {
        path.name for path in outputs.values()
    }
    test = pd.read_parquet(predictions).query("split == 'test'")
    label, probability = test["label"], test["probability"]
    with np.load(outputs["curves"], allow_pickle=False) as arrays:
        assert set(arrays) == {"fpr", "tpr", "auroc", "precision", "recall", "auprc"}
        assert arrays["auroc"] == pytest.approx(roc_auc_score(label, probability))
        assert arrays["auprc"] == pytest.approx(average_precision_score(label, probability))
        np.testing.assert_array_equal([arrays["fpr"], arrays["tpr"]], roc_curve(*columns(test))[:2])
        precision, recall, _ = precision_recall_curve(label, probability)
        np.testing.assert_array_equal(arrays["precision"], precision)
        np.testing.assert_array_equal(arrays["recall"], recall)
    calibration = pd.read_csv(outputs["calibration"])
    assert set(calibration["recalibration"]) == {"none", "temperature", "isotonic", "beta"}
    assert set(calibration["title"]) == {"GRU"}
    intercepts = calibration[calibration["score"] == "calibration_intercept"]
    before, after = (
        intercepts.loc[intercepts["recalibration"] == method, "value"].item()
        for method in ("none", "beta")
    )
    assert abs(after) < 0.5 < abs(before)


def test_thresholds_are_chosen_on_validation_patients(predictions, outputs):
    write(predictions, outputs, rules={"youden": True, "specificity": [0.9]}, threshold=0.3)
    found = pd.read_csv(outputs["confusion"]).set_index("threshold_rule")
    assert found.index.tolist() == ["fixed", "youden", "specificity_0.9"]
    assert found.loc["fixed", "threshold"] == 0.3
    frame = pd.read_parquet(predictions)
    inner, test = (frame[frame["split"] == split] for split in ("validation", "test"))
    fpr, tpr, thresholds = roc_curve(*columns(inner), drop_intermediate=False)
    assert found.loc["youden", "threshold"] == pytest.approx(thresholds[np.argmax(tpr - fpr)])
    report = pd.read_csv(outputs["classification_report"])
    for rule, row in found.iterrows():
        flagged = test["probability"] >= row["threshold"]
        counts = confusion_matrix(test["label"], flagged).ravel().tolist()
        assert row[["tn", "fp", "fn", "tp"]].tolist() == counts
        rates = precision_recall_fscore_support(test["label"], flagged)
        part = report[report["threshold_rule"] == rule].set_index("class").loc[list(CLASSES)]
        np.testing.assert_allclose(part[["precision", "recall", "f1", "support"]].T, rates)


def test_without_validation_patients_only_the_fixed_threshold_is_left(predictions, outputs):
    frame = pd.read_parquet(predictions)
    frame[frame["split"] == "test"].to_parquet(predictions)
    write(predictions, outputs)
    assert pd.read_csv(outputs["confusion"])["threshold_rule"].tolist() == ["fixed"]
    assert set(pd.read_csv(outputs["calibration"])["recalibration"]) == {"none"}


def test_the_confusion_figure_names_the_outcome(predictions, outputs, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        model_results,
        "draw_confusion",
        lambda _assessment, _path, study, classes: drawn.append((study.smallest_cell, classes)),
    )
    write(predictions, outputs, study=MADE)
    write(predictions, outputs)
    classes = ("Alive", "Died within a year")
    assert drawn == [(0, classes), (10, classes)]


def test_the_same_input_gives_the_same_bytes(predictions, outputs):
    write(predictions, outputs)
    before = {name: path.read_bytes() for name, path in outputs.items()}
    write(predictions, outputs)
    assert before == {name: path.read_bytes() for name, path in outputs.items()}


def test_outputs_that_do_not_fit_are_named(predictions, outputs):
    outputs["plot"] = outputs.pop("roc")
    with pytest.raises(ConfigError, match=r"unknown \[plot\], missing \[roc\]"):
        write(predictions, outputs)


def test_inputs_that_cannot_be_used_are_named(predictions, outputs, tmp_path):
    with pytest.raises(PredictionsError, match=r"none\.parquet: cannot be read"):
        write(tmp_path / "none.parquet", outputs)
    frame = pd.read_parquet(predictions)
    frame.assign(label=0).to_parquet(predictions)
    with pytest.raises(PredictionsError, match="all 200 stays have label 0"):
        write(predictions, outputs)
    frame.assign(label=np.where(frame["split"] == "test", frame["label"], 1)).to_parquet(
        predictions
    )
    with pytest.raises(PredictionsError, match="all 200 stays have label 1"):
        write(predictions, outputs)
    assert not any(path.exists() for path in outputs.values())


def test_the_history_is_what_training_writes(history):
    assert train.HISTORY == HISTORY
    assert figures.read_columns(history, HISTORY)["is_best"].tolist() == [False, True, False]


def test_the_history_is_drawn_with_its_three_panels(history, tmp_path, texts):
    model_results.draw_visit_training("gru", history, tmp_path / "history.png", MADE)

    assert (tmp_path / "history.png").stat().st_size > 10_000
    assert {"Loss", "AUROC", "AUPRC", "GRU", "kept: epoch 2"} <= set(texts)


def test_a_history_that_lacks_a_column_is_named(history, tmp_path):
    pd.read_csv(history).drop(columns="train_ap").to_csv(history, index=False)

    with pytest.raises(InputError, match=r"history\.csv: columns missing: train_ap"):
        model_results.draw_visit_training("gru", history, tmp_path / "history.png", REAL)
    assert not (tmp_path / "history.png").exists()
