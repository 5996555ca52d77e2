"""Ask which controls may have had an arrest that nobody lists, and what they do to the scores.

A stay that is not in arrests.csv counts as one without an arrest. A patient who died there without
resuscitation, or whose treatment was limited, so that no arrest would have been resuscitated, is a
doubtful control. Where a registry does not say, nobody knows: nothing is taken for zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.arrest.results.horizon_scores import (
    OPERATING,
    SCORES,
    decisions_shown,
    estimate_scores,
    horizon_label,
    known_classes,
    may_be_shown,
    read_epochs,
)
from mimicflow.arrest.results.horizons import horizons_of
from mimicflow.arrest.thresholds import choose_threshold
from mimicflow.evaluation.smallest_cell import ShownSets
from mimicflow.evaluation.statistics.jackknife import all_weightings
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference
from mimicflow.running.writing import write_csv

COUNTS = ["reason", "description", "known", "stays", "patients", "suppressed", "data"]
EXCLUDED = ("none", "death", "limits", "either")
"""What is left out of the held-out controls: nobody, or a reason of ``doubtful_controls.csv``."""
COLUMNS = [
    *("model", "title", "horizon_h", "excluded", "known", "patients", "stays", "n", "events"),
    *("threshold", "score", "value", "lower", "upper", "suppressed", "data"),
]
_CONTROLS, _LEFT_OUT = "controls", "arrest_time_unknown"
_NOTHING = Estimate(float("nan"), float("nan"), float("nan"))


def count_doubtful_controls(
    spine: str | Path,
    plan: str | Path,
    exclusions: str | Path,
    options: Mapping[str, Any],
    output: str | Path,
    study: Study,
) -> None:
    """Write how many controls are doubtful, and how many stays with an arrest of unknown time.

    Parameters
    ----------
    spine, plan : path-like
        Parquet of the stays, and of the planned epochs.
    exclusions : path-like
        CSV of `mimicflow.arrest.cohort.build_arrest_cohort`.
    options : mapping
        ``event_window_h``: what "a day" is, its longest hours.
    output : path-like
        CSV to write: `COUNTS`, first all controls of the plan, then a row per reason of
        ``reference/doubtful_controls.csv``. ``known`` is ``no`` where the registry lacks a column:
        then there is no count.
    study : Study
        Counts of fewer patients than its smallest cell are suppressed, and those from which, with
        another count, one of fewer could be worked out.
    """
    doubtful = doubtful_controls(spine, plan, options)
    facts = pd.read_csv(reference("doubtful_controls.csv"), keep_default_na=False)
    left_out = pd.read_csv(exclusions).set_index("reason").loc[_LEFT_OUT]
    shown = ShownSets(doubtful["subject_id"], study.smallest_cell)
    everyone = pd.Series(True, index=doubtful.index)
    rows = [_count(_CONTROLS, "All controls with a planned epoch", doubtful, everyone, shown)]
    for fact in facts.itertuples():
        reason, description = str(fact.reason), str(fact.description)
        row: dict[str, Any] = {"reason": reason, "description": description, "known": "yes"}
        if reason == _LEFT_OUT:
            hidden = bool(left_out["suppressed"])
            counted = {} if hidden else left_out[["stays", "patients"]].to_dict()
            row |= {"suppressed": hidden, **counted}
        elif reason in doubtful:
            row = _count(reason, description, doubtful, doubtful[reason], shown)
        else:
            row |= {"known": "no", "suppressed": False}
        rows.append(row)
    table = pd.DataFrame(rows).assign(data=study.data)
    write_csv(table.astype({"stays": "Int64", "patients": "Int64"})[COUNTS], output)


def doubtful_controls(
    spine: str | Path, plan: str | Path, options: Mapping[str, Any]
) -> pd.DataFrame:
    """Return the planned controls, with a column of bool per reason that the registry knows of.

    Returns
    -------
    pandas.DataFrame
        ``stay_id, subject_id`` and those of ``death, death_near, limits, limits_before, either``
        whose times the spine has; a stay without ``outtime`` ends with its last planned epoch.
    """
    stays, epochs = pd.read_parquet(spine), pd.read_parquet(plan, columns=["stay_id", "end"])
    last = stays["stay_id"].map(epochs.groupby("stay_id")["end"].max())
    stays, last = (of[last.notna() & (stays["label"] == 0)] for of in (stays, last))
    end = stays["outtime"].fillna(last).where(stays["outtime"] > last, last)
    day = pd.Timedelta(hours=max(options["event_window_h"]))
    found = stays[["stay_id", "subject_id"]].copy()
    if "death_time" in stays:
        found["death"] = stays["death_time"] <= end + day
        found["death_near"] = stays["death_time"] <= last + day
    if "limits_time" in stays:
        found["limits"] = stays["limits_time"] <= end
        found["limits_before"] = stays["limits_time"] <= last
    if {"death", "limits"} <= set(found):
        found["either"] = found["death"] | found["limits"]
    return found.reset_index(drop=True)


def _count(
    reason: str, description: str, doubtful: pd.DataFrame, found: pd.Series, shown: ShownSets
) -> dict[str, Any]:
    stays = doubtful[found]
    counted = {"stays": len(stays), "patients": stays["subject_id"].nunique()}
    hidden = not shown.may_be(found)
    return {
        "reason": reason,
        "description": description,
        "known": "yes",
        "suppressed": hidden,
        **(dict.fromkeys(counted) if hidden else counted),
    }


def score_without_doubtful(
    predictions: Mapping[str, str | Path],
    spine: str | Path,
    plan: str | Path,
    options: Mapping[str, Any],
    epochs: Mapping[str, Any],
    output: str | Path,
    study: Study,
) -> None:
    """Write the scores of held-out epochs with all controls, and without the doubtful ones.

    Models, calibration and thresholds stay as they are: it is asked what the scores would be if
    the doubtful controls had not been among those who are predicted.

    Parameters
    ----------
    predictions : mapping of str to path-like
        Predictions Parquet by model, see
        `mimicflow.arrest.results.horizon_scores.read_epochs`.
    spine, plan : path-like
        Parquet of the stays, and of the planned epochs.
    options : mapping
        ``horizons_h`` and ``specificity``, of ``arrest.evaluation``.
    epochs : mapping
        ``event_window_h``, of ``arrest.epochs``.
    output : path-like
        CSV to write: `COLUMNS`, a row per model, horizon, exclusion of `EXCLUDED` and score.
        ``known`` is ``no``, and there is no score, where the registry lacks a column.
    study : Study
        Whose scores they are. Scores are suppressed where either class
        comes from fewer patients than its smallest cell, or fewer are left out.
    """
    doubtful = doubtful_controls(spine, plan, epochs).set_index("stay_id")
    rows = []
    for model, path in predictions.items():
        test, validation = (read_epochs(path, split) for split in ("test", "validation"))
        held_out = doubtful[doubtful.index.isin(test["stay_id"])]
        for hours in horizons_of(options):
            threshold = choose_threshold(validation, hours, options)
            shown = ShownSets(held_out["subject_id"], study.smallest_cell)
            label, exceeding = horizon_label(test, hours), test["probability"] >= threshold
            known_epochs = known_classes(label, test["subject_id"], study.smallest_cell)
            for excluded in EXCLUDED:
                head = {"horizon_h": hours, "excluded": excluded, "threshold": threshold}
                head |= study.labels(model)
                known = excluded == "none" or excluded in held_out
                out = held_out.get(excluded, pd.Series(False, index=held_out.index))
                inside = ~test["stay_id"].isin(out.index[out]).to_numpy()
                may_be = known and shown.may_be(out)
                size, scores = _scored(
                    test[inside], hours, threshold, study, known=known, may_be=may_be
                )
                if may_be and not decisions_shown(label, exceeding, known_epochs, inside):
                    scores |= dict.fromkeys(OPERATING, _NOTHING)
                rows += [
                    head | size | {"known": "yes" if known else "no", "score": score}
                    | dict(zip(("value", "lower", "upper"), value, strict=True))
                    for score, value in scores.items()
                ]  # fmt: skip
    table = pd.DataFrame(rows)
    counts = dict.fromkeys(("patients", "stays", "n", "events"), "Int64")
    write_csv(table.astype(counts)[COLUMNS], output)


def _scored(
    left: pd.DataFrame, hours: float, threshold: float, study: Study, *, known: bool, may_be: bool
) -> tuple[dict[str, Any], dict[str, Estimate]]:
    """Return the sizes and the scores of the epochs that are left of the test epochs.

    Scores of known events say how many epochs they are of: they are hidden with the sizes.
    """
    label, patient = horizon_label(left, hours), left["subject_id"].to_numpy()
    few = not may_be_shown(label, patient, study.smallest_cell)
    size: dict[str, Any] = {
        "patients": left["subject_id"].nunique(),
        "stays": left["stay_id"].nunique(),
        "n": len(left),
        "events": None if few else int(label.sum()),
        "suppressed": known and (few or not may_be),
    }
    if not may_be:
        size |= dict.fromkeys(("patients", "stays", "n", "events"))
    if not may_be or few or len(set(label)) < 2:
        return size, dict.fromkeys(SCORES, _NOTHING)
    weights = all_weightings(patient, study.seed)
    probability = left["probability"].to_numpy()
    return size, estimate_scores(label, probability, patient, threshold, weights)
