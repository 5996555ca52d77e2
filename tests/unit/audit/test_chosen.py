"""Calibration and threshold that tested patients have found are seen by the predictions alone."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mimicflow.arrest.thresholds import threshold_of_model
from mimicflow.audit import chosen
from mimicflow.evaluation.statistics.recalibration import (
    TEMPERATURES,
    apply_beta,
    calibrated,
    fit_beta,
    fit_temperature,
)
from mimicflow.learning.checkpoints import save_checkpoint
from mimicflow.learning.fitted_on import FITTED_ON, fitted_on

RULE = {"specificity": 0.8, "confidence": 0.95}


@pytest.fixture
def rows():
    """What an overconfident model says of 120 validation and 120 tested patients."""
    draw = np.random.default_rng(0)
    label = np.tile([0, 1, 0], 80)
    table = pd.DataFrame(
        {"subject_id": range(240), "label": label, "logit": 3 * draw.normal(label)}
    )
    return table.assign(split=np.repeat(["validation", "test"], 120))


def judged(tmp_path, table, suffix, content, beta=None):
    """Return the row of a model whose record says, whatever it did, that all was in order."""
    record = {FITTED_ON: fitted_on(training=[1], calibration=[2])}
    model = tmp_path / f"model{suffix}"
    if suffix == ".pth":
        save_checkpoint("any", {**record, **content}, model)
    else:
        model.write_text(json.dumps({**record, **content}))
    table.to_parquet(tmp_path / "predictions.parquet")
    if beta is not None:
        (tmp_path / "calibration.json").write_text(json.dumps(dict(zip("abc", beta, strict=True))))
        beta = tmp_path / "calibration.json"
    [row] = chosen.calibration("a model", model, tmp_path / "predictions.parquet", beta)
    return row


@pytest.mark.parametrize(("part", "passes"), [("validation", True), ("test", False)])
def test_a_temperature_of_tested_patients_is_found(tmp_path, rows, part, passes):
    own = rows[rows["split"] == part]
    temperature = fit_temperature(own["logit"].to_numpy(), own["label"].to_numpy())
    table = rows.assign(probability=calibrated(rows["logit"].to_numpy(), temperature))

    row = judged(tmp_path, table, ".pth", {"temperature": temperature})
    assert row["passed"] is passes


@pytest.mark.parametrize(("part", "passes"), [("validation", True), ("test", False)])
def test_a_beta_calibration_of_tested_patients_is_found(tmp_path, rows, part, passes):
    raw = calibrated(rows["logit"].to_numpy(), 1.0)
    own = (rows["split"] == part).to_numpy()
    beta = fit_beta(raw[own], rows.loc[own, "label"].to_numpy())

    row = judged(tmp_path, rows.assign(probability=apply_beta(raw, beta)), ".json", {}, beta)
    assert row["passed"] is passes


def test_a_calibration_at_its_limit_is_not_judged(tmp_path, rows):
    table = rows.assign(probability=calibrated(rows["logit"].to_numpy(), TEMPERATURES[1]))

    row = judged(tmp_path, table, ".pth", {"temperature": TEMPERATURES[1] * 0.99999})
    assert row["passed"] is None and "nothing to judge" in row["what"]


@pytest.mark.parametrize(("part", "passes"), [("validation", True), ("test", False)])
def test_a_pass_that_tested_patients_have_chosen_is_found(tmp_path, rows, part, passes):
    """What was written down as the score of validation patients is not theirs."""
    table = rows.assign(probability=calibrated(rows["logit"].to_numpy(), 1.0))
    own = table[table["split"] == part]
    scores = [0.5, roc_auc_score(own["label"], own["probability"]), 0.51]
    pd.DataFrame({"val_auc": scores}).to_csv(tmp_path / "history.csv")
    save_checkpoint("any", {FITTED_ON: fitted_on(stopping=[2])}, tmp_path / "m.pth")
    table.to_parquet(tmp_path / "p.parquet")

    files = [tmp_path / name for name in ("m.pth", "p.parquet", "history.csv")]
    assert [row["passed"] for row in chosen.kept_pass("m", *files)] == [passes]


def test_a_model_without_calibration_has_no_row(tmp_path):
    save_checkpoint("any", {FITTED_ON: fitted_on(training=[1])}, tmp_path / "m.pth")

    assert list(chosen.calibration("m", tmp_path / "m.pth", tmp_path / "none.parquet")) == []


@pytest.mark.parametrize(
    ("part", "confidence", "passes"),
    [("validation", 0.95, True), ("test", 0.95, False), ("none", 0.95, False)],
)
def test_a_threshold_that_others_than_validation_patients_choose_is_found(
    tmp_path, rows, part, confidence, passes
):
    table = rows.assign(probability=calibrated(rows["logit"].to_numpy(), 1.0))
    table.to_parquet(tmp_path / "p.parquet")
    own = table[table["split"] == part]
    found = threshold_of_model(own, RULE) if len(own) else {"specificity_0.8": None}
    (tmp_path / "model.json").write_text(json.dumps({"threshold": found}))

    row = chosen.threshold("hrv", tmp_path / "model.json", tmp_path / "p.parquet", RULE)
    assert row["passed"] is passes


def test_no_threshold_where_none_can_be_promised_passes(tmp_path, rows):
    table = rows[:12].assign(probability=0.5, split="validation")
    table.to_parquet(tmp_path / "p.parquet")
    (tmp_path / "model.json").write_text(json.dumps({"threshold": {"specificity_0.8": None}}))

    row = chosen.threshold("hrv", tmp_path / "model.json", tmp_path / "p.parquet", RULE)
    assert (row["passed"], row["limit"]) == (True, "none can be promised")
