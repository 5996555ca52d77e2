"""Training of the four variants; one test per switch of the defects table."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from mimicflow.admission import training as train_module
from mimicflow.admission.inputs import AdmissionInputs, InputOptions
from mimicflow.admission.model import AdmissionModel, EncoderConfig, ModelConfig
from mimicflow.admission.training import AdmissionTask, EcgSource, OutputFiles, build
from mimicflow.ecg.encoder_file import load_encoder
from mimicflow.ecg.store import WaveformStore
from mimicflow.errors import CheckpointError, CohortError, ConfigError
from mimicflow.learning.configs import parse
from mimicflow.learning.devices import Machine, repeatable

from .conftest import ENCODER, MODEL  # type: ignore[import-not-found]


def weights(outputs: OutputFiles) -> dict[str, torch.Tensor]:
    return torch.load(outputs.weights, weights_only=True)["weights"]


def prepare(
    hospital: Any, model: dict[str, Any] | None = None, encoder: dict[str, Any] | None = None
) -> tuple[AdmissionModel, AdmissionInputs, WaveformStore]:
    settings = parse(EncoderConfig, ENCODER | (encoder or {}), "encoder")
    config = parse(ModelConfig, MODEL | (model or {}), "model")
    store = WaveformStore(*hospital.store)
    data = AdmissionInputs(hospital.files, config, InputOptions())
    return build(settings, config, data, hospital.pretrained, store), data, store


def task_of(network: AdmissionModel, data: AdmissionInputs, store: WaveformStore) -> AdmissionTask:
    stage = network.first_changing_stage
    source = EcgSource(store, data.study_ids, network.encoder, stage, cache_mb=100)
    return AdmissionTask(network, data, source, 0.5, 0, torch.device("cpu"))


def test_it_writes_what_is_promised(fitted: OutputFiles) -> None:
    predictions = pd.read_parquet(fitted.predictions)
    assert list(predictions) == ["stay_id", "subject_id", "split", "label", "probability"]
    assert predictions["split"].value_counts().to_dict() == {"validation": 12, "test": 12}
    assert predictions["probability"].between(0, 1).all()
    history = pd.read_csv(fitted.history)
    assert list(history)[:4] == ["epoch", "train_loss", "val_loss", "train_auc"]
    assert history["is_best"].any() and not history.isna().any().any()
    confusion = pd.read_csv(fitted.confusion)
    assert (confusion[["tn", "fp", "fn", "tp"]].sum(axis=1) == 12).all()
    assert list(confusion)[5:] == ["precision", "recall", "f1", "val_auc", "val_ap"]
    config = yaml.safe_load(fitted.config.read_text())
    assert config["model"]["branches"] == ["ecg", "vitals", "static"]
    assert config["signal"]["powerline"] == 60


def test_two_runs_give_the_same_bytes(hospital: Any, fitted: OutputFiles, tmp_path: Path) -> None:
    again = hospital.train(tmp_path)
    for name, path in vars(fitted).items():
        assert path.read_bytes() == vars(again)[name].read_bytes(), name
    assert not list(tmp_path.glob(".*")), "nothing hidden is left behind"


def test_training_on_one_batch_lowers_its_loss(hospital: Any) -> None:
    with repeatable(0):
        network, data, store = prepare(hospital, {"dropout": 0.0})
        task = task_of(network, data, store)
        optimizer = torch.optim.AdamW(network.parameter_groups())
        rows = data.rows("train")[:16]
        network.train()
        losses = []
        for _ in range(12):
            optimizer.zero_grad()
            loss = task.losses(rows, task.load(rows))["loss"]
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("branches", [["ecg"], ["vitals"], ["static"], ["ecg", "static"]])
@pytest.mark.parametrize("stays", ["all", "multi"])
def test_every_variant_trains(
    hospital: Any, tmp_path: Path, branches: list[str], stays: str
) -> None:
    outputs = hospital.train(tmp_path, {"branches": branches, "stays": stays, "epochs": 1})
    predictions = pd.read_parquet(outputs.predictions)
    spine = pd.read_parquet(hospital.files.spine)
    expected = spine[(spine["split"] != "train") & ((stays == "all") | (spine["n_ecg"] >= 2))]
    assert predictions["stay_id"].tolist() == expected["stay_id"].tolist()
    assert predictions["probability"].notna().all()


# ---- what is fitted, and on whom ----------------------------------------------------------------


def test_row_1_and_10_test_patients_change_nothing(
    hospital: Any, fitted: OutputFiles, tmp_path: Path
) -> None:
    """Neither the fitted objects nor the chosen pass see the patients that are reported."""
    spine = pd.read_parquet(hospital.files.spine)
    tested = spine["split"] == "test"
    stays = spine.loc[tested, "stay_id"]
    spine.loc[tested, "label"] = 1 - spine.loc[tested, "label"]
    static = pd.read_parquet(hospital.files.final_ecgs)
    static.loc[static["stay_id"].isin(stays), ["age", "acuity", "lact_peak"]] = 77.0
    vitals = pd.read_parquet(hospital.files.vitals)
    vitals.loc[vitals["stay_id"].isin(stays), ["heartrate", "sbp"]] = 200.0
    changed = hospital
    tables = {"spine": spine, "final_ecgs": static, "vitals": vitals}
    for name, table in tables.items():
        changed = changed.with_table(name, table, tmp_path)

    outputs = changed.train(tmp_path)

    assert outputs.weights.read_bytes() == fitted.weights.read_bytes()
    validation = [
        pd.read_parquet(path).query("split == 'validation'")
        for path in (outputs.predictions, fitted.predictions)
    ]
    pd.testing.assert_frame_equal(*validation)


@pytest.mark.parametrize(("choice", "expected"), [("training", 2.0), ("all", 4.0)])
def test_row_10_acuity_median(hospital: Any, tmp_path: Path, choice: Any, expected: float) -> None:
    static = pd.read_parquet(hospital.files.final_ecgs)
    spine = pd.read_parquet(hospital.files.spine)
    training = (spine["split"] == "train").to_numpy()
    static["acuity"] = np.where(training, 2.0, np.nan)
    static.loc[~training, "acuity"] = 4.0
    static.loc[np.flatnonzero(training)[:30], "acuity"] = np.nan  # 18 twos, 24 fours
    changed = hospital.with_table("final_ecgs", static, tmp_path)
    config = parse(ModelConfig, MODEL, "model")
    data = AdmissionInputs(changed.files, config, InputOptions(acuity_median=choice))
    assert data.preprocessor.acuity_median == expected


@pytest.mark.parametrize("choice", ["training", "all"])
def test_imputer_rows(hospital: Any, tmp_path: Path, choice: Any) -> None:
    vitals = pd.read_parquet(hospital.files.vitals)
    spine = pd.read_parquet(hospital.files.spine)
    tested = vitals["stay_id"].isin(spine.loc[spine["split"] == "test", "stay_id"])
    changed = vitals.assign(sbp=vitals["sbp"].where(~tested, 250.0))
    config = parse(ModelConfig, MODEL, "model")
    first, second = (
        AdmissionInputs(h.files, config, InputOptions(imputer_rows=choice)).preprocessor
        for h in (hospital, hospital.with_table("vitals", changed, tmp_path))
    )
    same = np.array_equal(first.imputer.coefficients, second.imputer.coefficients)
    assert same == (choice == "training")
    assert np.array_equal(first.vitals_scaler.mean, second.vitals_scaler.mean)


def test_the_imputer_of_the_first_release_is_fitted_on_the_whole_file(hospital: Any) -> None:
    """Also on the stays that a model of several ECGs leaves out."""
    whole, several = (
        AdmissionInputs(
            hospital.files,
            parse(ModelConfig, MODEL | {"stays": stays}, "model"),
            InputOptions(imputer_rows="all"),
        ).preprocessor
        for stays in ("all", "multi")
    )
    assert np.array_equal(whole.imputer.coefficients, several.imputer.coefficients)
    assert not np.array_equal(whole.vitals_scaler.mean, several.vitals_scaler.mean)


def test_row_17_pos_weight(hospital: Any, tmp_path: Path) -> None:
    spine = pd.read_parquet(hospital.files.spine)
    spine.loc[spine.index[:12], "label"] = 0  # of 48 training stays, 18 positive
    hospital = hospital.with_table("spine", spine, tmp_path)
    for choice, expected in (("none", 1.0), ("balanced", 30 / 18)):
        network, data, store = prepare(hospital, {"pos_weight": choice})
        assert task_of(network, data, store).pos_weight.item() == pytest.approx(expected)


# ---- the encoder --------------------------------------------------------------------------------


def trained(
    hospital: Any, folder: Path, model: dict[str, Any], encoder: dict[str, Any]
) -> set[str]:
    """Return the parts of the network whose saved tensors differ from the pretrained encoder's."""
    outputs = hospital.train(folder, {"epochs": 1} | model, encoder)
    before = load_encoder(hospital.pretrained)[0].state_dict()
    return {
        name
        for name, tensor in weights(outputs).items()
        if name.startswith("encoder.")
        and not torch.equal(tensor, before[name.removeprefix("encoder.")])
    }


