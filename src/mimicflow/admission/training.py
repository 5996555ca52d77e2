"""Fine-tune the admission network: one function for all four variants."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from torch import Tensor

from mimicflow.admission.drugs import DRUG_DICTIONARY, as_columns
from mimicflow.admission.inputs import AdmissionInputs, InputFiles, InputOptions
from mimicflow.admission.model import (
    AdmissionModel,
    Batch,
    EncoderConfig,
    ModelConfig,
    reset_shortcuts,
)
from mimicflow.ecg.encoder_file import load_encoder
from mimicflow.ecg.given.code import code_of
from mimicflow.ecg.given.network import Encoder
from mimicflow.ecg.pretraining import Waveforms
from mimicflow.ecg.store import WaveformStore
from mimicflow.errors import ConfigError
from mimicflow.evaluation.smallest_cell import SMALLEST_CELL
from mimicflow.evaluation.statistics.recalibration import calibrated, fit_temperature
from mimicflow.learning import processes
from mimicflow.learning.binary import COUNTS, EVALUATION_BATCH, BinaryTask
from mimicflow.learning.checkpoints import save_checkpoint
from mimicflow.learning.configs import parse
from mimicflow.learning.devices import Machine, mixed_precision, repeatable, to_device
from mimicflow.learning.fitted_on import FITTED_ON, fitted_on
from mimicflow.learning.loop import Training, fit
from mimicflow.learning.resume import StateFile, discard_states, fingerprint, resume_path
from mimicflow.running.progress import Meter
from mimicflow.running.writing import atomic_output, write_csv, write_parquet

log = logging.getLogger(__name__)

KIND = "admission model"
HISTORY = ["epoch", "train_loss", "val_loss", "train_auc", "val_auc", "val_ap", "is_best"]


@dataclass(frozen=True, kw_only=True)
class OutputFiles:
    """What :func:`train_model` writes."""

    weights: str | Path
    """The model file (.pth), with all that is needed to predict from raw data."""
    predictions: str | Path
    """Parquet: stay_id, subject_id, split, label, probability of validation and test stays."""
    history: str | Path
    """CSV, one row per pass."""
    confusion: str | Path
    """CSV: validation confusion matrix per pass; those with small cells are empty."""
    config: str | Path
    """YAML: every setting that led to the model."""


class EcgSource:
    """ECGs as they enter the first stage of the encoder that changes between passes.

    What the stages before it make of an ECG never changes, hence is computed once and kept in
    memory, if it fits; else at each call.

    Parameters
    ----------
    waveforms : Waveforms
        The store.
    study_ids : ndarray
        The ECGs that can be asked for.
    encoder : Encoder
        Pretrained.
    stage : str
        One of its ``stages``, or ``"embedding"``.
    cache_mb : float
        Limit of the memory kept, in MB.
    """

    def __init__(
        self,
        waveforms: Waveforms,
        study_ids: np.ndarray,
        encoder: Encoder,
        stage: str,
        cache_mb: float,
    ) -> None:
        self.waveforms, self.study_ids = waveforms, study_ids
        self.encoder, self.stage = encoder, stage
        self.cached: Tensor | None = None
        if stage == encoder.stages[0]:
            return
        encoder.eval()
        first = self._compute(np.arange(1))
        size_mb = first.nbytes * len(study_ids) / 1e6
        if size_mb > cache_mb:
            log.info("what enters %s would take %.0f MB: computed anew each time", stage, size_mb)
            return
        self.cached = first.new_empty(len(study_ids), *first.shape[1:])
        meter = Meter(len(study_ids), "ECGs", f"up to {stage}")
        for start in range(0, len(study_ids), EVALUATION_BATCH):
            rows = np.arange(start, min(start + EVALUATION_BATCH, len(study_ids)))
            self.cached[start : start + len(rows)] = self._compute(rows)
            meter.step(len(rows))
        log.info("%d ECGs up to %s computed once, %.0f MB", len(study_ids), stage, size_mb)

    def __call__(self, rows: np.ndarray) -> Tensor:
        """Return the ECGs in some rows of ``study_ids``."""
        if self.cached is not None:
            kept = self.cached[torch.from_numpy(rows)]
            channels_last = torch.channels_last if kept.dim() == 4 else torch.contiguous_format
            return kept.contiguous(memory_format=channels_last)
        return self._compute(rows)

    def _compute(self, rows: np.ndarray) -> Tensor:
        values, _ = self.waveforms.read(self.study_ids[rows])
        ecgs = to_device(torch.from_numpy(values), next(self.encoder.parameters()).device)
        if self.stage == self.encoder.stages[0]:
            return ecgs
        with torch.no_grad(), mixed_precision(ecgs.device):
            return self.encoder.before(self.stage, ecgs)


class AdmissionTask(BinaryTask):
    """Binary cross-entropy of admission; the pass is chosen by the validation patients' AUROC."""

    model: AdmissionModel

    def __init__(
        self,
        model: AdmissionModel,
        inputs: AdmissionInputs,
        ecgs: Callable[[np.ndarray], Tensor],
        threshold: float,
        seed: int,
        device: torch.device,
    ) -> None:
        self.inputs, self.ecgs = inputs, ecgs
        super().__init__(
            model,
            model.config,
            inputs.labels,
            inputs.rows("train"),
            inputs.rows(inputs.stopping),
            threshold=threshold,
            seed=seed,
            device=device,
        )

    def load(self, rows: np.ndarray) -> Batch:
        """Return the inputs of some stays."""
        return self.inputs.batch(rows, self.ecgs).to(self.device)

    def logits(self, loaded: Batch) -> Tensor:
        """Return the logits of a batch."""
        return self.network(loaded, self.model.first_changing_stage)


