"""Who may be shown, and what models are called, is decided in one place."""

from __future__ import annotations

import dataclasses

import pytest

from mimicflow.evaluation.study import Study


def test_of_real_patients_no_count_under_ten_is_shown():
    study = Study(synthetic=False)
    assert study.smallest_cell == 10
    assert study.data == "real"


def test_of_synthetic_patients_everything_is_shown():
    study = Study(synthetic=True)
    assert study.smallest_cell == 0
    assert study.data == "synthetic"


def test_patients_are_real_unless_it_is_said_that_they_are_not():
    assert Study().smallest_cell == 10


def test_models_have_their_titles_or_their_names():
    study = Study(synthetic=True)
    assert study.title("lstm") == "LSTM"
    assert study.labels("mine") == {"model": "mine", "title": "mine", "data": "synthetic"}


def test_nothing_changes_a_study_on_its_way():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Study().synthetic = True
