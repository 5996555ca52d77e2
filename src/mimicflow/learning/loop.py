"""One training loop for every network of the project.

It knows epochs, the best weights, early stopping and resuming. What a batch is, how a loss comes
about and what is validated, the task knows.
"""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from mimicflow.errors import CheckpointError, MimicflowError
from mimicflow.files import sha256
from mimicflow.learning.checkpoints import load_checkpoint, load_weights, save_checkpoint

log = logging.getLogger(__name__)


class Task(Protocol):
    """What the loop needs to know about a learning problem."""

    @property
    def model(self) -> nn.Module:
        """Return the network that is trained."""

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Return the rows of each batch of this epoch, the same for the same epoch."""

    def losses(self, rows: np.ndarray) -> dict[str, Tensor]:
        """Return mean losses of a batch; ``loss`` is minimised, all are recorded."""

    def validate(self) -> dict[str, float]:
        """Return the history columns measured after an epoch; the model is in eval mode."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """How long to train, what to keep."""

    epochs: int
    """At most so many passes over the training rows."""
    score: str
    """The history column by which the best epoch is chosen."""
    maximise: bool
    """Whether a greater score is better."""
    patience: int | None = None
    """Stop after so many epochs without a better score; None: never."""
    decay: float = 1.0
    """Factor of all learning rates after each epoch."""
    resume: Path | None = None
    """Where the state is kept between epochs, so that an interrupted job goes on."""
    fingerprint: str = ""
    """Of data and configuration; a state with another one is not resumed."""


@dataclass
class _Progress:
    """All that changes from epoch to epoch, beside the model and the optimiser."""

    history: list[dict[str, Any]] = field(default_factory=list)
    best_score: float = math.nan
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    waited: int = 0


def shuffled_batches(rows: np.ndarray, size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return rows in batches, in an order given by seed and epoch alone.

    Parameters
    ----------
    rows : ndarray
        What to shuffle.
    size : int
        Rows of a batch; the last one may be smaller.
    seed, epoch : int
        Of the order.
    """
    order = np.random.default_rng([seed, epoch]).permutation(rows)
    return [order[start : start + size] for start in range(0, len(order), size)]


