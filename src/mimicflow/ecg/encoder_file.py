"""The file of an encoder, pretrained here or given: how it is written, and read again.

It carries what fine-tuning must agree with: the network, how its waveforms were made, the
vocabulary of report labels and the scaling of the measurements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.ecg import reports
from mimicflow.ecg.given.contract import RESNET
from mimicflow.ecg.given.network import Encoder, build_encoder, described
from mimicflow.ecg.resnet import PretrainingModel
from mimicflow.ecg.targets import MEASUREMENTS
from mimicflow.errors import CheckpointError
from mimicflow.learning.checkpoints import load_checkpoint, load_weights, save_checkpoint
from mimicflow.learning.preprocessing import Scaler
from mimicflow.running.writing import write_csv

KIND = "pretrained encoder"
HISTORY = {
    "train_loss": "total_loss",
    "train_bool_loss": "bool_loss",
    "train_reg_loss": "reg_loss",
    "val_loss": "val_total_loss",
}
"""Names of the history's columns as published."""


def save_encoder(
    model: PretrainingModel,
    resolved: Mapping[str, Any],
    labels: list[str],
    scaler: Scaler,
    output: str | Path,
) -> None:
    """Write the encoder and its heads, with all that fine-tuning must agree with.

    Parameters
    ----------
    model : PretrainingModel
        The encoder with its heads.
    resolved : mapping
        ``encoder`` (the network), ``pretraining``, ``seed``, ``signal``, and whom it was fitted on.
    labels : list of str
        The vocabulary of the reports.
    scaler : Scaler
        Of the measurements.
    output : path-like
        The file (.pth).
    """
    content = {
        **resolved,
        "vocabulary": labels,
        "measurements": {"names": list(MEASUREMENTS), **scaler.state()},
        "model": model.state_dict(),
    }
    save_checkpoint(KIND, content, output)


def save_without_pretraining(
    encoder: Encoder, resolved: Mapping[str, Any], output: str | Path, history: str | Path
) -> None:
    """Write an encoder that was not pretrained here; its heads are random and predict nothing.

    Parameters
    ----------
    encoder, resolved, output
        As in :func:`save_encoder`.
    history : path-like
        CSV with the columns of a pretraining and no epoch.
    """
    labels = list(reports.vocabulary())
    model = PretrainingModel(encoder, len(labels), len(MEASUREMENTS))
    unscaled = Scaler.fit(np.array([[-1.0], [0.0], [1.0]]).repeat(len(MEASUREMENTS), axis=1))
    save_encoder(model, resolved, labels, unscaled, output)
    write_csv(pd.DataFrame(columns=["epoch", *HISTORY.values()]), history)


def load_encoder(
    path: str | Path,
    *,
    architecture: str = RESNET,
    width: int | None = None,
    depth: Sequence[int] | None = None,
) -> tuple[Encoder, dict[str, Any]]:
    """Return the encoder, and all the file holds beside the weights.

    Loading is strict: every weight of the class must be in the file and none beside them.

    Parameters
    ----------
    path : path-like
        What :func:`save_encoder` wrote.
    architecture : str
        The network, as the configuration names it; what the file says is compared with it only.
    width, depth : int, sequence of int, optional
        The size that is asked for.

    Raises
    ------
    CheckpointError
        Unreadable, or of another network or size.
    """
    content = load_checkpoint(KIND, path)
    found = content["encoder"]
    size = width or found.get("width", 0), depth or found.get("depth", ())
    asked = described(architecture, *size)
    if asked != found:
        raise CheckpointError(
            f"the encoder was pretrained with {found}, the configuration asks for {asked}",
            file=path,
            remedy="pretrain again, or set encoder.architecture, width and depth back",
        )
    encoder = build_encoder(architecture, *size)
    model = PretrainingModel(encoder, len(content["vocabulary"]), len(MEASUREMENTS))
    load_weights(model, content.pop("model"), path)
    return encoder, content