def stages(names: set[str]) -> set[str]:
    return {name.split(".")[1] for name in names}


@pytest.mark.parametrize(
    ("unfreeze", "expected"),
    [("none", set()), ("layer4", {"layer4"}), ("all", {"layer1", "layer2", "layer3", "layer4"})],
)
def test_frozen_stages_keep_weights_and_statistics(
    hospital: Any, tmp_path: Path, unfreeze: str, expected: set[str]
) -> None:
    assert stages(trained(hospital, tmp_path, {"unfreeze": unfreeze}, {})) == expected


def test_row_18_statistics_of_frozen_layers_drift_when_asked(hospital: Any, tmp_path: Path) -> None:
    changed = trained(hospital, tmp_path, {}, {"frozen_batchnorm": "train"})
    frozen = {name for name in changed if "layer4" not in name}
    assert stages(frozen) == {"stem", "layer1", "layer2", "layer3"}
    assert all("running_" in name or "num_batches" in name for name in frozen)


def test_row_19_encoded_padding_enters_the_batch_statistics(hospital: Any, tmp_path: Path) -> None:
    packed = hospital.train(tmp_path / "packed", {"epochs": 1}, {"frozen_batchnorm": "train"})
    encoded = hospital.train(
        tmp_path / "encoded", {"epochs": 1}, {"frozen_batchnorm": "train", "padding": "encoded"}
    )
    name = "encoder.stem.1.running_var"
    assert (weights(encoded)[name] < weights(packed)[name]).all(), "empty ECGs have no variance"


