"""Write the result files of a cross-validation under the names of the published five-fold code."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.admission.published import CURVE_NAMES
from mimicflow.evaluation.assessment import assess, fold_scores
from mimicflow.evaluation.figures.performance import draw_loss, draw_prc, draw_roc
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.smallest_cell import rounded, to_tens
from mimicflow.evaluation.study import Study
from mimicflow.running.writing import atomic_output, write_csv, write_npz


def write_cross_validation(
    name: str,
    predictions: str | Path,
    outputs: Mapping[str, str | Path],
    study: Study,
) -> None:
    """Write the pooled files of a model: summary, out-of-fold predictions, curves, figures.

    Parameters
    ----------
    name : str
        How the figures call the model.
    predictions : path-like
        Pooled predictions Parquet, with ``fold``.
    outputs : mapping of str to path-like
        ``summary`` (CSV: metric, value), ``predictions`` (CSV: stay_id, true_label, pred_prob,
        fold; rows of patients, never to be published), ``curves`` (npz), ``roc``, ``prc`` (PNG).
    study : Study
        Whose scores they are, for the intervals in the legends.

    Raises
    ------
    PredictionsError
        When the table cannot be scored.
    """
    table = read_predictions(predictions)
    assessment = assess(table, name, study)
    names = {"stay_id": "stay_id", "label": "true_label", "probability": "pred_prob"}
    write_csv(table[[*names, "fold"]].rename(columns=names), outputs["predictions"])
    write_csv(_summary(table, study), outputs["summary"])
    arrays = {
        published: np.asarray(getattr(assessment.curves, content), dtype=np.float64)
        for content, published in CURVE_NAMES["multimodal"].items()
    }
    write_npz(arrays, outputs["curves"])
    draw_roc([assessment], outputs["roc"], study, title="Out of fold, pooled")
    draw_prc([assessment], outputs["prc"], study, title="Out of fold, pooled")


def _summary(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return mean and SD (n - 1) over folds, and the pooled areas, under the published names."""
    folds = fold_scores(table, study).set_index("score")["value"]
    pooled = fold_scores(table.drop(columns="fold"), study).set_index("score")["value"]
    rows: list[tuple[str, float]] = []
    for score, name in (("auroc", "val_auc"), ("auprc", "val_ap")):
        rows += [(f"{name}_mean", folds[score].mean()), (f"{name}_std", folds[score].std(ddof=1))]
    rows += [("pooled_auc", pooled["auroc"]), ("pooled_ap", pooled["auprc"])]
    smallest = study.smallest_cell
    rows.append(("n_samples", to_tens(len(table), smallest)))
    found = pd.DataFrame(rows, columns=["metric", "value"])
    # Of real patients, since the stays of another summary may differ by a few.
    return rounded(found, [bool(smallest)] * len(found), ["value"])


def write_fold(
    name: str,
    checkpoint: str | Path,
    history: str | Path,
    outputs: Mapping[str, str | Path],
    study: Study,
) -> None:
    """Write the files of one fold of a network.

    Parameters
    ----------
    name : str
        Above the figure.
    checkpoint, history : path-like
        As training wrote them.
    outputs : mapping of str to path-like
        ``checkpoint``, ``metrics`` (CSV by pass), ``loss`` (PNG).
    study : Study
        Whose figure it is.
    """
    for source, output in ((checkpoint, "checkpoint"), (history, "metrics")):
        with atomic_output(outputs[output]) as temporary:
            shutil.copyfile(source, temporary)
    draw_loss(pd.read_csv(history), outputs["loss"], study, title=name)