def train_model(
    name: str,
    *,
    model: Mapping[str, Any],
    encoder: Mapping[str, Any],
    options: InputOptions,
    threshold: float,
    inputs: InputFiles,
    pretrained: str | Path,
    store: tuple[Sequence[str | Path], Sequence[str | Path]],
    outputs: OutputFiles,
    seed: int,
    machine: Machine,
    memory_mb: float = 4000,
    smallest: int = SMALLEST_CELL,
) -> None:
    """Train one of the four variants, calibrate it on validation stays, predict the test stays.

    Parameters
    ----------
    name : str
        Of the variant, as in the configuration.
    model, encoder : mapping
        Configuration subtrees ``models.<name>`` and ``encoder``.
    options : InputOptions
        Choices of preprocessing.
    threshold : float
        Of the confusion matrices, on the probability.
    inputs : InputFiles
        Tables of the cohort.
    pretrained : path-like
        File of :func:`mimicflow.ecg.pretraining.pretrain_encoder`.
    store : tuple of sequences of path-like
        The store's waveform files (.npy) and index files (.parquet).
    outputs : OutputFiles
        What is written.
    seed : int
        Of all that is drawn.
    memory_mb : float
        Of the whole job, in MB. A quarter may hold what the frozen part of the encoder makes of
        each ECG; when that is larger, it is computed anew in every pass.
    machine : Machine
        What it is computed on; the same seed and threads give the same bytes on a CPU.
    smallest : int
        Fewest stays that a cell of a confusion matrix may show; 0 shows all.

    Raises
    ------
    ConfigError, CohortError, CheckpointError
        A setting, a cohort or a pretrained encoder that cannot be used.
    """
    modes = machine.occupy()
    settings = parse(EncoderConfig, encoder, "encoder")
    config = parse(ModelConfig, model, f"models.{name}")
    _check_calibration(name, config, options)
    waveforms = WaveformStore(*store)
    data = AdmissionInputs(inputs, config, options)
    resolved = {
        "name": name,
        "seed": seed,
        "threshold": threshold,
        "model": asdict(config),
        "encoder": asdict(settings),
        "inputs": asdict(options),
        "signal": waveforms.signal,
        DRUG_DICTIONARY: data.dictionary.attrs[DRUG_DICTIONARY],
    }
    state = StateFile(
        path=resume_path(outputs.weights),
        fingerprint=fingerprint(
            [*vars(inputs).values(), pretrained, *store[1], *code_of(settings.architecture)],
            resolved,
            module="admission.training",
            large=store[0],
        ),
        minutes=machine.save_minutes,
    )
    with repeatable(seed, machine.threads, modes) as device:
        network = build(settings, config, data, pretrained, waveforms).to(device)
        ecgs = _source(network, data, waveforms, cache_mb=memory_mb / 4)
        task = AdmissionTask(network, data, ecgs, threshold, seed, device)
        optimizer = torch.optim.AdamW(
            network.parameter_groups(), weight_decay=config.weight_decay, fused=True
        )
        history = fit(task, optimizer, _length(config, state))
        rows = data.rows("validation", "test")
        logits = task.predict(rows)
    if not processes.is_first():
        return
    _write(outputs, resolved, data, network, history, rows, logits, smallest)
    discard_states(state)


