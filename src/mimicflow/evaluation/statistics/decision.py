"""Net benefit: whether acting on predictions is worth more than treating everybody or nobody.

The net benefit of acting from a threshold probability t on is TP/n - FP/n * t/(1 - t): true
positives, less false positives at the exchange rate that t stands for (Vickers and Elkin 2006,
doi:10.1177/0272989X06295361). One vectorised function gives both the value and its draws; tests
compare it with the package dcurves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.errors import ConfigError
from mimicflow.evaluation.figures.decision import draw_decision_curves
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.statistics.bootstrap import patient_weights
from mimicflow.evaluation.titles import by_subset, read_titles
from mimicflow.running.writing import write_csv

TREAT_ALL, TREAT_NONE = "treat_all", "treat_none"
_TITLES = {TREAT_ALL: "Treat all", TREAT_NONE: "Treat none"}


def probability_grid(lowest: float, highest: float, step: float) -> list[float]:
    """Return evenly spaced probabilities, both ends included where the step reaches them.

    Parameters
    ----------
    lowest, highest, step : float
        In (0, 1); rounded to six digits, so that 0.3 is 0.3.
    """
    n_steps = int(round((highest - lowest) / step, 6))
    return [round(lowest + number * step, 6) for number in range(n_steps + 1)]


def net_benefit(
    label: np.ndarray,
    probability: np.ndarray,
    thresholds: np.ndarray,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Return the net benefit per patient of acting on predictions of at least each threshold.

    Parameters
    ----------
    label, probability : numpy.ndarray of shape (n,)
        0/1, and the probability of 1.
    thresholds : numpy.ndarray of shape (k,)
        In (0, 1).
    weights : numpy.ndarray of shape (draws, n), optional
        How often each row counts; once unless given.

    Returns
    -------
    numpy.ndarray of shape (k,), or (draws, k) with weights
        In true positives per row. At most the share of events.
    """
    thresholds = np.asarray(thresholds, dtype=np.float64)
    order = np.argsort(-np.asarray(probability, dtype=np.float64), kind="stable")
    falling = -np.asarray(probability, dtype=np.float64)[order]
    flagged = np.searchsorted(falling, -thresholds, side="right")  # rows at or above each
    counted = np.ones((1, len(order)), dtype=np.int64) if weights is None else weights
    counted = counted[:, order]
    events = counted * np.asarray(label, dtype=np.int64)[order]
    positive, true_positive = _sums_of_first(counted, flagged), _sums_of_first(events, flagged)
    odds = thresholds / (1 - thresholds)
    benefit = true_positive - (positive - true_positive) * odds
    result = benefit / counted.sum(axis=1, keepdims=True)
    return result[0] if weights is None else result


def _sums_of_first(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sum the first ``counts`` columns, (rows, k)."""
    sums = np.cumsum(values, axis=1)
    return np.where(counts > 0, sums[:, np.maximum(counts, 1) - 1], 0)


def weigh_decisions(
    predictions: Mapping[str, str | Path],
    subsets: Mapping[str, str],
    published_scores: str | Path,
    output: str | Path,
    figure: str | Path,
    *,
    thresholds: Sequence[float],
    draws: int = 1000,
    seed: int = 0,
    synthetic: bool = False,
    key: str = "stay_id",
) -> None:
    """Write the decision curves of all models.

    Parameters
    ----------
    predictions : mapping of str to path-like
        Predictions Parquet of each model, by model name.
    subsets : mapping of str to str
        ``all`` or ``multi``, by model name.
    published_scores : path-like
        CSV with the titles of the models.
    output : path-like
        CSV to write: ``model, title, stays, threshold, net_benefit, low, high``. After the models
        of each subset follow ``treat_all`` (on all its stays) and ``treat_none``.
    figure : path-like
        PNG to write.
    thresholds : sequence of float
        Threshold probabilities, in (0, 1), e.g. 0.01 to 0.99.
    draws, seed : int
        Of the bootstrap by patient, for 95 % intervals.
    synthetic : bool
        Whether the patients are synthetic.
    key : str
        Column that names a row of the predictions.

    Raises
    ------
    ConfigError, PredictionsError
        Thresholds outside (0, 1), a model without an entry in ``subsets``, a table that cannot be
        scored.
    """
    grid = np.asarray(thresholds, dtype=np.float64)
    if not len(grid) or not ((grid > 0) & (grid < 1)).all():
        raise ConfigError(
            "decision thresholds must lie between 0 and 1, without both",
            remedy="use for instance 0.01 to 0.99",
        )
    titles = read_titles(published_scores) | _TITLES
    curves = []
    models = by_subset(predictions, subsets)
    for subset in dict.fromkeys(subsets[model] for model in models):
        tables = {
            m: read_predictions(predictions[m], key=key) for m in models if subsets[m] == subset
        }
        everyone = pd.concat(tables.values()).drop_duplicates(key)
        # To treat all is to act on a prediction that is always certain, to treat none on one
        # that is never enough.
        tables[TREAT_ALL] = everyone.assign(probability=1.0)
        tables[TREAT_NONE] = everyone.assign(probability=0.0)
        for model, table in tables.items():
            curve = _curve(table, grid, draws, seed)
            curve.insert(0, "stays", subset)
            curve.insert(0, "title", titles.get(model, model))
            curve.insert(0, "model", model)
            curves.append(curve)
    table = pd.concat(curves)
    write_csv(table, output)
    draw_decision_curves(table, figure, synthetic=synthetic)


def _curve(predictions: pd.DataFrame, grid: np.ndarray, draws: int, seed: int) -> pd.DataFrame:
    """Return the net benefit at each threshold, with its interval."""
    label = predictions["label"].to_numpy()
    probability = predictions["probability"].to_numpy()
    drawn = np.concatenate(
        [
            net_benefit(label, probability, grid, weights)
            for weights in patient_weights(predictions["subject_id"].to_numpy(), draws, seed)
        ]
    )
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return pd.DataFrame(
        {
            "threshold": grid,
            "net_benefit": net_benefit(label, probability, grid),
            "low": low,
            "high": high,
        }
    )
