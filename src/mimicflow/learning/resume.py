"""Keep the state of a training beside its output until the output is there.

A job that is killed goes on from its last state, and on a CPU ends with the same bits as one that
was not: weights, optimiser, random numbers, and how far it was within the pass are all in it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mimicflow.errors import CheckpointError
from mimicflow.learning import processes
from mimicflow.learning.checkpoints import load_checkpoint, load_weights, save_checkpoint
from mimicflow.running.sources import sources
from mimicflow.running.storage import make_folder
from mimicflow.running.writing import sha256

log = logging.getLogger(__name__)

KIND = "training state"
_LOOK_EVERY = 20  # batches between looks at the clock that several processes must agree on


@dataclass
class Progress:
    """All that changes in training, beside the model and the optimiser."""

    history: list[dict[str, Any]] = field(default_factory=list)
    """A row per finished pass."""
    best_score: float = math.nan
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    waited: int = 0
    """Passes since the best one."""
    n_batches: int = 0
    """Done of the pass that is running."""
    n_rows: int = 0
    """In these batches."""
    sums: dict[str, Tensor] = field(default_factory=dict)
    """Of each loss over these rows, by this process."""


@dataclass(frozen=True, kw_only=True)
class StateFile:
    """Where the state is kept, whose it is, and how often it is written besides every pass."""

    path: Path
    fingerprint: str
    """Of data and configuration; a state with another one is not resumed."""
    minutes: float = 10
    """Between two states within a pass."""


def resume_path(output: str | Path) -> Path:
    """Return where the state of a job lives: beside its output, hidden.

    Not a declared output, since Snakemake deletes those before a job starts. Where the folder of a
    job goes with it, as on Kubernetes, the environment names another (``MIMICFLOW_STATES``).
    """
    output = Path(output)
    state = output.with_name(f".{output.stem}.resume.pth")
    folder = os.environ.get("MIMICFLOW_STATES")
    if folder is None:
        return state
    state = Path(folder, state.relative_to(state.anchor))
    make_folder(state.parent)
    return state


def fingerprint(
    files: Iterable[str | Path],
    settings: Any,
    *,
    module: str,
    large: Iterable[str | Path] = (),
) -> str:
    """Return a digest of the data, the configuration and the code that a training state is of.

    Parameters
    ----------
    files : iterable of path-like
        Input files, by content.
    settings : JSON-like
        Everything else that decides the result.
    module : str
        Of the package, that trains: with all that it imports.
    large : iterable of path-like
        Input files that take long to read, by size and time.
    """
    code = [sha256(file) for file in sources(module)]
    sizes = [(Path(file).stat().st_size, Path(file).stat().st_mtime_ns) for file in large]
    content = [[sha256(file) for file in files], sizes, code, settings, torch.__version__]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def discard_states(*files: StateFile) -> None:
    """Remove the states of a job whose outputs are all written."""
    for file in files:
        if processes.is_first():
            file.path.unlink(missing_ok=True)


class Keeper:
    """Writes the state of one training and goes back to it.

    Parameters
    ----------
    file : StateFile or None
        None: nothing is kept.
    model, optimizer, schedule
        What is trained.
    task : object
        Has ``state()``, plain values and tensors of what it has gathered in the running pass, and
        ``restore(state)``.
    """

    def __init__(
        self,
        file: StateFile | None,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        task: Any,
    ) -> None:
        self.file, self.task = file, task
        self.model, self.optimizer, self.schedule = model, optimizer, schedule
        self._written = time.monotonic()

    def save_in_time(self, progress: Progress) -> None:
        """Write the state when the last one is old enough; called after every batch."""
        if self.file is None:
            return
        if processes.n_processes() > 1 and progress.n_batches % _LOOK_EVERY:
            return
        due = time.monotonic() - self._written >= self.file.minutes * 60
        if processes.of_first(due):
            self.save(progress)

    def save(self, progress: Progress) -> None:
        """Write the state."""
        if self.file is None:
            return
        # All processes take part in what is gathered; the first one writes.
        content = {
            "fingerprint": self.file.fingerprint,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": {"last_epoch": self.schedule.last_epoch},
            "random": _random_state(),
            "progress": {**vars(progress), "sums": processes.total(progress.sums)},
            "task": self.task.state(),
        }
        if processes.is_first():
            save_checkpoint(KIND, content, self.file.path)
        self._written = time.monotonic()

    def restored(self) -> Progress | None:
        """Go back to the state of a killed job, if there is one of this data and configuration."""
        content = self._read()
        if content is None:
            return None
        assert self.file is not None
        load_weights(self.model, content["model"], self.file.path)
        self.optimizer.load_state_dict(content["optimizer"])
        self.schedule.last_epoch = content["schedule"]["last_epoch"]
        _set_random_state(content["random"])
        device = next(self.model.parameters()).device
        # What all processes had gathered is counted once.
        first = float(processes.is_first())
        sums = {
            name: torch.tensor(value * first, dtype=torch.float64, device=device)
            for name, value in content["progress"]["sums"].items()
        }
        progress = Progress(**{**content["progress"], "sums": sums})
        self.task.restore(content["task"])
        log.info(
            "resuming after %d passes and %d batches", len(progress.history), progress.n_batches
        )
        return progress

    def _read(self) -> dict[str, Any] | None:
        """Return the content of a state that belongs to this training."""
        if self.file is None or not self.file.path.exists():
            return None
        try:
            content = load_checkpoint(KIND, self.file.path)
        except CheckpointError as error:
            log.warning("starting anew: %s", error)
            return None
        if content["fingerprint"] != self.file.fingerprint:
            log.warning("starting anew: %s is of other data or configuration", self.file.path)
            return None
        return content


def _random_state() -> dict[str, Tensor]:
    """Return the states of the generators, the same in all processes."""
    states = {"cpu": torch.get_rng_state()}
    return states | ({"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else {})


def _set_random_state(states: dict[str, Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
