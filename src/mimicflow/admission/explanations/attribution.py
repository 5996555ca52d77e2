"""Attribute the logit of admission to single inputs, by integrated gradients.

An integrated gradient says how many log-odds an input adds to or takes from the prediction, when
all inputs are led in a straight line from a baseline to what they are; all together make the
difference to the baseline (Sundararajan et al. 2017, arXiv:1703.01365). Baselines: for waveforms
the isoelectric line, 0 mV; for static features the training mean where they are numbers (0 after
scaling), "no" where they are flags. What is not explained keeps its real value.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from mimicflow.admission.inputs import AdmissionInputs, InputFiles, InputOptions
from mimicflow.admission.model import Batch
from mimicflow.admission.prediction import Predictor, load_predictor
from mimicflow.admission.training import EcgSource
from mimicflow.ecg.given.contract import RESNET
from mimicflow.ecg.store import WaveformStore
from mimicflow.errors import CheckpointError
from mimicflow.evaluation.statistics.recalibration import calibrated
from mimicflow.learning.devices import repeatable

log = logging.getLogger(__name__)

TOLERANCE = 0.05
"""Share of the difference to the baseline that the sum of the attributions may miss."""
_STAYS_AT_ONCE = 32
_STEPS_AT_ONCE = 16  # of one stay's ECGs, which are the largest input


@contextmanager
def explained_model(
    weights: str | Path,
    inputs: InputFiles,
    options: InputOptions,
    store: tuple[Sequence[str | Path], Sequence[str | Path]],
    seed: int,
    threads: int,
    steps: int,
    architecture: str = RESNET,
) -> Iterator[Explained]:
    """Open a model with its inputs, to be explained within the block; see `explain_model`.

    Raises
    ------
    CheckpointError
        The model was fitted on other training stays, features or waveforms.
    """
    predictor = load_predictor(weights, architecture)
    waveforms = WaveformStore(*store)
    waveforms.require(predictor.signal)
    data = AdmissionInputs(inputs, predictor.model.config, options)
    _require_same_training(predictor, data, weights)
    # The GRU of cuDNN gives gradients in training mode only.
    with repeatable(seed, threads) as device, torch.backends.cudnn.flags(enabled=False):
        yield Explained(predictor, data, waveforms, device, steps)


def integrated_gradients(
    logit: Callable[..., Tensor],
    inputs: Tensor,
    stays: Tensor,
    steps: int,
    at_once: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the integrated gradients from 0, and how much their sum misses of the difference.

    Parameters
    ----------
    logit : callable
        Of inputs (B, ...) and of the stays that they belong to (B,), the logits (B,).
    inputs : Tensor
        (B, ...) what is explained.
    stays : Tensor
        (B,) int, handed to ``logit``.
    steps : int
        Points of the Gauss-Legendre rule.
    at_once : int, optional
        Points computed together; all by default.

    Returns
    -------
    attributions : Tensor
        Shaped as the inputs.
    missed : Tensor
        (B,), sum of the attributions less the difference of the logits, in log-odds.
    """
    found = IntegratedGradients(logit, multiply_by_inputs=True).attribute(
        inputs,
        baselines=torch.zeros_like(inputs),
        additional_forward_args=(stays,),
        n_steps=steps,
        method="gausslegendre",
        internal_batch_size=at_once,
    )
    with torch.no_grad():
        difference = logit(inputs, stays) - logit(torch.zeros_like(inputs), stays)
    missed = found.flatten(1).sum(1) - difference
    worst = float((missed.abs() / difference.abs().clamp(min=1.0)).max())
    level = logging.WARNING if worst > TOLERANCE else logging.INFO
    log.log(
        level,
        "integrated gradients of %d stays: the sums miss at most %.4f of the difference to the "
        "baseline (allowed %.2f; more steps miss less)",
        len(inputs),
        worst,
        TOLERANCE,
    )
    return found.detach(), missed


