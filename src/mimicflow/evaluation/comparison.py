"""Compare all models of a system with each other, and with what was published."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.evaluation.assessment import Assessment, assess
from mimicflow.evaluation.figures.performance import draw_comparison
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.titles import by_subset, read_titles
from mimicflow.running.writing import write_csv

_LOG = logging.getLogger(__name__)


def compare(
    predictions: Mapping[str, str | Path],
    subsets: Mapping[str, str],
    published_scores: str | Path,
    output: str | Path,
    figure: str | Path,
    *,
    draws: int = 1000,
    seed: int = 0,
    threshold: float = 0.5,
    synthetic: bool = False,
) -> None:
    """Write the table and the figure that compare all models on their test patients.

    Parameters
    ----------
    predictions : mapping of str to path-like
        Predictions Parquet of each model, by model name.
    subsets : mapping of str to str
        ``all`` or ``multi``, by model name: on which stays it was fitted and scored.
    published_scores : path-like
        CSV ``model, title, auroc, auprc, source``; models without a row are shown by name.
    output, figure : path-like
        CSV and PNG to write. Columns: ``model, title, stays, patients, n, events``, each score
        with its 95 % interval (``_low``, ``_high``), the published scores, F1 at the threshold,
        and ``data`` (``synthetic`` or ``real``).
    draws, seed : int
        Of the bootstrap by patient.
    threshold : float
        From which probability on a stay counts as predicted positive.
    synthetic : bool
        Whether the patients are synthetic.

    Raises
    ------
    ConfigError, PredictionsError
        A model without an entry in ``subsets``, a table that cannot be scored.
    """
    titles = read_titles(published_scores)
    published = pd.read_csv(published_scores).set_index("model")
    rows = []
    for model in by_subset(predictions, subsets):
        known = published.loc[model].to_dict() if model in published.index else {}
        assessment = assess(
            read_predictions(predictions[model]),
            titles.get(model, model),
            draws=draws,
            seed=seed,
            threshold=threshold,
        )
        rows.append(_row(model, subsets[model], assessment, known, synthetic))
    table = pd.DataFrame(rows)
    _warn_of_other_stays(table)
    write_csv(table, output)
    draw_comparison(table, figure, synthetic=synthetic)


def _warn_of_other_stays(table: pd.DataFrame) -> None:
    for subset, models in table.groupby("stays"):
        if models[["n", "events"]].drop_duplicates().shape[0] > 1:
            _LOG.warning("models of the subset %r are not scored on the same stays", subset)


def _row(
    model: str, subset: str, assessment: Assessment, published: dict[Any, Any], synthetic: bool
) -> dict[str, object]:
    row: dict[str, object] = {
        "model": model,
        "title": assessment.name,
        "stays": subset,
        "patients": assessment.patients,
        "n": assessment.n,
        "events": assessment.events,
    }
    for score, estimate in assessment.scores.items():
        row |= {score: estimate.value, f"{score}_low": estimate.low, f"{score}_high": estimate.high}
    nothing = float("nan")
    return row | {
        "f1": assessment.confusion["f1"],
        "published_auroc": published.get("auroc", nothing),
        "published_auprc": published.get("auprc", nothing),
        "data": "synthetic" if synthetic else "real",
    }
