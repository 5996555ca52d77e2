import json

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from mimicflow.errors import CohortError, ConfigError, InputError
from mimicflow.learning.checkpoints import load_checkpoint
from mimicflow.learning.devices import Machine
from mimicflow.mortality.inputs import MortalityInputs
from mimicflow.mortality.model import NetworkConfig, VisitNetwork
from mimicflow.mortality.training import (
    HISTORY,
    KIND,
    FitFiles,
    TrainingConfig,
    VisitTask,
    train_visit_network,
)

from .conftest import READING, draw_visits

NETWORK = {
    "cell": "gru", "bidirectional": False, "hidden": 16, "dropout": 0.0, "empty_visits": "read"
}  # fmt: skip
TRAINING = {
    "batch_size": 16, "stopping": "best", "epochs": 12, "learning_rate": 0.01,
    "pos_weight": "balanced",
}  # fmt: skip


def outputs(folder, **more):
    names = {
        "model": "gru.pth",
        "predictions": "predictions.parquet",
        "repeats": "repeats.csv",
        "timing": "timing.json",
        "history": "history.csv",
    }
    return FitFiles(**{key: folder / name for key, name in names.items()}, **more)


def run(made, folder, network=None, training=None, **changed):
    arguments = {"seeds": 2, "seed": 5, "machine": Machine(), "spine": made.spine, **changed}
    files = outputs(folder)
    train_visit_network(
        "gru",
        network={**NETWORK, **(network or {})},
        training={**TRAINING, **(training or {})},
        sequences=made.sequences,
        reading=READING,
        outputs=files,
        **arguments,
    )
    return files


@pytest.fixture(scope="module")
def fitted(made, tmp_path_factory):
    return run(made, tmp_path_factory.mktemp("fitted"))


def test_the_last_visit_is_learned(fitted):
    repeats = pd.read_csv(fitted.repeats)

    assert (repeats["auroc"] > 0.8).all()
    assert repeats["repeat"].tolist() == [1, 2]
    assert repeats["seed"].tolist() == [5, 6]
    assert repeats["auroc"].nunique() + repeats["log_loss"].nunique() > 2


def test_predictions_are_of_the_first_repeat_and_never_of_training_patients(fitted, made):
    predictions = pd.read_parquet(fitted.predictions)
    spine = pd.read_parquet(made.spine)
    expected = spine[spine["split"] != "train"]

    assert list(predictions) == ["stay_id", "subject_id", "split", "label", "probability"]
    assert predictions["stay_id"].tolist() == expected["stay_id"].tolist()
    test = predictions[predictions["split"] == "test"]
    first = pd.read_csv(fitted.repeats).iloc[0]
    label, probability = test["label"], test["probability"]
    assert first["auroc"] == pytest.approx(roc_auc_score(label, probability))
    assert first["auprc"] == pytest.approx(average_precision_score(label, probability))
    assert first["log_loss"] == pytest.approx(log_loss(label, probability))


def test_the_history_names_the_kept_pass(fitted):
    history = pd.read_csv(fitted.history)

    assert list(history) == HISTORY
    assert history["epoch"].tolist() == list(range(1, 13))
    best = history.loc[history["is_best"], "epoch"].iloc[-1]
    assert history["val_auc"].idxmax() + 1 == best
    assert pd.read_csv(fitted.repeats)["kept_epoch"].iloc[0] == best


def test_as_published_the_last_pass_is_kept(made, tmp_path):
    files = run(made, tmp_path, training={"stopping": "last", "epochs": 4}, seeds=1)

    assert pd.read_csv(files.repeats)["kept_epoch"].tolist() == [4]
    assert pd.read_csv(files.history)["is_best"].iloc[-1]


def test_the_model_file_carries_what_it_was_fitted_on(fitted, made):
    content = torch.load(fitted.model, weights_only=True)

    inputs = MortalityInputs(made.spine, made.sequences)
    assert content["kind"] == KIND
    assert content["vocabulary_hash"] == inputs.sequences.vocabulary_hash
    assert content["features"] == [f"med2vec_{place}" for place in range(12)]
    assert content["network"]["cell"] == "gru"
    assert content["training"]["batch_size"] == 16
    assert load_checkpoint(KIND, fitted.model)["name"] == "gru"


