"""Predict admission from a saved model and raw data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mimicflow.admission.drugs import DRUG_DICTIONARY, from_columns, require_dictionary
from mimicflow.admission.inputs import HIGHEST_HOURS, RAW_VITALS, Preprocessor
from mimicflow.admission.model import AdmissionModel, Batch, EncoderConfig, ModelConfig
from mimicflow.admission.training import KIND
from mimicflow.ecg.given.contract import RESNET, name_of
from mimicflow.ecg.given.network import build_encoder
from mimicflow.errors import CheckpointError, InputError
from mimicflow.evaluation.statistics.recalibration import calibrated
from mimicflow.learning.checkpoints import load_checkpoint, load_weights
from mimicflow.learning.configs import parse


@dataclass(frozen=True)
class Predictor:
    """A fitted model with everything that prepares its inputs.

    Attributes
    ----------
    model : AdmissionModel
        In eval mode.
    preprocessor : Preprocessor
        Fitted on training stays.
    temperature, threshold : float
        Of the probabilities, and where they are cut.
    signal : dict
        How waveforms must be made: sampling_rate, seconds, cleaning, powerline, leads.
    dictionary : pandas.DataFrame
        The drug classes (gsn, etccode, etcdescription) of which static features must be made;
        ``mimicflow.admission.drugs`` does so. Its attribute ``drug_dictionary`` is its hash.
    """

    model: AdmissionModel
    preprocessor: Preprocessor
    temperature: float
    threshold: float
    signal: dict[str, Any]
    dictionary: pd.DataFrame

    def predict(
        self,
        ecgs: Sequence[np.ndarray] | None = None,
        hours: Sequence[np.ndarray] | None = None,
        vitals: Sequence[pd.DataFrame] | None = None,
        static: pd.DataFrame | None = None,
    ) -> np.ndarray:
        """Return the calibrated probability of admission of each stay, (stays,) float64.

        Parameters
        ----------
        ecgs : sequence of ndarray
            Of each stay its ECGs, oldest first, (T, 12, samples) in mV, made as ``signal`` says.
        hours : sequence of ndarray
            Of each stay the hours from each ECG to the prediction, (T,).
        vitals : sequence of pandas.DataFrame
            Of each stay its rows, oldest first, with columns ``RAW_VITALS``; NaN: not measured.
        static : pandas.DataFrame
            One row per stay with the unscaled static features. A frame read from
            ``final_ecgs.parquet`` knows the dictionary of its drugs; of any other it is the
            caller's word, and a warning says so.

        Raises
        ------
        InputError
            An input that a branch of the model needs is missing, or one is empty; or the drugs of
            the static features were classed by another dictionary than the model's.
        """
        branches = self.model.config.branches
        given = {"ecg": ecgs, "vitals": vitals, "static": static}
        lacking = [name for name in branches if given[name] is None]
        if lacking or ("ecg" in branches and hours is None):
            raise InputError(
                f"the model needs {', '.join(lacking or ['hours'])}",
                remedy=f"give the inputs of all its branches: {', '.join(branches)}",
            )
        parts: dict[str, Tensor] = {}
        if "ecg" in branches and ecgs is not None and hours is not None:
            parts |= _place(ecgs, hours)
        if "vitals" in branches and vitals is not None:
            raw = [frame[list(RAW_VITALS)].to_numpy(np.float64) for frame in vitals]
            parts["vitals"], parts["n_vitals"] = self.preprocessor.sequences(raw)
        if "static" in branches and static is not None:
            require_dictionary(static, self.dictionary.attrs[DRUG_DICTIONARY])
            parts["static"] = torch.from_numpy(self.preprocessor.static(static))
        with torch.no_grad():
            logits = self.model(Batch(**parts))
        return calibrated(logits.numpy(), self.temperature)


def _place(ecgs: Sequence[np.ndarray], hours: Sequence[np.ndarray]) -> dict[str, Tensor]:
    """Lay the ECGs of all stays in one tensor, with the index of each stay's."""
    counts = np.array([len(of_stay) for of_stay in ecgs])
    if (counts == 0).any() or [len(of_stay) for of_stay in hours] != counts.tolist():
        raise InputError(
            "a stay without an ECG, or ECGs and hours of different number",
            remedy="give at least one ECG per stay, and hours for each",
        )
    real = torch.arange(int(counts.max())) < torch.from_numpy(counts)[:, None]
    index = torch.full(real.shape, -1)
    index[real] = torch.arange(int(counts.sum()))
    placed_hours = torch.zeros(real.shape)
    placed_hours[real] = torch.from_numpy(np.concatenate(hours).clip(0, HIGHEST_HOURS)).float()
    values = np.concatenate(ecgs).astype(np.float32)
    return {
        "ecgs": torch.from_numpy(values),
        "ecg_index": index,
        "hours": placed_hours,
        "n_ecgs": torch.from_numpy(counts),
    }


def load_predictor(path: str | Path, architecture: str = RESNET) -> Predictor:
    """Read a model file of :func:`mimicflow.admission.training.train_model`.

    Parameters
    ----------
    path : path-like
        The file.
    architecture : str
        Its encoder, as ``encoder.architecture`` of the configuration: a class of one's own is
        named here, since what a file of weights names is never imported.

    Raises
    ------
    CheckpointError
        Unreadable, of another kind, with another encoder, or the weights do not fit.
    """
    content = load_checkpoint(KIND, path)
    settings = parse(EncoderConfig, content["encoder"], "encoder")
    config = parse(ModelConfig, content["model"], "model")
    if name_of(settings.architecture) != name_of(architecture):
        raise CheckpointError(
            f"has the encoder {name_of(settings.architecture)}, not {name_of(architecture)}",
            file=path,
            remedy="name the class of its encoder, FILE.py:CLASS, if you trust its code",
        )
    encoder = build_encoder(architecture, settings.width, settings.depth)
    model = AdmissionModel(encoder, settings, config, len(content["features"]))
    load_weights(model, content["weights"], path)
    model.eval()
    return Predictor(
        model=model,
        preprocessor=Preprocessor.from_state(content["preprocessor"]),
        temperature=content["temperature"],
        threshold=content["threshold"],
        signal=content["signal"],
        dictionary=from_columns(content["gsn_etc"]),
    )
