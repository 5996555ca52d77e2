"""Tune the boosted trees by Gaussian-process search over folds that share no patient."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from bayes_opt import BayesianOptimization

from mimicflow.arrest.boosting import HeldOutFolds
from mimicflow.arrest.development import Development, read_development
from mimicflow.arrest.selection import read_selected
from mimicflow.errors import ConfigError, InputError
from mimicflow.learning.configs import parse
from mimicflow.learning.fitted_on import FITTED_ON, fitted_on
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv, write_json

log = logging.getLogger(__name__)

SPACE = reference("tuning_space.csv")
_AGAIN = "run the tuning again"


@dataclass(frozen=True, kw_only=True)
class TuningConfig:
    """Section ``arrest.tuning``."""

    initial: int
    """Points drawn at random before the search."""
    further: int
    """Points that the search proposes."""
    max_rounds: int
    """Of boosting, at most."""
    patience: int
    """Rounds without a rise of the held-out AUPRC after which boosting ends."""
    space: Literal["published", "wide"]
    """Which bounds of ``reference/tuning_space.csv``."""
    min_rounds: int = 20
    """The fewest rounds that count as best; see `HeldOutFolds`."""

    def __post_init__(self) -> None:
        if min(self.initial, self.min_rounds, self.patience) < 1 or self.further < 0:
            raise ConfigError(
                "arrest.tuning.initial, min_rounds and patience must be at least 1, further 0",
                remedy="the published search has 3 initial and 50 further points, patience 300",
            )
        if self.max_rounds < self.min_rounds:
            raise ConfigError(
                f"arrest.tuning.max_rounds is {self.max_rounds}, min_rounds {self.min_rounds}",
                remedy="allow more rounds",
            )

    def folds(self, data: Development, seed: int, threads: int) -> HeldOutFolds:
        """Return the folds of the development epochs, stopped as configured."""
        return HeldOutFolds(
            data,
            max_rounds=self.max_rounds,
            patience=self.patience,
            min_rounds=self.min_rounds,
            seed=seed,
            threads=threads,
        )


class Space:
    """The bounds of the parameters, mapped to the unit cube.

    Parameters
    ----------
    name : {"published", "wide"}
        Which bounds.

    Attributes
    ----------
    free : tuple of str
        Parameters whose bounds differ; the others are fixed.

    Notes
    -----
    The kernel of ``bayes_opt`` has one length scale for all parameters. In their own units,
    ``min_child_weight`` (10 to 40) would hide ``lambda_l1`` (0.7 to 0.9), so the search runs on
    shares of each range, of the logarithm where the kind is ``log``.
    """

    def __init__(self, name: str) -> None:
        table = pd.read_csv(SPACE).set_index("parameter")
        self.kinds = table["kind"].to_dict()
        self.low = table[f"{name}_low"].astype(float).to_dict()
        self.high = table[f"{name}_high"].astype(float).to_dict()
        self.free = tuple(key for key in self.kinds if self.low[key] < self.high[key])

    def parameters(self, point: Mapping[str, float]) -> dict[str, Any]:
        """Return LightGBM's parameters at a point of the unit cube."""
        return {key: self._value(key, point.get(key, 0.0)) for key in self.kinds}

    def _value(self, key: str, share: float) -> int | float:
        low, high = self.low[key], self.high[key]
        if self.kinds[key] == "int":
            return round(low + share * (high - low))
        if self.kinds[key] == "log":
            value = low * (high / low) ** share
        else:
            value = low + share * (high - low)
        return float(np.clip(value, low, high))  # rounding must not leave the bounds


def tune_arrest_model(
    features: str | Path,
    selected: str | Path,
    options: Mapping[str, Any],
    seed: int,
    best: str | Path,
    trials: str | Path,
    *,
    record: str | Path | None = None,
    threads: int = 1,
) -> None:
    """Search the parameters with the highest mean AUPRC over the folds of the development patients.

    Parameters
    ----------
    features : path-like
        Feature table; rows of test patients are not read.
    selected : path-like
        As `mimicflow.arrest.selection.select_features` writes it.
    options : mapping
        Fields of `TuningConfig`.
    seed : int
        Of the points and the models.
    best : path-like
        JSON: LightGBM's parameters at the best point, the first of equals.
    trials : path-like
        CSV, a row per point: ``number``, ``phase`` (initial, search), the parameters, ``auprc``
        (mean over the folds, each after its own best number of rounds), ``auprc_fold_0`` and so
        on, ``best_iteration`` (mean over the folds).
    record : path-like, optional
        JSON to write: on whom the parameters were tuned (`mimicflow.learning.fitted_on`).
    threads : int
        Of LightGBM; the result does not depend on it.

    Raises
    ------
    ConfigError, CohortError, InputError
        An option that cannot be used, epochs or folds of one class, missing features.

    Notes
    -----
    The rounds of each fold are chosen on the fold whose AUPRC is counted, as in the published
    search: the values compare points and are no estimate of how the model does on new patients.
    """
    settings = parse(TuningConfig, options, "arrest.tuning")
    data = read_development(features, read_selected(selected, features))
    folds = settings.folds(data, seed, threads)
    space = Space(settings.space)
    search = BayesianOptimization(
        f=None, pbounds=dict.fromkeys(space.free, (0.0, 1.0)), random_state=seed, verbose=0
    )
    rows: list[dict[str, Any]] = []
    for number in range(settings.initial + settings.further):
        phase = "initial" if number < settings.initial else "search"
        point = _drawn(search) if phase == "initial" else _proposed(search)
        row = {"number": number, "phase": phase, **_trial(folds, space.parameters(point))}
        search.register(params=point, target=row["auprc"])
        log.info("point %d (%s): AUPRC %.4f, %s", number, phase, row["auprc"], _written(space, row))
        rows.append(row)
    table = pd.DataFrame(rows)
    winner = rows[int(table["auprc"].to_numpy().argmax())]
    write_csv(table, trials)
    write_json({key: winner[key] for key in space.kinds}, best)
    if record is not None:
        write_json({FITTED_ON: fitted_on(tuning=data.subject_id)}, record)


def read_best(best: str | Path) -> dict[str, Any]:
    """Return the parameters that `tune_arrest_model` found.

    Raises
    ------
    InputError
        When the file is no JSON of exactly the parameters of the search space.
    """
    try:
        parameters = json.loads(Path(best).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({error})", file=best, remedy=_AGAIN) from error
    wanted = set(pd.read_csv(SPACE)["parameter"])
    if not isinstance(parameters, dict) or set(parameters) != wanted:
        raise InputError(f"must hold exactly {', '.join(sorted(wanted))}", file=best, remedy=_AGAIN)
    return parameters


def _trial(folds: HeldOutFolds, parameters: dict[str, Any]) -> dict[str, Any]:
    found = folds.stop(parameters)
    auprc = {f"auprc_fold_{fold}": stopped.auprc for fold, stopped in found.items()}
    return {
        **parameters,
        "auprc": float(np.mean(list(auprc.values()))),
        **auprc,
        "best_iteration": float(np.mean([stopped.rounds for stopped in found.values()])),
    }


def _drawn(search: BayesianOptimization) -> dict[str, float]:
    return {key: float(share) for key, share in search.random_sample()[0].items()}


def _proposed(search: BayesianOptimization) -> dict[str, float]:
    """Return the point proposed, or a random one where the search proposes a corner again."""
    point = {key: float(share) for key, share in search.suggest().items()}
    return _drawn(search) if search.space.params_to_array(point) in search.space else point


def _written(space: Space, row: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {row[key]:.4g}" for key in space.free)
