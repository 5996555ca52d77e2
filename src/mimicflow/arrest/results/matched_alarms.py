"""Compare models by their false alarms when they announce as many arrests as one of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.arrest.results.alarm_figures import draw_matched
from mimicflow.arrest.results.comparison import read_same_epochs
from mimicflow.arrest.results.monitored import PlannedFiles, monitored_epochs
from mimicflow.arrest.results.ringing import ALARM_SCORES, Stays
from mimicflow.arrest.thresholds import read_threshold, threshold_rule
from mimicflow.errors import ConfigError
from mimicflow.evaluation.statistics.jackknife import all_weightings, estimate
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.study import Study
from mimicflow.running.writing import write_csv

SCORES = ("event_sensitivity", "false_alarms_per_day")
"""What is said of each model, and of its difference to the reference."""
_ENDS = ("", "_low", "_high")
_SIZES = ("event_stays", "event_patients", "control_stays", "control_patients")
COLUMNS = [
    *("model", "title", "compared_with", "silence_min", "rule", "threshold"),
    *("development_event_stays", "development_event_sensitivity", *_SIZES, "control_days"),
    *(f"{score}{end}" for score in SCORES for end in _ENDS),
    *(f"{score}_difference{end}" for score in SCORES for end in _ENDS),
    *("suppressed", "data"),
]


def match_alarms(
    predictions: Mapping[str, str | Path],
    planned: PlannedFiles,
    model_file: str | Path,
    options: Mapping[str, Any],
    table: str | Path,
    figure: str | Path,
    study: Study,
    *,
    reference: str,
) -> None:
    """Write the false alarms of the models at the event sensitivity of one, and draw them.

    The reference at its threshold announces so many arrests of development patients, predicted
    out of fold. Every model, the reference too, then has the highest threshold at which it
    announces as many of them, so that a model that is the same has the same alarms. Nothing is
    chosen on the held-out patients whose alarms are counted: their event sensitivities may differ,
    and stand beside.

    Parameters
    ----------
    predictions : mapping of str to path-like
        Predictions Parquet of the models by name, of the same epochs.
    planned : PlannedFiles
        What of the stays was recorded.
    model_file : path-like
        JSON of the reference, with its threshold.
    options : mapping
        ``silence_minutes`` and ``specificity``.
    table : path-like
        CSV to write: `COLUMNS`, a row per model, the reference first, with nothing in it where the
        reference has no threshold. ``event_sensitivity`` and
        ``false_alarms_per_day`` (of control stays, monitored days) are those of held-out stays,
        ``…_difference`` is that to the reference, with the 95 % interval of the jackknife by
        patient. ``development_…`` is what the threshold was chosen by.
    figure : path-like
        PNG to write.
    study : Study
        Whose alarms they are. What comes from stays of which those
        with or without an alarm are of fewer patients than its smallest cell is suppressed.
    reference : str
        Model whose event sensitivity the others are to have.

    Raises
    ------
    ConfigError
        A reference without predictions.
    InputError
        A model file that does not name a threshold, or predictions that were not planned.
    PredictionsError
        A table that cannot be scored, or models that do not predict the same epochs.
    """
    if reference not in predictions:
        raise ConfigError(
            f"no predictions of {reference}", remedy="give those of the model to be compared with"
        )
    rule, silence = threshold_rule(options), options["silence_minutes"]
    chosen = read_threshold(model_file, rule)
    models = [reference, *(model for model in predictions if model != reference)]
    if np.isnan(chosen):  # nothing to be matched
        known = {"silence_min": silence, "rule": rule, "suppressed": False}
        _write([known | study.labels(model) for model in models], table, figure, study)
        return
    development = _stays(predictions, planned, "validation")
    announced = int((development[reference].highest() >= chosen).sum())
    thresholds = {
        model: threshold_of(stays.highest(), announced) for model, stays in development.items()
    }
    held_out = _stays(predictions, planned, "test")
    weights = all_weightings(held_out[reference].patients, study.seed)
    found = {
        model: _alarms(stays, thresholds[model], silence, weights, study.smallest_cell)
        for model, stays in held_out.items()
    }
    rows = []
    for model in models:
        row = {"silence_min": silence, "rule": rule, "threshold": thresholds[model]}
        row |= _of_development(development[model], thresholds[model], study.smallest_cell)
        row |= _sizes(held_out[model], thresholds[model], study.smallest_cell)
        row |= {"compared_with": reference} if model != reference else {}
        for score in SCORES:
            ours, others = found[model][score], found[reference][score]
            patients = held_out[model].counted(score)
            row |= _ends(score, estimate(score, ours, patients))
            if model != reference:
                less = estimate("difference", ours - others, patients)
                row |= _ends(f"{score}_difference", less)
        rows.append(row | study.labels(model))
    _write(rows, table, figure, study)


def _write(rows: list[dict[str, Any]], table: str | Path, figure: str | Path, study: Study) -> None:
    compared = pd.DataFrame(rows, columns=COLUMNS)
    counts = [name for name in COLUMNS if name.endswith(("stays", "patients"))]
    compared = compared.astype(dict.fromkeys(counts, "Int64"))
    write_csv(compared, table)
    draw_matched(compared, figure, study)


def threshold_of(highest: np.ndarray, announced: int) -> float:
    """Return the highest threshold that so many event stays reach, or more where they are equal.

    Parameters
    ----------
    highest : numpy.ndarray of shape (stays,)
        Highest probability of each event stay; NaN of one without a kept epoch.
    announced : int
        How many are to reach it, not more than have a probability; with 0, none does.
    """
    ordered = np.sort(highest[~np.isnan(highest)])[::-1]
    if not announced:
        return float(np.nextafter(ordered.max(initial=0.0), np.inf))
    return float(ordered[announced - 1])


def _stays(
    predictions: Mapping[str, str | Path], planned: PlannedFiles, split: str
) -> dict[str, Stays]:
    """Return the monitored stays of one split of the predictions, by model."""
    part = {"validation": "train"}.get(split, split)
    return {
        model: Stays(monitored_epochs(planned, epochs, part))
        for model, epochs in read_same_epochs(predictions, split).items()
    }


def _alarms(
    stays: Stays, threshold: float, silence: float, weights: np.ndarray, smallest: int
) -> dict[str, np.ndarray]:
    """Return each score of every weighting, (1 + groups,); all NaN where hidden."""
    hidden = stays.hidden(threshold, smallest)
    found = stays.found(threshold, silence, weights)
    return {
        score: np.full(len(weights), np.nan) if hidden[ALARM_SCORES[score][1]] else found[score]
        for score in SCORES
    }


def _ends(column: str, found: Estimate) -> dict[str, float]:
    """Return value and ends of the interval, by column."""
    return {f"{column}{end}": of for end, of in zip(_ENDS, found, strict=True)}


def _of_development(stays: Stays, threshold: float, smallest: int) -> dict[str, float]:
    """Return how many event stays of development there are, and the share that is announced."""
    if stays.hidden(threshold, smallest)["event"]:
        return {}
    highest = stays.highest()
    share = float((highest >= threshold).mean()) if len(highest) else float("nan")
    return {"development_event_stays": len(highest), "development_event_sensitivity": share}


def _sizes(stays: Stays, threshold: float, smallest: int) -> dict[str, float | bool]:
    """Return the stays, patients and days of the held-out part, as far as they may be shown."""
    hidden = stays.hidden(threshold, smallest)
    row: dict[str, float | bool] = {"suppressed": any(hidden.values())}
    for part, is_hidden in hidden.items():
        if not is_hidden:
            row |= {f"{part}_{size}": number for size, number in stays.sizes(part).items()}
    return row