def _check_calibration(name: str, config: ModelConfig, options: InputOptions) -> None:
    if config.calibration != "none" and options.stopping == "test":
        raise ConfigError(
            f"models.{name}.calibration is {config.calibration}, but split.stopping is test",
            remedy="set calibration to none: no patients are left to fit it on",
        )


def _length(config: ModelConfig, state: StateFile) -> Training:
    """Return how long a variant is trained: validation patients stop it."""
    return Training(
        passes=config.epochs,
        score="val_auc",
        maximise=True,
        patience=config.patience,
        decay=config.learning_rate_decay,
        state=state,
        unit="stays",
    )


def build(
    settings: EncoderConfig,
    config: ModelConfig,
    data: AdmissionInputs,
    pretrained: str | Path,
    waveforms: Waveforms,
) -> AdmissionModel:
    """Return the network with its pretrained encoder, which must know waveforms of this kind."""
    encoder, content = load_encoder(
        pretrained,
        architecture=settings.architecture,
        width=settings.width,
        depth=settings.depth,
    )
    waveforms.require(content["signal"])
    if settings.shortcuts == "random":
        reset_shortcuts(encoder)
    return AdmissionModel(encoder, settings, config, data.static.shape[1])


def _source(
    network: AdmissionModel, data: AdmissionInputs, waveforms: Waveforms, cache_mb: float
) -> Callable[[np.ndarray], Tensor]:
    """Return what gives the ECGs of a batch; without an ECG branch it is never called."""
    if "ecg" not in data.branches:
        return lambda rows: torch.empty(0)
    stage = network.first_changing_stage
    return EcgSource(waveforms, data.study_ids, network.encoder, stage, cache_mb)


def _write(
    outputs: OutputFiles,
    resolved: dict[str, Any],
    data: AdmissionInputs,
    network: AdmissionModel,
    history: list[dict[str, Any]],
    rows: np.ndarray,
    logits: np.ndarray,
    smallest: int,
) -> None:
    """Calibrate on the validation stays among ``rows``, and write everything."""
    temperature, patients = 1.0, data.fitted_on
    if network.config.calibration == "temperature":
        validation = (data.stays["split"] == "validation").to_numpy()[rows]
        temperature = fit_temperature(logits[validation], data.labels.numpy()[rows][validation])
        calibrating = data.stays["subject_id"].iloc[rows][validation]
        patients = {**patients, **fitted_on(calibration=calibrating)}
    content = {
        **resolved,
        FITTED_ON: patients,
        "temperature": temperature,
        "features": data.preprocessor.features,
        "preprocessor": data.preprocessor.state(),
        "gsn_etc": as_columns(data.dictionary),
        "weights": network.state_dict(),
    }
    save_checkpoint(KIND, content, outputs.weights)
    predictions = data.stays.iloc[rows].assign(probability=calibrated(logits, temperature))
    columns = ["stay_id", "subject_id", "split", "label", "probability"]
    write_parquet(predictions[columns].reset_index(drop=True), outputs.predictions)
    frame = pd.DataFrame(history)
    write_csv(frame[HISTORY], outputs.history)
    write_csv(_confusion(frame, smallest), outputs.confusion)
    with atomic_output(outputs.config) as temporary:
        text = yaml.safe_dump(_lists(resolved), sort_keys=False)
        temporary.write_text(text, encoding="utf-8")


def _confusion(history: pd.DataFrame, smallest: int) -> pd.DataFrame:
    """Return the validation confusion matrix per pass with the scores derived from it.

    Where a cell is small, the others and the scores would give it away.
    """
    table = history[["epoch", *COUNTS]].copy()
    table["precision"] = table["tp"] / (table["tp"] + table["fp"]).clip(lower=1)
    table["recall"] = table["tp"] / (table["tp"] + table["fn"]).clip(lower=1)
    errors = table["fp"] + table["fn"]
    table["f1"] = 2 * table["tp"] / (2 * table["tp"] + errors).clip(lower=1)
    few = ((table[COUNTS] > 0) & (table[COUNTS] < smallest)).any(axis=1)
    table[COUNTS] = table[COUNTS].astype("Int64")
    counted = [name for name in table if name != "epoch"]
    table[counted] = table[counted].mask(few)
    return table.join(history[["val_auc", "val_ap"]])


def _lists(value: Any) -> Any:
    """Return plain YAML types: tuples become lists."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, list | tuple) else value
