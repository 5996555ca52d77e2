"""Pretraining on a handful of ECGs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mimicflow.ecg.encoder_file import load_encoder
from mimicflow.ecg.pretraining import MEASUREMENTS, initialise_encoder, pretrain_encoder
from mimicflow.errors import CheckpointError, CohortError, InputError
from mimicflow.learning.devices import Machine

CONFIG: dict[str, Any] = {
    "patients": "without_test",
    "validation": 0.2,
    "bool_loss_weight": 0.9,
    "epochs": 3,
    "batch_size": 16,
    "learning_rate": 3e-3,
}
N = 60


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, write_store: Any) -> dict[str, Any]:
    """Two ECGs of each of 30 patients; those with tall beats carry the label; ten are tested."""
    folder = tmp_path_factory.mktemp("pretraining")
    generator = np.random.default_rng(0)
    targets = pd.DataFrame({"study_id": 100 + np.arange(N), "subject_id": np.arange(N) // 2})
    tall = generator.random(N) < 0.5
    for name in MEASUREMENTS:
        targets[name] = 100 + 10 * generator.normal(size=N)
    targets["qrs_axis"] = 40.0 * tall
    targets.loc[::5, "t_axis"] = np.nan
    targets["tall"], targets["other"] = tall, generator.random(N) < 0.3
    targets.to_parquet(folder / "targets.parquet")
    spine = pd.DataFrame({"subject_id": range(12), "split": ["test"] * 10 + ["train"] * 2})
    spine.to_parquet(folder / "spine.parquet")
    (folder / "labels.json").write_text(json.dumps(["tall", "other"]))
    waveforms = generator.normal(0, 0.1, (N, 12, 96))
    waveforms[:, :, ::12] += 1 + tall[:, None, None]
    return {
        "targets": folder / "targets.parquet",
        "vocabulary": folder / "labels.json",
        "store": write_store(folder, targets["study_id"].to_numpy(), waveforms),
        "spine": folder / "spine.parquet",
    }


def run(files: dict[str, Any], folder: Path, seed: int = 0, **config: Any) -> Path:
    pretrain_encoder(
        **files,
        width=8,
        depth=[1, 1, 1, 1],
        pretraining=CONFIG | config,
        seed=seed,
        machine=Machine(),
        output=folder / "pretrained.pth",
        history=folder / "loss_history.csv",
    )
    return folder / "pretrained.pth"


def changed(files: dict[str, Any], folder: Path, **columns: Any) -> dict[str, Any]:
    path = folder / "changed.parquet"
    pd.read_parquet(files["targets"]).assign(**columns).to_parquet(path)
    return files | {"targets": path}


def test_it_learns_and_says_so(files: dict[str, Any], tmp_path: Path) -> None:
    run(files, tmp_path, epochs=8)
    history = pd.read_csv(tmp_path / "loss_history.csv")
    assert {"epoch", "bool_loss", "reg_loss", "total_loss", "val_total_loss"} <= set(history)
    assert history["total_loss"].iloc[-1] < 0.8 * history["total_loss"].iloc[0]
    np.testing.assert_allclose(
        history["total_loss"], 0.9 * history["bool_loss"] + 0.1 * history["reg_loss"], rtol=1e-5
    )


def test_two_runs_give_the_same_bytes(files: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    first, second = run(files, tmp_path), run(files, tmp_path / "again")
    assert first.read_bytes() == second.read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_the_best_pass_is_kept(files: dict[str, Any], tmp_path: Path) -> None:
    """A learning rate that soon spoils the network: its later passes are not saved."""
    path = run(files, tmp_path, epochs=1, learning_rate=0.5)
    first = torch.load(path, weights_only=True)["model"]
    history = pd.read_csv(tmp_path / "loss_history.csv")
    assert history["is_best"].tolist() == [True]
    path = run(files, tmp_path, epochs=4, learning_rate=0.5)
    history = pd.read_csv(tmp_path / "loss_history.csv")
    best = history.loc[history["is_best"], "val_total_loss"].iloc[-1]
    assert best == history["val_total_loss"].min()
    kept = torch.load(path, weights_only=True)["model"]
    same = all(torch.equal(first[name], kept[name]) for name in first)
    assert same == (history["is_best"].sum() == 1)


def test_row_47_without_validation_patients_all_are_learned_from_and_the_last_pass_is_kept(
    files: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        run(files, tmp_path, epochs=3, validation=0, patients="all", learning_rate=0.5)
    history = pd.read_csv(tmp_path / "loss_history.csv")
    assert list(history) == ["epoch", "total_loss", "bool_loss", "reg_loss", "is_best"]
    assert history["is_best"].tolist() == [True] * 3
    assert f"{N} ECGs to pretrain on, 0 to validate" in caplog.text


def test_the_file_carries_what_fine_tuning_needs(files: dict[str, Any], tmp_path: Path) -> None:
    path = run(files, tmp_path)
    encoder, content = load_encoder(path)
    assert content["vocabulary"] == ["tall", "other"]
    assert content["signal"]["cleaning"] == "neurokit"
    assert content["encoder"] == {"width": 8, "depth": [1, 1, 1, 1]}
    assert content["measurements"]["names"] == list(MEASUREMENTS)
    assert torch.isfinite(content["measurements"]["mean"]).all()
    saved = torch.load(path, weights_only=True)["model"]
    assert {"labels.weight", "measurements.bias"} <= set(saved)
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, saved[f"encoder.{name}"])


@pytest.mark.parametrize(("patients", "same"), [("without_test", True), ("all", False)])
def test_row_35_test_patients(
    files: dict[str, Any], tmp_path: Path, patients: str, same: bool
) -> None:
    frame = pd.read_parquet(files["targets"])
    tested = frame["subject_id"] < 10
    other = changed(
        files,
        tmp_path,
        tall=frame["tall"] ^ tested,
        rr_interval=frame["rr_interval"].where(~tested, 3000.0),
    )
    (tmp_path / "other").mkdir()
    one = run(files, tmp_path, patients=patients).read_bytes()
    two = run(other, tmp_path / "other", patients=patients).read_bytes()
    assert (one == two) == same


def test_row_34_missing_measurements_are_masked(files: dict[str, Any], tmp_path: Path) -> None:
    """A measurement that is never taken adds nothing, whatever the other ones are."""
    never = dict.fromkeys(MEASUREMENTS, np.nan)
    run(changed(files, tmp_path, **never), tmp_path)
    history = pd.read_csv(tmp_path / "loss_history.csv")
    assert (history["reg_loss"] == 0).all() and history["val_reg_loss"].eq(0).all()


def test_rows_in_another_order(files: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "shuffled.parquet"
    pd.read_parquet(files["targets"]).sample(frac=1, random_state=1).to_parquet(path)
    (tmp_path / "two").mkdir()
    saved = [
        torch.load(run(f, folder), weights_only=True)["model"]["labels.weight"]
        for f, folder in ((files, tmp_path), (files | {"targets": path}, tmp_path / "two"))
    ]
    assert torch.equal(*saved)


def test_an_encoder_that_does_not_fit(files: dict[str, Any], tmp_path: Path) -> None:
    path = run(files, tmp_path, epochs=1)
    with pytest.raises(CheckpointError, match="asks for"):
        load_encoder(path, width=16)
    with pytest.raises(CheckpointError, match="asks for"):
        load_encoder(path, depth=[2, 2, 2, 2])
    content = torch.load(path, weights_only=True)
    del content["model"]["encoder.layer2.0.shortcut.0.weight"]
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"Missing key.*shortcut"):
        load_encoder(path)


def test_nobody_left(files: dict[str, Any], tmp_path: Path) -> None:
    spine = tmp_path / "spine.parquet"
    pd.DataFrame({"subject_id": range(30), "split": "test"}).to_parquet(spine)
    with pytest.raises(CohortError, match="fewer than two patients"):
        run(files | {"spine": spine}, tmp_path)


def test_a_vocabulary_that_is_none(files: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text("{}")
    with pytest.raises(InputError, match="not a list of labels"):
        run(files | {"vocabulary": path}, tmp_path)


def test_without_anything_to_pretrain_on_the_weights_are_random_and_said_to_be(
    files: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    weights = []
    for seed in (0, 0, 1):
        initialise_encoder(
            files["store"],
            width=8,
            depth=[1, 1, 1, 1],
            seed=seed,
            output=tmp_path / "random.pth",
            history=tmp_path / "history.csv",
        )
        encoder, content = load_encoder(tmp_path / "random.pth", width=8, depth=[1, 1, 1, 1])
        weights.append(torch.cat([value.ravel() for value in encoder.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert content["pretraining"] is None
    assert "not pretrained" in caplog.text
    assert pd.read_csv(tmp_path / "history.csv").empty
