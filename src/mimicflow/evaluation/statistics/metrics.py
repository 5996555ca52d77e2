"""Scores, curves, operating points and thresholds of one set of predictions, by scikit-learn.

AUPRC is the average precision, without interpolation. Label 1 is the positive class everywhere,
and a probability of at least the threshold means label 1.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    log_loss,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from mimicflow.errors import ConfigError
from mimicflow.evaluation.statistics.promises import lowest_promised

_LOG = logging.getLogger(__name__)

Rules = Mapping[str, bool | float | str | Sequence[float]]
"""How thresholds are chosen: the configuration's ``evaluation.thresholds``."""
NOT_PROMISED = "cannot be promised with these data"
"""What stands wherever there is no threshold."""
NO_INTERVAL = "no interval"
"""What stands wherever there are too few patients for an interval."""
_CONFIDENCE, _NONE = "confidence", "none"
OPERATING_SCORES = ("sensitivity", "specificity", "ppv", "npv", "f1")
# Rates are quotients of counts: two of them are equal or differ by far more than this.
_ROUNDING = 1e-12


class Estimate(NamedTuple):
    """A score with its confidence interval."""

    value: float
    low: float
    high: float

    def words(self, digits: int = 3, *, signed: bool = False) -> str:
        """Return for instance ``0.911 (0.905–0.917)``, a difference signed ``−0.002 (−0.010 to …``.

        Of few patients there is no interval, and that is said.
        """
        sign, between = ("+", " to ") if signed else ("", "–")
        value, low, high = (f"{number:{sign}.{digits}f}".replace("-", "−") for number in self)
        return f"{value} ({NO_INTERVAL if np.isnan(self.low) else f'{low}{between}{high}'})"

    def __str__(self) -> str:
        return self.words()


@dataclass(frozen=True)
class Curves:
    """ROC and precision-recall curve with their areas.

    ``precision`` and ``recall`` run from the lowest threshold to the highest, ``fpr`` and ``tpr``
    from the highest to the lowest, as scikit-learn returns them.
    """

    fpr: np.ndarray
    tpr: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    auroc: float
    auprc: float


