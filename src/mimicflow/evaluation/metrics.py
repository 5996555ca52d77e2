"""Scores and curves of one set of predictions, all by scikit-learn.

AUPRC is the average precision, without interpolation. Label 1 is the positive class everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    precision_recall_curve,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

SCORES = ("auroc", "auprc", "brier")


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
    """Return AUROC, AUPRC and Brier score.

    Parameters
    ----------
    label : numpy.ndarray of shape (n,)
        0 or 1, both present.
    probability : numpy.ndarray of shape (n,)
        Of label 1, in [0, 1].
    """
    return {
        "auroc": float(roc_auc_score(label, probability)),
        "auprc": float(average_precision_score(label, probability)),
        "brier": float(brier_score_loss(label, probability)),
    }


def curves(label: np.ndarray, probability: np.ndarray) -> Curves:
    """Return the ROC and precision-recall curves of (n,) labels and probabilities."""
    fpr, tpr, _ = roc_curve(label, probability)
    precision, recall, _ = precision_recall_curve(label, probability)
    areas = scores(label, probability)
    return Curves(fpr, tpr, precision, recall, areas["auroc"], areas["auprc"])


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
