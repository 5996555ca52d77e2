"""Fit the final arrest model, its calibration and threshold, and predict all epochs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd

from mimicflow import __version__
from mimicflow.arrest.boosting import model_text, repeatable, train_rounds
from mimicflow.arrest.development import Development, read_development, read_epochs
from mimicflow.arrest.selection import read_selected
from mimicflow.arrest.thresholds import threshold_of_model
from mimicflow.arrest.tuning import TuningConfig, read_best
from mimicflow.arrest.ward.weights import prevalences
from mimicflow.errors import CohortError
from mimicflow.evaluation.statistics.recalibration import apply_beta, fit_beta
from mimicflow.hrv.preprocessing import Preprocessing
from mimicflow.learning.configs import parse
from mimicflow.learning.fitted_on import FITTED_ON, fitted_on
from mimicflow.running.writing import atomic_output, write_csv, write_json, write_parquet

log = logging.getLogger(__name__)

PREDICTED = (
    *("epoch_id", "subject_id", "stay_id", "split", "label", "probability"),
    *("start", "end", "hours_to_arrest"),
)
"""Columns of the predictions."""


@dataclass(frozen=True, kw_only=True)
class FitFiles:
    """What `fit_arrest_model` writes."""

    model: str | Path
    """LightGBM text; its probabilities are not calibrated yet."""
    calibration: str | Path
    """JSON: ``a``, ``b``, ``c`` of the beta calibration and what it was fitted on."""
    description: str | Path
    """JSON: all that is needed to apply the model to a recording."""
    predictions: str | Path
    """Parquet, ``PREDICTED``; split ``validation`` out of fold, ``test`` by the final model."""
    rounds: str | Path
    """CSV: ``fold``, ``best_iteration``, ``auprc``, ``used_iteration``."""


def fit_arrest_model(
    features: str | Path,
    selected: str | Path,
    best: str | Path,
    weights: str | Path,
    options: Mapping[str, Any],
    seed: int,
    synthetic: bool,
    kind: str,
    outputs: Mapping[str, str | Path],
    *,
    threads: int = 1,
) -> None:
    """Fit the model on all development epochs; calibrate it out of fold; predict.

    Parameters
    ----------
    features, selected, best : path-like
        Feature table, its judged features and LightGBM's parameters.
    weights : path-like
        Parquet of `mimicflow.arrest.ward.weights.weigh_stays`: how frequent arrests are in the
        sample, and where nobody looked, goes into the description.
    options : mapping
        ``tuning`` (fields of `TuningConfig`); ``specificity`` of the threshold and the
        ``confidence`` with which new patients reach it; and, copied into
        the description, ``preprocessing``, ``epoch_minutes`` and ``event_window_h``.
    seed : int
        Of the models.
    synthetic : bool
        Whether the recordings were made; goes into the description.
    kind : {"hrv", "clinical", "both"}
        Of the features; goes into the description.
    outputs : mapping
        Fields of `FitFiles`: what is written.
    threads : int
        Of LightGBM; the result does not depend on it.

    Raises
    ------
    ConfigError, CohortError, InputError
        An option that cannot be used, epochs or folds of one class, no test epochs, files that do
        not belong together.

    Notes
    -----
    Rounds: with the parameters fixed, boosting is stopped once more on each fold. The final model
    has the mean of the best numbers, rounded to the nearest (halves up).

    Out-of-fold predictions: a model that was stopped on the fold that it predicts would do better
    there than on new patients, and a number common to all folds has the fold's own in it. The
    model that predicts a fold therefore has the mean of the numbers of the *other* folds. What is
    left of optimism is in the features and the parameters of the trees, which were chosen with
    all folds in view.

    Calibration and threshold are fitted on these predictions only, and used with the final model,
    which has learned from a fold more than the models that they come from.
    """
    files = FitFiles(**outputs)
    tuning = parse(TuningConfig, options["tuning"], "arrest.tuning")
    data = read_development(features, read_selected(selected, features))
    parameters = read_best(best)
    table = _second_pass(data, tuning, parameters, seed, threads)
    resolved = repeatable(parameters, seed, threads)
    raw = _out_of_fold(data, resolved, table)
    coefficients = fit_beta(raw, data.label)
    rounds = _mean(table["best_iteration"])
    everyone = np.ones(len(data.label), dtype=bool)
    text = model_text(train_rounds(resolved, data, everyone, rounds))
    test = _test_epochs(features, data)
    predicted = _predict(lgb.Booster(model_str=text), test[list(data.features)].to_numpy())
    parts = [
        _table(read_epochs(features, "train"), "validation", apply_beta(raw, coefficients)),
        _table(test, "test", apply_beta(predicted, coefficients)),
    ]
    threshold = threshold_of_model(parts[0], options)
    log.info("%d features, %d rounds, %s", len(data.features), rounds, threshold)
    prevalence = prevalences(pd.read_parquet(weights), "train")
    description = _describe(data, rounds, options, threshold, kind, synthetic)
    description["prevalence"] = prevalence
    # Out of fold, so that all development patients take part in each.
    everybody = data.subject_id
    description[FITTED_ON] = fitted_on(
        training=everybody, calibration=everybody, threshold=everybody
    )
    with atomic_output(files.model) as temporary:
        temporary.write_text(text, encoding="utf-8")
    write_json(_calibration(coefficients, data), files.calibration)
    write_json(description, files.description)
    write_parquet(pd.concat(parts).sort_values("epoch_id"), files.predictions)
    write_csv(table, files.rounds)


def _second_pass(
    data: Development, tuning: TuningConfig, parameters: dict[str, Any], seed: int, threads: int
) -> pd.DataFrame:
    """Return the table of rounds: the best number of each fold, and the one used to predict it."""
    stopped = tuning.folds(data, seed, threads).stop(parameters)
    table = pd.DataFrame(
        {
            "fold": list(stopped),
            "best_iteration": [found.rounds for found in stopped.values()],
            "auprc": [found.auprc for found in stopped.values()],
        }
    )
    others = [_mean(table.loc[table["fold"] != fold, "best_iteration"]) for fold in stopped]
    return table.assign(used_iteration=others)


def _mean(rounds: pd.Series) -> int:
    """Return the mean number of rounds, rounded to the nearest, halves up."""
    return int(np.floor(rounds.mean() + 0.5))


def _out_of_fold(data: Development, parameters: dict[str, Any], table: pd.DataFrame) -> np.ndarray:
    """Return the probability of each epoch by a model that has not seen its fold, (epochs,)."""
    raw = np.full(len(data.label), np.nan)
    for fold, rounds in zip(table["fold"], table["used_iteration"], strict=True):
        held_out = data.fold == fold
        model = train_rounds(parameters, data, ~held_out, int(rounds))
        raw[held_out] = _predict(model, data.values[held_out])
    return raw


def _predict(model: lgb.Booster, values: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict(values, num_threads=1))


def _test_epochs(features: str | Path, data: Development) -> pd.DataFrame:
    test = read_epochs(features, "test", data.features)
    if test.empty:
        raise CohortError(
            "no epochs of test patients",
            file=features,
            remedy="use more patients, or raise arrest.split.test",
        )
    return test


def _table(epochs: pd.DataFrame, split: str, probability: np.ndarray) -> pd.DataFrame:
    return epochs.assign(split=split, probability=probability)[list(PREDICTED)]


def _calibration(coefficients: np.ndarray, data: Development) -> dict[str, Any]:
    named = dict(zip("abc", map(float, coefficients), strict=True))
    counts = {"n": len(data.label), "events": int(data.label.sum())}
    return {"method": "beta", **named, **counts}


def _describe(
    data: Development,
    rounds: int,
    options: Mapping[str, Any],
    threshold: Mapping[str, float | None],
    kind: str,
    synthetic: bool,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "features": list(data.features),
        "rounds": rounds,
        "epoch_minutes": options["epoch_minutes"],
        "preprocessing": Preprocessing.of(options["preprocessing"]).as_options(),
        "horizon_h": list(options["event_window_h"]),
        "threshold": threshold,
        "synthetic": synthetic,
        "mimicflow": __version__,
    }
