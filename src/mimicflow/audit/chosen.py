"""Were calibration, pass and threshold found on validation patients? Asked of their predictions.

Whoever has the predictions of all patients can see whose calibration it is: those that it was
fitted on it fits best, so that nothing is left to correct. A threshold is chosen once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from mimicflow.arrest.thresholds import threshold_of_model
from mimicflow.audit.findings import finding
from mimicflow.audit.fitting import record_of
from mimicflow.evaluation.statistics.calibration import clipped_logit
from mimicflow.evaluation.statistics.recalibration import STEEPEST, TEMPERATURES
from mimicflow.learning.checkpoints import load_checkpoint
from mimicflow.running.own_files import read_field

_EXACT = 1e-4
"""How far the slope may be from 1: a thousandth of what a calibration of other patients is off."""
_NEAR = 0.002
"""How far an AUROC may be: a GPU that is not held to the same bits says a little else each time."""
_AT_THE_LIMIT = 0.999
Row = dict[str, Any]


def calibration(
    name: str, model: str | Path, predictions: str | Path, beta: str | Path | None = None
) -> Iterator[Row]:
    """Yield whether a calibration fits validation patients as only one that is theirs does.

    Temperature and beta calibration leave the log odds of the rows that they were fitted on with a
    slope of exactly 1, unless they have run into their limits.

    Parameters
    ----------
    name : str
        Of the model. One that says of no calibration that it was fitted has no row.
    model : path-like
        The file that says whom it was fitted on.
    predictions : path-like
        Parquet of its calibrated predictions.
    beta : path-like, optional
        Its beta calibration (JSON); that of a network is a temperature in its own file.
    """
    if "calibration" not in record_of(model):
        return
    if beta is None:
        kept, (low, high) = [load_checkpoint(None, model)["temperature"]], TEMPERATURES
    else:
        found = read_field(beta, dict, "not a calibration", "train the model again")
        kept, low, high = [found["a"], found["b"]], -np.inf, STEEPEST
    table = pd.read_parquet(predictions).query("split == 'validation'")
    words = f"{name}: error of the calibration slope of validation patients"
    inside = all(low / _AT_THE_LIMIT < one < high * _AT_THE_LIMIT for one in kept)
    if not inside or table["label"].nunique() < 2:
        yield finding(f"{words}, at its limit: nothing to judge", np.nan)
        return
    error = _slope_error(table["label"].to_numpy(), table["probability"].to_numpy())
    yield finding(words, error, f"0 (±{_EXACT:g})", abs(error) <= _EXACT)


def _slope_error(label: np.ndarray, probability: np.ndarray) -> float:
    """Return by how much the best slope of the log odds differs from 1, to first order."""
    odds = clipped_logit(probability)
    information = np.sum(probability * (1 - probability) * odds**2)
    return float(np.sum((label - probability) * odds) / max(information, np.finfo(float).tiny))


def kept_pass(
    name: str, model: str | Path, predictions: str | Path, history: str | Path
) -> Iterator[Row]:
    """Yield whether the pass that was kept is the best one on validation patients.

    Their predictions are of that pass: scored anew, they have the highest validation AUROC that was
    written down while the network trained. Calibration leaves ranks as they are.

    Parameters
    ----------
    name : str
        Of the model. One whose record names nobody who stopped it has no row.
    model, predictions : path-like
        Its network (.pth), and Parquet of its predictions.
    history : path-like
        CSV of its passes, with ``val_auc``.
    """
    table = pd.read_parquet(predictions).query("split == 'validation'")
    if "stopping" not in record_of(model) or table["label"].nunique() < 2:
        return
    best = float(pd.read_csv(history)["val_auc"].max())
    found = float(roc_auc_score(table["label"], table["probability"]))
    yield finding(
        f"{name}: AUROC of validation patients in the pass that is kept",
        found,
        f"the highest of all passes, {best:.4f}",
        abs(found - best) <= _NEAR,
    )


def threshold(
    name: str, model: str | Path, predictions: str | Path, options: Mapping[str, Any]
) -> Row:
    """Return whether a model of arrest has the threshold that its validation epochs choose.

    Parameters
    ----------
    name : str
        Of the model.
    model, predictions : path-like
        Its description (.json), and Parquet of its predictions.
    options : mapping
        ``specificity`` and ``confidence``, of ``arrest.evaluation``.
    """
    validation = pd.read_parquet(predictions).query("split == 'validation'")
    [expected] = threshold_of_model(validation, options).values()
    found = read_field(
        model,
        lambda content: next(iter(content["threshold"].values())),
        "does not name its threshold",
        "train the model again",
    )
    words = f"{name}: threshold that its validation patients choose"
    if found is None or expected is None:
        number = np.nan if found is None else found
        limit = "none can be promised" if expected is None else f"{expected:.6g}"
        return finding(words, number, limit, found is expected)
    return finding(words, found, f"{expected:.6g}", bool(np.isclose(found, expected, rtol=1e-9)))