def scores(label: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Return AUROC, AUPRC, Brier score and log loss.

    Parameters
    ----------
    label : numpy.ndarray of shape (n,)
        0 or 1, both present.
    probability : numpy.ndarray of shape (n,)
        Of label 1, in [0, 1].
    """
    # scikit-learn's log loss moves 0 and 1 inwards by the precision of the type.
    probability = np.asarray(probability, dtype=np.float64)
    return {
        "auroc": float(roc_auc_score(label, probability)),
        "auprc": float(average_precision_score(label, probability)),
        "brier": float(brier_score_loss(label, probability)),
        "log_loss": float(log_loss(label, probability, labels=[0, 1])),
    }


def curves(label: np.ndarray, probability: np.ndarray) -> Curves:
    """Return the ROC and precision-recall curves of (n,) labels and probabilities."""
    fpr, tpr, _ = roc_curve(label, probability)
    precision, recall, _ = precision_recall_curve(label, probability)
    areas = scores(label, probability)
    return Curves(fpr, tpr, precision, recall, areas["auroc"], areas["auprc"])


def cell_patients(
    label: np.ndarray, probability: np.ndarray, patient: np.ndarray, threshold: float = 0.5
) -> dict[str, int]:
    """Count the patients in each cell that `confusion` counts.

    Parameters
    ----------
    label, probability, patient : numpy.ndarray of shape (n,)
        As in `scores`, and whose row it is.
    threshold : float
        In [0, 1].

    Returns
    -------
    dict
        ``tn, fp, fn, tp``; a patient with several rows may be in several cells.
    """
    cell = 2 * np.asarray(label).astype(int) + (np.asarray(probability) >= threshold)
    names = ("tn", "fp", "fn", "tp")
    return {name: len(np.unique(patient[cell == place])) for place, name in enumerate(names)}


def confusion(
    label: np.ndarray, probability: np.ndarray, threshold: float = 0.5
) -> dict[str, float]:
    """Count hits and misses when a probability of at least ``threshold`` means label 1.

    Parameters
    ----------
    label, probability : numpy.ndarray of shape (n,)
        As in `scores`.
    threshold : float
        In [0, 1].

    Returns
    -------
    dict
        ``tn, fp, fn, tp`` (counts) and ``precision, recall, f1`` (0 where undefined).
    """
    predicted = (np.asarray(probability) >= threshold).astype(int)
    tn, fp, fn, tp = confusion_matrix(label, predicted, labels=[0, 1]).ravel().tolist()
    precision, recall, f1, _ = precision_recall_fscore_support(
        label, predicted, average="binary", zero_division=0.0
    )
    return {
        "tn": tn,
        "fp": fp,
        "fn": fn,
        "tp": tp,
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
    }


def choose_thresholds(
    label: np.ndarray,
    probability: np.ndarray,
    rules: Rules,
    patient: np.ndarray | None = None,
) -> dict[str, float]:
    """Choose a threshold by each rule, on patients that are not those reported.

    Only thresholds that flag somebody are looked at, each of them a probability that occurs.
    Where several satisfy a rule, the lowest is taken: it has the highest sensitivity. A
    specificity or PPV is satisfied where its lower confidence bound reaches the value, see
    `mimicflow.evaluation.statistics.promises`; Youden's index promises nothing.

    Parameters
    ----------
    label, probability : numpy.ndarray of shape (n,)
        As in `scores`; of validation patients.
    rules : mapping
        ``youden`` (bool: the largest sensitivity + specificity), ``specificity`` and ``ppv``
        (values to be reached at least, each in (0, 1)), and the ``confidence`` with which new
        patients reach them: in (0, 1), or ``none``, and none where it is not given: these
        patients do, whatever new ones will. For instance
        ``{"youden": True, "specificity": [0.9], "ppv": [0.8], "confidence": 0.95}``.
    patient : numpy.ndarray of shape (n,), optional
        Whose row it is; every row a patient of its own unless given.

    Returns
    -------
    dict of str to float
        ``youden``, ``specificity_0.9``, ``ppv_0.8`` and so on, in the order of the rules. NaN,
        with a warning in the log, where the value cannot be promised with these data.

    Raises
    ------
    ConfigError
        On an unknown rule, or a value or a confidence outside (0, 1).
    """
    fpr, tpr, roc_thresholds = (
        curve[1:] for curve in roc_curve(label, probability, drop_intermediate=False)
    )
    precision, _, pr_thresholds = precision_recall_curve(label, probability)
    reached = {
        "specificity": (1 - fpr, roc_thresholds),
        "ppv": (precision[:-1], pr_thresholds),
    }
    confidence = rules.get(_CONFIDENCE, _NONE)
    error = None if confidence == _NONE else 1 - _inside(_CONFIDENCE, confidence)
    chosen: dict[str, float] = {}
    for rule, wanted in rules.items():
        if rule == _CONFIDENCE:
            continue
        if rule == "youden" and isinstance(wanted, bool):
            if wanted:
                gain = tpr - fpr
                chosen[rule] = float(roc_thresholds[gain >= gain.max() - _ROUNDING].min())
        elif rule in reached and isinstance(wanted, Sequence):
            for value in (_inside(rule, value) for value in wanted):
                if error is None:
                    found = _lowest(*reached[rule], value)
                else:
                    whose = np.arange(len(label)) if patient is None else patient
                    found = lowest_promised(label, probability, whose, rule, value, error)
                if np.isnan(found):
                    _LOG.warning("a %s of %g %s; its scores stay empty", rule, value, NOT_PROMISED)
                chosen[f"{rule}_{value:g}"] = found
        else:
            raise ConfigError(
                f"unknown threshold rule {rule}: {wanted!r}",
                remedy="use youden: true, specificity: [0.9] or ppv: [0.8]",
            )
    return chosen


def _inside(rule: str, value: object) -> float:
    """Return the value if it is one that can be asked for."""
    if not isinstance(value, float) or not 0 < value < 1:
        raise ConfigError(
            f"threshold rule {rule}: {value!r} is outside (0, 1)", remedy="use for instance 0.9"
        )
    return value


def _lowest(rate: np.ndarray, thresholds: np.ndarray, value: float) -> float:
    """Return the lowest of the thresholds at which the rate is at least the value, NaN if none."""
    enough = thresholds[rate >= value - _ROUNDING]
    return float(enough.min()) if len(enough) else float("nan")
