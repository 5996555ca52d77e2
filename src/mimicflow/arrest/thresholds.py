"""The threshold of an arrest model: chosen out of fold, promised, or none."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.arrest.results.horizon_scores import horizon_label
from mimicflow.evaluation.statistics.metrics import Rules, choose_thresholds
from mimicflow.running.own_files import read_field

_LOG = logging.getLogger(__name__)


def threshold_rule(options: Mapping[str, Any]) -> str:
    """Return the name of the rule by which thresholds are chosen, e.g. ``specificity_0.8``."""
    return f"specificity_{options['specificity']:g}"


def threshold_rules(options: Mapping[str, Any]) -> Rules:
    """Return the rule as `mimicflow.evaluation.statistics.metrics.choose_thresholds` takes it.

    Parameters
    ----------
    options : mapping
        ``specificity`` and ``confidence``, of ``arrest.evaluation``.
    """
    return {"specificity": [options["specificity"]], "confidence": options["confidence"]}


def threshold_of_model(epochs: pd.DataFrame, options: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the lowest threshold that so many epochs without an arrest do not reach, by its rule.

    None where that cannot be promised. Where nothing is promised and no threshold does (a model
    with one probability for all, say), it is just above the highest probability: there is no
    exceedance.

    Parameters
    ----------
    epochs : pandas.DataFrame
        Those predicted out of fold: ``subject_id, label, probability``.
    options : mapping
        As `threshold_rules` takes them.
    """
    label, probability, patient = (
        epochs[name].to_numpy() for name in ("label", "probability", "subject_id")
    )
    chosen = choose_thresholds(label, probability, threshold_rules(options), patient)
    (rule, found), *_ = chosen.items()
    if not np.isnan(found):
        return {rule: found}
    if options["confidence"] != "none":
        return {rule: None}
    return {rule: float(np.nextafter(probability.max(), np.inf))}


def choose_threshold(validation: pd.DataFrame, hours: float, options: Mapping[str, Any]) -> float:
    """Return the lowest threshold by which epochs of a horizon have the specificity.

    Parameters
    ----------
    validation : pandas.DataFrame
        Epochs predicted out of fold, as `mimicflow.arrest.results.horizon_scores.read_epochs`
        returns them.
    hours : float
        The horizon.
    options : mapping
        As `threshold_rules` takes them.

    Returns
    -------
    float
        NaN, with a note in the log, where the specificity cannot be promised, or the horizon has
        no event or nothing else among them.
    """
    label = horizon_label(validation, hours)
    if len(np.unique(label)) < 2:
        _LOG.warning(
            "no threshold at %g h: all %d validation epochs have label %d",
            hours,
            len(label),
            label[0],
        )
        return float("nan")
    probability, patient = (validation[name].to_numpy() for name in ("probability", "subject_id"))
    chosen = choose_thresholds(label, probability, threshold_rules(options), patient)
    return chosen[threshold_rule(options)]


def read_threshold(path: str | Path, rule: str) -> float:
    """Return the threshold that a model's JSON names for a rule, NaN where it cannot be promised.

    Raises
    ------
    InputError
        A file that is missing or no JSON, or does not name the rule.
    """
    return read_field(
        path,
        lambda model: _number(model["threshold"][rule]),
        f"does not name a threshold {rule!r}",
        "train the model again with the specificity of the evaluation",
    )


def _number(threshold: float | None) -> float:
    if threshold is None:
        return float("nan")
    if not np.isfinite(threshold):
        raise ValueError("neither a number nor null")
    return float(threshold)
