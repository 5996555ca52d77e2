"""The 43 vital features, against the same in plain Python, one epoch after the other."""

import logging
import math
import statistics

import numpy as np
import pandas as pd
import pytest

from mimicflow.arrest.vital_features import (
    epoch_medians,
    features_of,
    measure_vitals,
    vital_features,
    vital_ranges,
)
from mimicflow.errors import InputError

VITALS = ("hr", "sbp", "dbp", "mbp", "spo2", "rr")
NORMAL = {"hr": 80.0, "sbp": 120.0, "dbp": 70.0, "mbp": 85.0, "spo2": 97.0, "rr": 16.0}
MIDNIGHT = pd.Timestamp("2150-01-01")
POSSIBLE = {
    **{"hr": (10, 350), "sbp": (20, 350), "dbp": (5, 250)},
    **{"mbp": (10, 300), "spo2": (10, 100), "rr": (1, 120)},
}


def minutes(*values):
    return MIDNIGHT + pd.to_timedelta(values, unit="min")


def planned(*rows, group=0):
    """Return a plan of (stay_id, recording_id, minute of the start)."""
    plan = pd.DataFrame(rows, columns=["stay_id", "recording_id", "minute"])
    start = minutes(*plan.pop("minute")).astype("datetime64[us]")
    end = start + pd.Timedelta(minutes=5)
    return plan.assign(epoch_id=range(len(plan)), group=group, start=start, end=end)


def values_of(rows, **changed):
    """Return numerics of rows (minute, hr); the other vital signs are normal."""
    table = pd.DataFrame(rows, columns=["minute", "hr"])
    table.insert(0, "time", minutes(*table.pop("minute")))
    return table.assign(**{name: NORMAL[name] for name in VITALS[1:]} | changed)


def measure(folder, plan, numerics, shard=0):
    """Measure with the numerics of each recording, as table or as the name of what is there."""
    rows = []
    for i, table in enumerate(numerics):
        name = table if isinstance(table, str) else f"n{i}.parquet"
        if not isinstance(table, str):
            table.to_parquet(folder / name)
        rows.append({"recording_id": i, "numerics": name})
    pd.DataFrame(rows).to_parquet(folder / "scanned.parquet")
    plan.to_parquet(folder / "plan.parquet")
    paths = folder / "plan.parquet", folder / "scanned.parquet", folder, folder / "out.parquet"
    measure_vitals(*paths, shard=shard)
    return pd.read_parquet(paths[-1])


def naive(plan, numerics):
    """Compute the features from lists, an epoch at a time, as their description says."""
    epochs = plan.to_dict("records")
    for epoch in epochs:
        table = numerics[epoch["recording_id"]].to_dict("records")
        inside = [row for row in table if epoch["start"] <= row["time"] < epoch["end"]]
        for name in VITALS:
            low, high = POSSIBLE[name]
            known = [row[name] for row in inside if low <= row[name] <= high]
            epoch[name] = statistics.median(known) if known else math.nan
    rows = []
    for i, epoch in enumerate(epochs):
        since = epoch["end"] - pd.Timedelta(hours=2)
        last_hours = [
            other
            for other in epochs[: i + 1]
            if other["stay_id"] == epoch["stay_id"] and other["start"] >= since
        ]
        row = {name: epoch[name] for name in VITALS}
        for name in VITALS:
            row[f"{name}_diff"] = math.nan
            minutes = pd.Timedelta(minutes=5)
            if len(last_hours) > 1 and epoch["start"] - last_hours[-2]["end"] <= minutes:
                row[f"{name}_diff"] = epoch[name] - last_hours[-2][name]
            known = [other[name] for other in last_hours if not math.isnan(other[name])]
            row[f"{name}_mean_2h"] = statistics.fmean(known) if known else math.nan
            row[f"{name}_median_2h"] = statistics.median(known) if known else math.nan
            row[f"{name}_min_2h"] = min(known, default=math.nan)
            row[f"{name}_max_2h"] = max(known, default=math.nan)
            row[f"{name}_sd_2h"] = statistics.stdev(known) if len(known) > 1 else math.nan
        row["shock_index"] = epoch["hr"] / epoch["sbp"]
        rows.append(row)
    return pd.DataFrame(rows)


