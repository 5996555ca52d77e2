"""Pretrain the ECG encoder on seven measurements and the report labels of the machine."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from mimicflow.ecg.encoder_file import HISTORY, save_encoder, save_without_pretraining
from mimicflow.ecg.given.contract import RESNET
from mimicflow.ecg.given.network import described
from mimicflow.ecg.resnet import PretrainingModel, ResNet1d
from mimicflow.ecg.store import WaveformStore
from mimicflow.ecg.targets import MEASUREMENTS, patients_left_out
from mimicflow.errors import CohortError, InputError
from mimicflow.learning import processes
from mimicflow.learning.configs import parse
from mimicflow.learning.devices import (
    Machine,
    compiled,
    mixed_precision,
    repeatable,
    to_device,
)
from mimicflow.learning.fitted_on import FITTED_ON, fitted_on
from mimicflow.learning.loop import Training, fit, shuffled_batches
from mimicflow.learning.preprocessing import Scaler
from mimicflow.learning.resume import StateFile, discard_states, fingerprint, resume_path
from mimicflow.running.writing import write_csv

log = logging.getLogger(__name__)

EVALUATION_BATCH = 256


class Waveforms(Protocol):
    """What is needed of ``ecg.store.WaveformStore``."""

    signal: dict[str, Any]

    def read(self, study_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return waveforms (ECGs, 12, samples) in mV and whether each lead is present."""

    def require(self, signal: Mapping[str, Any]) -> None:
        """Refuse a model that was fitted on waveforms made otherwise."""


@dataclass(frozen=True, kw_only=True)
class PretrainingConfig:
    """Configuration subtree ``pretraining``."""

    patients: Literal["without_test", "all"]
    """Whether test patients of the cohort are left out; ``all`` as published."""
    validation: float
    """Share of patients that choose the pass; 0: nobody, the last pass is kept, as published."""
    bool_loss_weight: float
    """Weight of the labels' loss; the measurements get the rest."""
    epochs: int
    batch_size: int
    learning_rate: float


class _Targets:
    """Targets of the ECGs of training and validation patients, as tensors."""

    def __init__(self, frame: pd.DataFrame, labels: list[str], validation: np.ndarray) -> None:
        self.study_ids = frame["study_id"].to_numpy(np.int64)
        self.training_rows = np.flatnonzero(~validation)
        self.validation_rows = np.flatnonzero(validation)
        measured = frame[list(MEASUREMENTS)].to_numpy(np.float64)
        self.scaler = Scaler.fit(measured[self.training_rows])
        scaled = self.scaler.transform(measured).astype(np.float32)
        self.observed = torch.from_numpy(~np.isnan(scaled))
        self.measured = torch.from_numpy(np.nan_to_num(scaled))
        self.labels = torch.from_numpy(frame[labels].to_numpy(np.uint8))
        log.info(
            "%d ECGs to pretrain on, %d to validate, %d labels",
            len(self.training_rows),
            len(self.validation_rows),
            len(labels),
        )


