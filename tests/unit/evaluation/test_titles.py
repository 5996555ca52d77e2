"""Names of models and subsets of stays."""

from __future__ import annotations

import pytest
from made_predictions import TITLES

from mimicflow.errors import ConfigError
from mimicflow.evaluation.titles import by_subset, full_titles, read_titles


def test_titles_by_model():
    titles = read_titles()
    assert titles["all_stays_model"] == "ECG, vital signs and static"
    assert titles["hrv"] == "Heart-rate variability"


def test_models_of_the_same_stays_stand_together_in_their_order():
    stays = {"z": "all", "y": "multi", "x": "all", "unused": "all"}
    assert by_subset(["y", "z", "x"], stays) == ["z", "x", "y"]
    with pytest.raises(ConfigError, match="no subset of stays given for v, w"):
        by_subset(["z", "v", "w"], stays)


def test_full_titles_name_the_subset():
    assert full_titles(TITLES, {"a": "all", "b": "multi", "c": "first_icu"}) == {
        "a": "Model A, all stays",
        "b": "Model B, stays with ≥ 2 ECGs",
        "c": "c, first ICU stays",
    }
