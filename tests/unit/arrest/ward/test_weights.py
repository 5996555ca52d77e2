"""What a kept epoch stands for, on stays that are worked out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mimicflow.arrest.ward.weights import epoch_weights, moved, prevalences, weigh_stays
from mimicflow.errors import InputError

START = pd.Timestamp("2150-01-01")
# Stay, split, label, reasons of its planned epochs ("" is kept), minutes of each recording.
HAND = [
    ("A", "test", 0, ["", "", "low_quality", "no_signal"], [30, 33]),  # 6 and 6 whole epochs
    ("B", "test", 0, ["flat"], [25]),  # nothing kept: A stands for it
    ("C", "test", 1, ["", "asystole"], [600]),  # of events the window is taken whole
    ("D", "train", 0, ["", ""], [10]),
    ("E", "train", 1, [""], [5]),
    ("F", "train", 0, [], [10]),  # nothing planned
]


@pytest.fixture
def weights(tmp_path):
    spine = pd.DataFrame([row[:3] for row in HAND], columns=["stay_id", "split", "label"])
    spine["subject_id"] = "p" + spine["stay_id"]
    planned = [(stay, reason) for stay, _, _, reasons, _ in HAND for reason in reasons]
    plan = (
        pd.DataFrame(planned, columns=["stay_id", "reason"]).rename_axis("epoch_id").reset_index()
    )
    recordings, number = [], 0
    for stay, *_, lengths in HAND:
        for hour, minutes in enumerate(lengths):
            start = START + pd.Timedelta(hours=hour)
            row = {"recording_id": number, "stay_id": stay, "reason": "", "start": start}
            recordings.append(row | {"end": start + pd.Timedelta(minutes=minutes)})
            number += 1
    recordings.append(recordings[0] | {"recording_id": number, "reason": "missing"})
    files = {
        "spine": spine,
        "plan": plan.drop(columns="reason"),
        "measured": plan[["epoch_id", "reason"]],
        "scanned": pd.DataFrame(recordings).astype(
            dict.fromkeys(("start", "end"), "datetime64[us]")
        ),
    }
    for name, frame in files.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
    spine_path, plan_path, measured, scanned = (tmp_path / f"{name}.parquet" for name in files)
    weigh_stays(
        spine_path, plan_path, [measured], [scanned], {"minutes": 5}, tmp_path / "w.parquet"
    )
    return pd.read_parquet(tmp_path / "w.parquet").set_index("stay_id")


def test_a_kept_epoch_stands_for_dropped_ones_and_for_days_that_were_not_drawn(weights):
    assert weights["kept"].to_dict() == {"A": 2, "B": 0, "C": 1, "D": 2, "E": 1}
    # Nothing was recorded in one of the four epochs of A, so in a quarter of its twelve neither.
    assert weights["planned"].to_dict() == {"A": 3, "B": 1, "C": 2, "D": 2, "E": 1}
    assert weights["monitored"].to_dict() == {"A": 9, "B": 5, "C": 2, "D": 2, "E": 1}
    assert weights.loc["A", ["weight_sample", "weight_planned", "weight_monitored"]].tolist() == [
        1, (3 + 1) / 2, (9 + 5) / 2,
    ]  # fmt: skip
    assert weights.loc["C", "weight_monitored"] == 2
    assert np.isnan(weights.loc["B", "weight_monitored"])


def test_prevalences_are_those_of_the_planned_and_the_monitored_epochs(weights):
    table = weights.reset_index()
    assert prevalences(table, "test") == pytest.approx(
        {"sample": 1 / 3, "planned": 2 / 6, "monitored": 2 / 16}
    )
    assert prevalences(table, "train")["monitored"] == pytest.approx(1 / 3)


def test_epochs_of_a_stay_without_weight_are_refused(weights):
    table = weights.reset_index()
    assert epoch_weights(pd.Series(["C", "A", "A"]), table, "planned").tolist() == [2, 2, 2]
    with pytest.raises(InputError, match="1 epochs are of stays without a weight"):
        epoch_weights(pd.Series(["A", "B"]), table, "planned")


def test_a_moved_probability_is_that_of_bayes():
    """A test positive in 3 of 4 events and 1 of 4 others: 3/4 of positives where half are events,
    1/4 where one in ten is."""
    assert moved(np.array([0.75]), 0.5, 0.1) == pytest.approx(
        [(3 / 4 * 0.1) / (3 / 4 * 0.1 + 1 / 4 * 0.9)]
    )
    same = np.array([0.0, 0.2, 1.0])
    assert moved(same, 0.3, 0.3) == pytest.approx(same)
    there = moved(same, 0.3, 0.01)
    assert moved(there, 0.01, 0.3) == pytest.approx(same)
    assert there[0] == 0 and there[2] == 1