def test_row_20_shortcuts_are_the_pretrained_ones_unless_asked(hospital: Any) -> None:
    pretrained = load_encoder(hospital.pretrained)[0].state_dict()
    for choice in ("pretrained", "random"):
        network, _, _ = prepare(hospital, encoder={"shortcuts": choice})
        differ = {
            name
            for name, tensor in network.encoder.state_dict().items()
            if not torch.equal(tensor, pretrained[name])
        }
        assert all(".shortcut." in name for name in differ)
        assert {name.split(".")[0] for name in differ} == (
            {"layer2", "layer3", "layer4"} if choice == "random" else set()
        )


@pytest.mark.parametrize(
    ("stem", "gradient", "in_optimiser"),
    [("frozen", False, False), ("trained", True, True), ("forgotten", True, False)],
)
def test_row_21_stem(hospital: Any, stem: str, gradient: bool, in_optimiser: bool) -> None:
    network, _, _ = prepare(hospital, {"unfreeze": "all"}, {"stem": stem})
    parameters = list(network.encoder.stem.parameters())
    assert all(parameter.requires_grad == gradient for parameter in parameters)
    assert ("stem" in [group["name"] for group in network.parameter_groups()]) == in_optimiser


def test_learning_rates_by_part(hospital: Any) -> None:
    rates = {name: 10.0**-i for i, name in enumerate(MODEL["learning_rate"])}
    network, _, _ = prepare(hospital, {"unfreeze": "all", "learning_rate": rates})
    groups = {group["name"]: group["lr"] for group in network.parameter_groups()}
    assert groups == {name: rate for name, rate in rates.items() if name != "stem"}


# ---- computed once ------------------------------------------------------------------------------


@pytest.mark.parametrize("unfreeze", ["layer4", "none"])
def test_what_is_computed_once_changes_nothing(
    hospital: Any, tmp_path: Path, unfreeze: str
) -> None:
    cached = hospital.train(tmp_path / "cached", {"unfreeze": unfreeze})
    anew = hospital.train(tmp_path / "anew", {"unfreeze": unfreeze}, memory_mb=0)
    for name, tensor in weights(cached).items():
        torch.testing.assert_close(tensor, weights(anew)[name], rtol=0, atol=1e-5)


def test_the_frozen_stages_run_once_per_ecg(hospital: Any) -> None:
    network, data, store = prepare(hospital)
    source = EcgSource(store, data.study_ids, network.encoder, "layer4", cache_mb=100)
    assert source.cached is not None
    waveforms = torch.from_numpy(store.read(data.study_ids[[5, 3]])[0])
    with torch.no_grad():
        embeddings = network.encoder.eval().onward("layer4", source(np.array([5, 3])))
        torch.testing.assert_close(embeddings, network.encoder(waveforms), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "encoder", "stage"),
    [
        ({}, {}, "layer4"),
        ({"unfreeze": "none"}, {}, "embedding"),
        ({"unfreeze": "all"}, {}, "layer1"),
        ({"unfreeze": "all"}, {"stem": "trained"}, "stem"),
        ({}, {"frozen_batchnorm": "train"}, "stem"),
        ({}, {"padding": "encoded"}, "stem"),
    ],
)
def test_what_may_be_computed_once(
    hospital: Any, model: dict[str, Any], encoder: dict[str, Any], stage: str
) -> None:
    assert prepare(hospital, model, encoder)[0].first_changing_stage == stage


