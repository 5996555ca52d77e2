"""Scores against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mimicflow.evaluation.metrics import confusion, curves, scores

LABEL = np.array([1, 0, 1, 1, 0])
PROBABILITY = np.array([0.9, 0.8, 0.8, 0.4, 0.1])
# Pairs (positive, negative): 0.9 wins 2, 0.8 ties one and wins one, 0.4 wins one: 4.5 of 6.
AUROC = 4.5 / 6
# Recall grows by 1/3 at precision 1, by 1/3 at 2/3 (the tie flags three), by 1/3 at 3/4.
AUPRC = (1 + 2 / 3 + 3 / 4) / 3
BRIER = (0.01 + 0.64 + 0.04 + 0.36 + 0.01) / 5


def test_scores_by_hand():
    assert scores(LABEL, PROBABILITY) == pytest.approx(
        {"auroc": AUROC, "auprc": AUPRC, "brier": BRIER}
    )


def test_curves_carry_their_areas():
    found = curves(LABEL, PROBABILITY)
    assert found.auroc == pytest.approx(AUROC)
    assert found.auprc == pytest.approx(AUPRC)
    assert np.trapezoid(found.tpr, found.fpr) == pytest.approx(AUROC)
    assert -np.sum(np.diff(found.recall) * found.precision[:-1]) == pytest.approx(AUPRC)


def test_confusion_counts_the_threshold_itself_as_positive():
    assert confusion(LABEL, PROBABILITY, threshold=0.8) == pytest.approx(
        {"tn": 1, "fp": 1, "fn": 1, "tp": 2, "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3}
    )


def test_confusion_without_any_positive_prediction():
    assert confusion(LABEL, PROBABILITY, threshold=1.0) == {
        "tn": 2,
        "fp": 0,
        "fn": 3,
        "tp": 0,
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
    }
