"""Train the recurrent networks: the same split for all, several repeats of each."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from mimicflow.evaluation.statistics.metrics import scores
from mimicflow.evaluation.statistics.recalibration import calibrated
from mimicflow.learning.binary import BinaryTask
from mimicflow.learning.checkpoints import save_checkpoint
from mimicflow.learning.configs import parse
from mimicflow.learning.devices import Machine, repeatable, to_device
from mimicflow.learning.fitted_on import FITTED_ON
from mimicflow.learning.loop import Training, fit, length_sorted_batches
from mimicflow.learning.resume import StateFile, discard_states, fingerprint, resume_path
from mimicflow.mortality.inputs import MortalityInputs
from mimicflow.mortality.model import NetworkConfig, VisitNetwork, n_parameters
from mimicflow.mortality.sequences import Reading
from mimicflow.running.writing import write_csv, write_json, write_parquet

log = logging.getLogger(__name__)

KIND = "mortality network"
HISTORY = [
    *("epoch", "train_loss", "val_loss", "train_auc", "val_auc", "train_ap", "val_ap"),
    "is_best",
]
# The history column whose greatest value names the pass that is kept.
_KEPT = {"best": "val_auc", "last": "epoch"}


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Section ``mortality.training``, with what the protocol says of it."""

    batch_size: int
    """Stays per step."""
    stopping: Literal["best", "last"]
    """The pass that is kept: the best on validation patients, or the last."""
    epochs: int
    """At most."""
    learning_rate: float
    """Of Adam."""
    pos_weight: Literal["none", "balanced"]
    """Weight of those who died; balanced: survivors per death."""


@dataclass(frozen=True, kw_only=True)
class FitFiles:
    """What fitting a model writes, network or baseline."""

    model: str | Path
    """The model of the first repeat (.pth)."""
    predictions: str | Path
    """Parquet: predictions of the first repeat for validation and test patients."""
    repeats: str | Path
    """CSV: repeat, seed, parameters, kept_epoch, log_loss, auroc, auprc of who is reported."""
    timing: str | Path
    """JSON: train_seconds of each repeat, of this run (less when it was resumed)."""
    history: str | Path | None = None
    """CSV, one row per pass of the first repeat."""


class VisitTask(BinaryTask):
    """Binary cross-entropy of death within the horizon, visits packed."""

    def __init__(
        self,
        model: VisitNetwork,
        inputs: MortalityInputs,
        settings: TrainingConfig,
        seed: int,
        device: torch.device,
    ) -> None:
        self.inputs = inputs
        self.vectors = to_device(torch.from_numpy(inputs.sequences.vectors), device)
        super().__init__(
            model,
            settings,
            torch.from_numpy(inputs.labels),
            inputs.rows("train"),
            inputs.rows("validation"),
            threshold=0.5,
            seed=seed,
            device=device,
        )

    def batches(self, pass_number: int) -> list[np.ndarray]:
        """Return training stays in batches of about equally many visits."""
        lengths = self.inputs.sequences.lengths[self.inputs.visit_rows[self.training_rows]]
        return length_sorted_batches(
            self.training_rows, lengths, self.batch_size, self.seed, pass_number
        )

    def load(self, rows: np.ndarray) -> PackedSequence:
        """Return the visits of some stays, packed."""
        return self.inputs.sequences.pack(self.inputs.visit_rows[rows], self.vectors)

    def logits(self, loaded: PackedSequence) -> Tensor:
        """Return the logits of packed visits."""
        return self.network(loaded)


