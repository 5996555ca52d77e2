"""Score the models on the patients of each monitor, at every horizon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.arrest.results.horizon_scores import (
    OPERATING,
    decisions_shown,
    estimate_scores,
    horizon_label,
    known_classes,
    read_epochs,
)
from mimicflow.arrest.results.horizons import horizons_of
from mimicflow.arrest.thresholds import choose_threshold
from mimicflow.errors import InputError
from mimicflow.evaluation.groups import LAST_LEVELS
from mimicflow.evaluation.smallest_cell import ShownSets
from mimicflow.evaluation.statistics.jackknife import all_weightings
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.subgroups import suppressed_levels
from mimicflow.running.writing import write_csv

SCORES = ("auroc", "auprc", "sensitivity", "specificity")
"""What is said of each monitor: sensitivity says little without the specificity that it costs."""
_COUNTS = ["patients", "stays", "event_stays", "n", "events"]
COLUMNS = [
    *("model", "title", "horizon_h", "monitor", *_COUNTS, "threshold"),
    *(f"{score}{end}" for score in SCORES for end in ("", "_low", "_high")),
    *("suppressed", "data"),
]
_NOTHING = Estimate(float("nan"), float("nan"), float("nan"))


def score_monitors(
    predictions: Mapping[str, str | Path],
    groups: str | Path,
    options: Mapping[str, Any],
    output: str | Path,
    study: Study,
) -> None:
    """Write the scores of every model on held-out epochs, by monitor and horizon.

    Parameters
    ----------
    predictions : mapping of str to path-like
        Parquet of predicted epochs, by model, see
        `mimicflow.arrest.results.horizon_scores.read_epochs`.
    groups : path-like
        Parquet with ``stay_id`` and ``monitor``; a monitor that is not known is ``Unknown``.
    options : mapping
        ``horizons_h`` (hours) and ``specificity``, which the threshold must have on the validation
        epochs of its horizon, those of all monitors together: a ward sets one threshold.
    output : path-like
        CSV to write: `COLUMNS`, a row per model, horizon and monitor. ``n`` and ``events`` count
        epochs; scores have 95 % intervals of the jackknife by patient and are NaN where a monitor
        has epochs of one class only.
    study : Study
        Whose scores they are. A monitor with too few patients of
        either class, of epochs or of stays, is suppressed, and others that would give it away (see
        `mimicflow.evaluation.subgroups`): of them only the name is written. Event stays are not
        counted where those of another horizon are all but a few of them.

    Raises
    ------
    ConfigError
        Horizons that cannot be used.
    InputError
        A stay without a monitor.
    PredictionsError
        A table that cannot be scored.
    """
    monitors = pd.read_parquet(groups, columns=["stay_id", "monitor"]).set_index("stay_id")
    rows = []
    for model, path in predictions.items():
        validation = read_epochs(path, "validation")
        test = read_epochs(path, "test").join(monitors, on="stay_id")
        if test["monitor"].isna().any():
            raise InputError(
                f"{test.loc[test['monitor'].isna(), 'stay_id'].nunique()} stays of {path} have no "
                "monitor",
                file=groups,
                remedy="make the groups again from the cohort that the models were fitted on",
            )
        by_stay = suppressed_levels(test, "monitor", study.smallest_cell)
        stays = test.drop_duplicates("stay_id").set_index("stay_id")["subject_id"]
        shown = ShownSets(stays, study.smallest_cell)
        for hours in horizons_of(options):
            threshold = choose_threshold(validation, hours, options)
            labelled = test.assign(label=horizon_label(test, hours))
            # Far epochs of event stays are none before an arrest: as such they do not hide that
            # a monitor has few stays without one.
            hidden = by_stay | suppressed_levels(labelled, "monitor", study.smallest_cell)
            known = {"horizon_h": hours, "threshold": threshold, **study.labels(model)}
            counted = shown.may_be(*_event_stays(labelled, stays.index, hidden))
            for row in _rows(labelled, threshold, study, hidden):
                rows.append(known | row | ({} if counted else {"event_stays": None}))
    table = pd.DataFrame(rows, columns=COLUMNS)
    write_csv(table.astype(dict.fromkeys(_COUNTS, "Int64")), output)


def _event_stays(epochs: pd.DataFrame, stays: pd.Index, hidden: set[str]) -> Iterator[np.ndarray]:
    """Yield which stays are event stays of each monitor, of those that are hidden together."""
    events = epochs[epochs["label"] == 1]
    monitor = events["monitor"].where(~events["monitor"].isin(hidden), "")
    for _, part in events.groupby(monitor):
        yield stays.isin(part["stay_id"])


def _rows(
    epochs: pd.DataFrame, threshold: float, study: Study, hidden: set[str]
) -> Iterator[dict[str, object]]:
    """Yield the row of each monitor, those without a name last."""
    by_monitor = {str(monitor): part for monitor, part in epochs.groupby("monitor")}
    label, exceeding = epochs["label"].to_numpy(), (epochs["probability"] >= threshold).to_numpy()
    known = known_classes(label, epochs["subject_id"].to_numpy(), study.smallest_cell)
    decisions_shown(label, exceeding, known)  # of all monitors together
    for monitor in sorted(by_monitor, key=lambda monitor: (monitor in LAST_LEVELS, monitor)):
        part = by_monitor[monitor]
        row = {"monitor": monitor, "suppressed": monitor in hidden}
        if monitor in hidden:
            yield row
            continue
        events, of = part["label"] == 1, epochs.index.isin(part.index)
        yield {
            **row,
            "patients": part["subject_id"].nunique(),
            "stays": part["stay_id"].nunique(),
            "event_stays": part.loc[events, "stay_id"].nunique(),
            "n": len(part),
            "events": int(events.sum()),
            **_scores(part, threshold, study, decided=decisions_shown(label, exceeding, known, of)),
        }


def _scores(
    part: pd.DataFrame, threshold: float, study: Study, *, decided: bool
) -> dict[str, float]:
    """Return the scores of a monitor; those of decisions only where these may be shown."""
    label, patient = part["label"].to_numpy(), part["subject_id"].to_numpy()
    found: dict[str, Estimate] = dict.fromkeys(SCORES, _NOTHING)
    if len(np.unique(label)) > 1:
        weights = all_weightings(patient, study.seed)
        probability = part["probability"].to_numpy()
        found = estimate_scores(label, probability, patient, threshold, weights)
        found |= {} if decided else dict.fromkeys(OPERATING, _NOTHING)
    return {
        f"{score}{end}": number
        for score in SCORES
        for end, number in zip(("", "_low", "_high"), found[score], strict=True)
    }
