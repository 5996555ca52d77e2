"""Pretraining and fine-tuning in three ways: from the store, as published, and at the limit."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from ecg_cleaning import alternative
from torch import Tensor, nn

from mimicflow.admission.inputs import AdmissionInputs
from mimicflow.admission.model import N_VITALS, AdmissionModel, EncoderConfig, ModelConfig
from mimicflow.admission.training import AdmissionTask, EcgSource
from mimicflow.concepts import static_features
from mimicflow.ecg.pretraining import PretrainingConfig, PretrainingTask
from mimicflow.ecg.reports import vocabulary
from mimicflow.ecg.resnet import STAGES, PretrainingModel, ResNet1d
from mimicflow.ecg.store import WaveformStore
from mimicflow.ecg.targets import MEASUREMENTS
from mimicflow.learning.devices import compiled, mixed_precision

SECONDS = 10
MOST_STEPS_OF_PUBLISHED = 8  # each takes a second or two
HELD = 16  # distinct batches on the GPU

Way = Literal["store", "published", "limit"]


@dataclass(frozen=True)
class Size:
    """How large everything is."""

    width: int
    depth: tuple[int, ...]
    sampling_rate: int
    """Hz of the store; of the records it is 500."""
    records: int
    """WFDB records that the published way decodes, again and again."""
    steps: int
    """Batches of a pass; one pass warms up, the second is timed."""

    def steps_of(self, way: Way) -> int:
        """Return the batches of a pass in one of the ways."""
        return min(self.steps, MOST_STEPS_OF_PUBLISHED) if way == "published" else self.steps


def wait(device: torch.device) -> None:
    """Wait until the GPU has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Decoded:
    """Waveforms as published: decoded by wfdb and cleaned by NeuroKit2 each time."""

    def __init__(self, folder: Path, size: Size) -> None:
        self.folder, self.size = folder, size
        self.signal: dict[str, Any] = {}

    def read(self, study_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return waveforms (ECGs, 12, samples) in mV, and that every lead is present."""
        n_samples = self.size.sampling_rate * SECONDS
        paths = [str(study % self.size.records) for study in study_ids]
        ecgs = np.array([alternative(self.folder, path)[:, :n_samples] for path in paths])
        return ecgs.astype(np.float32), np.ones(ecgs.shape[:2], dtype=bool)

    def require(self, signal: Mapping[str, Any]) -> None:
        """Accept everything."""


class Stays(AdmissionInputs):
    """Made-up stays of one to six ECGs, as the tables of a cohort would give them."""

    def __init__(self, n: int, seed: int = 0) -> None:
        draw = np.random.default_rng(seed)
        self.branches, self.stopping = ("ecg", "vitals", "static"), "validation"
        numbers = np.arange(n)
        columns = {"stay_id": numbers, "subject_id": numbers, "split": "train"}
        self.stays = pd.DataFrame({**columns, "label": numbers % 2})
        self.labels = torch.from_numpy((numbers % 2).astype(np.float32))
        n_ecgs = np.minimum(draw.geometric(0.5, n), 6)
        placed = np.arange(6) < n_ecgs[:, None]
        index = np.where(placed, np.cumsum(placed).reshape(placed.shape) - 1, -1)
        self.study_ids = np.arange(placed.sum())
        self.ecg_index = torch.from_numpy(index)
        self.hours = torch.rand(index.shape)
        self.vitals, self.n_vitals = torch.randn(n, 10, N_VITALS), torch.full((n,), 10)
        self.static = torch.randn(n, len(static_features()))


class Clocked:
    """A task that keeps the time and the ECGs of its last pass; it never validates."""

    def __init__(self, task: Any, n_ecgs: Callable[[np.ndarray], int]) -> None:
        self.task, self.n_ecgs = task, n_ecgs
        self.started, self.seconds, self.ecgs = 0.0, 0.0, 0

    @property
    def model(self) -> nn.Module:
        """Return the network."""
        return self.task.model

    def batches(self, pass_number: int) -> list[np.ndarray]:
        """Return the batches, and start the clock."""
        batches = self.task.batches(pass_number)
        self.ecgs = sum(self.n_ecgs(rows) for rows in batches)
        wait(self.task.device)
        self.started = time.perf_counter()
        return batches

    def load(self, rows: np.ndarray) -> Any:
        """Return the inputs of some rows."""
        return self.task.load(rows)

    def losses(self, rows: np.ndarray, loaded: Any) -> dict[str, Tensor]:
        """Return the losses of some rows."""
        return self.task.losses(rows, loaded)

    def validate(self) -> dict[str, float]:
        """Stop the clock."""
        wait(self.task.device)
        self.seconds = time.perf_counter() - self.started
        return {"score": 0.0}

    def state(self) -> dict[str, Any]:
        """Return nothing: no state is kept."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Do nothing."""


class InOneProcess(Clocked):
    """The published way: nothing is loaded before the step that needs it."""

    def load(self, rows: np.ndarray) -> Any:
        """Return nothing yet."""

    def losses(self, rows: np.ndarray, loaded: Any) -> dict[str, Tensor]:
        """Load, then compute."""
        return self.task.losses(rows, self.task.load(rows))


class OnDevice(Clocked):
    """The limit: the batches of a pass are a few that were loaded before the clock starts.

    What the frozen part of the encoder makes of them is computed at every step, as it is where the
    ECGs come from the store.
    """

    def __init__(self, task: Any, n_ecgs: Callable[[np.ndarray], int], frozen: str | None) -> None:
        super().__init__(task, n_ecgs)
        self.frozen = frozen
        batches = task.batches(1)
        self.rows = [batches[step % HELD] for step in range(len(batches))]
        self.held = {int(rows[0]): task.load(rows) for rows in batches[:HELD]}

    def batches(self, pass_number: int) -> list[np.ndarray]:
        """Return the few batches over and over, and start the clock."""
        self.task.batches = lambda pass_number: self.rows
        return super().batches(pass_number)

    def load(self, rows: np.ndarray) -> Any:
        """Return what lies on the device."""
        held = self.held[int(rows[0])]
        if self.frozen is None:
            return held
        with torch.no_grad(), mixed_precision(self.task.device):
            return replace(held, ecgs=self.task.model.encoder.before(self.frozen, held.ecgs))


def write_store(folder: Path, n: int, size: Size) -> WaveformStore:
    """Write ``n`` ECGs of noise, the same 64 over and over, as the store would hold them."""
    files = folder / "0.npy", folder / "0.parquet"
    shape = (n, 12, size.sampling_rate * SECONDS)
    ecgs = np.lib.format.open_memmap(files[0], "w+", dtype=np.float16, shape=shape)
    noise = np.random.default_rng(0).standard_normal((64, *shape[1:]), dtype=np.float32)
    for start in range(0, n, len(noise)):
        ecgs[start : start + len(noise)] = noise[: n - start]
    ecgs.flush()
    index = pa.table({"study_id": np.arange(n), "row": np.arange(n), "lead_mask": np.full(n, 4095)})
    signal = {"sampling_rate": size.sampling_rate, "seconds": SECONDS}
    metadata = {b"mimicflow.signal": json.dumps(signal).encode()}
    pq.write_table(index.replace_schema_metadata(metadata), files[1])
    return WaveformStore(files[:1], files[1:])


def pretraining(
    way: Way, store: WaveformStore, decoded: Decoded, size: Size, config: PretrainingConfig
) -> Callable[[torch.device], tuple[Clocked, torch.optim.Optimizer]]:
    """Return what makes the task of pretraining, in one of the three ways."""
    n, labels = config.batch_size * size.steps_of(way), len(vocabulary())
    targets = SimpleNamespace(
        study_ids=store.study_ids[:n],
        training_rows=np.arange(n),
        validation_rows=np.arange(0),
        labels=torch.randint(0, 2, (n, labels), dtype=torch.uint8),
        measured=torch.randn(n, len(MEASUREMENTS)),
        observed=torch.ones(n, len(MEASUREMENTS), dtype=torch.bool),
    )

    def make(device: torch.device) -> tuple[Clocked, torch.optim.Optimizer]:
        encoder = ResNet1d(size.width, size.depth)
        model = PretrainingModel(encoder, labels, len(MEASUREMENTS)).to(device)
        compiled(model, device)
        waveforms = decoded if way == "published" else store
        task = PretrainingTask(model, waveforms, targets, config, 0, device)  # type: ignore[arg-type]
        optimizer = torch.optim.Adam(model.parameters(), config.learning_rate, fused=True)
        return _clocked(way, task, len, None), optimizer

    return make


def fine_tuning(
    way: Way, store: WaveformStore, decoded: Decoded, size: Size, config: ModelConfig
) -> Callable[[torch.device], tuple[Clocked, torch.optim.Optimizer]]:
    """Return what makes the task of fine-tuning, in one of the three ways."""
    stays = Stays(config.batch_size * size.steps_of(way))
    settings = EncoderConfig(
        width=size.width,
        depth=size.depth,
        shortcuts="pretrained",
        frozen_batchnorm="eval",
        padding="packed",
        stem="frozen",
    )

    def make(device: torch.device) -> tuple[Clocked, torch.optim.Optimizer]:
        encoder = ResNet1d(size.width, size.depth)
        model = AdmissionModel(encoder, settings, config, stays.static.shape[1]).to(device)
        stage = model.first_changing_stage
        waveforms = decoded if way == "published" else store
        # A whole cohort does not fit into the memory that is kept for what the frozen part makes.
        raw = STAGES[0] if way == "limit" else stage
        source = EcgSource(waveforms, stays.study_ids, model.encoder, raw, cache_mb=0)
        task = AdmissionTask(model, stays, source, 0.5, 0, device)
        groups = model.parameter_groups()
        optimizer = torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=True)
        return _clocked(way, task, stays_ecgs(stays), stage), optimizer

    return make


def stays_ecgs(stays: Stays) -> Callable[[np.ndarray], int]:
    """Return what counts the ECGs of some stays."""
    return lambda rows: int((stays.ecg_index[torch.from_numpy(rows)] >= 0).sum())


def _clocked(
    way: Way, task: Any, n_ecgs: Callable[[np.ndarray], int], stage: str | None
) -> Clocked:
    if way == "limit":
        return OnDevice(task, n_ecgs, None if stage in (None, STAGES[0]) else stage)
    return (InOneProcess if way == "published" else Clocked)(task, n_ecgs)
