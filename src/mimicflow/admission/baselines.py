"""Fit the baselines of admission, random forest and LightGBM, on the static features alone.

The forest is not saved: scikit-learn has no format but pickle, and no file that we read may run
code. Its predictions and importances are kept, and the seed makes it again, as
``explanations.explain_baselines`` does. LightGBM has a text format. Neither is calibrated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml
from lightgbm import LGBMClassifier
from sklearn.ensemble import RandomForestClassifier

from mimicflow.admission.drugs import DRUG_DICTIONARY
from mimicflow.concepts import static_features
from mimicflow.errors import CohortError, ConfigError, InputError
from mimicflow.learning.fitted_on import FITTED_ON, fitted_on
from mimicflow.learning.splits import LEAST_ECGS, stays_of_model
from mimicflow.running.writing import atomic_output, write_csv, write_parquet

_ESTIMATORS: dict[str, Callable[..., Any]] = {
    "random_forest": RandomForestClassifier,
    # Without these two, LightGBM's sums depend on the number of threads.
    "lightgbm": lambda **options: LGBMClassifier(
        importance_type="gain", deterministic=True, force_col_wise=True, verbosity=-1, **options
    ),
}


class FittedBaseline(NamedTuple):
    """A baseline with the stays that it was, or could be, asked about."""

    model: Any
    """``RandomForestClassifier`` or ``LGBMClassifier``; predicts on one thread."""
    stays: pd.DataFrame
    """stay_id, subject_id, split, label (and the raw features), by stay_id."""
    values: pd.DataFrame
    """What the model sees of each of ``stays``; columns in the order of ``static_features``."""


def fit_baseline(
    kind: str,
    subset: str,
    final_ecgs: str | Path,
    spine: str | Path,
    options: Mapping[str, Any],
    outputs: Mapping[str, str | Path],
    *,
    acuity_median: str = "training",
    stopping: str = "validation",
    multi: str = "shared",
    seed: int = 0,
    threads: int = 1,
) -> None:
    """Fit a baseline on the training patients and predict the validation and test patients.

    Parameters
    ----------
    kind : {"random_forest", "lightgbm"}
        The method.
    subset : {"all", "multi"}
        All stays, or those with at least two ECGs.
    final_ecgs, spine : path-like
        Parquet of raw static features, and of stays with label and split; by ``stay_id``.
    options : mapping
        Arguments of ``RandomForestClassifier`` or ``LGBMClassifier``.
    outputs : mapping of str to path-like
        ``predictions`` (Parquet), ``importance`` (CSV, sums to 1), ``config`` (YAML) and, for
        LightGBM, ``model`` (text).
    acuity_median : {"training", "all"}
        Stays from which the median that replaces a missing acuity is taken.
    stopping : {"validation", "test"}
        ``test``: the validation patients train too, as where the test patients stop the networks.
    multi : {"shared", "own"}
        ``own``: the split of stays with several ECGs is that drawn among them alone.
    seed, threads : int
        The result depends on the seed only.

    Raises
    ------
    ConfigError, InputError, CohortError
        An unknown choice, absent or missing features, training patients of one class only.
    """
    check_choices(kind, subset, acuity_median)
    _check_outputs(kind, outputs)
    model, table, values = fit(
        kind,
        subset,
        final_ecgs,
        spine,
        options,
        acuity_median=acuity_median,
        stopping=stopping,
        multi=multi,
        seed=seed,
        threads=threads,
    )
    held_out = (table["split"] != "train").to_numpy()
    names = static_features()["name"]
    predictions = table.loc[held_out, ["stay_id", "subject_id", "split", "label"]].assign(
        probability=model.predict_proba(values[held_out])[:, 1]
    )
    settings = {"kind": kind, "stays": subset, "seed": seed, "acuity_median": acuity_median}
    settings |= {
        "stopping": stopping,
        "multi": multi,
        "options": dict(options),
        "features": names.tolist(),
    }
    patients = table["subject_id"]
    settings[FITTED_ON] = fitted_on(
        training=patients[~held_out],
        acuity_median=patients if acuity_median == "all" else patients[~held_out],
    )
    # The hash of the dictionary by which drugs were classed: features/gsn_etc.parquet has it too.
    settings[DRUG_DICTIONARY] = table.attrs.get(DRUG_DICTIONARY)
    write_parquet(predictions, outputs["predictions"])
    importance = pd.DataFrame({"feature": names, "importance": training_importance(model)})
    by_size = importance.sort_values("importance", ascending=False, kind="stable")
    write_csv(by_size, outputs["importance"])
    _write_text(yaml.safe_dump(settings, sort_keys=False), outputs["config"])
    if kind == "lightgbm":
        _write_text(_model_text(model), outputs["model"])


def fit(
    kind: str,
    subset: str,
    final_ecgs: str | Path,
    spine: str | Path,
    options: Mapping[str, Any],
    *,
    acuity_median: str,
    seed: int,
    threads: int,
    stopping: str = "validation",
    multi: str = "shared",
) -> FittedBaseline:
    """Fit a baseline on the training patients; the same arguments give the same model.

    Parameters and errors are those of `fit_baseline`.
    """
    features = static_features()
    names = features["name"].tolist()
    chosen = stays_of_model(spine, subset, stopping, multi)
    table = _read_features(chosen, final_ecgs, names, spine)
    training = (table["split"] == "train").to_numpy()
    values = table[names].astype(np.float64)
    if kind == "random_forest":  # LightGBM has a branch of its own for missing values
        values = _impute(values, features, training, acuity_median)
        _refuse_missing(values, final_ecgs)
    values.columns = values.columns.str.replace(" ", "_")  # LightGBM allows no blank in a name

    model = _ESTIMATORS[kind](**options, random_state=seed, n_jobs=threads)
    model.fit(values[training], table.loc[training, "label"].to_numpy())
    model.n_jobs = 1  # several threads would add up the trees' votes in any order
    return FittedBaseline(model, table, values)


def training_importance(model: Any) -> np.ndarray:
    """Return impurity or gain per feature as a share of all, (features,)."""
    importance = np.asarray(model.feature_importances_, dtype=np.float64)
    return np.asarray(importance / max(importance.sum(), np.finfo(np.float64).tiny))


def check_choices(kind: str, subset: str, acuity_median: str) -> None:
    """Refuse an unknown method, subset or source of the median (ConfigError)."""
    choices = (
        ("kind of baseline", kind, list(_ESTIMATORS)),
        ("subset of stays", subset, list(LEAST_ECGS)),
        ("acuity_median", acuity_median, ["training", "all"]),
    )
    for what, value, known in choices:
        if value not in known:
            raise ConfigError(f"unknown {what} {value!r}", remedy=f"use {' or '.join(known)}")


def _check_outputs(kind: str, outputs: Mapping[str, str | Path]) -> None:
    needed = {"predictions", "importance", "config"} | ({"model"} if kind == "lightgbm" else set())
    if set(outputs) != needed:
        raise ConfigError(
            f"outputs of {kind} are {', '.join(sorted(outputs))}",
            remedy=f"name exactly {', '.join(sorted(needed))}",
        )


def _read_features(
    stays: pd.DataFrame, final_ecgs: str | Path, names: list[str], spine: str | Path
) -> pd.DataFrame:
    """Label, split and features of the stays, sorted by stay."""
    stays = stays[["stay_id", "subject_id", "split", "label"]]
    table = pd.read_parquet(final_ecgs)
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise InputError(
            f"{len(absent)} static features are absent, the first is {absent[0]!r}",
            file=final_ecgs,
            remedy="run the feature rules again",
        )
    lost = stays.loc[~stays["stay_id"].isin(table["stay_id"]), "stay_id"]
    if len(lost):
        raise InputError(
            f"{len(lost)} of {len(stays)} stays have no features",
            file=final_ecgs,
            remedy="run the feature rules again",
        )
    merged = stays.merge(table[["stay_id", *names]], on="stay_id", validate="one_to_one")
    merged.attrs = table.attrs
    training = merged.loc[merged["split"] == "train", "label"]
    if training.nunique() < 2:
        raise CohortError(
            f"the {len(training)} training stays of this model do not hold both outcomes",
            file=spine,
            remedy="use more patients, or all stays",
        )
    return merged.sort_values("stay_id", ignore_index=True)


def _impute(
    values: pd.DataFrame, features: pd.DataFrame, training: np.ndarray, acuity_median: str
) -> pd.DataFrame:
    """Missing acuity by the median, missing laboratory values by the mean of the training stays.

    A laboratory value that no training stay has becomes 0; its ``_missing`` flag stays.
    """
    measured = (features["group"] == "labs") & (features["kind"] == "numeric")
    fill = values.loc[training, features.loc[measured, "name"].tolist()].mean().fillna(0.0)
    known = training if acuity_median == "training" else np.ones_like(training)
    fill["acuity"] = values.loc[known, "acuity"].median()
    return values.fillna(fill)


def _refuse_missing(values: pd.DataFrame, file: str | Path) -> None:
    missing = values.columns[values.isna().any()]
    if len(missing):
        raise InputError(
            f"missing values in {len(missing)} features: {', '.join(missing[:5])}",
            file=file,
            remedy="only acuity and laboratory values may be missing; see the feature rules",
        )


def _write_text(text: str, path: str | Path) -> None:
    with atomic_output(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _model_text(model: LGBMClassifier) -> str:
    """LightGBM's own text, without the number of threads: it is not part of the model."""
    text = model.booster_.model_to_string()
    return re.sub(r"^\[num_threads: \d+\]\n", "", text, flags=re.MULTILINE)