def drawn_numerics(draw, begin, end):
    """Return numerics every 10 s with values no sensor measures, gaps and a silent vital sign."""
    time = np.arange(begin * 60, end * 60, 10.0)
    time = time[draw.random(len(time)) < 0.9]
    table = pd.DataFrame({"time": MIDNIGHT + pd.to_timedelta(time, unit="s")})
    for name, usual in NORMAL.items():
        level = usual + 0.1 * usual * np.sin(time / 3000) + draw.normal(0, 0.02 * usual, len(time))
        level[draw.random(len(time)) < 0.1] = np.nan
        level[draw.random(len(time)) < 0.05] = draw.choice([0.0, -1.0, 999.0])
        table[name] = level
    table.loc[(time > begin * 60 + 1800) & (time < begin * 60 + 5400), "sbp"] = np.nan
    return table


def test_all_features_are_those_of_plain_python(tmp_path):
    """Two stays; one of two recordings with a gap of 50 min, one with a gap of 3 h."""
    draw = np.random.default_rng(5)
    first = [("A", 0, 5 * i) for i in range(30)] + [("A", 1, 200 + 5 * i) for i in range(20)]
    second = [("B", 2, 2 + 5 * i) for i in range(8)] + [("B", 2, 222 + 5 * i) for i in range(28)]
    plan = planned(*first, *second)
    # Numerics begin after the first epochs of B, and go on beyond all epochs.
    spans = ((0, 160), (190, 320), (14, 400))
    numerics = [drawn_numerics(draw, *span) for span in spans]
    table = measure(tmp_path, plan, numerics)

    expected = naive(plan, numerics)
    assert table["epoch_id"].tolist() == list(range(len(plan)))
    assert set(table.columns) == {"epoch_id", *expected.columns}
    pd.testing.assert_frame_equal(
        table[expected.columns], expected, check_exact=False, rtol=1e-10, atol=1e-10
    )
    known = expected.notna().mean()
    assert known.between(0.5, 0.99).all()  # both values and missing ones are compared


def test_there_are_43_and_their_table_names_them():
    names = vital_features()
    assert len(names) == len(set(names)) == 43
    assert names[:6] == VITALS
    assert names[-1] == "shock_index"
    assert tuple(vital_ranges().index) == VITALS


def test_a_change_is_from_the_epoch_before_and_none_beyond_a_gap(tmp_path):
    """Epochs at 0, 5, 15, 60 and 65 min: a gap of 5 min, one of 40 min."""
    plan = planned(*[("A", 0, minute) for minute in (0, 5, 15, 60, 65)])
    numerics = values_of([(1, 70.0), (6, 74.0), (16, 80.0), (61, 60.0), (66, 61.0)])
    table = measure(tmp_path, plan, [numerics])

    assert table["hr"].tolist() == [70, 74, 80, 60, 61]
    np.testing.assert_array_equal(table["hr_diff"], [np.nan, 4, 6, np.nan, 1])


def test_a_change_is_not_taken_over_an_epoch_without_value(tmp_path):
    plan = planned(*[("A", 0, minute) for minute in (0, 5, 10)])
    table = measure(tmp_path, plan, [values_of([(1, 70.0), (11, 80.0)])])

    assert table["hr_diff"].isna().all()
    assert table["hr_mean_2h"].tolist() == [70, 70, 75]


def test_the_last_two_hours_are_24_epochs_that_follow_one_another(tmp_path):
    """Heart rates 100, 101, ...: the mean of the last 24 lags by 11.5."""
    plan = planned(*[("A", 0, 5 * i) for i in range(40)])
    table = measure(tmp_path, plan, [values_of([(5 * i + 2, 100.0 + i) for i in range(40)])])

    assert table["hr_mean_2h"].iloc[[0, 23, 24, 39]].tolist() == [100, 111.5, 112.5, 127.5]
    assert table["hr_min_2h"].iloc[[23, 24, 39]].tolist() == [100, 101, 116]
    assert table["hr_sd_2h"].iloc[39] == pytest.approx(math.sqrt(24 * 25 / 12))


