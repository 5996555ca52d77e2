"""Two processes train as one would: started by torchrun as on two GPUs, here on the CPU by gloo."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

from mimicflow.learning.checkpoints import load_checkpoint

from .conftest import ENCODER, MODEL, SIZE

pytestmark = pytest.mark.slow  # programs that start PyTorch again, several at a time

TOLERANCE = 3e-5  # sums of float32 in another order, after all steps
JOB = """
import json
from pathlib import Path
from mimicflow.admission.inputs import InputFiles, InputOptions
from mimicflow.admission.training import OutputFiles, train_model
from mimicflow.ecg.pretraining import pretrain_encoder
from mimicflow.learning.devices import Machine

job = json.loads(Path(__file__).with_suffix(".json").read_text())
job["machine"] = Machine(devices=job.pop("devices"))
if "pretraining" in job:
    pretrain_encoder(**job)
else:
    files = InputFiles(**job.pop("inputs")), OutputFiles(**job.pop("outputs"))
    train_model(inputs=files[0], outputs=files[1], options=InputOptions(), **job)
"""


def start(folder: Path, devices: int, job: dict[str, Any]) -> subprocess.Popen[str]:
    """Start a job in a program of its own, as Snakemake runs an adapter."""
    folder.mkdir(exist_ok=True, parents=True)
    (folder / "job.py").write_text(JOB)
    (folder / "job.json").write_text(json.dumps({"devices": devices, **job}, default=str))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(folder / "job.py")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, env=environment, text=True, **pipes)


def run(folder: Path, devices: int, job: dict[str, Any]) -> None:
    """Run a job to its end."""
    process = start(folder, devices, job)
    found, _ = process.communicate()
    assert process.returncode == 0, found


def pretraining(hospital: Any, folder: Path, **config: Any) -> dict[str, Any]:
    source = hospital.pretrained.parent
    default = {"patients": "without_test", "validation": 0.1, "bool_loss_weight": 0.9}
    default |= {"epochs": 1, "batch_size": 16, "learning_rate": 1e-3}
    return {
        "targets": source / "targets.parquet",
        "vocabulary": source / "labels.json",
        "store": hospital.store,
        "spine": hospital.files.spine,
        **SIZE,
        "pretraining": default | config,
        "seed": 0,
        "output": folder / "pretrained.pth",
        "history": folder / "loss.csv",
    }


def fine_tuning(hospital: Any, folder: Path, **model: Any) -> dict[str, Any]:
    names = {"weights": "model.pth", "predictions": "predictions.parquet"}
    names |= {"history": "history.csv", "confusion": "confusion.csv", "config": "config.yaml"}
    return {
        "name": "tiny",
        "model": MODEL | {"epochs": 1} | model,
        "encoder": ENCODER,
        "threshold": 0.5,
        "inputs": asdict(hospital.files),
        "pretrained": hospital.pretrained,
        "store": hospital.store,
        "outputs": {name: folder / file for name, file in names.items()},
        "seed": 0,
    }


def furthest(one: dict[str, Any], two: dict[str, Any]) -> float:
    """Return the largest difference between the weights of two models."""
    assert one.keys() == two.keys()
    return max(float((one[name].double() - two[name].double()).abs().max()) for name in one)


def same_columns(one: Path, two: Path) -> None:
    first, second = pd.read_csv(one), pd.read_csv(two)
    np.testing.assert_allclose(first.astype(float), second.astype(float), atol=TOLERANCE)


def test_pretraining(hospital: Any, tmp_path: Path) -> None:
    """Batch normalisation, two kinds of targets, a last batch of odd size."""
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, devices in ((one, 1), (two, 2)):
        run(folder, devices, pretraining(hospital, folder, batch_size=17))
    weights = [
        load_checkpoint("pretrained encoder", folder / "pretrained.pth")["model"]
        for folder in (one, two)
    ]
    assert 0 < furthest(*weights) < TOLERANCE  # 0: the second process took no part
    same_columns(one / "loss.csv", two / "loss.csv")
    assert sorted(path.name for path in two.iterdir()) == sorted(p.name for p in one.iterdir())


@pytest.mark.parametrize(
    ("batch_size", "encoder"),
    [
        (47, {}),  # the last batch is one stay
        (3, {"padding": "encoded", "frozen_batchnorm": "train"}),  # the longest is in one share
    ],
)
def test_fine_tuning(
    hospital: Any, tmp_path: Path, batch_size: int, encoder: dict[str, Any]
) -> None:
    """The three branches with dropout, layer 4 of the encoder, decisions by validation stays."""
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, devices in ((one, 1), (two, 2)):
        job = fine_tuning(hospital, folder, batch_size=batch_size)
        run(folder, devices, job | {"encoder": ENCODER | encoder})
    weights = [
        load_checkpoint("admission model", folder / "model.pth")["weights"] for folder in (one, two)
    ]
    assert 0 < furthest(*weights) < TOLERANCE
    same_columns(one / "history.csv", two / "history.csv")
    same_columns(one / "confusion.csv", two / "confusion.csv")
    predictions = [
        pd.read_parquet(folder / "predictions.parquet")["probability"] for folder in (one, two)
    ]
    np.testing.assert_allclose(*predictions, atol=TOLERANCE)


def test_what_kills_the_job_ends_its_processes_and_the_next_run_goes_on(
    hospital: Any, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    config = {"epochs": 4, "batch_size": 16}
    process = start(killed, 2, pretraining(hospital, killed, **config))
    state = killed / ".pretrained.resume.pth"
    while not state.exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    workers = psutil.Process(process.pid).children()
    process.kill()
    process.communicate()
    assert len(workers) == 2
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert not alive, "they would write the file that the next run writes"
    assert not (killed / "pretrained.pth").exists()

    run(killed, 2, pretraining(hospital, killed, **config))
    run(whole, 2, pretraining(hospital, whole, **config))
    for name in ("pretrained.pth", "loss.csv"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    assert not list(killed.glob(".*"))
