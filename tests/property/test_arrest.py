"""Facts of the plan of epochs for any recordings, and that nothing after an epoch is seen in it."""

import numpy as np
import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from made_arrest_registry import EPOCHS

from mimicflow.arrest.epochs import plan_epochs
from mimicflow.arrest.slopes import slopes_of
from mimicflow.arrest.vital_features import epoch_medians, features_of, vital_ranges

# No shrinking: the failing stays are small as they are.
SETTINGS = settings(
    max_examples=25, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)
BEGIN = pd.Timestamp("2150-01-01")
FIVE = pd.Timedelta(minutes=5)
HOUR = pd.Timedelta(hours=1)

# Of a recording: its begin in s and its length in samples; short, and days long.
SPAN = st.tuples(
    st.integers(0, 4 * 86_400_000).map(lambda ms: ms / 1000),
    st.one_of(st.integers(0, 200_000), st.integers(0, 30_000_000)),
)
RATE = st.sampled_from([100.0, 124.9437, 125.0, 250.0, 360.0, 500.0])
# Of a stay: its recordings, and the hour of the arrest if there is one.
STAY = st.tuples(
    st.lists(st.tuples(SPAN, RATE), min_size=1, max_size=4),
    st.one_of(st.none(), st.floats(-2, 150, allow_nan=False)),
)


def files(folder, stays):
    """Write the scanned recordings, in two groups, and the spine; stays by number."""
    scanned, spine = [], []
    for number, (recordings, hour) in stays.items():
        of_stay = {"stay_id": f"S{number}", "subject_id": f"p{number // 2}"}
        cpr_time = pd.NaT if hour is None else BEGIN + hour * HOUR
        spine.append({**of_stay, "cpr_time": cpr_time, "label": int(hour is not None)})
        for (begin, n_samples), rate in recordings:
            start = BEGIN + pd.Timedelta(seconds=begin)
            row = {"recording_id": 10 * number + len(scanned), "sampling_rate": rate}
            row |= {"n_samples": n_samples, "start": start, "reason": ""}
            row["end"] = start + pd.Timedelta(microseconds=round(n_samples / rate * 1e6))
            scanned.append(of_stay | row)
    table = pd.DataFrame(scanned).astype(dict.fromkeys(("start", "end"), "datetime64[us]"))
    group = table["subject_id"].str[1:].astype(int) % 2
    paths = [folder / "0.parquet", folder / "1.parquet"]
    for i, path in enumerate(paths):
        table[group == i].to_parquet(path)
    stays_path = folder / "spine.parquet"
    pd.DataFrame(spine).astype({"cpr_time": "datetime64[us]"}).to_parquet(stays_path)
    return stays_path, paths, table


def planned(folder, stays):
    spine, paths, table = files(folder, stays)
    plan_epochs(spine, paths, EPOCHS, 7, folder / "plan.parquet")
    return pd.read_parquet(folder / "plan.parquet"), table


# A stay that always has an epoch, so that there is a plan.
SURE = ([((0.0, 90_000), 250.0)], None)


@SETTINGS
@given(stays=st.lists(STAY, max_size=4))
def test_facts_of_any_plan(tmp_path_factory, stays):
    stays = dict(enumerate([SURE, *stays]))
    plan, table = planned(tmp_path_factory.mktemp("plan"), stays)
    recording = plan.join(table.set_index("recording_id"), on="recording_id", rsuffix="_of")

    # Five minutes each, within the recording and on its samples.
    assert (plan["end"] - plan["start"] == FIVE).all()
    assert (plan["start"] >= recording["start_of"]).all()
    assert (plan["end"] <= recording["end_of"]).all()
    assert (plan["stay_id"] == recording["stay_id_of"]).all()
    rate = recording["sampling_rate"]
    assert ((plan["n_samples"] - 300 * rate).abs() < 1.01).all()
    assert (plan["first_sample"] >= 0).all()
    assert (plan["first_sample"] + plan["n_samples"] <= recording["n_samples_of"]).all()
    into = (plan["start"] - recording["start_of"]).dt.total_seconds()
    assert (plan["first_sample"] - into * rate).between(-0.01, 1).all()

    # In order, without overlap within a stay, all of a patient in one group.
    assert plan["epoch_id"].tolist() == list(range(len(plan)))
    keys = plan[["subject_id", "stay_id", "start"]]
    assert keys.equals(keys.sort_values(list(keys), ignore_index=True))
    for key, first, last in (("stay_id", "start", "end"), ("recording_id", "first_sample", "stop")):
        for _, part in plan.assign(stop=plan["first_sample"] + plan["n_samples"]).groupby(key):
            assert (part[first].iloc[1:].to_numpy() >= part[last].iloc[:-1].to_numpy()).all()
    assert (plan["group"] == plan["subject_id"].str[1:].astype(int) % 2).all()

    for number, (_, hour) in stays.items():
        part = plan[plan["stay_id"] == f"S{number}"]
        pieces = naive_pieces(table[table["stay_id"] == f"S{number}"])
        if hour is None:
            # A window is drawn so that it holds an epoch whenever there is room for one.
            assert (len(part) > 0) == any(end - start >= FIVE for start, end in pieces)
            assert part.empty or part["end"].max() - part["start"].min() <= 24 * HOUR
            assert part["hours_to_arrest"].isna().all()
            continue
        cpr_time = (BEGIN + hour * HOUR).floor("us")
        assert part["start"].tolist() == naive_starts(pieces, cpr_time)
        assert (part["end"] <= cpr_time - 0.5 * HOUR).all()
        assert (part["start"] >= cpr_time - 24 * HOUR).all()
        np.testing.assert_allclose(
            part["hours_to_arrest"], (cpr_time - part["end"]) / HOUR, rtol=0, atol=1e-9
        )


