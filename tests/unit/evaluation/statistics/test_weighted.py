"""All scores of a weighting equal those of scikit-learn and statsmodels on weighted rows."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from mimicflow.evaluation.statistics.calibration import (
    calibration_line,
    clipped_logit,
)
from mimicflow.evaluation.statistics.metrics import scores
from mimicflow.evaluation.statistics.weighted import WeightedScores, plain_scores


def sample(n=240, seed=1, decimals=12):
    generator = np.random.default_rng(seed)
    label = (generator.random(n) < 0.43).astype(int)
    probability = 1 / (1 + np.exp(-generator.normal(size=n) - 1.5 * (label - 0.5)))
    patient = np.unique(generator.integers(0, n // 3, size=n), return_inverse=True)[1]
    return label, np.round(probability, decimals), patient


def logistic(label, design, offset, weight):
    model = sm.GLM(label, design, sm.families.Binomial(), offset=offset, freq_weights=weight)
    return model.fit(tol=1e-12).params


@pytest.mark.parametrize("decimals", [1, 12])  # with ties and without, and with 0 and 1 among them
def test_every_weighting_equals_the_references(decimals):
    label, probability, patient = sample(decimals=decimals)
    flagged = np.stack([probability >= threshold for threshold in (0.3, 0.5, 0.7)], axis=1)
    counts = np.random.default_rng(2).integers(0, 4, size=(15, patient.max() + 1))
    found = WeightedScores(label, probability, patient, flagged)(counts)
    line, ones = clipped_logit(probability), np.ones(len(label))
    for draw, weight in enumerate(counts[:, patient]):
        weighted = {"sample_weight": weight}
        expected = {
            "auroc": roc_auc_score(label, probability, **weighted),
            "auprc": average_precision_score(label, probability, **weighted),
            "brier": brier_score_loss(label, probability, **weighted),
            "log_loss": log_loss(label, probability, **weighted),
            "calibration_intercept": logistic(label, ones, line, weight)[0],
            "calibration_slope": logistic(label, sm.add_constant(line), None, weight)[1],
        }
        assert {name: found[name][draw] for name in expected} == pytest.approx(expected, abs=1e-9)
        for rule, decision in enumerate(flagged.T):
            expected = {
                "sensitivity": recall_score(label, decision, **weighted),
                "specificity": recall_score(1 - label, ~decision, **weighted),
                "ppv": precision_score(label, decision, **weighted),
                "npv": precision_score(1 - label, ~decision, **weighted),
                "f1": f1_score(label, decision, **weighted),
            }
            assert {name: found[name][draw, rule] for name in expected} == pytest.approx(expected)


def test_plain_scores_are_those_of_unweighted_rows():
    label, probability, patient = sample()
    flagged = probability >= 0.4
    plain = plain_scores(label, probability, flagged[:, None])
    ones = np.ones((1, patient.max() + 1))
    for name, value in WeightedScores(label, probability, patient, flagged[:, None])(ones).items():
        np.testing.assert_allclose(value[0], plain[name], rtol=1e-12)
    line = calibration_line(label, probability)
    expected = scores(label, probability) | {
        "calibration_intercept": line.intercept,
        "calibration_slope": line.slope,
    }
    assert {name: float(plain[name]) for name in expected} == pytest.approx(expected, abs=1e-8)


def test_decisions_by_hand():
    label, probability = np.array([1, 0, 1, 1, 0]), np.array([0.9, 0.8, 0.8, 0.4, 0.1])
    found = plain_scores(label, probability, (probability >= 0.8)[:, None])  # tp 2, fp fn tn 1
    expected = {"sensitivity": 2 / 3, "specificity": 1 / 2, "ppv": 2 / 3, "npv": 1 / 2, "f1": 2 / 3}
    assert {name: found[name][0] for name in expected} == pytest.approx(expected)


def test_decisions_where_nobody_is_flagged():
    label, probability = np.array([1, 0, 1, 1, 0]), np.array([0.9, 0.8, 0.8, 0.4, 0.1])
    nobody = plain_scores(label, probability, np.zeros((5, 1), dtype=bool))
    assert np.isnan(nobody["ppv"][0])
    assert [nobody[name][0] for name in ("sensitivity", "specificity", "f1")] == [0, 1, 0]


def test_probabilities_far_off_are_calibrated_all_the_same():
    """Steps from far away would overshoot if they were not shortened."""
    label, probability, _ = sample()
    line = clipped_logit(probability)
    for shift, stretch in ((8, 1), (-8, 1), (0, 0.01), (5, 4)):
        distorted = 1 / (1 + np.exp(-(shift + stretch * line)))
        plain = plain_scores(label, distorted)
        expected = calibration_line(label, distorted)
        assert plain["calibration_intercept"] == pytest.approx(expected.intercept, abs=1e-6)
        assert plain["calibration_slope"] == pytest.approx(expected.slope, rel=1e-6)


def test_what_is_undefined_is_empty_and_nothing_else():
    label, probability = np.array([1, 1, 0, 0]), np.array([0.9, 0.5, 0.6, 0.2])
    flagged = np.array([[1, 1, 1, 1], [0, 0, 0, 0], [np.nan, 1, 0, 0]]).T
    counts = np.array([[1, 1, 0, 0], [0, 0, 2, 1], [1, 0, 0, 1], [1, 1, 1, 1]])
    found = WeightedScores(label, probability, np.arange(4), flagged)(counts)
    for name in ("auroc", "auprc", "calibration_intercept"):
        assert np.isnan(found[name]).tolist() == [True, True, False, False]
    # In the third draw the classes are apart, so that no slope is steep enough.
    assert np.isnan(found["calibration_slope"]).tolist() == [True, True, True, False]
    for name in ("brier", "log_loss"):
        assert not np.isnan(found[name]).any()
    assert np.isnan(found["npv"]).tolist() == [[True, False, True]] * 4
    assert np.isnan(found["ppv"][:, 1]).all()
    assert found["sensitivity"][3].tolist()[:2] == [1, 0]
    assert np.isnan(found["f1"][:, 2]).all()  # no threshold for one of the rows: no score


def test_equal_probabilities_have_no_slope():
    plain = plain_scores(np.array([1, 0, 0, 0]), np.full(4, 0.5))
    assert plain["calibration_intercept"] == pytest.approx(np.log(1 / 3))
    assert np.isnan(plain["calibration_slope"])
    assert plain["auroc"] == 0.5


rows = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 99)), min_size=4, max_size=30).filter(
    lambda rows: 0 < sum(row[0] for row in rows) < len(rows)
)


@settings(deadline=None)
@given(rows=rows)
def test_weights_of_one_give_the_plain_score(rows):
    label, percent = np.array(rows).T
    probability = percent / 100
    plain = plain_scores(label, probability)
    expected = scores(label, probability)
    assert {name: float(plain[name]) for name in expected} == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(rows=rows)
def test_ranks_alone_make_the_areas(rows):
    label, percent = np.array(rows).T
    plain, squared = (plain_scores(label, p) for p in (percent / 100, (percent / 100) ** 2))
    assert (plain["auroc"], plain["auprc"]) == (squared["auroc"], squared["auprc"])


def test_a_fit_whose_steps_lead_to_and_fro_is_found():
    label, probability = np.array([0, 0, 1, 1]), np.array([0.05, 0.05, 0.05, 0.1])
    found = plain_scores(label, probability)["calibration_intercept"]
    assert found == pytest.approx(calibration_line(label, probability).intercept, abs=1e-6)


@settings(deadline=None)
@given(rows=rows)
@example(rows=[(0, 5), (0, 5), (1, 5), (1, 10)])
def test_the_other_label_with_the_other_probability_scores_alike(rows):
    label, percent = np.array(rows).T
    one, other = plain_scores(label, percent / 100), plain_scores(1 - label, (100 - percent) / 100)
    for name in ("auroc", "brier", "log_loss"):
        assert one[name] == pytest.approx(other[name], abs=1e-12)
    if not np.isnan(one["calibration_slope"]) and not np.isnan(other["calibration_slope"]):
        assert one["calibration_slope"] == pytest.approx(other["calibration_slope"], abs=1e-6)
    assert one["calibration_intercept"] == pytest.approx(-other["calibration_intercept"], abs=1e-6)
