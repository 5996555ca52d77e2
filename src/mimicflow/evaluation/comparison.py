"""Compare all models of a system with each other, and with what was published."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from mimicflow.evaluation.assessment import Assessment, assess
from mimicflow.evaluation.figures.performance import draw_comparison
from mimicflow.evaluation.models import Model, counted_models, read_models, without_sizes
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.titles import published_scores
from mimicflow.running.writing import write_csv

_LOG = logging.getLogger(__name__)


def compare_models(
    predictions: Mapping[str, str | Path],
    subsets: Mapping[str, str],
    table: str | Path,
    figure: str | Path,
    study: Study,
    *,
    threshold: float = 0.5,
) -> None:
    """Write the table and the figure that compare all models on their test patients.

    Parameters
    ----------
    predictions, subsets
        As `mimicflow.evaluation.models.read_models` takes them.
    table, figure : path-like
        CSV and PNG to write. Columns: ``model, title, stays, patients, n, events``, each score
        with its 95 % interval (``_low``, ``_high``; ``ece`` and ``ici`` have instead
        ``_calibrated_up_to``, see `mimicflow.evaluation.statistics.calibrated.calibration_errors`),
        the published scores, F1 at the threshold, and ``data`` (``synthetic`` or ``real``).
    study : Study
        Whose scores they are.
    threshold : float
        From which probability on a stay counts as predicted positive.

    Raises
    ------
    ConfigError, PredictionsError
        A model without an entry in ``subsets``, a table that cannot be scored.
    """
    rows = [
        _row(model, assess(model.table, model.title, study, threshold=threshold))
        for model in read_models(predictions, subsets, study)
    ]
    published = published_scores()[["auroc", "auprc"]].add_prefix("published_")
    compared = pd.DataFrame(rows).join(published, on="model").assign(data=study.data)
    _warn_of_other_stays(compared)
    compared = without_sizes(compared, counted_models(predictions, subsets, study))
    write_csv(compared, table)
    draw_comparison(compared, figure, study)


def _warn_of_other_stays(table: pd.DataFrame) -> None:
    for subset, models in table.groupby("stays"):
        if models[["n", "events"]].drop_duplicates().shape[0] > 1:
            _LOG.warning("models of the subset %r are not scored on the same stays", subset)


def _row(model: Model, assessment: Assessment) -> dict[str, object]:
    row: dict[str, object] = {
        "model": model.name,
        "title": model.title,
        "stays": model.subset,
        "patients": assessment.patients,
        "n": assessment.n,
        "events": assessment.events,
    }
    for score, estimate in assessment.scores.items():
        row |= {score: estimate.value, f"{score}_low": estimate.low, f"{score}_high": estimate.high}
    for error, (value, up_to) in assessment.calibration.items():
        row |= {error: value, f"{error}_calibrated_up_to": up_to}
    return row | {"f1": assessment.confusion["f1"]}
