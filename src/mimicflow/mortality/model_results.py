"""Write the results of one model: curves, decisions, calibration and the course of its training.

All of it is of test patients; thresholds and recalibrations are chosen on validation patients.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import classification_report

from mimicflow.errors import ConfigError
from mimicflow.evaluation.assessment import assess
from mimicflow.evaluation.calibration_table import calibrate_models
from mimicflow.evaluation.figures.performance import (
    draw_confusion,
    draw_loss,
    draw_prc,
    draw_roc,
    read_columns,
)
from mimicflow.evaluation.models import counted_models
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.scores import RULES
from mimicflow.evaluation.statistics.metrics import Rules, confusion
from mimicflow.evaluation.study import Study
from mimicflow.evaluation.thresholds import choose_by_fold, shown_columns
from mimicflow.running.writing import write_csv, write_npz

CLASSES = ("Alive", "Died within a year")
"""What label 0 and label 1 stand for."""
FIXED = "fixed"
"""The threshold rule that is chosen on nobody."""
HISTORY = [
    *("epoch", "train_loss", "val_loss", "train_auc", "val_auc", "train_ap", "val_ap", "is_best")
]
OUTPUTS = (
    *("curves", "roc", "prc", "confusion", "confusion_figure", "classification_report"),
    *("calibration", "reliability", "reliability_figure"),
)
_COHORT = "first_icu"  # by which mimicflow.evaluation.titles calls the stays
_COUNTS = ("tn", "fp", "fn", "tp")
_AVERAGES = {"macro avg": "macro average", "weighted avg": "weighted average"}
_RATES = {"precision": "precision", "recall": "recall", "f1": "f1-score"}


def write_mortality_results(
    model: str,
    predictions: str | Path,
    outputs: Mapping[str, str | Path],
    study: Study,
    *,
    rules: Rules = RULES,
    threshold: float = 0.5,
    beside: Sequence[str | Path] = (),
) -> None:
    """Write the tables and figures of one model.

    Parameters
    ----------
    model : str
        Its name.
    predictions : path-like
        Predictions Parquet with test and, for thresholds and recalibration, validation patients.
    outputs : mapping of str to path-like
        All of `OUTPUTS`: ``curves`` (npz: fpr, tpr, auroc, precision, recall, auprc), ``roc``,
        ``prc``, ``confusion_figure``, ``reliability_figure`` (PNG), ``confusion``
        (CSV of `confusions`), ``classification_report`` (CSV of `classify`), ``calibration``,
        ``reliability`` (CSV of `mimicflow.evaluation.calibration_table.calibrate_models`).
    study : Study
        Whose scores they are, the seed of its groups, and who may be shown: a threshold at which a
        cell is small, or differs by few patients from that of another, has neither counts nor
        rates; nor has any where the patients differ by a few from those ``beside``.
    rules : mapping
        How thresholds are chosen beside the fixed one, see
        `mimicflow.evaluation.statistics.metrics.choose_thresholds`.
    threshold : float
        The fixed one, also that of the confusion figure.
    beside : sequence of path-like
        Predictions of another protocol, as `mimicflow.evaluation.models.counted_models` takes them.

    Raises
    ------
    ConfigError, PredictionsError
        Outputs that are unknown or missing, predictions that cannot be scored.
    """
    _check_outputs(outputs)
    title = study.title(model)
    table = read_predictions(predictions)
    thresholds = {FIXED: threshold, **choose_by_fold(predictions, rules).get(0, {})}
    assessment = assess(table, title, study, threshold=threshold)
    arrays = {name: np.asarray(array) for name, array in asdict(assessment.curves).items()}
    write_npz(arrays, outputs["curves"])
    flagged = pd.DataFrame(
        {rule: (table["probability"] >= at).astype(float) for rule, at in thresholds.items()}
    )
    hidden = set(flagged) - {*shown_columns(table, flagged, study.smallest_cell)}
    files, subsets = {model: predictions}, {model: _COHORT}
    counted = model in counted_models(files, subsets, study, beside)
    hidden |= set() if counted else set(flagged)
    write_csv(_hide(confusions(table, thresholds), _COUNTS, hidden), outputs["confusion"])
    report = _hide(classify(table, thresholds), _RATES, hidden)
    few = table.groupby("label")["subject_id"].nunique() < study.smallest_cell
    if few.any() or not counted:
        report["support"] = pd.NA
    write_csv(report, outputs["classification_report"])
    # Titles are too long for a legend inside the curves' square.
    unnamed = [replace(assessment, name="Test patients")]
    draw_roc(unnamed, outputs["roc"], study, title=title)
    draw_prc(unnamed, outputs["prc"], study, title=title)
    draw_confusion(assessment, outputs["confusion_figure"], study, classes=CLASSES)
    calibrate_models(
        files,
        subsets,
        outputs["calibration"],
        outputs["reliability"],
        outputs["reliability_figure"],
        study,
        beside,
    )


def draw_visit_training(model: str, history: str | Path, figure: str | Path, study: Study) -> None:
    """Draw loss, AUROC and AUPRC by pass, on training and validation patients.

    Parameters
    ----------
    model, study
        As `write_mortality_results` takes them.
    history : path-like
        CSV by pass with the columns `HISTORY`.
    figure : path-like
        PNG to write.

    Raises
    ------
    InputError
        A history that cannot be read.
    """
    draw_loss(read_columns(history, HISTORY), figure, study, title=study.title(model))


def confusions(predictions: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """Count hits and misses at each threshold.

    Parameters
    ----------
    predictions : pandas.DataFrame
        As `mimicflow.evaluation.predictions.read_predictions` returns it.
    thresholds : mapping of str to float
        By rule; NaN where no threshold satisfies it.

    Returns
    -------
    pandas.DataFrame
        ``threshold_rule, threshold, tn, fp, fn, tp``; empty cells where there is no threshold.
    """
    label, probability = predictions["label"], predictions["probability"]
    rows = []
    for rule, threshold in thresholds.items():
        row: dict[str, object] = {"threshold_rule": rule, "threshold": threshold}
        if not np.isnan(threshold):
            counts = confusion(label.to_numpy(), probability.to_numpy(), threshold)
            row |= {cell: int(counts[cell]) for cell in _COUNTS}
        rows.append(row)
    table = pd.DataFrame(rows, columns=["threshold_rule", "threshold", *_COUNTS])
    return table.astype(dict.fromkeys(_COUNTS, "Int64"))


def _hide(table: pd.DataFrame, columns: Iterable[str], hidden: Collection[str]) -> pd.DataFrame:
    """Empty what the cells of some thresholds would give away, and say of each whether it is."""
    few = table["threshold_rule"].isin(hidden)
    emptied = {name: table[name].mask(few) for name in columns}
    return table.assign(**emptied, suppressed=few)


def classify(predictions: pd.DataFrame, thresholds: Mapping[str, float]) -> pd.DataFrame:
    """Report precision, recall and F1 of both classes at each threshold, by scikit-learn.

    Parameters
    ----------
    predictions, thresholds
        As in `confusions`.

    Returns
    -------
    pandas.DataFrame
        ``threshold_rule, threshold, class, precision, recall, f1, support``: per rule a row for
        each class, their plain mean (``macro average``) and that weighted by support. A rate of
        nobody is 0; the rates are empty where there is no threshold.
    """
    label = predictions["label"].to_numpy()
    rows = []
    for rule, threshold in thresholds.items():
        flagged = predictions["probability"].to_numpy() >= threshold  # nobody reaches NaN
        found = classification_report(
            label,
            flagged.astype(int),
            labels=[0, 1],
            target_names=CLASSES,
            output_dict=True,
            zero_division=0.0,
        )
        for of in (*CLASSES, *_AVERAGES):
            row = {"threshold_rule": rule, "threshold": threshold, "class": _AVERAGES.get(of, of)}
            for rate, name in _RATES.items():
                row[rate] = np.nan if np.isnan(threshold) else found[of][name]
            rows.append(row | {"support": int(found[of]["support"])})
    columns = ["threshold_rule", "threshold", "class", *_RATES, "support"]
    return pd.DataFrame(rows, columns=columns)


def _check_outputs(outputs: Mapping[str, str | Path]) -> None:
    unknown, missing = (
        ", ".join(sorted(names))
        for names in (set(outputs) - set(OUTPUTS), set(OUTPUTS) - set(outputs))
    )
    if unknown or missing:
        raise ConfigError(
            f"outputs that do not fit: unknown [{unknown}], missing [{missing}]",
            remedy=f"name a path for each of {', '.join(OUTPUTS)}",
        )