def length_sorted_batches(
    rows: np.ndarray, lengths: np.ndarray, size: int, seed: int, epoch: int, pool: int = 8
) -> list[np.ndarray]:
    """Return shuffled rows in batches of about equal lengths, in an order by seed and epoch alone.

    A batch of sequences takes as many steps as its longest. Rows are therefore sorted by length,
    but only among ``pool`` batches drawn at random, so that batches differ from epoch to epoch.

    Parameters
    ----------
    rows : ndarray
        What to shuffle.
    lengths : ndarray, same shape
        Of the sequence of each row.
    size : int
        Rows of a batch; some may be smaller.
    seed, epoch : int
        Of the order.
    pool : int
        Batches that are sorted together.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(rows))
    batches = []
    for start in range(0, len(order), size * pool):
        together = order[start : start + size * pool]
        together = together[np.argsort(lengths[together], kind="stable")]
        batches += [rows[together[first : first + size]] for first in range(0, len(together), size)]
    return [batches[place] for place in generator.permutation(len(batches))]


def resume_path(output: str | Path) -> Path:
    """Return where the state of a job lives: beside its output, hidden.

    Not a declared output, since Snakemake deletes those before a job starts.
    """
    output = Path(output)
    return output.with_name(f".{output.stem}.resume.pth")


def fingerprint(files: Iterable[str | Path], settings: Any) -> str:
    """Return a digest of the data and the configuration that a training state belongs to.

    Parameters
    ----------
    files : iterable of path-like
        Input files, by content.
    settings : JSON-like
        Everything else that decides the result.
    """
    content = [[sha256(file) for file in files], settings, torch.__version__]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def fit(task: Task, optimizer: torch.optim.Optimizer, training: Training) -> list[dict[str, Any]]:
    """Train ``task.model`` and leave it with the weights of its best epoch.

    Parameters
    ----------
    task : Task
        The learning problem.
    optimizer : torch.optim.Optimizer
        Over the parameters that are trained.
    training : Training
        Length and selection.

    Returns
    -------
    list of dict
        One row per epoch: epoch (from 1), mean training losses, what the task measured, is_best.

    Raises
    ------
    MimicflowError
        The loss is not finite.
    """
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, training.decay)
    progress = _resumed(task, optimizer, schedule, training) or _Progress()
    for epoch in range(len(progress.history) + 1, training.epochs + 1):
        if training.patience is not None and progress.waited >= training.patience:
            break
        task.model.train()
        row: dict[str, Any] = {"epoch": epoch, **_one_epoch(task, optimizer, epoch)}
        schedule.step()
        task.model.eval()
        with torch.no_grad():
            row |= task.validate()
        _judge(row, task.model, progress, training)
        log.info("%s", ", ".join(f"{key} {_short(value)}" for key, value in row.items()))
        _keep(task, optimizer, schedule, progress, training)
    task.model.load_state_dict(progress.best_weights)
    task.model.eval()
    if training.resume is not None:
        training.resume.unlink(missing_ok=True)
    return progress.history


def _one_epoch(task: Task, optimizer: torch.optim.Optimizer, epoch: int) -> dict[str, float]:
    """Step through the batches; return the mean losses over rows."""
    sums: dict[str, float] = {}
    n_rows = 0
    for rows in _with_bar(task.batches(epoch), epoch):
        optimizer.zero_grad(set_to_none=True)
        losses = task.losses(rows)
        losses["loss"].backward()
        optimizer.step()
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value.item() * len(rows)
        n_rows += len(rows)
    if not math.isfinite(sums["loss"]):
        raise MimicflowError(
            f"the loss is not finite in epoch {epoch}",
            remedy="lower the learning rates in config.yaml",
        )
    return {f"train_{name}": total / n_rows for name, total in sums.items()}


def _with_bar(batches: list[np.ndarray], epoch: int) -> Iterator[np.ndarray]:
    """Show progress on a terminal, nothing elsewhere."""
    yield from tqdm(batches, desc=f"epoch {epoch}", leave=False, disable=None)


def _judge(row: dict[str, Any], model: nn.Module, progress: _Progress, training: Training) -> None:
    """Record an epoch and keep its weights if it is the best so far."""
    score = row[training.score]
    gain = score - progress.best_score if training.maximise else progress.best_score - score
    row["is_best"] = not progress.history or gain > 0
    progress.history.append(row)
    progress.waited += 1
    if row["is_best"]:
        progress.best_score, progress.waited = score, 0
        progress.best_weights = copy.deepcopy(model.state_dict())


def _short(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _keep(
    task: Task,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    progress: _Progress,
    training: Training,
) -> None:
    """Write the state after an epoch."""
    if training.resume is None:
        return
    content = {
        "fingerprint": training.fingerprint,
        "model": task.model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": {"last_epoch": schedule.last_epoch},
        "random": torch.get_rng_state(),
        "progress": dict(vars(progress)),
    }
    save_checkpoint("training state", content, training.resume)


def _resumed(
    task: Task,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    training: Training,
) -> _Progress | None:
    """Go back to the state of an interrupted job, if there is one of the same data and config."""
    if training.resume is None or not training.resume.exists():
        return None
    try:
        content = load_checkpoint("training state", training.resume)
    except CheckpointError as error:
        log.warning("starting anew: %s", error)
        return None
    if content["fingerprint"] != training.fingerprint:
        log.warning("starting anew: %s is of other data or configuration", training.resume)
        return None
    load_weights(task.model, content["model"], training.resume)
    optimizer.load_state_dict(content["optimizer"])
    schedule.last_epoch = content["schedule"]["last_epoch"]
    torch.set_rng_state(content["random"])
    progress = _Progress(**content["progress"])
    log.info("resuming after epoch %d", len(progress.history))
    return progress
