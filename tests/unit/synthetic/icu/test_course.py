"""The hidden course: the state ranks epochs best, and how well is known."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mimicflow.synthetic.icu.course import MEMORY_H, hazard, oracle_risk, slow_noise, state_at
from mimicflow.synthetic.icu.stays import draw_stays, recorded, stay_course

N, SEED = 1200, 5


def epochs(permute_labels):
    """Hidden state and label of one epoch per recorded stretch within a day of the anchor."""
    stays = draw_stays(N, SEED, 0, permute_labels)
    states, labels = [], []
    for _, stay in stays.iterrows():
        middle = np.array([part.start + part.seconds / 2 for part in recorded(stay, SEED)]) / 3600
        to_anchor = stay["anchor_h"] - middle
        inside = middle[(to_anchor <= 24) & (to_anchor >= 0.5)]
        course = stay_course(SEED, int(stay["number"]), stay["hours"])
        states.append(state_at(course, inside))
        labels.append(np.full(len(inside), not np.isnan(stay["cpr_h"])))
    return stays, np.concatenate(states), np.concatenate(labels)


def test_the_state_ranks_epochs_as_well_as_planned():
    stays, states, labels = epochs(permute_labels=False)
    assert 0.18 < stays["cpr_h"].notna().mean() < 0.30
    assert 0.92 < roc_auc_score(labels, states) < 0.96


def test_permuted_labels_cannot_be_ranked():
    stays, states, labels = epochs(permute_labels=True)
    plain = draw_stays(N, SEED, 0, False)
    assert stays["cpr_h"].notna().sum() == plain["cpr_h"].notna().sum()
    assert (stays["cpr_h"].notna() != plain["cpr_h"].notna()).sum() > N / 5
    assert (stays["cpr_h"].dropna() < stays["hours"][stays["cpr_h"].notna()]).all()
    assert roc_auc_score(labels, states) == pytest.approx(0.5, abs=0.035)


def test_hazard_and_risk_rise_with_the_state():
    states = np.linspace(-5, 5, 1001)
    assert (np.diff(hazard(states)) > 0).all() and hazard(states).min() > 0
    assert (np.diff(oracle_risk(states)) > 0).all()


def test_the_risk_is_the_share_of_courses_that_arrest():
    """Simulated here step by step, with another step and without the code under test."""
    rng, step_h, n = np.random.default_rng(8), 0.05, 40_000
    for now in (0.5, 1.5, 2.0):
        state, hours = np.full(n, now), np.full(n, np.inf)
        for step in range(round(24 / step_h)):
            probability = -np.expm1(-0.4 / (1 + np.exp(-5 * (state - 2.1))) * step_h)
            arrests = (rng.random(n) < probability) & np.isinf(hours)
            hours[arrests] = (step + 0.5) * step_h
            move = np.sqrt(2 * step_h / MEMORY_H) * rng.standard_normal(n)
            state = state * (1 - step_h / MEMORY_H) + move
        share = np.mean((hours > 0.5) & (hours <= 24))
        spread = np.sqrt(share * (1 - share) / n)
        assert float(oracle_risk(np.array(now))) == pytest.approx(share, abs=4 * spread + 0.004)


def test_permuted_labels_leave_only_the_mean_risk():
    rng = np.random.default_rng(1)
    risks = oracle_risk(rng.standard_normal(200_000))
    known = oracle_risk(np.array([-2.0, 2.0]), permute_labels=True)
    assert known[0] == known[1] == pytest.approx(risks.mean(), rel=0.03)


def test_slow_noise_remembers_as_long_as_it_says():
    rng = np.random.default_rng(2)
    many = np.stack([slow_noise(rng, 49, 4.0) for _ in range(4000)])
    assert many.std(axis=0) == pytest.approx(1, abs=0.05)
    assert np.corrcoef(many[:, 0], many[:, 48])[0, 1] == pytest.approx(np.exp(-1), abs=0.06)


def test_a_stay_does_not_depend_on_the_others():
    few, many = draw_stays(20, SEED, 0, False), draw_stays(60, SEED, 0, False)
    assert few.equals(many.iloc[: len(few)])


def test_stays_are_balanced_and_recordings_lie_where_they_should():
    stays = draw_stays(N, SEED, 0, False)
    for column, least in (("sex", 0.4), ("icu", 0.45), ("monitor", 0.35)):
        shares = stays[column].value_counts(normalize=True)
        assert len(shares) == 2 and shares.min() > least
    assert stays["age"].between(18, 95).all()
    assert (stays["rate"] == 250).mean() > 0.9 and set(stays["rate"]) == {125, 250, 500}
    assert (stays["outtime"] > stays["intime"]).all()
    counts = []
    for _, stay in stays.iloc[:300].iterrows():
        parts = recorded(stay, SEED)
        ends = [part.start + part.seconds for part in parts]
        assert parts[0].start >= 0 and all(part.seconds > 0 for part in parts)
        assert all(end <= later.start for end, later in zip(ends, parts[1:], strict=False))
        counts.append(sum(part.seconds // 300 for part in parts))
    assert 12 < np.mean(counts) < 20
