"""The plan of epochs, against windows worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from made_arrest_registry import EPOCHS, write_registry, write_scanned

from mimicflow.arrest.epochs import COLUMNS, plan_epochs
from mimicflow.arrest.windows import _draw
from mimicflow.errors import CohortError


def plan(folder, stays, recordings, *, options=EPOCHS, seed=0, rate=250.0, group_of=None):
    """Plan stays (stay_id -> cpr_time or None) with recordings (record -> stay_id, span).

    The patient of stay S1 is pS1.
    """
    registry = write_registry(
        folder / "registry",
        [f"p{stay},{stay},{record},,," for record, (stay, _) in recordings.items()],
        [f"p{stay},{stay},40,F,MICU,," for stay in stays],
    )
    found = {record: span for record, (_, span) in recordings.items()}
    scanned = write_scanned(folder / "scan", registry, found, rate=rate, group_of=group_of)
    cpr_time = [pd.NaT if time is None else pd.Timestamp(time) for time in stays.values()]
    spine = pd.DataFrame({"stay_id": list(stays), "cpr_time": cpr_time})
    spine = spine.assign(
        subject_id="p" + spine["stay_id"],
        cpr_time=spine["cpr_time"].astype("datetime64[us]"),
        label=spine["cpr_time"].notna().astype("int64"),
    )
    spine.to_parquet(folder / "spine.parquet")
    plan_epochs(folder / "spine.parquet", scanned, options, seed, folder / "epochs.parquet")
    return pd.read_parquet(folder / "epochs.parquet")


def clock(times):
    return times.dt.strftime("%d %H:%M:%S").tolist()


def test_epochs_of_an_event_stay_lie_between_24_and_half_an_hour_before_the_arrest(tmp_path):
    """The recording is longer on both sides: 23.5 h are 282 epochs."""
    epochs = plan(
        tmp_path,
        {"S": "2150-01-03 12:00"},
        {"r": ("S", ("2150-01-01 10:00", "2150-01-05 10:00"))},
    )

    assert list(epochs.columns) == list(COLUMNS)
    assert len(epochs) == 282
    assert epochs["start"].min() == pd.Timestamp("2150-01-02 12:00")
    assert epochs["end"].max() == pd.Timestamp("2150-01-03 11:30")
    # 26 h after the beginning of the recording, at 250 Hz.
    assert epochs["first_sample"].iloc[:2].tolist() == [26 * 3600 * 250, 26 * 3600 * 250 + 75_000]
    assert (epochs["n_samples"] == 75_000).all()
    assert epochs["hours_to_arrest"].iloc[[0, -1]].tolist() == pytest.approx([24 - 5 / 60, 0.5])
    assert epochs["epoch_id"].tolist() == list(range(282))
    assert (epochs["label"] == 1).all()


def test_epochs_begin_with_a_recording_that_begins_within_the_window(tmp_path):
    """From 10:02 to 11:30 there is room for 17 epochs, the last until 11:27."""
    epochs = plan(
        tmp_path,
        {"S": "2150-01-01 12:00"},
        {"r": ("S", ("2150-01-01 10:02", "2150-01-01 20:00"))},
    )

    assert len(epochs) == 17
    assert clock(epochs["start"])[:2] == ["01 10:02:00", "01 10:07:00"]
    assert clock(epochs["end"])[-1] == "01 11:27:00"
    assert epochs["first_sample"].iloc[0] == 0


def test_a_window_that_begins_between_samples_takes_the_next_one(tmp_path):
    """At 125 Hz, 8 ms apart: 20.010 s are 2501.25 samples."""
    epochs = plan(
        tmp_path,
        {"S": "2150-01-02 00:00:20.010"},
        {"r": ("S", ("2150-01-01 00:00", "2150-01-02 00:00"))},
        rate=125.0,
    )

    assert epochs["first_sample"].iloc[0] == 2502
    assert (epochs["n_samples"] == 37_500).all()


def test_a_gap_between_recordings_holds_no_epoch(tmp_path):
    epochs = plan(
        tmp_path,
        {"S": None},
        {
            "r1": ("S", ("2150-01-01 10:00", "2150-01-01 10:12")),
            "r2": ("S", ("2150-01-01 10:14", "2150-01-01 10:21")),
        },
    )

    assert clock(epochs["start"]) == ["01 10:00:00", "01 10:05:00", "01 10:14:00"]
    assert epochs["recording_id"].tolist() == [0, 0, 1]
    assert epochs["hours_to_arrest"].isna().all()


def test_an_overlapping_recording_begins_where_the_earlier_one_ended(tmp_path):
    """r3 lies within r1; r2 is used from 10:12 on, 9 min after it began."""
    epochs = plan(
        tmp_path,
        {"S": None},
        {
            "r1": ("S", ("2150-01-01 10:00", "2150-01-01 10:12")),
            "r2": ("S", ("2150-01-01 10:03", "2150-01-01 10:23")),
            "r3": ("S", ("2150-01-01 10:01", "2150-01-01 10:11")),
        },
    )

    assert clock(epochs["start"]) == [f"01 10:{m}:00" for m in ("00", "05", "12", "17")]
    assert epochs["recording_id"].tolist() == [0, 0, 1, 1]
    assert epochs["first_sample"].tolist() == [0, 75_000, 135_000, 210_000]


def test_a_control_window_is_24_h_long_and_within_the_recordings(tmp_path):
    recordings = {"r": ("S", ("2150-01-01 00:00", "2150-01-08 00:00"))}
    epochs = plan(tmp_path, {"S": None}, recordings)

    assert len(epochs) == 288
    assert (epochs["start"].diff().iloc[1:] == pd.Timedelta(minutes=5)).all()
    assert epochs["start"].min() >= pd.Timestamp("2150-01-01")
    assert epochs["end"].max() <= pd.Timestamp("2150-01-08")


def test_control_windows_are_drawn_evenly_and_apart_for_each_stay(tmp_path):
    """Starts of 400 stays of 7 days: uniform over 6 days."""
    stays = {f"S{i:03d}": None for i in range(400)}
    recordings = {f"r{s}": (s, ("2150-01-01", "2150-01-08")) for s in stays}
    epochs = plan(tmp_path, stays, recordings)

    starts = epochs.groupby("stay_id")["start"].min()
    share = np.sort((starts - pd.Timestamp("2150-01-01")) / pd.Timedelta(days=6))
    # Kolmogorov: 1.95 / sqrt(n) is passed by chance once in a thousand.
    assert np.abs(share - (np.arange(400) + 0.5) / 400).max() < 1.95 / 20
    assert starts.nunique() > 395


def test_a_window_is_never_drawn_into_a_gap_of_days(tmp_path):
    """Two hours of ECG, 12 days of nothing, two hours: each of 60 windows finds one of them."""
    stays = {f"S{i:02d}": None for i in range(60)}
    recordings = {}
    for stay in stays:
        recordings[f"{stay}a"] = (stay, ("2150-01-01 00:00", "2150-01-01 02:00"))
        recordings[f"{stay}b"] = (stay, ("2150-01-13 00:00", "2150-01-13 02:00"))
    epochs = plan(tmp_path, stays, recordings)

    assert epochs["stay_id"].nunique() == 60
    days = epochs.groupby("stay_id")["start"].min().dt.day
    assert set(days) == {1, 13}


def test_the_seed_moves_control_windows_and_nothing_else(tmp_path):
    stays = {"C": None, "E": "2150-01-03 12:00"}
    recordings = {s: (s, ("2150-01-01", "2150-01-08")) for s in stays}
    zero, one = (plan(tmp_path, stays, recordings, seed=seed) for seed in (0, 1))
    again = plan(tmp_path, stays, recordings, seed=0)

    pd.testing.assert_frame_equal(zero, again)
    both = [epochs[epochs["stay_id"] == "E"].drop(columns="epoch_id") for epochs in (zero, one)]
    pd.testing.assert_frame_equal(*(part.reset_index(drop=True) for part in both))
    starts = [epochs.loc[epochs["stay_id"] == "C", "start"].min() for epochs in (zero, one)]
    assert starts[0] != starts[1]


def test_epochs_are_numbered_by_patient_stay_and_time_whatever_the_group(tmp_path):
    stays = {"S3": None, "S1": "2150-01-01 09:00", "S2": None}
    recordings = {s: (s, ("2150-01-01 08:00", "2150-01-01 08:20")) for s in stays}
    epochs = plan(tmp_path, stays, recordings, group_of={"pS1": 1, "pS3": 2})

    assert epochs["epoch_id"].tolist() == list(range(12))
    assert epochs["stay_id"].tolist() == ["S1"] * 4 + ["S2"] * 4 + ["S3"] * 4
    assert epochs["group"].tolist() == [1] * 4 + [0] * 4 + [2] * 4
    assert epochs["label"].tolist() == [1] * 4 + [0] * 8


def test_unusable_recordings_and_other_stays_have_no_epochs(tmp_path):
    hour = ("2150-01-01 08:00", "2150-01-01 09:00")
    recordings = {"a": ("S", hour), "b": ("S", "low_rate"), "c": ("T", hour)}
    epochs = plan(tmp_path, {"S": None}, recordings)

    assert set(epochs["recording_id"]) == {0}


def test_a_rate_that_is_no_whole_number_loses_and_doubles_no_sample(tmp_path):
    epochs = plan(
        tmp_path,
        {"S": None},
        {"r": ("S", ("2150-01-01 00:00", "2150-01-01 20:00:10"))},
        rate=124.9437,
    )

    ends = epochs["first_sample"] + epochs["n_samples"]
    assert (ends.iloc[:-1].to_numpy() == epochs["first_sample"].iloc[1:].to_numpy()).all()
    assert set(epochs["n_samples"]) == {37_483, 37_484}  # 37483.11
    exact = (epochs["start"] - epochs["start"][0]).dt.total_seconds() * 124.9437
    assert (epochs["first_sample"] - exact).between(-1e-6, 1).all()


def test_nothing_to_plan_is_refused(tmp_path):
    with pytest.raises(CohortError, match="no stay has ECG"):
        plan(tmp_path, {"S": None}, {"r": ("S", ("2150-01-01 00:00", "2150-01-01 00:04"))})


def test_a_draw_is_uniform_over_the_union_of_intervals():
    """{0..9} and {20..39}, once covered twice: 30 equally likely values."""
    lows, highs = np.array([20, 0, 25]), np.array([30, 9, 39])
    drawn = np.array([_draw(lows, highs, str(i)) for i in range(6000)])

    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [*range(10), *range(20, 40)]
    # Chi-squared with 29 degrees of freedom passes 58.3 once in a thousand.
    assert ((counts - 200) ** 2 / 200).sum() < 58.3
