"""Scores against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss

from mimicflow.errors import ConfigError
from mimicflow.evaluation.statistics.metrics import (
    cell_patients,
    choose_thresholds,
    confusion,
    curves,
    scores,
)
from mimicflow.evaluation.statistics.weighted import plain_scores

LABEL = np.array([1, 0, 1, 1, 0])
PROBABILITY = np.array([0.9, 0.8, 0.8, 0.4, 0.1])
# Pairs (positive, negative): 0.9 wins 2, 0.8 ties one and wins one, 0.4 wins one: 4.5 of 6.
AUROC = 4.5 / 6
# Recall grows by 1/3 at precision 1, by 1/3 at 2/3 (the tie flags three), by 1/3 at 3/4.
AUPRC = (1 + 2 / 3 + 3 / 4) / 3
BRIER = (0.01 + 0.64 + 0.04 + 0.36 + 0.01) / 5
LOG_LOSS = -np.log([0.9, 0.2, 0.8, 0.4, 0.9]).mean()


def test_scores_by_hand():
    assert scores(LABEL, PROBABILITY) == pytest.approx(
        {"auroc": AUROC, "auprc": AUPRC, "brier": BRIER, "log_loss": LOG_LOSS}
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


def test_a_certain_error_costs_the_same_whatever_the_type():
    single = np.array([1, 0.5], dtype=np.float32)
    expected = log_loss([0, 1], [1.0, 0.5])
    assert scores([0, 1], single)["log_loss"] == pytest.approx(expected)


# Threshold:     .9   .8   .7   .6   .5   .4   .3   .2   .1
# Label:          1    0    1    1    0    1    0    0    0
# Sensitivity:  1/4  1/4  2/4  3/4  3/4    1    1    1    1
# Specificity:    1  4/5  4/5  4/5  3/5  3/5  2/5  1/5    0
# PPV:            1  1/2  2/3  3/4  3/5  4/6  4/7  4/8  4/9
CHOICE = np.array([1, 0, 1, 1, 0, 1, 0, 0, 0]), np.arange(9, 0, -1) / 10


def test_thresholds_by_hand():
    rules = {"ppv": [0.66, 0.75], "youden": True, "specificity": [0.8, 0.9]}
    found = choose_thresholds(*CHOICE, rules)
    # Youden: 3/4 + 4/5 at 0.6 is less than 1 + 3/5 at 0.4.
    assert found == pytest.approx(
        {
            "ppv_0.66": 0.4,
            "ppv_0.75": 0.6,
            "youden": 0.4,
            "specificity_0.8": 0.6,
            "specificity_0.9": 0.9,
        }
    )
    assert list(found)[2] == "youden"  # the order of the rules


def test_of_equal_thresholds_the_lowest():
    # Sensitivity + specificity is 3/2 at 0.9 and again at 0.3.
    assert choose_thresholds([1, 0, 1, 0], [0.9, 0.5, 0.3, 0.1], {"youden": True}) == {
        "youden": 0.3
    }
    assert choose_thresholds(*CHOICE, {"youden": False}) == {}


def test_a_threshold_meets_its_own_rule():
    generator = np.random.default_rng(0)
    label = generator.integers(0, 2, 500)
    probability = np.round(generator.normal(0.4 + 0.2 * label, 0.15, 500).clip(0, 1), 2)
    for rule, name in (("specificity", "specificity"), ("ppv", "ppv")):
        for value in (0.7, 0.8, 0.9):
            (threshold,) = choose_thresholds(label, probability, {rule: [value]}).values()
            lower = np.unique(probability[probability < threshold])
            flagged = probability[:, None] >= [threshold, *lower]
            reached = plain_scores(label, probability, flagged)[name]
            assert reached[0] >= value - 1e-9
            assert (reached[1:] < value).all()


def test_a_value_that_no_threshold_reaches(caplog):
    label, probability = [0, 1, 0, 1], [0.9, 0.8, 0.3, 0.1]
    found = choose_thresholds(label, probability, {"ppv": [0.9], "specificity": [0.9]})
    assert np.isnan([*found.values()]).all()
    assert "a ppv of 0.9 cannot be promised with these data" in caplog.text


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"sensitivity": [0.9]}, "unknown threshold rule sensitivity"),
        ({"youden": [0.9]}, "unknown threshold rule youden"),
        ({"ppv": True}, "unknown threshold rule ppv"),
        ({"ppv": [1.0]}, "outside"),
        ({"specificity": [0]}, "outside"),
        ({"ppv": [0.8], "confidence": 1.0}, "confidence: 1.0 is outside"),
        ({"ppv": [0.8], "confidence": "some"}, "confidence: 'some' is outside"),
    ],
)
def test_rules_that_mean_nothing(rules, message):
    with pytest.raises(ConfigError, match=message):
        choose_thresholds(*CHOICE, rules)


def test_patients_are_counted_once_in_each_cell_of_the_confusion():
    label, probability = np.array([0, 0, 1, 1, 1]), np.array([0.1, 0.9, 0.2, 0.8, 0.8])
    patient = np.array([1, 1, 2, 3, 3])

    assert cell_patients(label, probability, patient) == {"tn": 1, "fp": 1, "fn": 1, "tp": 1}
