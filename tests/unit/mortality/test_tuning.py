"""Trials of mortality: no test patient has a part in what is chosen."""

import json

import pandas as pd
import pytest

from mimicflow.learning.devices import Machine
from mimicflow.learning.splits import keep_inner_patients
from mimicflow.mortality.tuning import try_bag_of_codes, try_visit_network

from .conftest import READING
from .test_training import NETWORK, TRAINING

C = "mortality.baselines.logistic_regression.C"
WEIGHT = "mortality.training.pos_weight"
RATE, HIDDEN = "mortality.training.learning_rate", "mortality.networks.gru.hidden"


@pytest.fixture
def tried(made, tmp_path):
    """Return a function of settings, and perhaps another spine: the trial that they become."""

    def run(parameters, spine=None, **others):
        inner, suggested = tmp_path / "spine.parquet", tmp_path / "round_0.json"
        suggested.write_text(json.dumps({"trials": [{"number": 0, "parameters": parameters}]}))
        changed = tmp_path / "changed.parquet"
        (pd.read_parquet(made.spine) if spine is None else spine).to_parquet(changed)
        keep_inner_patients(changed, inner)
        of_bag = any(key in (C, WEIGHT) for key in parameters)
        common = {
            "suggested": suggested, "output": tmp_path / "trial_0.json", "seed": 5,
            "spine": inner, "sequences": made.sequences, "reading": READING,
        }  # fmt: skip
        if of_bag:
            options = {"C": 1.0, "max_iter": 1000}
            try_bag_of_codes(
                "logistic_regression", 0,
                options=options, pos_weight="balanced", threads=1, **common, **others,
            )  # fmt: skip
        else:
            training = {**TRAINING, "epochs": 2}
            try_visit_network(
                "gru", 0, network=NETWORK, training=training, machine=Machine(), **common, **others
            )
        return json.loads((tmp_path / "trial_0.json").read_text())

    return run


@pytest.mark.parametrize("parameters", [{C: 0.01}, {RATE: 0.02, HIDDEN: 4}])
def test_test_patients_with_other_outcomes_or_none_change_no_bit_of_a_trial(
    tried, made, parameters
):
    spine = pd.read_parquet(made.spine)
    tested = spine["split"] == "test"
    flipped = spine.assign(label=spine["label"].where(~tested, 1 - spine["label"]))

    found = tried(parameters)

    assert found["state"] == "complete" and found["parameters"] == parameters
    assert tried(parameters, flipped) == found
    assert tried(parameters, spine[~tested]) == found
    other = spine["label"].where(spine["split"] != "validation", 1 - spine["label"])
    assert tried(parameters, spine.assign(label=other)) != found


@pytest.mark.parametrize(
    ("parameters", "other"),
    [({C: 1e-4}, {C: 10.0}), ({WEIGHT: "none"}, {WEIGHT: "balanced"}),
     ({RATE: 1e-4}, {RATE: 0.05}), ({HIDDEN: 2}, {HIDDEN: 16})],
)  # fmt: skip
def test_a_trial_is_fitted_as_it_says(tried, parameters, other):
    assert tried(parameters)["auroc"] != tried(other)["auroc"]


def test_steps_that_are_far_too_large_are_a_trial_without_a_score(tried):
    assert tried({RATE: 1e38})["state"] == "diverged"