class Explained:
    """The model with its test stays, as functions of one input alone."""

    def __init__(
        self,
        predictor: Predictor,
        data: AdmissionInputs,
        waveforms: WaveformStore,
        device: torch.device,
        steps: int,
    ) -> None:
        self.predictor, self.data, self.waveforms = predictor, data, waveforms
        self.device, self.steps = device, steps
        self.model = predictor.model.to(device).requires_grad_(False)
        self._embedded = (
            EcgSource(waveforms, data.study_ids, self.model.encoder, "embedding", cache_mb=0)
            if "ecg" in data.branches
            else lambda rows: torch.empty(0)
        )

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Return the logits of some stays, (n,) float32."""
        with torch.no_grad():
            found = [
                self.model(self._batch(some), "embedding").cpu().numpy() for some in _parts(rows)
            ]
        return np.concatenate(found)

    def probability(self, rows: np.ndarray) -> np.ndarray:
        """Return the calibrated probabilities of label 1 of some stays, (n,)."""
        return calibrated(self.logits(rows), self.predictor.temperature)

    def static(self, rows: np.ndarray) -> np.ndarray:
        """Return what each static feature adds to the logit of some stays, (n, features)."""
        if "static" not in self.data.branches:
            return np.zeros((0, len(self.data.preprocessor.features)))
        found = []
        for some in _parts(rows):
            batch = self._batch(some)

            def logit(static: Tensor, stays: Tensor, batch: Batch = batch) -> Tensor:
                return self.model(_taken(batch, stays, static=static), "embedding")

            assert batch.static is not None
            places = torch.arange(len(some), device=self.device)
            attributions, _ = integrated_gradients(logit, batch.static, places, self.steps)
            found.append(attributions.cpu().numpy())
        return np.concatenate(found)

    def ecgs(self, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return a stay's ECGs in mV, their lead masks, and what each sample adds to the logit.

        Returns
        -------
        waveforms : ndarray of shape (T, 12, samples)
        lead_mask : ndarray of bool, shape (T, 12)
        attributions : ndarray of shape (T, 12, samples)
        """
        batch = self._batch(np.array([row]))
        index = self.data.ecg_index[row]
        studies = self.data.study_ids[index[index >= 0].numpy()]
        waveforms, lead_mask = self.waveforms.read(studies)
        n_ecgs = len(studies)

        def logit(ecgs: Tensor, stays: Tensor) -> Tensor:
            places = torch.arange(len(ecgs) * n_ecgs, device=self.device)
            own = {"ecgs": ecgs.flatten(0, 1), "ecg_index": places.view(-1, n_ecgs)}
            hours = batch.hours[stays, :n_ecgs]  # type: ignore[index]
            return self.model(_taken(batch, stays, **own, hours=hours))

        inputs = torch.from_numpy(waveforms)[None].to(self.device)
        first = torch.zeros(1, dtype=torch.int64, device=self.device)
        found, _ = integrated_gradients(logit, inputs, first, self.steps, _STEPS_AT_ONCE)
        return waveforms, lead_mask, found[0].cpu().numpy()

    def _batch(self, rows: np.ndarray) -> Batch:
        return self.data.batch(rows, self._embedded).to(self.device)


def _parts(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[at : at + _STAYS_AT_ONCE] for at in range(0, len(rows), _STAYS_AT_ONCE)]


def _taken(batch: Batch, stays: Tensor, **instead: Tensor) -> Batch:
    """Return some stays of a batch, repeats allowed, with some inputs replaced."""
    taken = {
        name: value if value is None or name == "ecgs" else value[stays.to(value.device)]
        for name, value in vars(batch).items()
    }
    return Batch(**{**taken, **instead})


def _require_same_training(
    predictor: Predictor, data: AdmissionInputs, weights: str | Path
) -> None:
    """Refuse tables whose training stays are not those of the model."""
    then, now = predictor.preprocessor, data.preprocessor
    same = (
        then.features == now.features
        and then.acuity_median == now.acuity_median
        and np.array_equal(then.static_scaler.mean, now.static_scaler.mean)
        and np.array_equal(then.vitals_scaler.mean, now.vitals_scaler.mean)
    )
    if not same:
        raise CheckpointError(
            "the model was fitted on other training stays or features",
            file=weights,
            remedy="give the tables, the split and the options that it was trained with",
        )