def test_train_times_are_reported_per_repeat(fitted):
    seconds = json.loads(fitted.timing.read_text())["train_seconds"]

    assert len(seconds) == 2 and min(seconds) > 0


def test_the_same_seed_gives_the_same_bytes_another_does_not(made, fitted, tmp_path):
    again = run(made, tmp_path)
    for name in ("model", "predictions", "history", "repeats"):
        assert getattr(again, name).read_bytes() == getattr(fitted, name).read_bytes(), name
    (tmp_path / "other").mkdir()
    other = run(made, tmp_path / "other", seed=6, seeds=1)
    assert other.predictions.read_bytes() != fitted.predictions.read_bytes()


def test_no_state_is_left_over(fitted):
    assert not [file for file in fitted.model.parent.iterdir() if file.name.startswith(".")]


def test_an_interrupted_training_goes_on_where_it_was(made, fitted, tmp_path, monkeypatch):
    validate = VisitTask.validate
    calls = []

    def stop_in_third_pass(self):
        calls.append(0)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return validate(self)

    monkeypatch.setattr(VisitTask, "validate", stop_in_third_pass)
    with pytest.raises(KeyboardInterrupt):
        run(made, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [".gru.resume.1.pth"]
    monkeypatch.setattr(VisitTask, "validate", validate)
    resumed = run(made, tmp_path)

    assert resumed.model.read_bytes() == fitted.model.read_bytes()
    assert resumed.history.read_bytes() == fitted.history.read_bytes()


def test_deaths_weigh_as_much_as_survivals_when_balanced(made):
    inputs = MortalityInputs(made.spine, made.sequences)
    model = VisitNetwork(NetworkConfig(**NETWORK), 12)
    device = torch.device("cpu")
    balanced, plain = (
        VisitTask(model, inputs, TrainingConfig(**TRAINING | {"pos_weight": weight}), 0, device)
        for weight in ("balanced", "none")
    )

    labels = inputs.labels[inputs.rows("train")]
    assert balanced.pos_weight.item() == pytest.approx((labels == 0).sum() / labels.sum())
    assert plain.pos_weight.item() == 1
    batches = balanced.batches(1)
    assert np.array_equal(np.sort(np.concatenate(batches)), inputs.rows("train"))


@pytest.mark.parametrize(
    ("network", "training", "message"),
    [
        ({"cell": "transformer"}, {}, "mortality.networks.gru.cell"),
        ({"hiden": 3}, {}, "did you mean 'hidden'"),
        ({}, {"stopping": "never"}, "mortality.training.stopping"),
    ],
)
def test_wrong_settings_are_reported(made, tmp_path, network, training, message):
    with pytest.raises(ConfigError, match=message):
        run(made, tmp_path, network, training)


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_part_of_one_class_is_reported_and_leaves_nothing(made, tmp_path, part):
    spine = pd.read_parquet(made.spine)
    spine.loc[spine["split"] == part, "label"] = 0
    spine.to_parquet(tmp_path / "spine.parquet")

    with pytest.raises(CohortError, match=f"{part} patients do not hold both outcomes"):
        run(made, tmp_path, spine=tmp_path / "spine.parquet")
    assert [file.name for file in tmp_path.iterdir()] == ["spine.parquet"]


def test_an_empty_cohort_is_reported(made, tmp_path):
    pd.read_parquet(made.spine).head(0).to_parquet(tmp_path / "spine.parquet")

    with pytest.raises(CohortError, match=r"no stays to learn from[\s\S]*attrition\.csv"):
        run(made, tmp_path, spine=tmp_path / "spine.parquet")


def test_stays_without_visits_are_reported(made, tmp_path):
    spine, _ = draw_visits(310)
    spine.to_parquet(tmp_path / "spine.parquet")

    with pytest.raises(InputError, match="10 stays of the cohort have no visits"):
        run(made, tmp_path, spine=tmp_path / "spine.parquet")
