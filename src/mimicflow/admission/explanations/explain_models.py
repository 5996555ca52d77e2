"""Explain the multimodal network: which inputs move the logit of admission, over test stays.

By integrated gradients, see `mimicflow.admission.explanations.attribution`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.admission.explanations.attribution import Explained, explained_model
from mimicflow.admission.inputs import AdmissionInputs, InputFiles, InputOptions
from mimicflow.concepts import static_features
from mimicflow.ecg.given.contract import RESNET
from mimicflow.ecg.paper import draw_empty_paper, draw_paper
from mimicflow.evaluation.study import Study
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
    architecture: str = RESNET,
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
    architecture : str
        The encoder, as the configuration names it.
    devices : int, optional
        1: a GPU that no other job has taken; see `use_devices`.

    Raises
    ------
    CheckpointError
        The model was fitted on other training stays, features or waveforms.
    """
    use_devices(devices)
    with explained_model(
        weights, inputs, options, store, study.seed, threads, steps, architecture
    ) as explained:
        data = explained.data
        test = data.rows("test")
        drawn = np.sort(np.random.default_rng(study.seed).permutation(test)[:rows])
        write_csv(_summary(name, explained.static(drawn), data), outputs.attributions)
        _draw_cases(explained, test, outputs, positive_class, study)


def _draw_cases(
    explained: Explained,
    test: np.ndarray,
    outputs: ExplanationFiles,
    positive_class: str,
    study: Study,
) -> None:
    """Draw the ECG of the surest test stay of each case, or say that there is none."""
    labels, probability = explained.data.labels.numpy()[test], explained.probability(test)
    directions = DIRECTIONS[positive_class]
    chosen = choose_cases(labels, probability, explained.predictor.threshold)
    for case, place in chosen.items():
        title, path = case.replace("_", " ").capitalize(), getattr(outputs, case)
        if place is None:
            log.info("no ECG to draw for the case %s", title.lower())
            message = "No such stay among the test patients"
            draw_empty_paper(path, study, title=title, message=message)
            continue
        outcome = directions[0 if labels[place] else 1]
        title = f"{title}: {outcome}, probability of {directions[0]} {probability[place]:.3f}"
        draw_ecgs(explained, int(test[place]), title, path, directions, study)


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

    Of a model that does not see ECGs the figure says so, and nothing is returned.

    Returns
    -------
    ndarray of shape (T,)
        Log-odds, the oldest ECG first.
    """
    if "ecg" not in explained.data.branches:
        draw_empty_paper(path, study, title=title, message="The model does not see the ECG")
        return np.empty(0)
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
