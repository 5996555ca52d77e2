"""Integrated gradients of the network: complete, of the right inputs, and drawn for each case."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
import torch

from mimicflow.admission.explanations import attribution
from mimicflow.admission.explanations import explain_models as explain
from mimicflow.admission.explanations.attribution import integrated_gradients
from mimicflow.admission.explanations.explain_models import (
    CASES,
    ExplanationFiles,
    choose_cases,
    explain_model,
)
from mimicflow.admission.inputs import AdmissionInputs, InputOptions
from mimicflow.admission.prediction import load_predictor
from mimicflow.ecg.store import WaveformStore
from mimicflow.errors import CheckpointError
from mimicflow.evaluation.study import Study


def files(folder):
    pictures = {case: folder / f"ecg_{case}.png" for case in CASES}
    return ExplanationFiles(attributions=folder / "attributions.csv", **pictures)


def run(hospital, fitted, folder, **changes):
    outputs = files(folder)
    settings = {"study": Study(synthetic=True), "threads": 1, "rows": 100, "steps": 32}
    inputs = changes.pop("inputs", hospital.files)
    explain_model(
        "tiny", fitted.weights, inputs, InputOptions(), hospital.store, outputs,
        **{**settings, **changes},
    )  # fmt: skip
    return outputs


@pytest.fixture(scope="module")
def written(hospital, fitted, tmp_path_factory):
    """What is written about all test stays of the tiny cohort."""
    return run(hospital, fitted, tmp_path_factory.mktemp("explained"))


@pytest.fixture
def opened(hospital, fitted):
    """The explained model, its inputs and its test stays."""
    predictor = load_predictor(fitted.weights)
    data = AdmissionInputs(hospital.files, predictor.model.config, InputOptions())
    waveforms = WaveformStore(*hospital.store)
    explained = attribution.Explained(predictor, data, waveforms, torch.device("cpu"), 128)
    return explained, data, data.rows("test")


def test_gradients_of_a_product_are_known_by_hand():
    def logit(x, stays):
        return weight[stays] * x[:, 0] * x[:, 1] + 3 * x[:, 2]

    weight = torch.tensor([1.0, 2.0])
    x = torch.tensor([[2.0, 3.0, 1.0], [1.0, 4.0, -1.0]])
    found, missed = integrated_gradients(logit, x, torch.arange(2), steps=8)
    # Both factors get half of their product.
    np.testing.assert_allclose(found, [[3, 3, 3], [4, 4, -3]], rtol=1e-6)
    np.testing.assert_allclose(missed, 0, atol=1e-5)


def test_a_sum_that_misses_is_a_warning(caplog):
    def steep(x, stays):
        return torch.sigmoid(1000 * (x[:, 0] - 0.513))

    integrated_gradients(steep, torch.ones(1, 1), torch.zeros(1, dtype=torch.int64), steps=3)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "more steps miss less" in record.getMessage()


def test_static_attributions_add_up_to_the_difference_from_the_training_mean(opened):
    explained, data, test = opened
    found = explained.static(test)
    assert found.shape == (len(test), 354)
    batch = explained._batch(test)
    with torch.no_grad():
        real = explained.model(batch, "embedding")
        zeros = torch.zeros_like(batch.static)
        places = torch.arange(len(test))
        mean = explained.model(attribution._taken(batch, places, static=zeros), "embedding")
    np.testing.assert_allclose(found.sum(axis=1), (real - mean).numpy(), atol=2e-3)
    # A feature at its baseline adds nothing.
    at_baseline = data.static[torch.from_numpy(test)].numpy() == 0
    assert at_baseline.any()
    assert (found[at_baseline] == 0).all()


def test_attributions_of_all_ecgs_of_a_stay_add_up_to_the_difference_from_flat_lines(opened):
    explained, data, test = opened
    row = int(test[np.argmax([(data.ecg_index[r] >= 0).sum() for r in test])])
    waveforms, lead_mask, found = explained.ecgs(row)
    assert found.shape == waveforms.shape == (3, 12, 128)
    assert lead_mask.shape == (3, 12)
    flat = attribution._taken(explained._batch(np.array([row])), torch.zeros(1, dtype=torch.int64))
    flat.ecgs.copy_(explained.model.encoder(torch.zeros(3, 12, 128)))
    with torch.no_grad():
        difference = explained.logits(np.array([row]))[0] - explained.model(flat, "embedding")[0]
    assert found.sum() == pytest.approx(float(difference), abs=0.02)
    assert np.abs(found).sum() > 0


def test_logits_are_those_of_the_predictions_file(opened, fitted):
    explained, data, test = opened
    predicted = pd.read_parquet(fitted.predictions)
    predicted = predicted[predicted["split"] == "test"].set_index("stay_id")
    order = predicted.loc[data.stays["stay_id"].to_numpy()[test], "probability"]
    assert (np.argsort(explained.logits(test)) == np.argsort(order.to_numpy())).all()


def test_writes_table_and_figures_and_the_same_bytes_again(hospital, fitted, written, tmp_path):
    table = pd.read_csv(written.attributions)
    assert table.columns.tolist() == ["model", "feature", "group", "mean_abs", "mean", "rank"]
    assert len(table) == 354
    assert set(table["model"]) == {"tiny"}
    assert table["rank"].is_monotonic_increasing
    assert table["mean_abs"].is_monotonic_decreasing
    assert (table["mean"].abs() <= table["mean_abs"] + 1e-12).all()
    assert table["group"].notna().all()
    again = run(hospital, fitted, tmp_path)
    for name, path in vars(written).items():
        assert path.read_bytes() == getattr(again, name).read_bytes(), name


def test_fewer_rows_change_the_table_but_not_the_cases(hospital, fitted, written, tmp_path):
    some = run(hospital, fitted, tmp_path, rows=3)
    assert some.attributions.read_bytes() != written.attributions.read_bytes()
    assert some.true_negative.read_bytes() == written.true_negative.read_bytes()


def test_the_surest_stay_of_each_case():
    label = np.array([1, 1, 0, 0, 0, 1])
    probability = np.array([0.6, 0.9, 0.5, 0.2, 0.1, 0.95])
    chosen = choose_cases(label, probability, 0.5)
    assert chosen == {
        "true_positive": 5, "false_positive": 2, "true_negative": 4, "false_negative": None,
    }  # fmt: skip


def test_a_case_that_no_stay_is_gets_a_figure_that_says_so(
    hospital, fitted, tmp_path, monkeypatch, caplog
):
    said = []
    monkeypatch.setattr(
        explain, "draw_empty_paper", lambda path, _, **more: said.append((path, more["message"]))
    )
    monkeypatch.setattr(
        explain, "choose_cases", lambda *_: {**dict.fromkeys(CASES), "true_positive": 0}
    )
    caplog.set_level(logging.INFO)
    outputs = run(hospital, fitted, tmp_path)
    assert outputs.true_positive.exists()
    assert said == [
        (getattr(outputs, case), "No such stay among the test patients")
        for case in ("false_positive", "true_negative", "false_negative")
    ]
    assert "no ECG to draw for the case false negative" in caplog.text


def test_nothing_on_a_figure_shows_who_the_patient_is(hospital, fitted, tmp_path, monkeypatch):
    texts = []
    monkeypatch.setattr(
        explain, "draw_paper", lambda *_, title, note, **__: texts.append(title + note)
    )
    run(hospital, fitted, tmp_path)
    spine = pd.read_parquet(hospital.files.spine)
    ids = spine[["stay_id", "subject_id"]].astype(str).to_numpy().ravel()
    assert texts
    assert not any(number in text for text in texts for number in [*ids, "2150"])


def test_models_without_static_data_or_ecgs(hospital, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        explain, "draw_empty_paper", lambda path, _, **more: said.append(more["message"])
    )
    ecg_only = hospital.train(tmp_path / "ecg", {"branches": ["ecg"], "epochs": 1})
    table = pd.read_csv(run(hospital, ecg_only, tmp_path / "a").attributions)
    assert table.empty and "mean_abs" in table
    said.clear()
    no_ecg = hospital.train(tmp_path / "tables", {"branches": ["vitals", "static"], "epochs": 1})
    assert len(pd.read_csv(run(hospital, no_ecg, tmp_path / "b").attributions)) == 354
    assert "The model does not see the ECG" in said


def test_other_training_stays_are_refused(hospital, fitted, tmp_path):
    spine = pd.read_parquet(hospital.files.spine)
    spine["split"] = np.roll(spine["split"], 12)
    other = hospital.with_table("spine", spine, tmp_path)
    with pytest.raises(CheckpointError, match="fitted on other training stays"):
        run(other, fitted, tmp_path / "out")


def test_figures_say_what_the_positive_class_stands_for(hospital, fitted, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(explain, "draw_paper", lambda *_, **words: drawn.append(words))

    run(hospital, fitted, tmp_path, positive_class="HOME", steps=2)

    assert {words["directions"] for words in drawn} == {("discharge", "admission")}
    positive = [words["title"] for words in drawn if words["title"].startswith("True positive")]
    assert all("True positive: discharge, probability of discharge" in title for title in positive)
