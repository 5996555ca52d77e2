"""Fit the baselines of mortality on bags of codes, which ignore the order of visits.

Both read the mean of a stay's visit vectors; LightGBM also age, sex and the number of visits.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from lightgbm import Booster, LGBMClassifier
from sklearn.linear_model import LogisticRegression

from mimicflow.errors import ConfigError
from mimicflow.evaluation.statistics.recalibration import calibrated
from mimicflow.learning.checkpoints import save_checkpoint
from mimicflow.learning.configs import parse
from mimicflow.learning.fitted_on import FITTED_ON
from mimicflow.learning.preprocessing import Scaler
from mimicflow.mortality.inputs import PATIENT_FEATURES, MortalityInputs
from mimicflow.mortality.sequences import Reading
from mimicflow.mortality.training import FitFiles, repeat_row
from mimicflow.running.writing import write_csv, write_json, write_parquet

KIND = "mortality bag of codes"


def fit_bag_of_codes(
    name: str,
    *,
    options: Mapping[str, Any],
    pos_weight: str,
    spine: str | Path,
    sequences: str | Path,
    reading: Mapping[str, Any],
    outputs: FitFiles,
    seeds: int,
    seed: int,
    threads: int,
    reported: Literal["test", "validation"] = "test",
) -> None:
    """Fit a baseline ``seeds`` times on the training patients; keep the first.

    Parameters
    ----------
    name : {"logistic_regression", "lightgbm"}
        The method. Logistic regression has no chance in it: its repeats are equal.
    options : mapping
        Arguments of ``LogisticRegression`` or ``LGBMClassifier``.
    pos_weight : {"balanced", "none"}
        Whether both outcomes weigh the same.
    spine, sequences : path-like
        As `MortalityInputs` reads them.
    reading : mapping
        Fields of `Reading`: how the visits behind ``sequences`` were read.
    outputs : FitFiles
        What is written; there is no history.
    seeds, seed, threads : int
        Repeats; the k-th has ``seed + k - 1``.
    reported : {"test", "validation"}
        As in `mimicflow.mortality.training.train_visit_network`.

    Raises
    ------
    ConfigError, CohortError, InputError
        An unknown method, patients that nothing can be learned from.
    """
    if name not in _FITS:
        raise ConfigError(f"unknown baseline {name!r}", remedy=f"use {' or '.join(_FITS)}")
    data = MortalityInputs(spine, sequences, ("train", "validation", reported))
    values = bag_features(name, data.sequences.means()[data.visit_rows], data.patient_features())
    training, rows = data.rows("train"), data.rows("validation", "test")
    weights = None if pos_weight == "none" else pos_weight
    repeats, seconds = [], []
    for repeat in range(1, seeds + 1):
        started = time.perf_counter()
        fitted = _FITS[name](
            values.iloc[training],
            data.labels[training].astype(int),
            {**options, "class_weight": weights, "random_state": seed + repeat - 1},
            threads,
        )
        seconds.append(time.perf_counter() - started)
        predictions = data.predictions(rows, predict(name, fitted, values.iloc[rows]))
        scored, parameters = predictions[predictions["split"] == reported], fitted["parameters"]
        repeats.append(repeat_row(repeat, seed + repeat - 1, parameters, None, scored))
        if repeat == 1:
            content = {
                "name": name,
                "seed": seed,
                "options": dict(options),
                "pos_weight": pos_weight,
                "reading": asdict(parse(Reading, reading, "mortality")),
                "vocabulary_hash": data.sequences.vocabulary_hash,
                FITTED_ON: data.fitted_on(training="train"),
                "features": list(values.columns),
                "fitted": fitted,
            }
            save_checkpoint(KIND, content, outputs.model)
            write_parquet(predictions, outputs.predictions)
    write_csv(pd.DataFrame(repeats), outputs.repeats)
    write_json({"train_seconds": seconds}, outputs.timing)


def bag_features(name: str, means: np.ndarray, patients: pd.DataFrame) -> pd.DataFrame:
    """Return what a baseline sees of each stay.

    Parameters
    ----------
    name : str
        Of the baseline.
    means : ndarray of shape (stays, dimensions)
        Mean visit vectors.
    patients : pandas.DataFrame
        ``PATIENT_FEATURES``; only LightGBM looks at them.
    """
    columns = [f"med2vec_{place}" for place in range(means.shape[1])]
    bag = pd.DataFrame(means.astype(np.float64), columns=columns)
    if name == "lightgbm":
        bag[list(PATIENT_FEATURES)] = patients[list(PATIENT_FEATURES)].to_numpy()
    return bag


def predict(name: str, fitted: Mapping[str, Any], values: pd.DataFrame) -> np.ndarray:
    """Return the probability of each row from what `fit_bag_of_codes` keeps of a fit."""
    if name == "lightgbm":
        return np.asarray(Booster(model_str=fitted["booster"]).predict(values, num_threads=1))
    scaled = Scaler.from_state(fitted["scaler"]).transform(values.to_numpy())
    return calibrated(scaled @ fitted["coefficients"].numpy() + fitted["intercept"], 1.0)


def _fit_logistic_regression(
    values: pd.DataFrame, labels: np.ndarray, options: dict[str, Any], threads: int
) -> dict[str, Any]:
    scaler = Scaler.fit(values.to_numpy())
    model = LogisticRegression(**options).fit(scaler.transform(values.to_numpy()), labels)
    return {
        "scaler": scaler.state(),
        "coefficients": torch.from_numpy(model.coef_[0]),
        "intercept": float(model.intercept_[0]),
        "parameters": model.coef_.size + 1,
    }


def _fit_lightgbm(
    values: pd.DataFrame, labels: np.ndarray, options: dict[str, Any], threads: int
) -> dict[str, Any]:
    # Without the first two, LightGBM's sums depend on the number of threads.
    model = LGBMClassifier(
        deterministic=True, force_col_wise=True, verbosity=-1, n_jobs=threads, **options
    ).fit(values, labels)
    text = model.booster_.model_to_string()
    return {
        # The number of threads is not part of the model.
        "booster": re.sub(r"^\[num_threads: \d+\]\n", "", text, flags=re.MULTILINE),
        "parameters": int(model.booster_.trees_to_dataframe()["left_child"].isna().sum()),
    }


_FITS: dict[str, Callable[[pd.DataFrame, np.ndarray, dict[str, Any], int], dict[str, Any]]] = {
    "logistic_regression": _fit_logistic_regression,
    "lightgbm": _fit_lightgbm,
}
