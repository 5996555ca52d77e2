"""Write the tables that the report reads: scores, folds, curves and comparisons of models."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.errors import ConfigError
from mimicflow.evaluation.assessment import Assessment, assess, fold_scores
from mimicflow.evaluation.figures.performance import draw_prc, draw_roc
from mimicflow.evaluation.models import SIZES, Model, counted_models, read_models
from mimicflow.evaluation.predictions import folds_of, require_same_rows
from mimicflow.evaluation.smallest_cell import rounded, shown_sets
from mimicflow.evaluation.statistics.clusters import holm
from mimicflow.evaluation.statistics.delong import compare_aurocs
from mimicflow.evaluation.statistics.metrics import Curves, Rules
from mimicflow.evaluation.statistics.promises import PROMISED
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.thresholds import choose_by_fold, decide, shown_columns
from mimicflow.evaluation.titles import published_scores
from mimicflow.running.writing import write_csv

_LOG = logging.getLogger(__name__)

RULES: Rules = {"youden": True, "specificity": [0.9], "ppv": [0.8], "confidence": 0.95}
OUTPUTS = ("scores", "folds", "curves")
FIGURES = {"roc": draw_roc, "prc": draw_prc}
POINTS = 200
"""Points kept of each curve: as many as can be seen."""
_NO_INTERVAL = (np.nan, np.nan)
_TEST = ("difference", "low", "high", "t", "p")
_SCORES = ["value", "low", "high", "fold_mean", "fold_sd"]


def score_models(
    predictions: Mapping[str, str | Path],
    subsets: Mapping[str, str],
    outputs: Mapping[str, str | Path],
    study: Study,
    *,
    rules: Rules = RULES,
    optimistic: bool = False,
    beside: Sequence[str | Path] = (),
    published: bool = True,
) -> None:
    """Write every score of every model: pooled over folds, by fold, and as curves.

    Parameters
    ----------
    predictions, subsets
        As `mimicflow.evaluation.models.read_models` takes them.
    outputs : mapping of str to path-like
        Any of ``scores`` (a row per model, score and threshold rule; AUROC twice, with the
        interval of the jackknife and with DeLong's, both clustered by patient), ``folds`` (a row
        per model, fold and score that needs no threshold) and ``curves`` (points ``x, y`` of
        ``roc`` and ``pr``), and the figures ``roc`` and ``prc`` of those
        models whose sizes may be known, if there are any.
    study : Study
        Whose scores they are, the seed of its groups, and who may be shown: of a threshold at which
        few patients are flagged, or few more than at another, there are no scores; sizes of folds
        and of subsets that show a few patients are empty, and so is what would show them: scores
        of decisions and curves; other scores are rounded.
    rules : mapping
        How thresholds are chosen, see
        `mimicflow.evaluation.statistics.metrics.choose_thresholds`. They are chosen on
        the validation patients of each fold; models without such patients have none.
    optimistic : bool
        Whether the protocol let the reported patients stop training.
    beside : sequence of path-like
        As `mimicflow.evaluation.models.counted_models` takes them.
    published : bool
        Whether the models are those whose scores were published under their names.

    Raises
    ------
    ConfigError, PredictionsError
        An unknown output, a model without an entry in ``subsets``, a table that cannot be scored.
    """
    unknown = sorted(set(outputs) - {*OUTPUTS, *FIGURES})
    if unknown:
        raise ConfigError(
            f"unknown output {', '.join(unknown)}",
            remedy=f"use any of {', '.join((*OUTPUTS, *FIGURES))}",
        )
    beside_them = published_scores()[["auroc", "auprc"]].iloc[: None if published else 0]
    drawn = []
    parts: dict[str, list[pd.DataFrame]] = {output: [] for output in OUTPUTS}
    counted = counted_models(predictions, subsets, study, beside)
    for model in read_models(predictions, subsets, study):
        name = model.name
        thresholds = choose_by_fold(model.file, rules, key=study.key)
        if not thresholds:
            _LOG.info("%s has no validation patients, so no thresholds are chosen", name)
        assessment = assess(model.table, model.title, study, thresholds=thresholds)
        folds = fold_scores(model.table, study, thresholds)
        known = beside_them.loc[name].to_dict() if name in beside_them.index else {}
        labels = {"stays": model.subset, "optimistic": optimistic, "data": study.data}
        promised = rules.get("confidence", "none") != "none"
        rows = score_rows(name, assessment, folds, known, labels, promised=promised)
        shown = _shown_rules(model.table, thresholds, study)
        parts["scores"].append(_without_few(rows, shown, counted=name in counted))
        plain = folds[folds["threshold_rule"] == ""].drop(columns="threshold_rule")
        plain = _without_small_folds(plain, model.table, study, counted=name in counted)
        plain.insert(0, "model", name)
        parts["folds"].append(plain)
        points = _curve_points(name, assessment.curves)
        parts["curves"].append(points if name in counted else points.iloc[:0])
        drawn += [assessment] * (name in counted)
    for output, path in outputs.items():
        if output in OUTPUTS:
            write_csv(pd.concat(parts[output], ignore_index=True), path)
        elif drawn:
            FIGURES[output](drawn, path, study)


def _shown_rules(
    table: pd.DataFrame, thresholds: Mapping[int, Mapping[str, float]], study: Study
) -> list[str]:
    """Return the rules of which the share of those flagged may be known."""
    if not thresholds:
        return []
    return shown_columns(table, decide(table, thresholds), study.smallest_cell)


def _without_few(rows: pd.DataFrame, shown: Sequence[str], *, counted: bool) -> pd.DataFrame:
    """Empty what says how few patients are flagged, or how few a model has more than another."""
    shares = ~rows["threshold_rule"].isin(["", *(shown if counted else [])])
    few = shares & (rows["score"] != "threshold")
    rows.loc[few, _SCORES] = np.nan
    rows.loc[few, "interval"] = ""
    rows[SIZES] = rows[SIZES].astype("Int64")
    if counted:
        return rows
    return rounded(rows, [True] * len(rows), _SCORES).assign(**dict.fromkeys(SIZES, pd.NA))


def _without_small_folds(
    folds: pd.DataFrame, table: pd.DataFrame, study: Study, *, counted: bool
) -> pd.DataFrame:
    """Empty the sizes of folds with few patients of a class, and of those that give them away.

    Of a model that is not counted those of all folds, which add up to its size.
    """
    fold = folds_of(table)
    sets = {
        f"{number} {label}": table.loc[(fold == number) & (table["label"] == label)]
        for number in np.unique(fold)
        for label in (0, 1)
    }
    rows = {name: part[[study.key, "subject_id"]] for name, part in sets.items()}
    everyone = {f"all {label}": part for label, part in table.groupby("label")}
    rows |= {name: part[[study.key, "subject_id"]] for name, part in everyone.items()}
    shown = shown_sets(rows, study.smallest_cell, first=everyone, rows_only=rows)
    small = [number for number in np.unique(fold) if not {f"{number} 0", f"{number} 1"} <= shown]
    hidden = folds["fold"].isin(small) | (not counted)
    folds[SIZES] = folds[SIZES].astype("Int64").mask(hidden)
    return rounded(folds, hidden, ["value"])


def score_rows(
    model: str,
    assessment: Assessment,
    folds: pd.DataFrame,
    published: Mapping[Any, float],
    labels: Mapping[str, object],
    *,
    promised: bool = False,
) -> pd.DataFrame:
    """Return the rows of one model in the table of scores.

    Parameters
    ----------
    model : str
        Name of the model; its title is the assessment's.
    assessment : Assessment
        Of all folds together.
    folds : pandas.DataFrame
        As `mimicflow.evaluation.assessment.fold_scores` returns it.
    published : mapping
        Published values by score.
    labels : mapping
        ``subsets``, ``optimistic`` and ``data``, the same in all rows.
    promised : bool
        Whether a specificity or a PPV is one that is promised.

    Returns
    -------
    pandas.DataFrame
        ``model, title, stays, patients, n, events, score, threshold_rule, value, low, high,
        interval, calibrated_up_to, promised, fold_mean, fold_sd, published, optimistic, data``.
        ``fold_sd`` needs two folds. ``calibrated_up_to`` is how large an error of calibration is in
        95 % of perfectly calibrated models; such errors have no interval. ``promised`` is false
        where a fold has no threshold by which the specificity or PPV can be promised: it has no
        scores then.
        A threshold has as value the mean over the folds that it was chosen in.
    """
    found = [(name, "", "jackknife", *of) for name, of in assessment.scores.items()]
    found.insert(1, ("auroc", "", "delong", *assessment.delong))
    found += [
        (name, "", "", of.value, *_NO_INTERVAL) for name, of in assessment.calibration.items()
    ]
    bands = {name: of.calibrated_up_to for name, of in assessment.calibration.items()}
    by_score = folds.groupby(["score", "threshold_rule"])["value"]
    # Not over some of the folds: where one has no value, the mean has none.
    spread = by_score.agg(
        fold_mean=lambda values: values.mean(skipna=False),
        fold_sd=lambda values: values.std(ddof=1, skipna=False),
    )
    for rule, decisions in assessment.decisions.items():
        threshold = spread.at[("threshold", rule), "fold_mean"]
        found.append(("threshold", rule, "", threshold, *_NO_INTERVAL))
        found += [(score, rule, "jackknife", *of) for score, of in decisions.items()]
    kept = {
        rule: bool(np.isfinite(spread.at[("threshold", rule), "fold_mean"]))
        for rule in assessment.decisions
        if promised and rule.startswith(PROMISED)
    }
    columns = ["score", "threshold_rule", "interval", "value", "low", "high"]
    rows = pd.DataFrame(found, columns=columns)
    rows.loc[rows["low"].isna(), "interval"] = ""
    rows = rows.join(spread, on=["score", "threshold_rule"]).assign(
        model=model,
        title=assessment.name,
        patients=assessment.patients,
        n=assessment.n,
        events=assessment.events,
        calibrated_up_to=rows["score"].map(bands),
        promised=rows["threshold_rule"].map(kept),
        published=rows["score"].map(published),
        **labels,
    )
    first = ["model", "title", "stays", "patients", "n", "events", "score", "threshold_rule"]
    last = ["value", "low", "high", "interval", "calibrated_up_to", "promised"]
    last += ["fold_mean", "fold_sd"]
    return rows[[*first, *last, "published", "optimistic", "data"]]


def compare_pairs(
    predictions: Mapping[str, str | Path],
    subsets: Mapping[str, str],
    output: str | Path,
    study: Study,
    beside: Sequence[str | Path] = (),
) -> None:
    """Write the paired DeLong tests of all pairs of models of the same subset.

    Parameters
    ----------
    predictions, subsets, study, beside
        As in `score_models`.
    output : path-like
        CSV to write: ``subsets``, name and title of both models, ``n, patients``, both AUROCs,
        ``difference`` (a less b) with its interval, Student's ``t`` and two-sided ``p``, all
        clustered by patient, and ``p_holm``, corrected for all comparisons of the table.

    Raises
    ------
    ConfigError, PredictionsError
        A model without an entry in ``subsets``; models of the same subset that were not tested
        on the same rows, or disagree on a patient or a label.
    """
    counted = counted_models(predictions, subsets, study, beside)
    rows = [
        {
            "stays": a.subset,
            "model_a": a.name,
            "title_a": a.title,
            "model_b": b.name,
            "title_b": b.title,
            **_compare(a.table, b.table),
            "data": study.data,
        }
        for a, b in _pairs(read_models(predictions, subsets, study), study.key)
    ]
    numbers = ["n", "patients", "auroc_a", "auroc_b", *_TEST, "p_holm"]
    columns = ["stays", "model_a", "title_a", "model_b", "title_b", *numbers, "data"]
    table = pd.DataFrame(rows, columns=columns)
    hidden = ~table["model_a"].isin(counted)
    table[["n", "patients"]] = table[["n", "patients"]].astype("Int64").mask(hidden)
    table = rounded(table, hidden, ["auroc_a", "auroc_b", "difference", "low", "high"])
    write_csv(table.assign(p_holm=holm(table["p"].to_numpy())), output)


def _pairs(models: Iterable[Model], key: str) -> Iterator[tuple[Model, Model]]:
    """Yield the pairs of models of the same subset, once it is sure that they are comparable."""
    for a, b in combinations(models, 2):
        if a.subset != b.subset:
            continue
        require_same_rows(b.table, a.table, b.file, a.file, key=key)
        yield a, b


def _compare(first: pd.DataFrame, second: pd.DataFrame) -> dict[str, float]:
    label, patient = first["label"].to_numpy(), first["subject_id"].to_numpy()
    test = compare_aurocs(label, first["probability"], second["probability"], patient)
    return {
        "n": len(label),
        "patients": len(np.unique(patient)),
        "auroc_a": test.first,
        "auroc_b": test.second,
        **{name: getattr(test, name) for name in _TEST},
    }


def thin(x: np.ndarray, y: np.ndarray, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Return at most ``points`` points of a curve, its ends included, evenly along its length.

    Parameters
    ----------
    x, y : numpy.ndarray of shape (n,)
        The curve, in the order in which it is drawn.
    points : int
        At least 2.
    """
    if len(x) <= points:
        return x, y
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    kept = np.unique(np.searchsorted(length, np.linspace(0, length[-1], points)))
    return x[kept], y[kept]


def _curve_points(model: str, curves: Curves) -> pd.DataFrame:
    drawn = {
        "roc": thin(curves.fpr, curves.tpr),
        # From the highest threshold to the lowest, as the ROC curve.
        "pr": thin(curves.recall[::-1], curves.precision[::-1]),
    }
    return pd.concat(
        [pd.DataFrame({"model": model, "curve": c, "x": x, "y": y}) for c, (x, y) in drawn.items()]
    )