def test_a_value_belongs_to_the_epoch_that_begins_with_it(tmp_path):
    plan = planned(("A", 0, 0), ("A", 0, 5))
    table = measure(tmp_path, plan, [values_of([(0, 70.0), (5, 90.0), (10, 200.0)])])

    assert table["hr"].tolist() == [70, 90]


def test_other_stays_and_recordings_are_not_looked_at(tmp_path):
    """B begins 5 min after A ends, with numerics that also cover the epochs of A."""
    plan = planned(("A", 0, 0), ("B", 1, 5))
    numerics = [values_of([(1, 70.0), (6, 71.0)]), values_of([(1, 50.0), (6, 51.0)])]
    table = measure(tmp_path, plan, numerics)

    assert table["hr"].tolist() == [70, 51]
    assert table["hr_mean_2h"].tolist() == [70, 51]
    assert table["hr_diff"].isna().all()


def test_values_that_no_sensor_measures_are_missing_and_counted(tmp_path, caplog):
    plan = planned(("A", 0, 0))
    rows = [(0, 0.0), (1, 60.0), (2, 62.0), (3, -1.0), (4, 500.0)]
    with caplog.at_level(logging.INFO):
        table = measure(tmp_path, plan, [values_of(rows, spo2=0.0, sbp=[0, 0, 0, 0, 155.0])])

    # Three heart rates, five saturations, four pressures.
    assert "12 values that no sensor measures: missing" in caplog.text
    assert table["hr"].tolist() == [61]
    assert table["spo2"].isna().all()
    assert table["shock_index"].tolist() == [61 / 155]


def test_recordings_without_numerics_have_no_values(tmp_path, caplog):
    plan = planned(("A", 0, 0), ("A", 1, 5), ("A", 2, 10))
    with caplog.at_level(logging.WARNING):
        table = measure(tmp_path, plan, [values_of([(1, 70.0)]), "", "gone.parquet"])

    np.testing.assert_array_equal(table["hr"], [70, np.nan, np.nan])
    assert table["hr_mean_2h"].tolist() == [70, 70, 70]
    warned = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warned == ["numerics of recording_id 2 not read (missing)"]


def test_an_empty_group_has_the_columns_all_the_same(tmp_path):
    plan = planned(("A", 0, 0))
    full = measure(tmp_path, plan, [values_of([(1, 70.0)])])
    empty = measure(tmp_path, plan, [values_of([(1, 70.0)])], shard=1)

    assert len(empty) == 0
    assert empty.dtypes.equals(full.dtypes)


def test_a_plan_of_another_scan_is_refused(tmp_path):
    with pytest.raises(InputError, match="lacks recording 7"):
        measure(tmp_path, planned(("A", 7, 0)), [""])


def test_chunks_do_not_matter(monkeypatch):
    """Epochs at the seam of two chunks look back into the one before."""
    draw = np.random.default_rng(6)
    plan = planned(*[("A", 0, 5 * i) for i in range(60)], *[("B", 0, 5 * i) for i in range(30)])
    medians = draw.normal(80, 10, (90, 6))
    medians[draw.random((90, 6)) < 0.2] = np.nan
    whole = features_of(medians, plan["stay_id"], plan["start"], plan["end"])
    monkeypatch.setattr("mimicflow.arrest.vital_features._CHUNK_ROWS", 7)

    pd.testing.assert_frame_equal(
        whole, features_of(medians, plan["stay_id"], plan["start"], plan["end"]), check_exact=True
    )


def test_numerics_without_rows_give_nothing():
    plan = planned(("A", 0, 0), ("A", 0, 5))
    medians = epoch_medians(values_of([]), plan["start"], plan["end"])

    assert medians.shape == (2, 6)
    assert np.isnan(medians).all()