def train_visit_network(
    name: str,
    *,
    network: Mapping[str, Any],
    training: Mapping[str, Any],
    spine: str | Path,
    sequences: str | Path,
    reading: Mapping[str, Any],
    outputs: FitFiles,
    seeds: int,
    seed: int,
    machine: Machine,
    reported: Literal["test", "validation"] = "test",
) -> None:
    """Train one network ``seeds`` times on the training patients; keep the first.

    Parameters
    ----------
    name : str
        Of the model, as in the configuration.
    network, training : mapping
        Fields of `NetworkConfig` and `TrainingConfig`.
    spine, sequences : path-like
        As `MortalityInputs` reads them.
    reading : mapping
        Fields of `Reading`: how the visits behind ``sequences`` were read.
    outputs : FitFiles
        What is written.
    seeds : int
        Repeats, with weights and orders of batches of their own: the k-th has ``seed + k - 1``.
    seed : int
        Of all that is drawn.
    machine : Machine
        What it is computed on; the same seed and threads give the same bytes on a CPU.
    reported : {"test", "validation"}
        The part whose scores the table of repeats has; of ``validation``, as in a trial, there need
        be no test patients.

    Raises
    ------
    ConfigError, CohortError, InputError
        A setting or patients that nothing can be learned from.
    """
    modes = machine.occupy()
    config = parse(NetworkConfig, network, f"mortality.networks.{name}")
    settings = parse(TrainingConfig, training, "mortality.training")
    data = MortalityInputs(spine, sequences, ("train", "validation", reported))
    resolved = {
        "name": name,
        "seed": seed,
        "network": asdict(config),
        "training": asdict(settings),
        "reading": asdict(parse(Reading, reading, "mortality")),
        "vocabulary_hash": data.sequences.vocabulary_hash,
        "features": [f"med2vec_{place}" for place in range(data.sequences.vectors.shape[1])],
    }
    hidden = resume_path(outputs.model)
    states = [
        StateFile(
            path=hidden.with_name(f"{hidden.stem}.{repeat}{hidden.suffix}"),
            fingerprint=fingerprint(
                [spine, sequences], {**resolved, "repeat": repeat}, module="mortality.training"
            ),
            minutes=machine.save_minutes,
        )
        for repeat in range(1, seeds + 1)
    ]
    repeats, seconds = [], []
    for repeat, state in enumerate(states, start=1):
        started = time.perf_counter()
        with repeatable(seed + repeat - 1, machine.threads, modes) as device:
            model, history, predictions = _fit_once(
                config, settings, data, state, repeat, seed + repeat - 1, device
            )
        seconds.append(time.perf_counter() - started)
        kept = max(row["epoch"] for row in history if row["is_best"])
        scored = predictions[predictions["split"] == reported]
        repeats.append(repeat_row(repeat, seed + repeat - 1, n_parameters(model), kept, scored))
        if repeat == 1:
            stopped = {"stopping": "validation"} if settings.stopping == "best" else {}
            patients = data.fitted_on(training="train", **stopped)
            content = {**resolved, FITTED_ON: patients, "weights": model.state_dict()}
            save_checkpoint(KIND, content, outputs.model)
            write_parquet(predictions, outputs.predictions)
            if outputs.history is not None:
                write_csv(pd.DataFrame(history)[HISTORY], outputs.history)
    write_csv(pd.DataFrame(repeats), outputs.repeats)
    write_json({"train_seconds": seconds}, outputs.timing)
    discard_states(*states)


def _fit_once(
    config: NetworkConfig,
    settings: TrainingConfig,
    data: MortalityInputs,
    state: StateFile,
    repeat: int,
    seed: int,
    device: torch.device,
) -> tuple[VisitNetwork, list[dict[str, Any]], pd.DataFrame]:
    """Return the network, its history and its predictions for validation and test patients."""
    plan = Training(
        passes=settings.epochs,
        score=_KEPT[settings.stopping],
        maximise=True,
        state=state,
        unit="stays",
        name=f"repeat {repeat}",
    )
    model = VisitNetwork(config, data.sequences.vectors.shape[1]).to(device)
    task = VisitTask(model, data, settings, seed, device)
    optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)
    history = fit(task, optimizer, plan)
    rows = data.rows("validation", "test")
    return model, history, data.predictions(rows, calibrated(task.predict(rows), 1.0))


def repeat_row(
    repeat: int, seed: int, parameters: int, kept_epoch: int | None, scored: pd.DataFrame
) -> dict[str, Any]:
    """Return a row of the table of repeats: what it was, and the scores of these predictions."""
    found = scores(scored["label"].to_numpy(), scored["probability"].to_numpy())
    return {
        "repeat": repeat,
        "seed": seed,
        "parameters": parameters,
        "kept_epoch": kept_epoch,
        **{score: found[score] for score in ("log_loss", "auroc", "auprc")},
    }
