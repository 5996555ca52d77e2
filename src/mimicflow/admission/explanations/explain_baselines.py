"""Measure which features drive the baselines, on the test patients of a fold.

A fitted forest is not kept (see ``admission.baselines``). The job fits it again with the same seed
and gets the same trees.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import shap
from sklearn.inspection import permutation_importance
from sklearn.metrics import roc_auc_score

from mimicflow.admission.baselines import check_choices, fit, training_importance
from mimicflow.concepts import static_features
from mimicflow.errors import CohortError
from mimicflow.running.writing import write_csv

TRAINING_MEASURE = {"random_forest": "impurity", "lightgbm": "gain"}
"""What each method counts while it is fitted; the two others are measured on test patients."""


def explain_baseline(
    kind: str,
    subset: str,
    final_ecgs: str | Path,
    spine: str | Path,
    options: Mapping[str, Any],
    output: str | Path,
    *,
    acuity_median: str = "training",
    seed: int = 0,
    threads: int = 1,
    repeats: int = 5,
    shap_rows: int = 200,
) -> None:
    """Fit a baseline again and write how much each feature matters to it.

    Parameters
    ----------
    kind, subset, final_ecgs, spine, options, acuity_median, seed, threads
        As given to `mimicflow.admission.baselines.fit_baseline`.
    output : path-like
        CSV of this fold: feature, group, measure, value; one row per feature and kind:
        ``impurity`` or ``gain``: share of all, counted on the training stays. ``permutation``: how
        much the AUROC of the test stays falls when the feature is shuffled, mean over ``repeats``.
        ``shap``: mean absolute SHAP value over test stays, in probability for the forest, in
        log-odds for LightGBM; exact along the paths of the trees (TreeSHAP).
    repeats : int
        Shufflings of each feature.
    shap_rows : int
        At most so many test stays, drawn by the seed, get SHAP values. In a deep forest of 100
        trees one stay takes 0.1 s at 2,000 training stays, and more at more.

    Raises
    ------
    ConfigError, InputError, CohortError
        As in fitting; or the test stays do not hold both outcomes.
    """
    check_choices(kind, subset, acuity_median)
    model, table, values = fit(
        kind,
        subset,
        final_ecgs,
        spine,
        options,
        acuity_median=acuity_median,
        seed=seed,
        threads=threads,
    )
    test = (table["split"] == "test").to_numpy()
    label = table.loc[test, "label"].to_numpy()
    if len(np.unique(label)) < 2:
        raise CohortError(
            f"the {len(label)} test stays of this model do not hold both outcomes",
            file=spine,
            remedy="use more patients, or a larger share of test patients",
        )
    rows = values[test]
    drawn = np.random.default_rng(seed).permutation(len(rows))[:shap_rows]
    kinds = {
        TRAINING_MEASURE[kind]: training_importance(model),
        "permutation": permutation_drops(model, rows, label, repeats, seed, threads),
        "shap": np.abs(shap_values(model, rows.iloc[np.sort(drawn)])).mean(axis=0),
    }
    features = static_features()[["name", "group"]].rename(columns={"name": "feature"})
    frames = [features.assign(measure=name, value=found) for name, found in kinds.items()]
    write_csv(pd.concat(frames), output)


def permutation_drops(
    model: Any, values: pd.DataFrame, label: np.ndarray, repeats: int, seed: int, threads: int
) -> np.ndarray:
    """Return the mean fall of AUROC when a feature is shuffled, (features,).

    A feature that the model asks about nowhere, or that is the same in all rows, is exactly 0 and
    costs nothing. The others are what ``sklearn.inspection.permutation_importance`` gives when it
    shuffles all.

    Parameters
    ----------
    model
        A fitted forest or LightGBM classifier.
    values : DataFrame of shape (n, features)
        Stays that the model was not fitted on.
    label : ndarray of shape (n,)
        0/1.
    repeats, seed, threads : int
        Shufflings of each feature, their seed, and features shuffled at the same time.
    """
    everything = values.to_numpy()
    some = np.flatnonzero(_asked(model) & (values.nunique(dropna=False) > 1).to_numpy())
    drops = np.zeros(everything.shape[1])
    if not len(some):
        return drops

    def auroc(model: Any, shuffled: np.ndarray, label: np.ndarray) -> float:
        rows = everything.copy()
        rows[:, some] = shuffled
        named = pd.DataFrame(rows, columns=values.columns, copy=False)
        return float(roc_auc_score(label, model.predict_proba(named)[:, 1]))

    # Threads, for processes would each get a copy of the model.
    with joblib.parallel_config(backend="threading"):
        found = permutation_importance(
            model,
            everything[:, some],
            label,
            scoring=auroc,
            n_repeats=repeats,
            random_state=seed,
            n_jobs=threads,
        )
    drops[some] = found.importances_mean
    return drops


def _asked(model: Any) -> np.ndarray:
    """Say for each feature whether any split of any tree asks about it, (features,) bool."""
    if hasattr(model, "booster_"):
        return np.asarray(model.booster_.feature_importance("split") > 0)
    asked = np.concatenate([tree.tree_.feature for tree in model.estimators_])
    return np.isin(np.arange(model.n_features_in_), asked)


def shap_values(model: Any, values: pd.DataFrame) -> np.ndarray:
    """Return the SHAP value of each feature of each stay toward admission, (n, features).

    Source: Lundberg et al. 2020 (doi 10.1038/s42256-019-0138-9). LightGBM computes the same
    values by itself, much faster.
    """
    if hasattr(model, "booster_"):
        return np.asarray(model.predict(values, pred_contrib=True))[:, :-1]  # last: the base value
    return np.asarray(shap.TreeExplainer(model).shap_values(values))[:, :, 1]
