"""LightGBM as the arrest system uses it: repeatable, and judged by the AUPRC of a held-out fold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np

from mimicflow.arrest.development import Development


@dataclass(frozen=True)
class Stopped:
    """When the boosting of one fold was best.

    Attributes
    ----------
    rounds : int
        The best number of rounds.
    auprc : float
        Of the held-out fold after so many rounds.
    """

    rounds: int
    auprc: float


def repeatable(parameters: Mapping[str, Any], seed: int, threads: int) -> dict[str, Any]:
    """Return the parameters of a binary model whose bytes depend on data and seed only."""
    return {
        **parameters,
        "objective": "binary",
        "seed": seed,
        "num_threads": threads,
        # Without these two the sums depend on the number of threads.
        "deterministic": True,
        "force_row_wise": True,
        # A data set prepared for one min_child_samples would have to be made again for another.
        "feature_pre_filter": False,
        "verbosity": -1,
    }


def model_text(model: lgb.Booster) -> str:
    """Return a model as LightGBM text, without the number of threads, which is no part of it."""
    text = model.model_to_string(num_iteration=-1)
    return re.sub(r"^\[num_threads: \d+\]\n", "", text, flags=re.MULTILINE)


def train_rounds(
    parameters: Mapping[str, Any], data: Development, rows: np.ndarray, rounds: int
) -> lgb.Booster:
    """Return a model of exactly ``rounds`` rounds.

    Parameters
    ----------
    parameters : mapping
        As `repeatable` returns them.
    data : Development
        The development epochs.
    rows : ndarray of bool, shape (epochs,)
        Those to fit on.
    rounds : int
        Of boosting.
    """
    training = lgb.Dataset(
        data.values[rows],
        data.label[rows],
        feature_name=list(data.features),
        params=dict(parameters),
    )
    return lgb.train(dict(parameters), training, num_boost_round=rounds)


class HeldOutFolds:
    """Boosting on all folds but one, stopped by the AUPRC of the one, for each fold in turn.

    Parameters
    ----------
    data : Development
        The development epochs; their binned values are kept between calls.
    max_rounds, patience, min_rounds : int
        Boosting ends after ``max_rounds``, or when the AUPRC has not risen for ``patience``
        rounds. The best number of rounds is sought from ``min_rounds`` on.
    seed, threads : int
        As `repeatable` takes them.

    Notes
    -----
    The first trees of a slow learner put all epochs into a few ties, whose AUPRC is high or low by
    luck. Without ``min_rounds``, a single tree can be the best model of a fold.
    """

    def __init__(
        self,
        data: Development,
        *,
        max_rounds: int,
        patience: int,
        min_rounds: int,
        seed: int,
        threads: int,
    ) -> None:
        self.max_rounds, self.patience, self.min_rounds = max_rounds, patience, min_rounds
        self.seed, self.threads = seed, threads
        self._sets: dict[int, tuple[lgb.Dataset, lgb.Dataset]] = {}
        for fold in data.folds():
            held_out = data.fold == fold
            training = lgb.Dataset(
                data.values[~held_out],
                data.label[~held_out],
                params=repeatable({}, seed, threads),
                free_raw_data=False,
            )
            tested = training.create_valid(data.values[held_out], data.label[held_out])
            self._sets[fold] = training, tested

    def stop(self, parameters: Mapping[str, Any]) -> dict[int, Stopped]:
        """Return the best number of rounds of each fold under these parameters."""
        resolved = repeatable(parameters, self.seed, self.threads)
        return {fold: self._stop(resolved, *sets) for fold, sets in self._sets.items()}

    def _stop(
        self, parameters: dict[str, Any], training: lgb.Dataset, tested: lgb.Dataset
    ) -> Stopped:
        history: dict[str, dict[str, list[float]]] = {}
        lgb.train(
            {**parameters, "metric": "average_precision"},
            training,
            num_boost_round=self.max_rounds,
            valid_sets=[tested],
            valid_names=["held_out"],
            callbacks=[
                lgb.early_stopping(max(self.patience, self.min_rounds), verbose=False),
                lgb.record_evaluation(history),
            ],
        )
        curve = np.asarray(history["held_out"]["average_precision"])
        first = min(self.min_rounds, len(curve)) - 1
        best = first + int(np.argmax(curve[first:]))
        return Stopped(rounds=best + 1, auprc=float(curve[best]))