# ---- errors -------------------------------------------------------------------------------------


def test_an_encoder_of_another_size_is_refused(hospital: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"pretrained with .*'width': 8.*asks for"):
        hospital.train(tmp_path, encoder={"width": 16})
    assert not list(tmp_path.iterdir())


def test_row_22_waveforms_cleaned_otherwise_are_refused(
    hospital: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Otherwise(WaveformStore):
        def __init__(self, *paths: Any) -> None:
            super().__init__(*paths)
            self.signal = self.signal | {"powerline": 50}

    monkeypatch.setattr(train_module, "WaveformStore", Otherwise)
    with pytest.raises(CheckpointError, match="powerline: 60 there, 50 here"):
        hospital.train(tmp_path)


def test_a_misspelt_key(hospital: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"models.tiny.droput .*\n.*'dropout'"):
        hospital.train(tmp_path, {"droput": 0.1})


def test_a_missing_learning_rate(hospital: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="learning_rate lacks adapter, stem"):
        hospital.train(
            tmp_path,
            {
                "learning_rate": {"head": 1.0}
                | dict.fromkeys(["layer1", "layer2", "layer3", "layer4"], 1.0)
            },
        )


def test_a_single_class_in_validation(hospital: Any, tmp_path: Path) -> None:
    spine = pd.read_parquet(hospital.files.spine)
    spine.loc[spine["split"] == "validation", "label"] = 0
    with pytest.raises(CohortError, match="validation stays of this model"):
        hospital.with_table("spine", spine, tmp_path).train(tmp_path / "out")


def test_an_ecg_without_a_time(hospital: Any, tmp_path: Path) -> None:
    """Row 23: an unknown ECG time must not become a time step that is not a number."""
    ecgs = pd.read_parquet(hospital.files.cohort_ecgs)
    ecgs.loc[3, "hours_before"] = np.nan
    with pytest.raises(CohortError, match="1 ECGs without a time"):
        hospital.with_table("cohort_ecgs", ecgs, tmp_path).train(tmp_path / "out")


def test_an_interrupted_job_goes_on(
    hospital: Any, fitted: OutputFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in its second pass and started again, it ends with the same bytes."""
    validate = AdmissionTask.validate
    calls = []

    def stop_in_second_pass(self: AdmissionTask) -> dict[str, float]:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return validate(self)

    monkeypatch.setattr(AdmissionTask, "validate", stop_in_second_pass)
    with pytest.raises(KeyboardInterrupt):
        hospital.train(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".model.resume.pth"]

    outputs = hospital.train(tmp_path)

    assert len(calls) == 3, "the first pass is not repeated"
    for name, path in vars(fitted).items():
        assert path.read_bytes() == vars(outputs)[name].read_bytes(), name


@pytest.mark.parametrize("dies_at", [1, 2, 5, 6])  # 2 passes of 3 batches
def test_a_job_that_was_killed_within_a_pass_goes_on_from_its_last_batch(
    hospital: Any,
    fitted: OutputFiles,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dies_at: int,
) -> None:
    """The scores seen before the kill count in the training AUROC; dropout goes on where it was."""
    losses = AdmissionTask.losses
    calls = []

    def stop_in_a_batch(self: AdmissionTask, *given: Any) -> Any:
        calls.append(1)
        if len(calls) == dies_at:
            raise KeyboardInterrupt
        return losses(self, *given)

    monkeypatch.setattr(AdmissionTask, "losses", stop_in_a_batch)
    with pytest.raises(KeyboardInterrupt):
        hospital.train(tmp_path, machine=Machine(save_minutes=0))

    outputs = hospital.train(tmp_path, machine=Machine(save_minutes=0))

    assert len(calls) == 6 + 1, "no batch is computed twice"
    for name, path in vars(fitted).items():
        assert path.read_bytes() == vars(outputs)[name].read_bytes(), name
    assert not list(tmp_path.glob(".*")), "nothing hidden is left behind"


def test_passes_with_a_small_cell_show_no_confusion():
    history = pd.DataFrame(
        {"epoch": [1, 2], "tn": [50, 40], "fp": [0, 10], "fn": [3, 12], "tp": [30, 21],
         "val_auc": 0.7, "val_ap": 0.6}
    )  # fmt: skip
    scores = ["tn", "fp", "fn", "tp", "precision", "recall", "f1"]
    assert train_module._confusion(history, 0)[scores].notna().all(axis=None)
    found = train_module._confusion(history, 10).set_index("epoch")
    assert found.loc[1, scores].isna().all() and found.loc[2, scores].notna().all()
    assert found[["val_auc", "val_ap"]].notna().all(axis=None)
