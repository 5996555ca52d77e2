"""Measures by hour before the arrest, worked out by hand and against SciPy."""

from __future__ import annotations

import made_arrest_predictions as made
import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, t

from mimicflow.arrest.results.over_time import (
    COLUMNS,
    describe_hrv_over_time,
    describe_measure,
    kendall,
    stay_hours,
)
from mimicflow.errors import InputError
from mimicflow.evaluation.study import Study


def hand():
    rows = [
        ("a", "A", 1, 0.5, 1.0),
        ("a", "A", 1, 0.75, 3.0),  # the last hour of A: mean 2
        ("a", "A", 1, 1.0, 6.0),  # a whole hour before is the hour before it
        ("a", "A", 1, 1.5, np.nan),
        ("b", "B", 1, 0.6, 8.0),
        ("b", "B", 1, 2.2, 5.0),
        ("c", "C", 0, np.nan, 1.0),
        ("c", "C", 0, np.nan, 3.0),  # C: mean 2
        ("d", "D", 0, np.nan, 10.0),
        ("e", "E", 0, np.nan, 7.0),
    ]
    return pd.DataFrame(rows, columns=["subject_id", "stay_id", "label", "hours_to_arrest", "HTI"])


def test_epochs_of_a_stay_and_hour_count_once():
    means = stay_hours(hand(), "HTI")
    found = means.set_index(["stay_id", "hour"])["value"].to_dict()
    assert found == {("A", 0): 2.0, ("A", 1): 6.0, ("B", 0): 8.0, ("B", 2): 5.0}
    assert means["hours"].to_list() == pytest.approx([0.625, 1.0, 0.6, 2.2])


def test_mean_interval_and_control_quartiles():
    table = describe_measure(hand(), "HTI", Study(synthetic=True, draws=20)).set_index("hours_to")
    last = table.loc[0]
    assert (last["hours_from"], last["stays"], last["mean"]) == (1, 2, 5.0)
    # Two stays, 2 and 8: standard error 3.
    assert last["upper"] - 5.0 == pytest.approx(t.ppf(0.975, 1) * 3.0)
    assert 5.0 - last["lower"] == pytest.approx(t.ppf(0.975, 1) * 3.0)
    assert np.isnan(table.loc[1, "upper"])  # one stay
    assert last["control_median"] == 7.0  # of 2, 10 and 7
    assert last["control_q25"] == 4.5
    assert last["control_stays"] == 3


def test_trend_is_kendalls_of_the_means():
    table = describe_measure(hand(), "HTI", Study(synthetic=True, draws=20))
    expected = kendalltau([0.625, 1.0, 0.6, 2.2], [2.0, 6.0, 8.0, 5.0])
    assert table["tau"].iloc[0] == pytest.approx(expected.statistic)
    assert table["tau_p"].iloc[0] == pytest.approx(expected.pvalue)
    assert table["tau_n"].iloc[0] == 4
    assert table["tau_stays"].iloc[0] == 2
    # By hand: of the six pairs, two go together and four do not.
    assert expected.statistic == pytest.approx((2 - 4) / 6)


def test_interval_of_the_trend_is_by_patient():
    # One patient rises, another falls: what is drawn decides the sign.
    means = pd.DataFrame(
        {
            "subject_id": ["a"] * 4 + ["b"] * 4,
            "stay_id": ["A"] * 4 + ["B"] * 4,
            "hours": [0.5, 1.5, 2.5, 3.5] * 2,
            "value": [1.0, 2.0, 3.0, 4.0, 4.0, 3.0, 2.0, 1.0],
        }
    )
    found = kendall(means, Study(synthetic=True, draws=200))
    assert found["tau"] == pytest.approx(0)
    assert (found["tau_lower"], found["tau_upper"]) == pytest.approx((-1, 1))


@pytest.fixture
def files(tmp_path):
    table = made.features(stays=30, events=12, per_stay=40)
    paths = made.write(tmp_path, {"features": table})
    ranking = tmp_path / "shap.csv"
    pd.DataFrame({"feature": ["GI", "HTI", "TINN"], "rank": [3, 1, 2]}).to_csv(ranking, index=False)
    return paths["features"], ranking, tmp_path / "over.csv", tmp_path / "over.png"


def test_leading_measures_of_all_patients(files, texts):
    describe_hrv_over_time(
        *files[:2], {"top_measures": 2}, *files[2:], Study(synthetic=True, draws=30)
    )
    table = pd.read_csv(files[2])
    assert list(table.columns) == COLUMNS
    assert list(dict.fromkeys(table["measure"])) == ["HTI", "TINN"]
    assert set(table["tau_stays"]) == {12}  # development and held-out
    assert set(table["control_stays"]) == {18}
    assert set(table["unit"].dropna()) == {"ms"}
    assert (table["tau"] > 0).all()  # both fall as the arrest comes near
    assert (table["tau_lower"] > 0).all()
    assert "TINN (ms)" in texts
    assert any("Development and held-out patients, 12 event stays, 18 control" in x for x in texts)


def test_hours_of_few_real_patients_are_suppressed(files, texts):
    frame = pd.read_parquet(files[0])
    few = frame["stay_id"] >= "s0003"
    frame = frame[~(few & (frame["hours_to_arrest"] < 3))]
    frame.to_parquet(files[0])
    describe_hrv_over_time(*files[:2], {"top_measures": 1}, *files[2:], Study(draws=5))
    table = pd.read_csv(files[2]).set_index("hours_to")
    hidden = table[table["suppressed"]]
    assert sorted(hidden.index) == [0, 1, 2]
    assert hidden[["mean", "lower", "stays", "patients"]].isna().all(axis=None)
    describe_hrv_over_time(*files[:2], {"top_measures": 1}, *files[2:], Study(draws=5, smallest=25))
    table = pd.read_csv(files[2])
    assert table[["mean", "tau", "control_median", "control_stays"]].isna().all(axis=None)
    assert "too few patients\nto be shown" in texts


def test_tables_that_cannot_be_described(files):
    frame = pd.read_parquet(files[0])
    frame.drop(columns="HTI").to_parquet(files[0])
    with pytest.raises(InputError, match=r"features\.parquet: cannot be read, or lacks one of"):
        describe_hrv_over_time(*files[:2], {"top_measures": 1}, *files[2:], Study())
    frame[frame["label"] == 1].to_parquet(files[0])
    with pytest.raises(InputError, match="no stay with an arrest, or none without"):
        describe_hrv_over_time(*files[:2], {"top_measures": 1}, *files[2:], Study())
