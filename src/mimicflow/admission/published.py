"""Write the result files of a single split under the names of the first public release.

The release had two families of files with different names for the same content; the table of
names is all that separates them. All curves are of test patients, admission positive.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.errors import ConfigError
from mimicflow.evaluation.assessment import Assessment, assess
from mimicflow.evaluation.figures.performance import (
    draw_confusion,
    draw_loss,
    draw_prc,
    draw_roc,
    read_columns,
)
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.study import Study
from mimicflow.running.writing import atomic_output, write_csv, write_npz

# Content -> name inside the npz of one model, by family of files.
CURVE_NAMES = {
    "ecg_only": {
        "fpr": "fpr",
        "tpr": "tpr",
        "precision": "prec",
        "recall": "rec",
        "auroc": "auc",
        "auprc": "ap",
    },
    "multimodal": {
        "fpr": "fpr",
        "tpr": "tpr",
        "auroc": "roc_auc",
        "precision": "prec",
        "recall": "rec",
        "auprc": "pr_auc",
    },
    # Combined curves have the same names in both families, after "multi_" and "all_".
    "combined": {
        "fpr": "fpr",
        "tpr": "tpr",
        "auroc": "auc",
        "precision": "prec",
        "recall": "rec",
        "auprc": "pr",
    },
}
HISTORY = ["epoch", "train_loss", "val_loss", "train_auc", "val_auc", "val_ap", "is_best"]
CONFUSION = ["epoch", "tn", "fp", "fn", "tp", "precision", "recall", "f1", "val_auc", "val_ap"]


@dataclass(frozen=True)
class _Run:
    """What a trained model left behind, read once."""

    assessment: Assessment
    arrays: dict[str, np.ndarray]
    history: pd.DataFrame
    confusion: pd.DataFrame
    checkpoint: Path
    study: Study
    classes: tuple[str, str]


_WRITERS: dict[str, Callable[[_Run, str | Path], None]] = {
    "checkpoint": lambda run, path: _copy(run.checkpoint, path),
    "curves": lambda run, path: write_npz(run.arrays, path),
    "final_curves": lambda run, path: write_npz(run.arrays, path),
    "metrics": lambda run, path: write_csv(run.history, path),
    "confusion": lambda run, path: write_csv(run.confusion, path),
    "loss": lambda run, path: draw_loss(run.history, path, run.study, title=run.assessment.name),
    "confusion_figure": lambda run, path: draw_confusion(
        run.assessment, path, run.study, classes=run.classes
    ),
    "roc": lambda run, path: draw_roc([run.assessment], path, run.study),
    "prc": lambda run, path: draw_prc([run.assessment], path, run.study),
}


def write_performance(
    style: str,
    name: str,
    predictions: str | Path,
    history: str | Path,
    confusion: str | Path,
    checkpoint: str | Path,
    outputs: Mapping[str, str | Path],
    study: Study,
    *,
    threshold: float = 0.5,
    positive_class: str = "ADMITTED",
) -> None:
    """Write the files of one trained model under their published names.

    Parameters
    ----------
    style : {"ecg_only", "multimodal"}
        Family of names inside the npz.
    name : str
        How the figures call the model.
    predictions, history, confusion, checkpoint : path-like
        Predictions Parquet, history and confusion CSV, and weights, as training wrote them.
    outputs : mapping of str to path-like
        Any of ``checkpoint, curves, final_curves, metrics, confusion, loss, confusion_figure,
        roc, prc``. The release had ``curves`` a second time, as ``final_curves``.
    study : Study
        Whose scores they are.
    threshold, positive_class : float, {"ADMITTED", "HOME"}
        Of the confusion figure; the class is what label 1 stands for.

    Raises
    ------
    ConfigError, InputError, PredictionsError
        An unknown style or output, a CSV that lacks a column, predictions without scores.
    """
    if style not in ("ecg_only", "multimodal"):
        raise ConfigError(f"unknown style {style!r}", remedy="use ecg_only or multimodal")
    _check_outputs(outputs, _WRITERS)
    assessment = assess(read_predictions(predictions), name, study, threshold=threshold)
    run = _Run(
        assessment=assessment,
        arrays=_curve_arrays(assessment, style),
        history=read_columns(history, HISTORY),
        confusion=read_columns(confusion, CONFUSION),
        checkpoint=Path(checkpoint),
        study=study,
        classes=("Admitted", "Home") if positive_class == "HOME" else ("Home", "Admitted"),
    )
    for output, path in outputs.items():
        _WRITERS[output](run, path)


def combine_performance(
    predictions_all: str | Path,
    predictions_multi: str | Path,
    outputs: Mapping[str, str | Path],
    study: Study,
    *,
    title: str = "",
) -> None:
    """Write the curves of the all-stays and the several-ECG model of a family in one place.

    Parameters
    ----------
    predictions_all, predictions_multi : path-like
        Predictions Parquet of the two models.
    outputs : mapping of str to path-like
        Any of ``curves, final_curves`` (npz with ``all_`` and ``multi_`` names), ``roc, prc``.
    study : Study
        As in `write_performance`.
    title : str
        Above the figures.

    Raises
    ------
    ConfigError
        On an unknown output.
    PredictionsError
        When a predictions table cannot be scored.
    """
    pair = {
        prefix: assess(read_predictions(path), words, study)
        for prefix, words, path in (
            ("multi_", "≥ 2 ECGs", predictions_multi),
            ("all_", "All stays", predictions_all),
        )
    }
    arrays = {
        prefix + key: array
        for prefix, assessment in pair.items()
        for key, array in _curve_arrays(assessment, "combined").items()
    }
    curves_in_figures = [pair["all_"], pair["multi_"]]
    writers: dict[str, Callable[[str | Path], None]] = {
        "curves": lambda path: write_npz(arrays, path),
        "final_curves": lambda path: write_npz(arrays, path),
        "roc": lambda path: draw_roc(curves_in_figures, path, study, title=title),
        "prc": lambda path: draw_prc(curves_in_figures, path, study, title=title),
    }
    _check_outputs(outputs, writers)
    for output, path in outputs.items():
        writers[output](path)


def _curve_arrays(assessment: Assessment, style: str) -> dict[str, np.ndarray]:
    return {
        published: np.asarray(getattr(assessment.curves, content), dtype=np.float64)
        for content, published in CURVE_NAMES[style].items()
    }


def _check_outputs(outputs: Mapping[str, str | Path], known: Mapping[str, object]) -> None:
    unknown = sorted(set(outputs) - set(known))
    if unknown:
        raise ConfigError(
            f"unknown output {', '.join(unknown)}", remedy=f"use any of {', '.join(known)}"
        )


def _copy(source: Path, path: str | Path) -> None:
    with atomic_output(path) as temporary:
        shutil.copyfile(source, temporary)
