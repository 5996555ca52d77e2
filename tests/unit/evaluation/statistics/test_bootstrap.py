"""The fast bootstrap is scikit-learn's weighted score, draw by draw."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, recall_score, roc_auc_score

from mimicflow.evaluation.statistics.bootstrap import bootstrap, interval, patient_weights


def sample(n: int, seed: int = 1, ties: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    label = (generator.random(n) < 0.43).astype(int)
    probability = 1 / (1 + np.exp(-generator.normal(size=n) - 1.5 * (label - 0.5)))
    patient = generator.integers(0, max(2, n // 3), size=n)
    return label, np.round(probability, 1) if ties else probability, patient


@pytest.mark.parametrize("ties", [False, True])
def test_every_draw_equals_the_weighted_scores_of_scikit_learn(ties):
    label, probability, patient = sample(200, ties=ties)
    drawn = bootstrap(label, probability, patient, draws=25, seed=3)
    order = np.argsort(-probability, kind="stable")  # the weights are of sorted rows
    weights = np.concatenate(list(patient_weights(patient[order], 25, 3)))
    label, probability = label[order], probability[order]
    for draw, weight in enumerate(weights):
        expected = [
            score(label, probability, sample_weight=weight)
            for score in (roc_auc_score, average_precision_score, brier_score_loss)
        ]
        found = [drawn[name][draw] for name in ("auroc", "auprc", "brier")]
        assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("draw", [bootstrap, lambda _l, _p, *rest: [*patient_weights(*rest)]])
def test_a_study_without_draws_cannot_draw(draw):
    with pytest.raises(ValueError, match="0 draws"):
        draw(np.array([1, 0]), np.array([0.9, 0.2]), np.array([1, 2]), 0, 0)


def test_decisions_are_scored_in_the_same_draws():
    label, probability, patient = sample(150)
    flagged = np.stack([probability >= 0.4, probability >= 0.6], axis=1)
    drawn = bootstrap(label, probability, patient, draws=20, seed=3, flagged=flagged)
    weights = np.concatenate(list(patient_weights(patient, 20, 3)))
    for rule, decision in enumerate(flagged.T):
        expected = [recall_score(label, decision, sample_weight=w) for w in weights]
        np.testing.assert_allclose(drawn["sensitivity"][:, rule], expected, rtol=1e-12)
    assert drawn["f1"].shape == (20, 2)


def test_rows_of_a_patient_are_drawn_together_and_as_many_patients_as_there_are():
    patient = np.array([7, 7, 3, 9, 3, 7])
    weights = np.concatenate(list(patient_weights(patient, 50, 0)))
    assert weights.shape == (50, 6)
    assert (weights[:, patient == 7] == weights[:, [0]]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert len(np.unique(weights, axis=0)) > 5


def test_the_order_of_rows_and_the_size_of_blocks_change_nothing(monkeypatch):
    label, probability, patient = sample(120)
    once = bootstrap(label, probability, patient, draws=30, seed=5)
    monkeypatch.setattr("mimicflow.evaluation.statistics.bootstrap._CELLS_AT_ONCE", 500)
    shuffled = np.random.default_rng(0).permutation(120)
    again = bootstrap(label[shuffled], probability[shuffled], patient[shuffled], draws=30, seed=5)
    for name in once:
        np.testing.assert_allclose(once[name], again[name], rtol=0, atol=1e-9)
    assert not np.array_equal(
        once["auroc"], bootstrap(label, probability, patient, draws=30, seed=6)["auroc"]
    )


def test_a_draw_of_one_class_has_no_area_and_is_left_out():
    drawn = bootstrap(np.array([1, 0]), np.array([0.9, 0.2]), np.array([1, 2]), draws=40)
    assert np.isnan(drawn["auroc"]).any()
    np.testing.assert_array_equal(np.isnan(drawn["auroc"]), np.isnan(drawn["auprc"]))
    assert interval(drawn["auroc"]) == (1.0, 1.0)
    assert not np.isnan(drawn["brier"]).any()
    assert np.isnan(interval(np.array([np.nan]))).all()


def test_interval_is_of_percentiles_and_wider_at_a_higher_level():
    values = np.arange(1001) / 1000
    assert interval(values) == pytest.approx((0.025, 0.975))
    assert interval(values, level=0.99) == pytest.approx((0.005, 0.995))


def test_the_interval_has_the_width_that_theory_predicts():
    """Hanley and McNeil 1982: SE of an AUROC from its value and the class sizes."""
    label, probability, _ = sample(2000)
    drawn = bootstrap(label, probability, np.arange(2000), draws=500)["auroc"]
    area, positives = roc_auc_score(label, probability), label.sum()
    negatives = 2000 - positives
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (positives - 1) * (q1 - area**2)
    variance = (variance + (negatives - 1) * (q2 - area**2)) / (positives * negatives)
    assert drawn.std() == pytest.approx(np.sqrt(variance), rel=0.15)
