"""Compare the models of arrest at every horizon, on the same epochs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.arrest.results.horizon_figures import draw_models
from mimicflow.arrest.results.horizon_scores import (
    EPOCH,
    SCORES,
    horizon_label,
    published_of,
    read_epochs,
    weighted_scores,
)
from mimicflow.arrest.results.horizons import horizons_of
from mimicflow.arrest.results.within_stays import WITHIN
from mimicflow.errors import ConfigError, InputError
from mimicflow.evaluation.figures.performance import read_columns
from mimicflow.evaluation.predictions import require_same_rows
from mimicflow.evaluation.statistics.clusters import holm, rarer
from mimicflow.evaluation.statistics.delong import compare_aurocs
from mimicflow.evaluation.statistics.jackknife import all_weightings, estimate
from mimicflow.evaluation.study import Study
from mimicflow.running.writing import write_csv

_SIZES = ["patients", "stays", "event_stays", "n", "events"]
_ENDS = {"value": "", "lower": "_low", "upper": "_high"}
_OF_AUROC, _OF_AUPRC = (
    [f"{score}_difference{end}" for end in _ENDS.values()] for score in ("auroc", "auprc")
)
COLUMNS = [
    *("horizon_h", "model", "title", *_SIZES, "threshold"),
    *(f"{score}{end}" for score in SCORES for end in _ENDS.values()),
    *(f"published_{score}" for score in SCORES),
    "compared_with",
    *(*_OF_AUROC, "p", "p_holm", *_OF_AUPRC),
    *("suppressed", "data"),
    *(f"{WITHIN}{end}" for end in _ENDS.values()),
    f"{WITHIN}_stays",
]
_SAME = ["subject_id", "stay_id", "label", "hours_to_arrest"]
_READ = ["horizon_h", "title", *_SIZES, "threshold", "score", *_ENDS, "suppressed"]
_METRICS_REMEDY = "score the horizons of this model again, with the same predictions"


def compare_arrest_models(
    predictions: Mapping[str, str | Path],
    metrics: Mapping[str, str | Path],
    pairs: Mapping[str, str],
    options: Mapping[str, Any],
    table: str | Path,
    figure: str | Path,
    study: Study,
) -> None:
    """Write the table and the figure that compare the models at every horizon.

    Parameters
    ----------
    predictions, metrics : mapping of str to path-like
        Predictions Parquet, and the CSV that `mimicflow.arrest.results.horizons.score_horizons`
        made of it, of two models or more by name.
    pairs : mapping of str to str
        Model -> the one that it is compared with.
    options : mapping
        ``horizons_h``, in hours.
    table : path-like
        CSV to write: `COLUMNS`, a row per horizon and model. Scores are those of the metrics,
        ``auroc_within_stays`` the event stays that the AUROC within stays is of. On the rows of a
        model of ``pairs`` stand the differences to the one in ``compared_with``: of the AUROC with
        DeLong's interval and ``p`` value, both clustered by patient, and ``p_holm`` for all
        comparisons of the table; of the AUPRC with the interval of a jackknife by patient.
    figure : path-like
        PNG to write.
    study : Study
        Whose scores they are. Suppression is taken from the metrics.

    Raises
    ------
    ConfigError
        A single model, metrics of others, or a pair of others.
    InputError
        Metrics that are not those of the predictions.
    PredictionsError
        A table that cannot be scored, or models that do not predict the same epochs.
    """
    named = set(pairs) | set(pairs.values())
    if len(predictions) < 2 or set(metrics) != set(predictions) or named - set(predictions):
        raise ConfigError(
            f"{len(predictions)} predictions and {len(metrics)} metrics are given, and "
            f"{', '.join(sorted(named))} are to be compared",
            remedy="give predictions and metrics of the same models, two or more",
        )
    tables = read_same_epochs(predictions, "test")
    patients = next(iter(tables.values()))["subject_id"].to_numpy()
    weights = all_weightings(patients, study.seed)
    rows: list[dict[str, Any]] = []
    for hours in horizons_of(options):
        of_horizon = {
            model: {"horizon_h": hours, "model": model}
            | _scores(metrics[model], hours, epochs)
            | _published(model, hours)
            for model, epochs in tables.items()
        }
        for model, other in pairs.items():
            if pd.notna([of_horizon[name]["auroc"] for name in (model, other)]).all():
                of_horizon[model]["compared_with"] = other
                of_horizon[model] |= _differences(tables[model], tables[other], hours, weights)
        rows += of_horizon.values()
    compared = pd.DataFrame(rows, columns=COLUMNS).assign(data=study.data)
    compared["p_holm"] = holm(compared["p"].to_numpy(dtype=float))
    compared = compared.astype(dict.fromkeys([*_SIZES, f"{WITHIN}_stays"], "Int64"))
    write_csv(compared, table)
    draw_models(compared, figure, study)


def read_same_epochs(predictions: Mapping[str, str | Path], split: str) -> dict[str, pd.DataFrame]:
    """Read the predicted epochs of one split of several models, which must be the same epochs.

    Raises
    ------
    PredictionsError
        A table that cannot be scored, or models that do not predict the same epochs.
    """
    tables = {model: read_epochs(path, split) for model, path in predictions.items()}
    (first, epochs), *others = tables.items()
    for model, other in others:
        files = predictions[model], predictions[first]
        require_same_rows(other, epochs, *files, key=EPOCH, columns=_SAME)
    return tables


def _scores(path: str | Path, hours: float, test: pd.DataFrame) -> dict[str, Any]:
    """Return the scores of one horizon from the metrics of a model."""
    table = read_columns(path, _READ)
    table = table[table["horizon_h"] == hours].set_index("score")
    if not {*SCORES, WITHIN} <= set(table.index) or set(table.drop(WITHIN)["n"]) != {len(test)}:
        raise InputError(
            f"does not have all scores of the {len(test)} test epochs at {hours:g} h",
            file=path,
            remedy=_METRICS_REMEDY,
        )
    row = {name: table[name].iloc[0] for name in ("title", *_SIZES, "threshold", "suppressed")}
    for score in (*SCORES, WITHIN):
        row |= {f"{score}{end}": table.at[score, name] for name, end in _ENDS.items()}
    return row | {f"{WITHIN}_stays": table.at[WITHIN, "stays"]}


def _published(model: str, hours: float) -> dict[str, float]:
    known = published_of(model)
    return {f"published_{score}": known.get((hours, score), float("nan")) for score in SCORES}


def _differences(
    first: pd.DataFrame, second: pd.DataFrame, hours: float, weights: np.ndarray
) -> dict[str, float]:
    """Return how much the first model is better than the second, with tests and intervals."""
    label, patient = horizon_label(first, hours), first["subject_id"].to_numpy()
    both = first["probability"].to_numpy(), second["probability"].to_numpy()
    auroc = compare_aurocs(label, *both, patient)
    ours, others = (
        weighted_scores(label, model, patient, float("nan"), weights)["auprc"] for model in both
    )
    found = [
        *(auroc.difference, auroc.low, auroc.high, auroc.p),
        *estimate("difference", ours - others, rarer(label, patient)),
    ]
    return dict(zip([*_OF_AUROC, "p", *_OF_AUPRC], found, strict=True))