def naive_pieces(recordings):
    """Return what is used of each recording of a stay, in order."""
    pieces, reached = [], BEGIN
    for row in sorted(recordings.to_dict("records"), key=lambda r: (r["start"], r["recording_id"])):
        pieces.append((max(row["start"], reached), row["end"]))
        reached = max(reached, row["end"])
    return pieces


def naive_starts(pieces, cpr_time):
    """Return the epochs of an event stay, found one after the other."""
    starts = []
    for start, end in pieces:
        start = max(start, cpr_time - 24 * HOUR)
        while start + FIVE <= min(end, cpr_time - 0.5 * HOUR):
            starts.append(start)
            start += FIVE
    return starts


@SETTINGS
@given(one=STAY, others=st.lists(STAY, max_size=3))
def test_the_epochs_of_a_stay_depend_on_no_other_stay(tmp_path_factory, one, others):
    stays = {0: SURE, 1: one}
    with_others = stays | {2 + i: stay for i, stay in enumerate(others)}
    columns = ["stay_id", "start", "end", "first_sample", "n_samples", "hours_to_arrest", "label"]
    parts = []
    for each in (stays, dict(reversed(with_others.items()))):
        plan, _ = planned(tmp_path_factory.mktemp("plan"), each)
        part = plan.loc[plan["stay_id"].isin(["S0", "S1"]), columns]
        parts.append(part.reset_index(drop=True))

    pd.testing.assert_frame_equal(*parts)


@SETTINGS
@given(
    starts=st.lists(st.integers(0, 60), min_size=1, max_size=20, unique=True).map(sorted),
    cut=st.integers(0, 19),
    seed=st.integers(0, 1000),
)
def test_vital_signs_after_an_epoch_change_nothing_in_it(starts, cut, seed):
    """Numerics every 20 s; all from the end of one epoch on are drawn anew, some are lost."""
    draw = np.random.default_rng(seed)
    start = BEGIN + pd.Series(starts) * FIVE
    end, stay = start + FIVE, pd.Series("S", index=range(len(start)))
    cut = min(cut, len(start) - 1)
    time = BEGIN + pd.to_timedelta(np.arange(0, 61 * 300, 20), unit="s")
    vitals = vital_ranges().index
    before = pd.DataFrame(draw.uniform(5, 120, (len(time), 6)), columns=vitals)
    before.insert(0, "time", time)
    later = time >= end[cut]
    after = before.copy()
    after.loc[later, vitals] = draw.uniform(5, 300, (int(later.sum()), 6))
    after = after[~later | (draw.random(len(time)) < 0.7)]

    one, two = (
        features_of(epoch_medians(numerics, start, end), stay, start, end)
        for numerics in (before, after)
    )
    pd.testing.assert_frame_equal(one.iloc[: cut + 1], two.iloc[: cut + 1], check_exact=True)
    if cut + 1 < len(start):  # and the test can fail: what comes later does change
        assert not one.iloc[cut + 1 :].equals(two.iloc[cut + 1 :])


@SETTINGS
@given(
    starts=st.lists(st.integers(0, 200), min_size=3, max_size=40, unique=True).map(sorted),
    cut=st.integers(0, 39),
    seed=st.integers(0, 1000),
)
def test_epochs_after_an_epoch_and_those_of_other_stays_change_no_slope(starts, cut, seed):
    """Later epochs of the stay are measured anew, or lost; other stays go on at the same time."""
    draw = np.random.default_rng(seed)
    cut = min(cut, len(starts) - 1)
    start = BEGIN + pd.Series(starts) * FIVE
    own = pd.DataFrame({"stay_id": "S1", "start": start, "end": start + FIVE})
    own[["SDNN", "hr"]] = draw.uniform(5, 120, (len(own), 2))
    own = own.mask(draw.random(own.shape) < [0, 0, 0, 0.2, 0.2])
    anew = own.copy()
    anew.loc[cut + 1 :, ["SDNN", "hr"]] = draw.uniform(5, 120, (len(own) - cut - 1, 2))
    others = [
        own.assign(stay_id=stay, SDNN=draw.uniform(5, 120, len(own))) for stay in ("S0", "S2")
    ]
    kept = anew[(anew.index <= cut) | (draw.random(len(own)) < 0.7)]

    slopes = []
    for stays in ([own], [others[0], kept, others[1]]):
        table = pd.concat(stays, ignore_index=True)
        times = (table[name] for name in ("stay_id", "start", "end"))
        found = slopes_of(table[["SDNN", "hr"]], *times)
        slopes.append(found[table["stay_id"] == "S1"].reset_index(drop=True))
    one, two = slopes
    pd.testing.assert_frame_equal(one.iloc[: cut + 1], two.iloc[: cut + 1], check_exact=True)
    if one.iloc[cut + 1 :].notna().any(axis=None):  # and the test can fail
        assert not one.iloc[cut + 1 :].equals(two.iloc[cut + 1 :])
