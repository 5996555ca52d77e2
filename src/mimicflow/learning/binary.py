"""Train on yes-or-no outcomes: loss, class weights, and what is measured after each pass."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from sklearn.metrics import average_precision_score, confusion_matrix, roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from mimicflow.errors import DivergenceError
from mimicflow.evaluation.statistics.recalibration import calibrated
from mimicflow.learning import processes
from mimicflow.learning.loop import shuffled_batches

EVALUATION_BATCH = 128
COUNTS = ["tn", "fp", "fn", "tp"]


class BinarySettings(Protocol):
    """What a configuration must say of a network with a yes-or-no outcome."""

    @property
    def batch_size(self) -> int:
        """Return the rows of a step."""

    @property
    def pos_weight(self) -> str:
        """Return ``none``, or ``balanced``: positives weigh negatives per positive."""


class BinaryTask:
    """Binary cross-entropy of logits; scores of training rows are those seen during the pass.

    A subclass says in :meth:`load` what a batch is made of, and in :meth:`logits` how the network
    is called.

    Parameters
    ----------
    model : nn.Module
        What is trained.
    settings : BinarySettings
        Batch size and weight of positives.
    labels : Tensor
        0 or 1 of every row, (rows,) float.
    training_rows, validation_rows : ndarray
        Rows that are trained on, and those that are scored after every pass.
    threshold : float
        Of the confusion matrix, on the probability.
    seed : int
        Of the order of batches.
    device : torch.device
        Where it is computed.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: BinarySettings,
        labels: Tensor,
        training_rows: np.ndarray,
        validation_rows: np.ndarray,
        *,
        threshold: float,
        seed: int,
        device: torch.device,
    ) -> None:
        self.model: nn.Module = model
        self.network = processes.Replica(model)
        self.labels, self.batch_size = labels, settings.batch_size
        self.training_rows, self.validation_rows = training_rows, validation_rows
        self.threshold, self.seed, self.device = threshold, seed, device
        self.pos_weight = torch.ones(())
        if settings.pos_weight == "balanced":
            trained = labels[torch.from_numpy(training_rows)]
            self.pos_weight = (trained == 0).sum() / (trained == 1).sum()
        self.pos_weight = self.pos_weight.to(device)
        self._seen: list[tuple[np.ndarray, Tensor]] = []

    def load(self, rows: np.ndarray) -> Any:
        """Return the network's inputs for some rows, on the device."""
        raise NotImplementedError

    def logits(self, loaded: Any) -> Tensor:
        """Return the logits of what was loaded, (rows,), on the device."""
        raise NotImplementedError

    def batches(self, pass_number: int) -> list[np.ndarray]:
        """Return the training rows in shuffled batches."""
        return shuffled_batches(self.training_rows, self.batch_size, self.seed, pass_number)

    def losses(self, rows: np.ndarray, loaded: Any) -> dict[str, Tensor]:
        """Return the loss of some rows, and remember their scores for the training AUROC."""
        logits = self.logits(loaded)
        self._seen.append((rows, logits.detach()))
        return {"loss": self._loss(logits, rows)}

    def _loss(self, logits: Tensor, rows: np.ndarray) -> Tensor:
        labels = self.labels[torch.from_numpy(rows)].to(self.device)
        return functional.binary_cross_entropy_with_logits(
            logits, labels, pos_weight=self.pos_weight
        )

    @torch.no_grad()
    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return the logits of some rows, the model being in eval mode."""
        starts = range(0, len(rows), EVALUATION_BATCH)
        logits = [
            self.logits(self.load(rows[start : start + EVALUATION_BATCH])) for start in starts
        ]
        return torch.cat(logits).cpu().numpy()

    def validate(self) -> dict[str, float]:
        """Return loss, scores and confusion matrix after a pass.

        Raises
        ------
        DivergenceError
            A prediction is not finite: the last steps of the pass were too large.
        """
        rows, known = self.validation_rows, self.labels.numpy()
        logits, labels = self.predict(rows), known[rows]
        if not np.isfinite(logits).all():
            raise DivergenceError(
                "the predictions of validation rows are not finite",
                remedy="lower the learning rates in config.yaml",
            )
        seen, scores = self._seen_rows()
        self._seen.clear()
        matrix = confusion_matrix(labels, calibrated(logits, 1.0) >= self.threshold, labels=[0, 1])
        device_logits = torch.from_numpy(logits).to(self.device)
        return {
            "val_loss": self._loss(device_logits, rows).item(),
            "train_auc": float(roc_auc_score(known[seen], scores)),
            "val_auc": float(roc_auc_score(labels, logits)),
            "train_ap": float(average_precision_score(known[seen], scores)),
            "val_ap": float(average_precision_score(labels, logits)),
            **dict(zip(COUNTS, matrix.ravel().tolist(), strict=True)),
        }

    def _seen_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the training rows of the pass so far, of all processes, and their logits."""
        rows = torch.from_numpy(np.concatenate([np.empty(0, int), *(r for r, _ in self._seen)]))
        logits = torch.cat([torch.empty(0, device=self.device), *(seen for _, seen in self._seen)])
        if processes.n_processes() > 1:
            rows, logits = processes.gathered(rows), processes.gathered(logits)
            # A batch of fewer rows than processes is computed by all of them.
            distinct, first = np.unique(rows.numpy(), return_index=True)
            return distinct, logits.cpu().numpy()[first]
        return rows.numpy(), logits.cpu().numpy()

    def state(self) -> dict[str, Any]:
        """Return the training rows seen in the running pass and their logits."""
        rows, logits = self._seen_rows()
        return {"rows": torch.from_numpy(rows), "logits": torch.from_numpy(logits)}

    def restore(self, state: dict[str, Any]) -> None:
        """Undo :meth:`state`; one process counts what all had seen."""
        self._seen.clear()
        if processes.is_first():
            self._seen.append((state["rows"].numpy(), state["logits"].to(self.device)))
