"""Net benefit by hand, and against dcurves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from dcurves import dca
from made_predictions import draw

from mimicflow.evaluation.statistics.decision import net_benefit, probability_grid

GRID = np.arange(1, 100) / 100


def test_net_benefit_by_hand():
    label = np.array([1, 1, 0, 1, 0])
    probability = np.array([0.9, 0.6, 0.5, 0.2, 0.1])
    # At 0.5: 2 true and 1 false positive of 5, odds 1. At 0.2: 3 and 1, odds 1/4.
    found = net_benefit(label, probability, np.array([0.5, 0.2, 0.95]))
    assert found.tolist() == pytest.approx([1 / 5, 3 / 5 - 1 / 5 / 4, 0])


@pytest.mark.parametrize("digits", [1, 6])  # with and without ties, also with the thresholds
def test_net_benefit_equals_dcurves(digits):
    label, probability = draw(3000)
    frame = pd.DataFrame({"label": label, "model": probability.round(digits)})
    theirs = dca(data=frame, outcome="label", modelnames=["model"], thresholds=GRID)
    for model, column in (("model", frame["model"]), ("all", 1.0), ("none", 0.0)):
        ours = net_benefit(label, np.broadcast_to(column, 3000), GRID)
        expected = theirs[theirs["model"] == model]["net_benefit"]
        assert ours == pytest.approx(expected.to_numpy(), abs=1e-12)


def test_a_weight_is_a_number_of_copies():
    label, probability = draw(50)
    weights = np.random.default_rng(0).integers(0, 3, (4, 50))
    found = net_benefit(label, probability, GRID, weights)
    for row, weight in zip(found, weights, strict=True):
        copies = net_benefit(label.repeat(weight), probability.repeat(weight), GRID)
        assert row == pytest.approx(copies)


def test_the_grid_of_probabilities_has_plain_numbers():
    assert probability_grid(0.1, 0.5, 0.1) == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert probability_grid(0.02, 0.9, 0.02)[-1] == 0.9
    assert probability_grid(0.1, 0.25, 0.1) == [0.1, 0.2]
