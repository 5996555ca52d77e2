"""Explain the prediction for one stay: what each static feature and each ECG adds to its logit.

By integrated gradients, see `mimicflow.admission.explanations.attribution`; nothing is averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.admission.explanations.attribution import Explained, explained_model
from mimicflow.admission.explanations.explain_models import DIRECTIONS, draw_ecgs
from mimicflow.admission.inputs import AdmissionInputs, InputFiles, InputOptions
from mimicflow.concepts import static_features
from mimicflow.ecg.given.contract import RESNET
from mimicflow.errors import InputError
from mimicflow.evaluation.study import Study
from mimicflow.learning.processes import use_devices
from mimicflow.running.writing import write_csv


def explain_stay(
    stay_id: int,
    weights: str | Path,
    inputs: InputFiles,
    options: InputOptions,
    store: tuple[Sequence[str | Path], Sequence[str | Path]],
    table: str | Path,
    figure: str | Path,
    study: Study,
    *,
    threads: int,
    steps: int = 50,
    positive_class: str = "ADMITTED",
    architecture: str = RESNET,
    devices: int | None = None,
) -> None:
    """Write what the inputs of one stay add to its prediction.

    Parameters
    ----------
    stay_id : int
        Of the cohort; of a training stay the model has seen the outcome, and the figure says so.
    weights : path-like
        Model file of `mimicflow.admission.training.train_model`.
    inputs, options : InputFiles, InputOptions
        As the model was trained with.
    store : tuple of sequences of path-like
        The store's waveform files (.npy) and index files (.parquet).
    table : path-like
        CSV: feature, group, value, log_odds, rank. ECGs are ``ecg_1`` (the oldest) and so on, their
        value is in hours before the prediction. The features' sum is the difference to a mean
        patient, the ECGs' to flat lines.
    figure : path-like
        PNG of the prediction ECG on paper.
    study, threads, steps, positive_class, architecture, devices
        As of `mimicflow.admission.explanations.explain_models.explain_model`.

    Raises
    ------
    InputError
        The stay is not in the cohort of the model.
    CheckpointError
        The model was fitted on other training stays, features or waveforms.
    """
    use_devices(devices)
    with explained_model(
        weights, inputs, options, store, study.seed, threads, steps, architecture
    ) as explained:
        row = _row_of(stay_id, explained.data, inputs.spine)
        stay, directions = explained.data.stays.iloc[row], DIRECTIONS[positive_class]
        probability = explained.probability(np.array([row]))[0]
        title = (
            f"Stay of the {stay['split']} patients, outcome {directions[1 - int(stay['label'])]}: "
            f"probability of {directions[0]} {probability:.3f}"
        )
        of_ecgs = draw_ecgs(explained, row, title, figure, directions, study)
        parts = [_of_features(explained, row, stay_id, inputs.final_ecgs)]
        if len(of_ecgs):
            parts.append(_of_ecgs(explained, row, of_ecgs))
    found = pd.concat(parts)
    found["rank"] = found["log_odds"].abs().rank(ascending=False, method="min").astype(int)
    write_csv(found.sort_values("rank", kind="stable"), table)


def _row_of(stay_id: int, data: AdmissionInputs, spine: str | Path) -> int:
    rows = np.flatnonzero(data.stays["stay_id"].to_numpy() == stay_id)
    if len(rows) != 1:
        raise InputError(
            f"stay {stay_id} is not in the cohort of the model",
            file=spine,
            remedy="choose a stay_id of that table; cohort/excluded_stays.parquet has the others",
        )
    return int(rows[0])


def _of_features(
    explained: Explained, row: int, stay_id: int, final_ecgs: str | Path
) -> pd.DataFrame:
    """Return the static features of a stay as they were measured, and what they add."""
    attributions = explained.static(np.array([row]))
    frame = pd.DataFrame({"feature": explained.data.preprocessor.features})
    frame = frame if len(attributions) else frame.iloc[:0]
    frame["group"] = frame["feature"].map(static_features().set_index("name")["group"])
    stay = pd.read_parquet(final_ecgs, filters=[("stay_id", "==", stay_id)]).iloc[0]
    frame["value"] = stay[frame["feature"]].to_numpy(dtype=float)
    frame["log_odds"] = attributions[0].astype(float) if len(attributions) else []
    return frame


def _of_ecgs(explained: Explained, row: int, log_odds: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "feature": [f"ecg_{number}" for number in range(1, len(log_odds) + 1)],
            "group": "ecg",
            "value": explained.data.hours[row, : len(log_odds)].numpy(),
            "log_odds": log_odds,
        }
    )
