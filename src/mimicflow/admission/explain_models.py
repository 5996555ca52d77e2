"""Explain the multimodal network by integrated gradients of the logit of admission.

An integrated gradient says how many log-odds an input adds to or takes from the prediction, when
all inputs are led in a straight line from a baseline to what they are; all together make the
difference to the baseline (Sundararajan et al. 2017, arXiv:1703.01365). Baselines: for waveforms
the isoelectric line, 0 mV; for static features the training mean where they are numbers (0 after
scaling), "no" where they are flags. What is not explained keeps its real value.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from captum.attr import IntegratedGradients
from torch import Tensor

from mimicflow.admission.inputs import AdmissionInputs, InputFiles, InputOptions
from mimicflow.admission.model import AdmissionModel, Batch
from mimicflow.admission.prediction import Predictor, load_predictor
from mimicflow.admission.training import EcgSource
from mimicflow.concepts import static_features
from mimicflow.ecg.paper import draw_empty_paper, draw_paper
from mimicflow.ecg.resnet import STAGES
from mimicflow.ecg.store import WaveformStore
from mimicflow.errors import CheckpointError
from mimicflow.evaluation.statistics.recalibration import calibrated
from mimicflow.evaluation.study import Study
from mimicflow.learning.devices import repeatable
from mimicflow.learning.processes import use_devices
from mimicflow.running.writing import write_csv

log = logging.getLogger(__name__)

CASES = {
    "true_positive": (1, True),
    "false_positive": (0, True),
    "true_negative": (0, False),
    "false_negative": (1, False),
}
"""Case -> label, and whether label 1 was predicted."""
DIRECTIONS = {"ADMITTED": ("admission", "discharge"), "HOME": ("discharge", "admission")}
"""Positive class -> what label 1 stands for, and label 0."""
ATTRIBUTIONS = ["model", "feature", "group", "mean_abs", "mean", "rank"]
TOLERANCE = 0.05
"""Share of the difference to the baseline that the sum of the attributions may miss."""

_STAYS_AT_ONCE = 32
_STEPS_AT_ONCE = 16  # of one stay's ECGs, which are the largest input


@dataclass(frozen=True, kw_only=True)
class ExplanationFiles:
    """What :func:`explain_model` writes."""

    attributions: str | Path
    """CSV: model, feature, group, mean_abs, mean (log-odds), rank; of the static features."""
    true_positive: str | Path
    """PNG of the ECG; as for the three others."""
    false_positive: str | Path
    true_negative: str | Path
    false_negative: str | Path


def explain_model(
    name: str,
    weights: str | Path,
    inputs: InputFiles,
    options: InputOptions,
    store: tuple[Sequence[str | Path], Sequence[str | Path]],
    outputs: ExplanationFiles,
    study: Study,
    *,
    threads: int,
    rows: int = 2000,
    steps: int = 50,
    positive_class: str = "ADMITTED",
    devices: int | None = None,
) -> None:
    """Attribute predictions for test stays to static features and to moments of the ECG.

    One stay is drawn per outcome and prediction: the one about which the model was surest. The
    figure shows its prediction ECG without id and time. It is still the ECG of one patient: of
    real patients it stays a results file and goes into no report.

    Parameters
    ----------
    name : str
        Of the model, for the table.
    weights : path-like
        Model file of `mimicflow.admission.training.train_model`.
    inputs, options : InputFiles, InputOptions
        As the model was trained with.
    store : tuple of sequences of path-like
        The store's waveform files (.npy) and index files (.parquet).
    outputs : ExplanationFiles
        What is written. A model without static data gives a table without rows, one without ECGs
        and a case that no test stay is give figures that say so.
    study : Study
        Whose ECGs are drawn. The same seed and threads give the same bytes on a CPU.
    threads : int
        Of PyTorch.
    rows : int
        Test stays, drawn by the seed, whose static features are explained.
    steps : int
        Points on the way from the baseline.
    positive_class : {"ADMITTED", "HOME"}
        What label 1 stands for.
    devices : int, optional
        1: a GPU that no other job has taken; see `use_devices`.

    Raises
    ------
    CheckpointError
        The model was fitted on other training stays, features or waveforms.
    """
    use_devices(devices)
    predictor = load_predictor(weights)
    waveforms = WaveformStore(*store)
    waveforms.require(predictor.signal)
    data = AdmissionInputs(inputs, predictor.model.config, options)
    require_same_training(predictor, data, weights)
    test = data.rows("test")
    # The GRU of cuDNN gives gradients in training mode only.
    with repeatable(study.seed, threads) as device, torch.backends.cudnn.flags(enabled=False):
        model = predictor.model.to(device).requires_grad_(False)
        explained = Explained(model, data, waveforms, device, steps)
        drawn = np.sort(np.random.default_rng(study.seed).permutation(test)[:rows])
        write_csv(_summary(name, explained.static(drawn), data), outputs.attributions)
        probability = calibrated(explained.logits(test), predictor.temperature)
        labels = data.labels.numpy()[test]
        directions = DIRECTIONS[positive_class]
        chosen = choose_cases(labels, probability, predictor.threshold)
        for case, place in chosen.items():
            title, path = case.replace("_", " ").capitalize(), getattr(outputs, case)
            if place is None or "ecg" not in data.branches:
                log.info("no ECG to draw for the case %s", title.lower())
                message = (
                    "No such stay among the test patients"
                    if place is None
                    else "The model does not see the ECG"
                )
                draw_empty_paper(path, study, title=title, message=message)
                continue
            outcome = directions[0 if labels[place] else 1]
            draw_ecgs(
                explained,
                int(test[place]),
                f"{title}: {outcome}, probability of {directions[0]} {probability[place]:.3f}",
                path,
                directions,
                study,
            )


def choose_cases(
    label: np.ndarray, probability: np.ndarray, threshold: float
) -> dict[str, int | None]:
    """Return the position of the surest prediction of each case, None where there is no such.

    Parameters
    ----------
    label, probability : ndarray of shape (n,)
        0/1, and the probability of 1.
    threshold : float
        A probability of at least this means 1.
    """
    positive = probability >= threshold
    chosen: dict[str, int | None] = {}
    for case, (outcome, predicted) in CASES.items():
        places = np.flatnonzero((label == outcome) & (positive == predicted))
        sureness = probability[places] if predicted else -probability[places]
        chosen[case] = int(places[sureness.argmax()]) if len(places) else None
    return chosen


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
        model: AdmissionModel,
        data: AdmissionInputs,
        waveforms: WaveformStore,
        device: torch.device,
        steps: int,
    ) -> None:
        self.model, self.data, self.waveforms = model, data, waveforms
        self.device, self.steps = device, steps
        self._embedded = (
            EcgSource(waveforms, data.study_ids, model.encoder, "embedding", cache_mb=0)
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
            return self.model(_taken(batch, stays, **own, hours=hours), STAGES[0])

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


def _summary(name: str, attributions: np.ndarray, data: AdmissionInputs) -> pd.DataFrame:
    """Mean attributions per static feature, the largest first."""
    if not len(attributions):
        return pd.DataFrame(columns=ATTRIBUTIONS)
    groups = static_features().set_index("name")["group"]
    frame = pd.DataFrame({"feature": data.preprocessor.features})
    frame["model"], frame["group"] = name, frame["feature"].map(groups)
    frame["mean_abs"] = np.abs(attributions).mean(axis=0, dtype=np.float64)
    frame["mean"] = attributions.mean(axis=0, dtype=np.float64)
    frame["rank"] = frame["mean_abs"].rank(ascending=False, method="min").astype(int)
    return frame[ATTRIBUTIONS].sort_values("rank", kind="stable")


def draw_ecgs(
    explained: Explained,
    row: int,
    title: str,
    path: str | Path,
    directions: tuple[str, str],
    study: Study,
) -> np.ndarray:
    """Draw the prediction ECG of a stay; say below, and return, what each ECG adds to the logit.

    Returns
    -------
    ndarray of shape (T,)
        Log-odds, the oldest ECG first.
    """
    waveforms, lead_mask, attributions = explained.ecgs(row)
    sums = attributions.sum(axis=(1, 2))
    each = ", ".join(f"{value:+.2f}" for value in sums)
    note = (
        f"ECG {len(sums)} of {len(sums)} of the stay. Log-odds from the ECGs, oldest first: {each}."
    )
    draw_paper(
        waveforms[-1],
        explained.waveforms.signal["sampling_rate"],
        path,
        study,
        attribution=attributions[-1],
        directions=directions,
        title=title,
        note=note,
        lead_mask=lead_mask[-1],
    )
    return sums


def require_same_training(predictor: Predictor, data: AdmissionInputs, weights: str | Path) -> None:
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
