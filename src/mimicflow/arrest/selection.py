"""Select features by Boruta, with the importance of a feature measured by SHAP.

Every feature competes against shadows, columns with the same values and no relation to the label.
What beats the best shadow more often than chance allows is accepted (Kursa and Rudnicki 2010,
doi:10.18637/jss.v036.i11; the tests are those of the package ``boruta``).

Epochs of one patient are alike. A usual shadow, whose epochs are shuffled, loses that likeness,
while a model finds its training patients again by any number that is constant in a patient: on
made tables of 100 patients with 44 epochs each, such shadows let 60 of 60 columns of
patient-constant noise pass. A shadow of whole patients keeps the likeness: each patient gets the
values of another. Those let 4 of 270 such columns pass (1.5 %), which is what Boruta allows: a
column of noise passes when it is luckier than the median of the best of 43 shadows, with the
chance 1 - 0.5^(1/43) = 1.6 %. The price is that weak signals need more patients.

SHAP over held-out patients was tried in place of the training patients: 0 of 75 such columns
passed instead of 3, but also 8 of 25 clear signals instead of 16. It is not used, the more so as
mean |SHAP| measures how much a feature moves the model, not whether it moves it rightly.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from boruta import BorutaPy
from sklearn.base import BaseEstimator
from sklearn.utils import check_X_y

from mimicflow.arrest.boosting import repeatable
from mimicflow.arrest.development import read_development
from mimicflow.errors import CohortError, ConfigError, InputError
from mimicflow.learning.configs import parse
from mimicflow.learning.fitted_on import FITTED_ON, fitted_on
from mimicflow.running.writing import write_csv, write_json

log = logging.getLogger(__name__)

ACCEPTED, TENTATIVE, REJECTED = "accepted", "tentative", "rejected"

_DECISIONS = {1: ACCEPTED, 0: TENTATIVE, -1: REJECTED}  # the numbers of BorutaPy
_MOST = 2**31 - 1  # largest seed of LightGBM
# BorutaPy has 5 at least, which noise beats often: with few features, each gets several shadows.
_FEWEST_SHADOWS = 40

# Shallow and slow: a model that knows its training patients by heart spreads its importance over
# everything that identifies them. Of depths 3 and 5 and rates 0.02 to 0.1, these found the most
# true signals at the same share of noise.
_PARAMETERS = {
    "objective": "binary",
    "max_depth": 3,
    "num_leaves": 8,
    "learning_rate": 0.02,
    "min_child_samples": 20,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "feature_fraction": 0.6,
}


@dataclass(frozen=True, kw_only=True)
class SelectionConfig:
    """Section ``arrest.selection``."""

    rounds: int
    """Competitions at most; fewer when nothing is undecided any more."""
    trees: int
    """Of the model of each competition."""
    shadow: Literal["patient", "epoch"]
    """Whether shadows exchange whole patients, or single epochs as usual."""
    explained: int = 2000
    """Epochs over which |SHAP| is averaged, drawn in each round; all when there are fewer."""


def select_features(
    features: str | Path,
    options: Mapping[str, Any],
    seed: int,
    output: str | Path,
    *,
    rounds: str | Path | None = None,
    record: str | Path | None = None,
    threads: int = 1,
) -> None:
    """Judge each feature on the development epochs.

    Parameters
    ----------
    features : path-like
        Feature table; rows of test patients are not read.
    options : mapping
        Fields of `SelectionConfig`.
    seed : int
        Of shadows and models.
    output : path-like
        CSV, a row per feature, the most important first: ``feature``; ``importance``, mean |SHAP|
        in log odds, and ``shadow``, that of the best shadow, both averaged over the rounds in
        which the feature took part; ``hits``, in how many of those ``rounds`` it beat that
        shadow; ``decision`` (accepted, tentative, rejected).
    rounds : path-like, optional
        CSV to write: ``round`` (from 1), ``feature, importance, shadow``, a row per round and
        feature that took part, the same most important feature first.
    record : path-like, optional
        JSON to write: on whom the features were selected (`mimicflow.learning.fitted_on`).
    threads : int
        Of LightGBM; the result does not depend on it.

    Raises
    ------
    ConfigError
        An option that cannot be used.
    CohortError
        Development epochs of a single class, or no feature accepted.
    """
    settings = parse(SelectionConfig, options, "arrest.selection")
    if settings.rounds < 1 or settings.trees < 1 or settings.explained < 1:
        raise ConfigError(
            "arrest.selection.rounds, trees and explained must be at least 1",
            remedy="20 rounds or more can decide, 50 is usual",
        )
    data = read_development(features)
    competition = ShapBoruta(data.patient, settings, seed, threads).fit(data.values, data.label)
    table = competition.table(data.features)
    counts = table["decision"].value_counts()
    log.info(
        "after %d rounds: %s",
        len(competition.importance),
        ", ".join(f"{counts.get(name, 0)} {name}" for name in _DECISIONS.values()),
    )
    if ACCEPTED not in counts.index:
        raise CohortError(
            f"none of the {len(table)} features is accepted after {len(competition.importance)} "
            "rounds: none differs from chance more surely than its shadows",
            file=features,
            remedy="use more patients with an arrest, or raise arrest.selection.rounds "
            "(below about 10 nothing can be accepted)",
        )
    write_csv(table, output)
    if rounds is not None:
        write_csv(competition.course(data.features, list(table["feature"])), rounds)
    if record is not None:
        write_json({FITTED_ON: fitted_on(selection=data.subject_id)}, record)


def read_selected(selected: str | Path, features: str | Path) -> tuple[str, ...]:
    """Return the names of the accepted features, in the order of the feature table.

    Parameters
    ----------
    selected : path-like
        As `select_features` writes it.
    features : path-like
        The feature table.

    Raises
    ------
    CohortError
        When nothing is accepted.
    InputError
        When the table lacks an accepted feature.
    """
    table = pd.read_csv(selected)
    accepted = table.loc[table["decision"] == ACCEPTED, "feature"].tolist()
    if not accepted:
        raise CohortError("no feature is accepted", file=selected, remedy="run the selection again")
    names = pq.read_schema(features).names
    if missing := sorted(set(accepted) - set(names)):
        raise InputError(
            f"accepted features that {features} lacks: {', '.join(missing)}",
            file=selected,
            remedy="run the selection on this table",
        )
    return tuple(name for name in names if name in accepted)


class _Trees(BaseEstimator):
    """What BorutaPy sets before each round."""

    def __init__(self, n_estimators: int = 100, random_state: Any = None) -> None:
        self.n_estimators, self.random_state = n_estimators, random_state


class ShapBoruta(BorutaPy):
    """Boruta with mean |SHAP| of a LightGBM model, shadows of whole patients, and gaps let through.

    Parameters
    ----------
    patient : ndarray of shape (epochs,)
        Number of the patient of each epoch, from 0 on.
    settings : SelectionConfig
        As configured.
    seed, threads : int
        As `select_features` takes them.

    Attributes
    ----------
    importance : list of ndarray of shape (features,)
        Of each round; NaN for features that had been rejected before.
    best_shadow : list of float
        The importance to be beaten, of each round.
    decision : ndarray of shape (features,)
        1 accepted, 0 tentative, -1 rejected.
    """

    def __init__(
        self, patient: np.ndarray, settings: SelectionConfig, seed: int, threads: int
    ) -> None:
        # BorutaPy stops before the round max_iter.
        super().__init__(
            _Trees(), n_estimators=settings.trees, max_iter=settings.rounds + 1, random_state=seed
        )
        self.patient, self.settings, self.seed, self.threads = patient, settings, seed, threads
        # Epochs by patient: where each patient's begin, how many, and the place of each in them.
        self.rows = np.argsort(patient, kind="stable")
        self.sizes = np.bincount(patient)
        self.begins = np.cumsum(self.sizes) - self.sizes
        self.place = np.empty_like(self.rows)
        self.place[self.rows] = np.arange(len(patient)) - np.repeat(self.begins, self.sizes)
        self.importance: list[np.ndarray] = []
        self.best_shadow: list[float] = []
        self.decision = np.empty(0, dtype=np.int64)

    def table(self, features: tuple[str, ...]) -> pd.DataFrame:
        """Return the table that `select_features` writes."""
        importance, shadow = np.array(self.importance), np.array(self.best_shadow)[:, None]
        took_part = ~np.isnan(importance)
        rounds = took_part.sum(axis=0)
        table = pd.DataFrame(
            {
                "feature": features,
                "importance": np.where(took_part, importance, 0.0).sum(axis=0) / rounds,
                "shadow": np.where(took_part, shadow, 0.0).sum(axis=0) / rounds,
                "hits": (importance > shadow).sum(axis=0),
                "rounds": rounds,
                "decision": [_DECISIONS[int(number)] for number in self.decision],
            }
        )
        return table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)

    def course(self, features: tuple[str, ...], order: list[str]) -> pd.DataFrame:
        """Return the table of rounds that `select_features` writes, features in this order."""
        wide = pd.DataFrame(self.importance, columns=list(features))[order]
        wide.insert(0, "round", np.arange(1, len(wide) + 1))
        long = wide.melt("round", var_name="feature", value_name="importance").dropna()
        long["shadow"] = np.array(self.best_shadow)[long["round"] - 1]
        return long.sort_values("round", kind="stable", ignore_index=True)

    def _check_params(self, X: np.ndarray, y: np.ndarray) -> None:
        # BorutaPy's own check refuses NaN, which LightGBM takes.
        check_X_y(X, y, ensure_all_finite="allow-nan")

    def _add_shadows_get_imps(
        self, X: np.ndarray, y: np.ndarray, dec_reg: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Hold one round; the shadows are those of all features, rejected ones too.

        BorutaPy drops the shadows of rejected features, so that the bar falls as it goes.
        """
        left = np.flatnonzero(dec_reg >= 0)
        repeats = -(-_FEWEST_SHADOWS // X.shape[1])
        shadows = [self._shadow(column) for _ in range(repeats) for column in X.T]
        found = self._mean_shap(np.column_stack([X[:, left], *shadows]), y)
        real, shadow = np.full(X.shape[1], np.nan), found[len(left) :]
        real[left] = found[: len(left)]
        self.importance.append(real.copy())  # BorutaPy writes into the one it gets
        self.best_shadow.append(float(shadow.max()))
        return real, shadow

    def _do_tests(self, dec_reg: np.ndarray, hit_reg: np.ndarray, _iter: int) -> np.ndarray:
        # BorutaPy forgets the decisions, and its masks take tentative features for confirmed ones
        # when none is rejected.
        decision = super()._do_tests(dec_reg, hit_reg, _iter)
        self.decision = decision.copy()
        return decision

    def _shadow(self, column: np.ndarray) -> np.ndarray:
        """Return the values of a feature without relation to the label, (epochs,)."""
        if self.settings.shadow == "epoch":
            return self.random_state.permutation(column)
        others = self.random_state.permutation(len(self.sizes))
        firsts = np.array([self.random_state.randint(n) for n in self.sizes[others].tolist()])
        # Consecutive epochs from a random one on, from the first again after the last: a patient
        # with more epochs than the other gets all of the other's, some twice.
        other, first = others[self.patient], firsts[self.patient]
        series = (first + self.place) % self.sizes[other]
        return np.asarray(column[self.rows[self.begins[other] + series]])

    def _mean_shap(self, values: np.ndarray, label: np.ndarray) -> np.ndarray:
        """Return mean |SHAP| of each column in a model that is fitted on all epochs."""
        seed = int(self.random_state.randint(_MOST))
        parameters = repeatable(_PARAMETERS, seed, self.threads)
        data = lgb.Dataset(values, label, params=parameters)
        model = lgb.train(parameters, data, num_boost_round=self.settings.trees)
        if len(values) > self.settings.explained:
            chosen = self.random_state.permutation(len(values))[: self.settings.explained]
            values = values[np.sort(chosen)]
        # TreeSHAP, exact; the last column is the expected value.
        shap = np.asarray(model.predict(values, pred_contrib=True, num_threads=self.threads))
        return np.abs(shap[:, :-1]).mean(axis=0)
