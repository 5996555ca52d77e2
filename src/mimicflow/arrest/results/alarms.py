"""Count alarms as a ward hears them: arrests announced, false alarms per day, time that is left.

See `mimicflow.arrest.results.ringing` for when an alarm rings. All stays are those of held-out
patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.arrest.results.alarm_figures import draw_alarms
from mimicflow.arrest.results.horizon_scores import read_epochs
from mimicflow.arrest.results.monitored import PlannedFiles, monitored_epochs
from mimicflow.arrest.results.ringing import Stays
from mimicflow.arrest.thresholds import read_threshold, threshold_rule
from mimicflow.errors import ConfigError
from mimicflow.evaluation.statistics.jackknife import all_weightings
from mimicflow.evaluation.study import Study
from mimicflow.running.writing import write_csv

SILENCES = (0, 30, 120)
"""Minutes of silence that are looked at beside the one of the configuration."""
SWEEP = "sweep"
"""Rule of the thresholds that only make the curve."""
POINTS = 40
"""Thresholds of the curve."""
COLUMNS = [
    *("model", "title", "silence_min", "rule", "threshold", "measure", "unit"),
    *("stays", "patients", "days", "value", "lower", "upper", "suppressed", "data"),
]
_SMALLEST_SHARE = 1e-3  # of epochs above the highest threshold of the curve


def score_alarms(
    predictions: str | Path,
    planned: PlannedFiles,
    model_file: str | Path,
    options: Mapping[str, Any],
    alarms: str | Path,
    figure: str | Path,
    study: Study,
    *,
    model: str,
) -> None:
    """Write what the alarms of a model are worth, and draw it.

    Parameters
    ----------
    predictions : path-like
        Parquet of predicted epochs, see `mimicflow.arrest.results.horizon_scores.read_epochs`. Only
        the test split is scored; quantiles of the validation split are the thresholds of the curve.
    planned : PlannedFiles
        What of the test stays was recorded.
    model_file : path-like
        The model's JSON, with the threshold ``specificity_…`` under ``threshold``.
    options : mapping
        ``silence_minutes`` and ``specificity``.
    alarms : path-like
        CSV to write: `COLUMNS`, a row per silence, threshold (of the curve alone, where the model
        has none) and score of `mimicflow.arrest.results.ringing.ALARM_SCORES`:

        - ``event_sensitivity``: share of the event stays with at least one alarm,
        - ``event_sensitivity_chance``: the same if alarms rang at random as often as in control
          stays,
        - ``lead_time_…``: from the first alarm to the arrest, of stays with an alarm,
        - ``alarms_per_event_stay``: mean over all event stays,
        - ``false_alarms_per_day``: alarms in control stays per monitored day,
        - ``control_stays_alarmed``: share of the control stays with at least one alarm.

        ``stays`` (all that were monitored; for the lead time, with an alarm), ``patients`` and
        ``days`` (monitored) are what the score is made of. An event stay
        is observed from 24 to 0.5 h before its arrest, a control stay in one window of 24 h, so
        that no precision of alarms follows from these numbers.
    figure : path-like
        PNG to write.
    study : Study
        Whose alarms they are. Scores are suppressed where the stays
        with or without an alarm come from fewer patients than its smallest cell.
    model : str
        Name of the model.

    Raises
    ------
    ConfigError
        A silence below 0.
    InputError
        A model file that does not name a threshold.
    PredictionsError
        A table that cannot be scored.
    """
    minutes = sorted({options["silence_minutes"], *SILENCES})
    if minutes[0] < 0:
        raise ConfigError(
            f"a silence of {minutes[0]:g} minutes cannot be kept", remedy="give 0 or more"
        )
    rule = threshold_rule(options)
    chosen = read_threshold(model_file, rule)
    test, validation = (read_epochs(predictions, split) for split in ("test", "validation"))
    thresholds = [(SWEEP, float(value)) for value in _sweep(validation, test)]
    if np.isfinite(chosen):
        thresholds.insert(0, (rule, chosen))
    monitored = monitored_epochs(planned, test)
    stays = Stays(monitored)
    weights = all_weightings(monitored["subject_id"].to_numpy(), study.seed)
    rows = [
        {"silence_min": silence, "rule": name, "threshold": threshold} | row
        for silence in minutes
        for name, threshold in thresholds
        for row in stays.scores(threshold, silence, weights, study.smallest_cell)
    ]
    table = pd.DataFrame(rows).assign(**study.labels(model))
    table = table.astype({"stays": "Int64", "patients": "Int64"})[COLUMNS]
    write_csv(table, alarms)
    lead = stays.lead_times(chosen)
    draw_alarms(
        table,
        lead,
        figure,
        study,
        rule=rule,
        silence=options["silence_minutes"],
    )


def _sweep(validation: pd.DataFrame, test: pd.DataFrame) -> np.ndarray:
    """Return the thresholds of the curve, from those that nearly nothing reaches to none."""
    shares = np.geomspace(_SMALLEST_SHARE, 1, POINTS)
    quantiles = np.quantile(validation["probability"], 1 - shares)
    quantiles[-1] = min(quantiles[-1], test["probability"].min())
    return np.unique(quantiles)[::-1]
