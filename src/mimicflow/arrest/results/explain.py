"""Explain an arrest model by the exact SHAP values of its trees on held-out epochs.

Values are in log-odds of the model before calibration, which keeps their order; with the mean
prediction they sum to it for every epoch (Lundberg et al. 2020, doi 10.1038/s42256-019-0138-9, as
LightGBM computes them).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from mimicflow.arrest.features import feature_table
from mimicflow.arrest.model_folder import ArrestModel, load_model
from mimicflow.arrest.results.explain_figures import (
    MISSING,
    draw_dependence,
    draw_dots,
    draw_ranking,
)
from mimicflow.arrest.results.horizon_scores import EPOCH
from mimicflow.errors import ConfigError, InputError
from mimicflow.evaluation.statistics.calibration import quantile_bins
from mimicflow.evaluation.statistics.jackknife import all_weightings, estimate
from mimicflow.evaluation.statistics.weighted import quotient
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv

_LOG = logging.getLogger(__name__)

OUTPUTS = ("shap", "dependence", "ranking_figure", "dots_figure", "dependence_figure")
COLUMNS = [
    *("model", "title", "feature", "unit", "rank", "mean_abs_shap", "lower", "upper"),
    *("direction", "known_share", "n", "events", "patients", "published_rank", "data"),
]
DEPENDENCE = [
    *("model", "feature", "unit", "rank", "bin", "n", "patients"),
    *("value", "value_low", "value_high", "shap", "shap_q10", "shap_q90", "data"),
]
ROWS = 20_000
"""Held-out epochs that are explained at most; 2,000 trees take about 5 ms each."""
BINS = 20
"""Bins of a feature in its dependence, of equal numbers of epochs."""


def explain_arrest_model(
    features: str | Path,
    folder: str | Path,
    outputs: Mapping[str, str | Path],
    study: Study,
    *,
    top: int = 6,
    rows: int = ROWS,
    threads: int = 1,
) -> None:
    """Write and draw how much each feature moves the predictions, and in which direction.

    Parameters
    ----------
    features : path-like
        Parquet with ``epoch_id, subject_id, split, label`` and the features of the model; its
        test split is explained.
    folder : path-like
        Of the fitted model, see `mimicflow.arrest.model_folder.load_model`.
    outputs : mapping of str to path-like
        All of `OUTPUTS`: ``shap`` (CSV of `COLUMNS`, a row per feature: the mean absolute SHAP
        value in log-odds with its 95 % interval of the jackknife by patient, and Spearman's
        correlation of value and SHAP value, above 0 where high values raise the risk),
        ``dependence`` (CSV of `DEPENDENCE`, a row per leading feature and bin of its values: the
        median value and its range, the mean SHAP value and its 10th and 90th percentile; bin 0 are
        the epochs in which it is not known), and a PNG of each; ``dots_figure`` has a dot for
        each epoch and feature.
    study : Study
        Whose model it is. Bins of the dependence with fewer patients
        than its smallest cell are left out, and events of fewer are not counted.
    top : int
        Features whose dependence is shown.
    rows : int
        Epochs that are explained at most, drawn by the seed.
    threads : int
        Of LightGBM; the values do not depend on it.

    Raises
    ------
    CheckpointError
        A folder that holds no fitted model.
    ConfigError
        Outputs that are unknown or missing.
    InputError
        A table of features without test epochs or without a feature of the model.
    """
    if set(outputs) != set(OUTPUTS):
        raise ConfigError(
            f"outputs {', '.join(sorted(outputs))} are given", remedy=f"give {', '.join(OUTPUTS)}"
        )
    model = load_model(folder)
    epochs = _test_epochs(features, model, rows, study.seed)
    values = epochs[list(model.features)].to_numpy(dtype=np.float64)
    shap = shap_values(model.booster, values, threads)[:, :-1]
    table = rank_features(epochs, list(model.features), shap, study)
    table = table.assign(
        **study.labels(model.kind),
        unit=table["feature"].map(feature_table()["unit"]).fillna(""),
        published_rank=table["feature"].map(_published_ranks(model.kind)),
        n=len(epochs),
        events=_events(epochs, study.smallest_cell),
        patients=epochs["subject_id"].nunique(),
    ).astype({"published_rank": "Int64", "events": "Int64"})[COLUMNS]
    bins = _leading_dependence(epochs, model, shap, table.head(top), study.smallest_cell)
    bins = bins.assign(model=model.kind, data=study.data)[DEPENDENCE]
    write_csv(table, outputs["shap"])
    write_csv(bins, outputs["dependence"])
    draw_ranking(table, outputs["ranking_figure"], study)
    ranked = shap[:, [model.features.index(feature) for feature in table["feature"]]]
    draw_dots(table, epochs, ranked, outputs["dots_figure"], study)
    draw_dependence(table.head(top), bins, outputs["dependence_figure"], study)


def shap_values(booster: lightgbm.Booster, values: np.ndarray, threads: int = 1) -> np.ndarray:
    """Return exact SHAP values of the raw margin, in log-odds.

    Parameters
    ----------
    booster : lightgbm.Booster
        Of k features.
    values : numpy.ndarray of shape (n, k)
        NaN where a feature is not known.
    threads : int
        Of LightGBM.

    Returns
    -------
    numpy.ndarray of shape (n, k + 1)
        A column per feature, and last the mean prediction; each row sums to the raw margin.
    """
    return np.asarray(booster.predict(values, pred_contrib=True, num_threads=threads))


def rank_features(
    epochs: pd.DataFrame, features: list[str], shap: np.ndarray, study: Study
) -> pd.DataFrame:
    """Return the features by their mean absolute SHAP value.

    Parameters
    ----------
    epochs : pandas.DataFrame
        n rows, with ``subject_id`` and the features.
    features : list of str
        k names.
    shap : numpy.ndarray of shape (n, k)
        Log-odds.
    study : Study
        The seed of intervals.

    Returns
    -------
    pandas.DataFrame
        ``feature, rank, mean_abs_shap, lower, upper, direction, known_share``, rank 1 first.
        Equal values stand in the order of the features.
    """
    patients, unit = np.unique(epochs["subject_id"].to_numpy(), return_inverse=True)
    weights = all_weightings(patients, study.seed)
    size = weights @ np.bincount(unit)
    rows = []
    for place, feature in enumerate(features):
        absolute = np.abs(shap[:, place])
        found = quotient(weights @ np.bincount(unit, weights=absolute), size)
        mean, lower, upper = estimate("mean_abs_shap", found, len(patients))
        value = epochs[feature].to_numpy(dtype=np.float64)
        rows.append(
            {
                "feature": feature,
                "mean_abs_shap": mean,
                "lower": lower,
                "upper": upper,
                "direction": _direction(value, shap[:, place]),
                "known_share": float(np.mean(~np.isnan(value))),
            }
        )
    table = pd.DataFrame(rows)
    table["rank"] = table["mean_abs_shap"].rank(ascending=False, method="first").astype(int)
    return table.sort_values("rank", ignore_index=True)


def dependence(
    value: np.ndarray, shap: np.ndarray, patient: np.ndarray, smallest: int = 0
) -> pd.DataFrame:
    """Return how the SHAP value of a feature goes with its value.

    Parameters
    ----------
    value, shap, patient : numpy.ndarray of shape (n,)
        Of one feature, and the patient of each epoch.
    smallest : int
        Bins of fewer patients are left out.

    Returns
    -------
    pandas.DataFrame
        A row per bin of the value, as in `DEPENDENCE`; `MISSING` is the bin of NaN.
    """
    known = ~np.isnan(value)
    bins = np.full(len(value), MISSING)
    if known.any():
        bins[known] = quantile_bins(value[known], BINS) + 1
    rows = pd.DataFrame({"bin": bins, "value": value, "shap": shap, "patient": patient})
    table = rows.groupby("bin", as_index=False).agg(
        n=("shap", "size"),
        patients=("patient", "nunique"),
        value=("value", "median"),
        value_low=("value", "min"),
        value_high=("value", "max"),
        shap=("shap", "mean"),
        shap_q10=("shap", lambda values: values.quantile(0.1)),
        shap_q90=("shap", lambda values: values.quantile(0.9)),
    )
    if not smallest:
        return table
    # The least and the largest value of a bin are those of single patients.
    table[["value_low", "value_high"]] = np.nan
    return table[table["patients"] >= smallest].reset_index(drop=True)


def _leading_dependence(
    epochs: pd.DataFrame,
    model: ArrestModel,
    shap: np.ndarray,
    leading: pd.DataFrame,
    smallest: int,
) -> pd.DataFrame:
    patient = epochs["subject_id"].to_numpy()
    tables = []
    for row in leading.itertuples():
        value = epochs[row.feature].to_numpy(dtype=np.float64)
        of_feature = shap[:, model.features.index(row.feature)]
        table = dependence(value, of_feature, patient, smallest)
        tables.append(table.assign(feature=row.feature, unit=row.unit, rank=row.rank))
    return pd.concat(tables, ignore_index=True)


def _test_epochs(path: str | Path, model: ArrestModel, rows: int, seed: int) -> pd.DataFrame:
    """Return the test epochs to be explained, by epoch."""
    columns = [EPOCH, "subject_id", "split", "label", *model.features]
    try:
        table = pd.read_parquet(path, columns=columns)
    except (OSError, ValueError) as error:  # Arrow's errors are of these kinds
        raise InputError(
            f"cannot be read, or lacks one of {', '.join(columns)}",
            file=path,
            remedy="explain a model with the table of features that it was trained on",
        ) from error
    test = table[table["split"] == "test"].sort_values(EPOCH, ignore_index=True)
    if test.empty:
        raise InputError(
            "has no test epochs", file=path, remedy="the split needs more held-out patients"
        )
    if len(test) <= rows:
        return test
    _LOG.info("%d of %d test epochs are explained", rows, len(test))
    drawn = np.random.default_rng(seed).choice(len(test), rows, replace=False)
    return test.iloc[np.sort(drawn)].reset_index(drop=True)


def _events(epochs: pd.DataFrame, smallest: int) -> int | None:
    """Return how many epochs have label 1, None where they come from too few patients."""
    events = epochs[epochs["label"] == 1]
    return None if 0 < events["subject_id"].nunique() < smallest else len(events)


def _direction(value: np.ndarray, shap: np.ndarray) -> float:
    """Return Spearman's correlation where the value is known; NaN where either does not vary."""
    known = ~np.isnan(value)
    value, shap = value[known], shap[known]
    if len(value) < 2 or np.ptp(value) == 0 or np.ptp(shap) == 0:
        return float("nan")
    return float(spearmanr(value, shap).statistic)


def _published_ranks(kind: str) -> dict[str, int]:
    table = pd.read_csv(reference("published_arrest.csv"))
    table = table[(table["model"] == kind) & (table["score"] == "shap_rank")]
    return dict(zip(table["feature"], table["value"].astype(int), strict=True))
