"""The one training loop of every network of the project.

The loop knows passes over the training rows, the best weights, early stopping, resuming and how a
batch is shared out. The task knows what a batch is, how a loss comes about and what is validated.
Configuration and history call a pass an ``epoch``, as the published files do; elsewhere an epoch is
five minutes of ECG.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from mimicflow.errors import DivergenceError
from mimicflow.learning import processes
from mimicflow.learning.devices import prefetched
from mimicflow.learning.resume import Keeper, Progress, StateFile
from mimicflow.running.progress import Meter, left, say

log = logging.getLogger(__name__)

_SAID = {"train_loss": "loss", "val_loss": "validation loss", "val_auc": "validation AUROC"}


class Task(Protocol):
    """What the loop needs to know about a learning problem."""

    @property
    def model(self) -> nn.Module:
        """Return the network that is trained."""

    def batches(self, pass_number: int) -> list[np.ndarray]:
        """Return the rows of each batch of a pass, the same for the same number."""

    def load(self, rows: np.ndarray) -> Any:
        """Return the inputs of some rows on the device; in a thread of its own on a GPU."""

    def losses(self, rows: np.ndarray, loaded: Any) -> dict[str, Tensor]:
        """Return mean losses of some rows; ``loss`` is minimised, all are recorded."""

    def validate(self) -> dict[str, float]:
        """Return the history columns measured after a pass; the model is in eval mode."""

    def state(self) -> dict[str, Any]:
        """Return what it has gathered in the running pass, as plain values and tensors."""

    def restore(self, state: dict[str, Any]) -> None:
        """Undo `state`."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """How long to train, what to keep."""

    passes: int
    """At most so many passes over the training rows."""
    score: str
    """The history column by which the best pass is chosen."""
    maximise: bool
    """Whether a greater score is better."""
    patience: int | None = None
    """Stop after so many passes without a better score; None: never."""
    decay: float = 1.0
    """Factor of all learning rates after each pass."""
    state: StateFile | None = None
    """Where the state is kept, so that an interrupted job goes on; `discard_states` removes it."""
    unit: str = "rows"
    """What the training rows are."""
    name: str = ""
    """Which training of its job it is, where a job has several."""

    def title(self, pass_number: int) -> str:
        """Return what a pass is called on the terminal."""
        return f"{self.name} pass {pass_number} of {self.passes}".lstrip()


def shuffled_batches(rows: np.ndarray, size: int, seed: int, pass_number: int) -> list[np.ndarray]:
    """Return rows in batches, in an order given by seed and pass alone.

    Parameters
    ----------
    rows : ndarray
        What to shuffle.
    size : int
        Rows of a batch; the last one may be smaller.
    seed, pass_number : int
        Of the order.
    """
    order = np.random.default_rng([seed, pass_number]).permutation(rows)
    return [order[start : start + size] for start in range(0, len(order), size)]


def length_sorted_batches(
    rows: np.ndarray, lengths: np.ndarray, size: int, seed: int, pass_number: int, pool: int = 8
) -> list[np.ndarray]:
    """Return shuffled rows in batches of about equal lengths, in an order by seed and pass alone.

    A batch of sequences takes as many steps as its longest. Rows are therefore sorted by length,
    but only among ``pool`` batches drawn at random, so that batches differ from pass to pass.

    Parameters
    ----------
    rows : ndarray
        What to shuffle.
    lengths : ndarray, same shape
        Of the sequence of each row.
    size : int
        Rows of a batch; some may be smaller.
    seed, pass_number : int
        Of the order.
    pool : int
        Batches that are sorted together.
    """
    generator = np.random.default_rng([seed, pass_number])
    order = generator.permutation(len(rows))
    batches = []
    for start in range(0, len(order), size * pool):
        together = order[start : start + size * pool]
        together = together[np.argsort(lengths[together], kind="stable")]
        batches += [rows[together[first : first + size]] for first in range(0, len(together), size)]
    return [batches[place] for place in generator.permutation(len(batches))]


def fit(task: Task, optimizer: torch.optim.Optimizer, training: Training) -> list[dict[str, Any]]:
    """Train ``task.model`` and leave it with the weights of its best pass.

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
        One row per pass: epoch (from 1), mean training losses, what the task measured, is_best.

    Raises
    ------
    DivergenceError
        The loss, or what the task measured, is not finite.
    """
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, training.decay)
    keeper = Keeper(training.state, task.model, optimizer, schedule, task)
    progress = keeper.restored() or Progress()
    begun, done_before = time.monotonic(), len(progress.history)
    for pass_number in range(len(progress.history) + 1, training.passes + 1):
        if training.patience is not None and progress.waited >= training.patience:
            break
        task.model.train()
        batches = task.batches(pass_number)[progress.n_batches :]
        meter = Meter(sum(map(len, batches)), training.unit, training.title(pass_number))
        losses = _one_pass(task, optimizer, batches, progress, keeper, meter)
        rate = meter.done / meter.seconds
        row = {"epoch": pass_number, **losses}
        schedule.step()
        task.model.eval()
        with torch.no_grad():
            # Of the first process to all: a bit's difference could end the training of some only.
            row |= processes.of_first(task.validate())
        _judge(row, task.model, progress, training)
        if processes.is_first():
            log.info("%s", ", ".join(f"{key} {_short(value)}" for key, value in row.items()))
        _say(row, training, rate, (time.monotonic() - begun) / (pass_number - done_before))
        keeper.save(progress)
    task.model.load_state_dict(progress.best_weights)
    task.model.eval()
    return progress.history


def _one_pass(
    task: Task,
    optimizer: torch.optim.Optimizer,
    batches: list[np.ndarray],
    progress: Progress,
    keeper: Keeper,
    meter: Meter,
) -> dict[str, float]:
    """Step through the batches that are left; return the mean losses over all rows."""
    shares = [processes.share_of(rows) for rows in batches]
    device = next(task.model.parameters()).device
    loaded = prefetched(lambda share: task.load(share.rows), shares, device)
    for share, inputs in loaded:
        optimizer.zero_grad(set_to_none=True)
        with processes.sharing(share):
            losses = task.losses(share.rows, inputs)
            (losses["loss"] * share.weight).backward()
        optimizer.step()
        _add(losses, share, progress)
        keeper.save_in_time(progress)
        meter.step(share.total)
    sums, n_rows = processes.total(progress.sums), progress.n_rows
    progress.sums, progress.n_rows, progress.n_batches = {}, 0, 0
    if not math.isfinite(sums["loss"]):
        raise DivergenceError(
            f"the loss is not finite in pass {len(progress.history) + 1}",
            remedy="lower the learning rates in config.yaml",
        )
    return {f"train_{name}": total / n_rows for name, total in sums.items()}


def _add(losses: dict[str, Tensor], share: processes.Share, progress: Progress) -> None:
    """Count a batch; the sums stay on the device, so that nobody waits for it."""
    part = share.weight * share.total / processes.n_processes()
    for name, value in losses.items():
        added = value.detach().double() * part
        progress.sums[name] = progress.sums[name] + added if name in progress.sums else added
    progress.n_rows += share.total
    progress.n_batches += 1


def _judge(row: dict[str, Any], model: nn.Module, progress: Progress, training: Training) -> None:
    """Record a pass and keep its weights if it is the best so far."""
    score = row[training.score]
    gain = score - progress.best_score if training.maximise else progress.best_score - score
    row["is_best"] = not progress.history or gain > 0
    progress.history.append(row)
    progress.waited += 1
    if row["is_best"]:
        progress.best_score, progress.waited = score, 0
        progress.best_weights = copy.deepcopy(model.state_dict())


def _say(row: dict[str, Any], training: Training, rate: float, seconds: float) -> None:
    """Say of a finished pass how good it was, how fast, and how long others as long as it take."""
    scores = [f"{word} {row[name]:.3f}" for name, word in _SAID.items() if name in row]
    remaining = left(seconds * (training.passes - row["epoch"]))
    say(
        f"{training.title(row['epoch'])}: {', '.join(scores)}, {rate:,.0f} {training.unit}/s, "
        f"{'' if training.patience is None else 'at most '}{remaining} left"
    )


def _short(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
