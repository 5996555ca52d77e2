"""Bins of predictions: their sizes, and the intervals of their shares."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_predictions import draw

from mimicflow.evaluation.statistics.calibration import BINS, quantile_bins
from mimicflow.evaluation.statistics.reliability import reliability


def test_reliability_counts_and_exact_intervals_of_no_and_of_all_events():
    # Clopper and Pearson: 0 of 10 gives 0 to 0.3085.
    label = np.r_[np.zeros(10), np.ones(10)].astype(int)
    probability = np.r_[np.linspace(0.1, 0.2, 10), np.linspace(0.8, 0.9, 10)]
    found = reliability(label, probability, 2)
    assert found["bin"].tolist() == [1, 2]
    assert found[["n", "events"]].to_numpy().tolist() == [[10, 0], [10, 10]]
    assert found["predicted"].tolist() == pytest.approx([0.15, 0.85])
    assert found.loc[0, ["low", "high"]].tolist() == pytest.approx([0, 0.3085], abs=1e-4)
    assert found.loc[1, ["low", "high"]].tolist() == pytest.approx([0.6915, 1], abs=1e-4)
    assert reliability(label, np.full(20, 0.5))["bin"].tolist() == [1]


def test_small_bins_are_merged_with_their_neighbours():
    label, probability = draw(400, shift=-3)  # the lowest tenths have very few events
    probability = np.clip(probability, 0, 1)
    patient = np.arange(400) // 2
    found = reliability(label, probability, patient=patient, smallest=10)
    whole = reliability(label, probability)
    assert found["n"].sum() == 400 and found["events"].sum() == label.sum()
    assert 1 < len(found) < len(whole)
    rows = pd.DataFrame({"label": label, "patient": patient})
    bins = np.array(found["bin"])[
        np.searchsorted(found["bin"], quantile_bins(probability) + 1, side="right") - 1
    ]
    people = rows.groupby([bins, "label"])["patient"].nunique()
    assert people.min() >= 10 and len(people) == 2 * len(found)


def test_nothing_is_shown_when_all_bins_together_are_too_small():
    label = np.r_[np.ones(9), np.zeros(50)].astype(int)
    found = reliability(label, np.linspace(0, 1, 59), smallest=10)
    assert found.empty
    assert list(found.columns) == list(reliability(label, np.linspace(0, 1, 59)).columns)
    assert BINS == 10


def test_rows_of_a_patient_are_no_patients():
    """Five copies of each row: the interval is that of the patients, the counts are of rows."""
    label = (np.arange(60) % 4 == 0).astype(int)
    once = reliability(label, np.full(60, 0.25))
    copied = reliability(np.repeat(label, 5), np.full(300, 0.25), patient=np.repeat(range(60), 5))

    assert copied[["n", "events", "patients"]].to_numpy().tolist() == [[300, 75, 60]]
    for end in ("low", "high"):
        assert copied[end].item() == pytest.approx(once[end].item())