class PretrainingTask:
    """Loss 'weight x BCE + (1 - weight) x MSE', the latter over observed measurements only."""

    def __init__(
        self,
        model: PretrainingModel,
        waveforms: Waveforms,
        targets: _Targets,
        config: PretrainingConfig,
        seed: int,
        device: torch.device,
    ) -> None:
        self.model, self.waveforms, self.targets = model, waveforms, targets
        self.network = processes.Replica(model)
        self.config, self.seed, self.device = config, seed, device

    def batches(self, pass_number: int) -> list[np.ndarray]:
        """Return shuffled training rows."""
        size = self.config.batch_size
        return shuffled_batches(self.targets.training_rows, size, self.seed, pass_number)

    def load(self, rows: np.ndarray) -> tuple[Tensor, ...]:
        """Return waveforms, labels, measurements and which of these were observed."""
        targets, index = self.targets, torch.from_numpy(rows)
        ecgs, _ = self.waveforms.read(targets.study_ids[rows])
        known = (targets.labels[index], targets.measured[index], targets.observed[index])
        return tuple(to_device(part, self.device) for part in (torch.from_numpy(ecgs), *known))

    def losses(self, rows: np.ndarray, loaded: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Return the weighted loss and its two parts."""
        ecgs, labels, measured, observed = loaded
        with mixed_precision(self.device):
            logits, predicted = self.network(ecgs)
        bool_loss = functional.binary_cross_entropy_with_logits(logits.float(), labels.float())
        errors = (predicted.float() - measured) * observed
        n_observed = processes.whole_count(observed.sum().clamp(min=1))
        reg_loss = errors.square().sum() / n_observed
        weight = self.config.bool_loss_weight
        loss = weight * bool_loss + (1 - weight) * reg_loss
        return {"loss": loss, "bool_loss": bool_loss, "reg_loss": reg_loss}

    def validate(self) -> dict[str, float]:
        """Return the validation patients' losses; nothing without such patients."""
        rows = self.targets.validation_rows
        if not len(rows):
            return {}
        sums: dict[str, float] = {}
        for start in range(0, len(rows), EVALUATION_BATCH):
            batch = rows[start : start + EVALUATION_BATCH]
            for name, value in self.losses(batch, self.load(batch)).items():
                sums[name] = sums.get(name, 0.0) + value.item() * len(batch)
        return {f"val_{name}": total / len(rows) for name, total in sums.items()}

    def state(self) -> dict[str, Any]:
        """Return nothing: no score is gathered over the pass."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Do nothing."""


def pretrain_encoder(
    targets: str | Path,
    vocabulary: str | Path,
    store: tuple[Sequence[str | Path], Sequence[str | Path]],
    spine: str | Path,
    *,
    width: int,
    depth: Sequence[int],
    pretraining: Mapping[str, Any],
    seed: int,
    machine: Machine,
    output: str | Path,
    history: str | Path,
) -> None:
    """Pretrain the encoder; keep the pass with the lowest validation loss, or else the last.

    Parameters
    ----------
    targets : path-like
        Parquet, one row per ECG: study_id, subject_id, ``MEASUREMENTS`` (NaN: not measured), and
        one boolean column per label.
    vocabulary : path-like
        JSON list of the labels, in order.
    store : tuple of sequences of path-like
        The store's waveform files (.npy) and index files (.parquet).
    spine : path-like
        Parquet with subject_id and split.
    width, depth : int, sequence of int
        Size of the encoder.
    pretraining : mapping
        Configuration subtree ``pretraining``.
    seed : int
        Of all that is drawn.
    output : path-like
        The model file (.pth).
    history : path-like
        CSV: epoch, bool_loss, reg_loss, total_loss and the same of validation (if there is such a
        part), is_best.
    machine : Machine
        What it is computed on; the same seed and threads give the same bytes on a CPU.

    Raises
    ------
    CohortError
        Fewer than two patients to learn from.
    """
    modes = machine.occupy()
    config = parse(PretrainingConfig, pretraining, "pretraining")
    waveforms = WaveformStore(*store)
    labels = _vocabulary(vocabulary)
    table = _read_targets(targets, labels, spine, config)
    frame = _Targets(table, labels, _validation_patients(table["subject_id"], config, seed))
    resolved = {
        "encoder": described(RESNET, width, depth),
        "pretraining": asdict(config),
        "seed": seed,
        "signal": waveforms.signal,
    }
    state = StateFile(
        path=resume_path(output),
        fingerprint=fingerprint(
            [targets, vocabulary, spine, *store[1]],
            resolved,
            module="ecg.pretraining",
            large=store[0],
        ),
        minutes=machine.save_minutes,
    )
    # Without validation patients the latest pass counts as the best.
    score = "val_loss" if len(frame.validation_rows) else "epoch"
    training = Training(
        passes=config.epochs, score=score, maximise=score == "epoch", state=state, unit="ECGs"
    )
    with repeatable(seed, machine.threads, modes) as device:
        model = PretrainingModel(ResNet1d(width, depth), len(labels), len(MEASUREMENTS)).to(device)
        compiled(model, device)
        task = PretrainingTask(model, waveforms, frame, config, seed, device)
        optimizer = torch.optim.Adam(model.parameters(), config.learning_rate, fused=True)
        rows = fit(task, optimizer, training)
    if not processes.is_first():
        return
    patients = fitted_on(
        training=table["subject_id"],  # those who choose the pass among them
        stopping=table["subject_id"].iloc[frame.validation_rows],
    )
    save_encoder(model, {**resolved, FITTED_ON: patients}, labels, frame.scaler, output)
    write_csv(pd.DataFrame(rows).rename(columns=HISTORY), history)
    discard_states(state)


def initialise_encoder(
    store: tuple[Sequence[str | Path], Sequence[str | Path]],
    *,
    width: int,
    depth: Sequence[int],
    seed: int,
    output: str | Path,
    history: str | Path,
) -> None:
    """Save the encoder with random weights, for data that have nothing to pretrain on.

    The open ECG demo has waveforms but no machine measurements. The file is of the same kind as
    that of :func:`pretrain_encoder`, and says under ``pretraining`` that there was none.

    Parameters
    ----------
    store, width, depth, seed, output
        As in :func:`pretrain_encoder`.
    history : path-like
        CSV with the columns of :func:`pretrain_encoder` and no epoch.
    """
    log.warning("no machine measurements: the encoder is not pretrained, its weights are random")
    resolved = {
        "encoder": described(RESNET, width, depth),
        "pretraining": None,
        "seed": seed,
        "signal": WaveformStore(*store).signal,
        FITTED_ON: {},
    }
    with repeatable(seed, 1):
        save_without_pretraining(ResNet1d(width, depth), resolved, output, history)


def _vocabulary(path: str | Path) -> list[str]:
    """Read the ordered labels."""
    labels = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(labels, list) or not labels or not all(isinstance(x, str) for x in labels):
        raise InputError("not a list of labels", file=path, remedy="run the rule of targets again")
    return labels


def _read_targets(
    path: str | Path,
    labels: list[str],
    spine: str | Path,
    config: PretrainingConfig,
) -> pd.DataFrame:
    """Read the targets of the patients that may be learned from, sorted by ECG."""
    columns = ["study_id", "subject_id", *MEASUREMENTS, *labels]
    frame = pd.read_parquet(path, columns=columns).sort_values("study_id", ignore_index=True)
    left_out = patients_left_out(spine, config.patients)
    frame = frame[~frame["subject_id"].isin(left_out)].reset_index(drop=True)
    if frame["subject_id"].nunique() < 2:
        raise CohortError(
            "fewer than two patients to pretrain on",
            file=path,
            remedy="use more patients, or set pretraining.patients to all",
        )
    return frame


def _validation_patients(patients: pd.Series, config: PretrainingConfig, seed: int) -> np.ndarray:
    """Return whether each ECG is of a validation patient; there is one, unless the share is 0."""
    if config.validation == 0:
        return np.zeros(len(patients), dtype=bool)
    distinct = np.sort(patients.unique())
    n_drawn = min(max(1, round(config.validation * len(distinct))), len(distinct) - 1)
    drawn = np.random.default_rng(seed).permutation(distinct)[:n_drawn]
    return patients.isin(drawn).to_numpy()
