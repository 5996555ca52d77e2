"""Weigh decisions: what acting on the predictions of each model is worth, at every threshold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.errors import ConfigError
from mimicflow.evaluation.figures.decision import draw_decision_curves
from mimicflow.evaluation.models import Model, counted_models, read_models
from mimicflow.evaluation.statistics.clusters import rarer
from mimicflow.evaluation.statistics.decision import net_benefit
from mimicflow.evaluation.statistics.jackknife import estimate, weightings
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.thresholds import shown_columns
from mimicflow.running.writing import write_csv

TREAT_ALL, TREAT_NONE = "treat_all", "treat_none"
_VALUES = ["net_benefit", "low", "high"]
_TITLES = {TREAT_ALL: "Treat all", TREAT_NONE: "Treat none"}


def weigh_decisions(
    predictions: Mapping[str, str | Path],
    subsets: Mapping[str, str],
    decision: str | Path,
    figure: str | Path,
    study: Study,
    *,
    thresholds: Sequence[float],
    beside: Sequence[str | Path] = (),
) -> None:
    """Write the decision curves of all models.

    Parameters
    ----------
    predictions, subsets
        As `mimicflow.evaluation.models.read_models` takes them.
    decision : path-like
        CSV to write: ``model, title, stays, threshold, net_benefit, low, high``. After the models
        of each subset follow ``treat_all`` (on all its stays) and ``treat_none``.
    figure : path-like
        PNG to write.
    study : Study
        Whose decisions they are, and who may be shown:
        where few patients are flagged, or few more than at the threshold before, there is no value,
        and none of models of which readers may not know how many rows they have.
    thresholds : sequence of float
        Threshold probabilities, in (0, 1), e.g. 0.01 to 0.99.
    beside : sequence of path-like
        As `mimicflow.evaluation.models.counted_models` takes them.

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
    counted = counted_models(predictions, subsets, study, beside)
    curves = []
    for subset, models in groupby(read_models(predictions, subsets, study), lambda of: of.subset):
        fitted = list(models)
        all_counted = counted.issuperset(model.name for model in fitted)
        for model in [*fitted, *_treat_all_and_none(fitted, study.key)]:
            curve = _curve(model.table, grid, study)
            shown = curve["threshold"].isin(_shown(model.table, grid, study))
            shown &= model.name in counted if model in fitted else all_counted
            curve[_VALUES] = curve[_VALUES].where(shown)
            curves.append(model.named(curve, stays=subset))
    table = pd.concat(curves)
    write_csv(table, decision)
    draw_decision_curves(table, figure, study)


def _shown(predictions: pd.DataFrame, grid: np.ndarray, study: Study) -> list[str]:
    """Return the thresholds of which readers may know how many patients reach them."""
    probability = predictions["probability"].to_numpy()
    flagged = pd.DataFrame({at: (probability >= at).astype(float) for at in grid})
    return shown_columns(predictions, flagged, study.smallest_cell)


def _treat_all_and_none(models: Sequence[Model], key: str) -> Iterator[Model]:
    """Yield those who act on everybody and on nobody, of all patients that the models predict."""
    everyone = pd.concat([model.table for model in models]).drop_duplicates(key)
    # To treat all is to act on a prediction that is always certain, to treat none on one
    # that is never enough.
    for name, probability in ((TREAT_ALL, 1.0), (TREAT_NONE, 0.0)):
        table = everyone.assign(probability=probability)
        yield replace(models[0], name=name, title=_TITLES[name], table=table)


def _curve(predictions: pd.DataFrame, grid: np.ndarray, study: Study) -> pd.DataFrame:
    """Return the net benefit at each threshold, with its interval."""
    label = predictions["label"].to_numpy()
    probability = predictions["probability"].to_numpy()
    patients, unit = np.unique(predictions["subject_id"].to_numpy(), return_inverse=True)
    found = np.concatenate(
        [
            net_benefit(label, probability, grid, weights[:, unit])
            for weights in weightings(len(patients), study.seed, len(unit))
        ]
    )
    units = rarer(label, unit)
    rows = [
        (threshold, *estimate("net_benefit", of, units))
        for threshold, of in zip(grid, found.T, strict=True)
    ]
    return pd.DataFrame(rows, columns=["threshold", "net_benefit", "low", "high"])
