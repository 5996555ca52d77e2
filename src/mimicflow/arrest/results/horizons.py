"""Score one model at every horizon: whether an arrest follows within 24, 18, … 1 h."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.arrest.results.horizon_figures import HorizonCurves, draw_precision_recall, draw_roc
from mimicflow.arrest.results.horizon_scores import (
    OPERATING,
    RANKING,
    SCORES,
    decisions_shown,
    estimate_scores,
    horizon_label,
    known_classes,
    may_be_shown,
    published_of,
    read_epochs,
)
from mimicflow.arrest.results.within_stays import (
    WITHIN,
    Within,
    concordance_by_stay,
    score_within_stays,
)
from mimicflow.arrest.thresholds import choose_threshold
from mimicflow.errors import ConfigError
from mimicflow.evaluation.smallest_cell import ShownSets
from mimicflow.evaluation.statistics.jackknife import all_weightings
from mimicflow.evaluation.statistics.metrics import Estimate, curves
from mimicflow.evaluation.study import Study
from mimicflow.running.writing import write_csv

_LOG = logging.getLogger(__name__)

COLUMNS = [
    *("model", "title", "horizon_h", "patients", "stays", "event_stays", "n", "events"),
    *("threshold", "score", "value", "lower", "upper", "published", "suppressed", "data"),
]
_COUNTS = ["patients", "stays", "event_stays", "n", "events"]
_NOTHING = Estimate(float("nan"), float("nan"), float("nan"))
_HIDDEN = Within(_NOTHING, None, None, None, None, suppressed=True)


@dataclass(frozen=True)
class Horizon:
    """One horizon: the test epochs with its label, and what is said of them."""

    hours: float
    label: np.ndarray
    threshold: float
    scores: dict[str, Estimate]
    suppressed: bool
    event_stays: int | None
    within: Within


def score_horizons(
    predictions: str | Path,
    options: Mapping[str, Any],
    metrics: str | Path,
    roc: str | Path,
    prc: str | Path,
    study: Study,
    *,
    model: str,
) -> None:
    """Write the scores of a model at every horizon, and draw its curves.

    Label 1 of a horizon means that an arrest follows within so many hours (and no sooner than the
    epochs of event stays end, 0.5 h); all other epochs of event stays have label 0.

    Parameters
    ----------
    predictions : path-like
        Parquet of predicted epochs, see `mimicflow.arrest.results.horizon_scores.read_epochs`; the
        test split is scored, the validation split chooses the thresholds.
    options : mapping
        ``horizons_h`` (hours), and ``specificity`` and ``confidence`` of the threshold, which is
        chosen on the validation epochs of each horizon (`choose_threshold`): none where the
        specificity cannot be promised, and no scores of decisions.
    metrics : path-like
        CSV to write: `COLUMNS`, a row per horizon and score. ``n`` and ``events`` count epochs,
        ``event_stays`` the stays with at least one event epoch. The score ``auroc_within`` compares
        near and far epochs of the same event stay
        (`mimicflow.arrest.results.within_stays.score_within_stays`): its counts are those of the
        stays that have both.
    roc, prc : path-like
        PNG to write.
    study : Study
        Whose scores they are. A horizon with fewer patients of either
        class than its smallest cell is suppressed: without scores, events and curve. Where few of
        a class exceed, or all but a few do, there are no scores of decisions. Stays are not counted
        where those of another horizon are all but a few of them.
    model : str
        Name of the model, by which its published figures are found.

    Raises
    ------
    ConfigError
        Horizons that are not positive or occur twice, a specificity outside (0, 1).
    PredictionsError
        A table that cannot be scored.
    """
    test, validation = (read_epochs(predictions, split) for split in ("test", "validation"))
    weights = all_weightings(test["subject_id"].to_numpy(), study.seed)
    stays = test.drop_duplicates("stay_id").set_index("stay_id")["subject_id"]
    shown = ShownSets(stays, study.smallest_cell)
    found = [
        _counted(_score(test, validation, hours, options, weights, study.smallest_cell), test,
                 stays.index, shown)
        for hours in horizons_of(options)
    ]  # fmt: skip
    known = published_of(model)
    rows = [row for horizon in found for row in _rows(test, horizon, known)]
    table = pd.DataFrame(rows).assign(**study.labels(model))
    write_csv(table.astype(dict.fromkeys(_COUNTS, "Int64"))[COLUMNS], metrics)
    drawn = [_curves(test, horizon) for horizon in found]
    draw_roc(drawn, roc, study, title=study.title(model))
    draw_precision_recall(drawn, prc, study, title=study.title(model))


def horizons_of(options: Mapping[str, Any]) -> list[float]:
    """Return the horizons in hours, the longest first.

    Raises
    ------
    ConfigError
        When there is none, one is not positive, or one occurs twice.
    """
    hours = sorted(options["horizons_h"], reverse=True)
    if not hours or hours[-1] <= 0 or len(set(hours)) < len(hours):
        raise ConfigError(
            f"horizons_h {options['horizons_h']!r} cannot be used",
            remedy="give hours above 0, each once, for instance [24, 18, 12, 6, 3, 1]",
        )
    return hours


def _score(
    test: pd.DataFrame,
    validation: pd.DataFrame,
    hours: float,
    options: Mapping[str, Any],
    weights: np.ndarray,
    smallest: int,
) -> Horizon:
    label = horizon_label(test, hours)
    threshold = choose_threshold(validation, hours, options)
    patient = test["subject_id"].to_numpy()
    # Far epochs of event stays are none before an arrest: they do not make up for few controls.
    suppressed = len(np.unique(label)) > 1 and not all(
        may_be_shown(of, patient, smallest) for of in (label, test["label"].to_numpy())
    )
    within = score_within_stays(test, hours, weights, smallest)
    if len(np.unique(label)) < 2:
        _LOG.warning(
            "no scores at %g h: all %d test epochs have label %d", hours, len(label), label[0]
        )
    if suppressed:
        _LOG.warning("the scores at %g h are suppressed: under %d patients", hours, smallest)
        nothing = dict.fromkeys(SCORES, _NOTHING)
        return Horizon(hours, label, threshold, nothing, True, None, _HIDDEN)
    probability = test["probability"].to_numpy()
    scores = estimate_scores(label, probability, patient, threshold, weights)
    known = known_classes(label, patient, smallest)
    if not decisions_shown(label, probability >= threshold, known):
        _LOG.warning("no scores of decisions at %g h: too few patients exceed, or do not", hours)
        scores |= dict.fromkeys(OPERATING, _NOTHING)
    if len(np.unique(label)) < 2:
        scores = dict.fromkeys(SCORES, _NOTHING)
    return Horizon(hours, label, threshold, scores, False, None, within)


def _counted(horizon: Horizon, test: pd.DataFrame, stays: pd.Index, shown: ShownSets) -> Horizon:
    """Return the horizon with its event stays, less counts that differ from others by a few."""
    if horizon.suppressed:
        return horizon
    near = stays.isin(test.loc[horizon.label == 1, "stay_id"])
    if shown.may_be(near):
        horizon = replace(horizon, event_stays=int(near.sum()))
    of_stays = concordance_by_stay(test, horizon.hours)
    both = of_stays.loc[of_stays["concordance"].notna(), "stay_id"]
    if horizon.within.stays is None or shown.may_be(stays.isin(both)):
        return horizon
    return replace(horizon, within=horizon.within.uncounted())


def _rows(
    test: pd.DataFrame, horizon: Horizon, published: Mapping[tuple[float, str], float]
) -> list[dict[str, object]]:
    events = horizon.label == 1
    row: dict[str, object] = {
        "horizon_h": horizon.hours,
        "patients": test["subject_id"].nunique(),
        "stays": test["stay_id"].nunique(),
        "event_stays": horizon.event_stays,
        "n": len(test),
        "events": None if horizon.suppressed else int(events.sum()),
        "threshold": horizon.threshold,
        "suppressed": horizon.suppressed,
    }
    within = horizon.within
    of_both_sides = {
        "patients": within.patients,
        "stays": within.stays,
        "event_stays": within.stays,
        "n": None if within.near is None or within.far is None else within.near + within.far,
        "events": within.near,
        "suppressed": within.suppressed,
    }
    return [
        row
        | (of_both_sides if score == WITHIN else {})
        | {"score": score, "value": value, "lower": lower, "upper": upper}
        | {"published": published.get((horizon.hours, score), float("nan"))}
        for score, (value, lower, upper) in (horizon.scores | {WITHIN: within.auroc}).items()
    ]


def _curves(test: pd.DataFrame, horizon: Horizon) -> HorizonCurves:
    shown = not any(np.isnan(horizon.scores[score].value) for score in RANKING)
    return HorizonCurves(
        hours=horizon.hours,
        n=len(test),
        events=int(horizon.label.sum()),
        event_stays=horizon.event_stays,
        suppressed=horizon.suppressed,
        curves=curves(horizon.label, test["probability"].to_numpy()) if shown else None,
        auroc=horizon.scores["auroc"],
        auprc=horizon.scores["auprc"],
    )
