"""Measures by hour before the arrest, worked out by hand and against SciPy."""

from __future__ import annotations

import made_arrest_predictions as made
import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau, t

from mimicflow.arrest.results.over_time import (
    COLUMNS,
    EPOCH_COLUMNS,
    Ranking,
    describe_hrv_by_epoch,
    describe_hrv_over_time,
    describe_measure,
    kendall,
    stay_means,
)
from mimicflow.errors import InputError
from mimicflow.evaluation.study import Study

SYNTHETIC = Study(synthetic=True)


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
    means = stay_means(hand(), "HTI")
    found = means.set_index(["stay_id", "step"])["value"].to_dict()
    assert found == {("A", 0): 2.0, ("A", 1): 6.0, ("B", 0): 8.0, ("B", 2): 5.0}
    assert means["hours"].to_list() == pytest.approx([0.625, 1.0, 0.6, 2.2])


def test_an_epoch_on_the_border_of_two_steps_is_in_the_earlier_one():
    # 7/12 and 11/12 h are 6.999… and 11.000… twelfths in floating point.
    epochs = pd.DataFrame(
        {"subject_id": "a", "stay_id": "A", "label": 1, "HTI": 1.0}
        | {"hours_to_arrest": [0.5 + n / 12 for n in range(200)]}
    )
    assert stay_means(epochs, "HTI", 5 / 60)["step"].to_list() == list(range(6, 206))


def test_mean_interval_and_control_quartiles():
    table = describe_measure(hand(), "HTI", SYNTHETIC).set_index("hours_to")
    last = table.loc[0]
    assert (last["hours_from"], last["stays"], last["mean"]) == (1, 2, 5.0)
    assert np.isnan(last["upper"])  # two patients
    assert last["control_median"] == 7.0  # of 2, 10 and 7
    assert last["control_q25"] == 4.5
    assert last["control_stays"] == 3


def last_hour(patients, values):
    columns = {"label": 1, "hours_to_arrest": 0.5, "HTI": values, "stay_id": range(len(values))}
    control = {"label": [0], "hours_to_arrest": [np.nan], "HTI": [1.0], "stay_id": [99]}
    both = (
        pd.DataFrame({**columns, "subject_id": patients}),
        pd.DataFrame({**control, "subject_id": [99]}),
    )
    return describe_measure(pd.concat(both), "HTI", SYNTHETIC).iloc[-1]


def test_the_interval_of_an_hour_is_by_patient():
    values = np.array([1.0, 2.0, 4.0, 4.0, 5.0, 8.0])
    error = values.std(ddof=1) / np.sqrt(6)
    alone = last_hour(range(6), values)
    # Two stays of each patient that are alike say no more than one.
    twice = last_hour(np.repeat(range(6), 2), np.repeat(values, 2))
    for found in (alone, twice):
        assert found["mean"] == 4
        assert found["upper"] - 4 == pytest.approx(t.ppf(0.975, 5) * error)
        assert 4 - found["lower"] == pytest.approx(t.ppf(0.975, 5) * error)
    assert twice["stays"] == 12


def test_trend_is_kendalls_of_the_means():
    table = describe_measure(hand(), "HTI", SYNTHETIC)
    expected = kendalltau([0.625, 1.0, 0.6, 2.2], [2.0, 6.0, 8.0, 5.0])
    assert table["tau"].iloc[0] == pytest.approx(expected.statistic)
    assert table["tau_n"].iloc[0] == 4
    assert table["tau_stays"].iloc[0] == 2
    # By hand: of the six pairs, two go together and four do not.
    assert expected.statistic == pytest.approx((2 - 4) / 6)


def test_interval_of_the_trend_is_by_patient():
    # One patient rises, another falls: what is drawn decides the sign.
    means = pd.DataFrame(
        {
            "subject_id": np.repeat(range(6), 4),
            "stay_id": np.repeat(range(6), 4),
            "hours": [0.5, 1.5, 2.5, 3.5] * 6,
            "value": [1.0, 2.0, 3.0, 4.0, 4.0, 3.0, 2.0, 1.0] * 3,
        }
    )
    found = kendall(means, smallest=0)
    assert found["tau"] == pytest.approx(0)
    assert found["tau_lower"] < -0.4 and found["tau_upper"] > 0.4  # by 24 means: ± 0.3
    few = kendall(means[means["subject_id"] < 4], smallest=0)
    assert few["tau"] == pytest.approx(0) and np.isnan(few["p"])


def trendless(generator, patients):
    """A value by hour that wanders, of patients who differ: no trend, and nothing independent."""
    noise = generator.normal(size=(patients, 24))
    for hour in range(1, 24):
        noise[:, hour] = 0.9 * noise[:, hour - 1] + np.sqrt(0.19) * noise[:, hour]
    value = noise + generator.normal(size=(patients, 1))
    patient, hours = (of.ravel() for of in np.indices(value.shape))
    columns = {"subject_id": patient, "stay_id": patient, "hours": hours + 0.5}
    return pd.DataFrame({**columns, "value": value.ravel()})


def test_a_trend_is_found_by_chance_in_one_run_of_twenty_however_long_the_stays():
    generator = np.random.default_rng(7)
    found, rowwise = np.zeros(2)
    for _ in range(200):
        means = trendless(generator, patients=18)
        found += kendall(means, smallest=0)["p"] < 0.05
        rowwise += kendalltau(means["hours"], means["value"]).pvalue < 0.05
    assert found / 200 <= 0.07
    assert rowwise / 200 > 0.2  # means taken as independent


def test_p_values_are_corrected_for_all_measures_that_are_described(files):
    describe_hrv_over_time(*files[:2], {"top_measures": 4}, *files[2:], SYNTHETIC)
    table = pd.read_csv(files[2])
    p = table.groupby("measure")[["p", "p_holm"]].first().sort_values("p")
    np.testing.assert_allclose(
        p["p_holm"], np.minimum(np.maximum.accumulate(p["p"] * [4, 3, 2, 1]), 1)
    )
    assert p["p"].notna().all()


@pytest.fixture
def files(tmp_path):
    table = made.features(stays=30, events=12, per_stay=40)
    paths = made.write(tmp_path, {"features": table})
    shap, selected = tmp_path / "shap.csv", tmp_path / "selected.csv"
    pd.DataFrame({"feature": ["GI", "HTI", "TINN"], "rank": [3, 1, 2]}).to_csv(shap, index=False)
    names = ["TINN", "IALS", "HTI", "GI", "LF"]
    decisions = ["accepted", "tentative", "accepted", "accepted", "rejected"]
    pd.DataFrame({"feature": names, "decision": decisions}).to_csv(selected, index=False)
    ranking = Ranking(shap, selected)
    return paths["features"], ranking, tmp_path / "over.csv", tmp_path / "over.png"


def test_accepted_measures_lead_by_what_they_move_and_the_others_follow(files):
    leading = files[1].leading(5)

    assert leading.to_dict("list") == {
        "measure": ["HTI", "TINN", "GI", "IALS", "LF"],
        "rank": [1, 2, 3, 4, 5],
        "decision": ["accepted", "accepted", "accepted", "tentative", "rejected"],
    }
    assert list(files[1].leading(2)["measure"]) == ["HTI", "TINN"]


def test_measures_that_were_not_accepted_are_marked(files, texts):
    describe_hrv_over_time(*files[:2], {"top_measures": 6}, *files[2:], SYNTHETIC)
    table = pd.read_csv(files[2])
    assert table.drop_duplicates("measure")["decision"].to_list()[-2:] == ["tentative", "rejected"]
    assert {"TINN (ms)", "IALS, tentative"} <= set(texts)
    assert any(text.startswith("LF ") and text.endswith(", rejected") for text in texts)


def test_steps_of_one_epoch_have_median_and_quartiles(files, texts):
    describe_hrv_by_epoch(*files[:2], {"top_measures": 4}, *files[2:], SYNTHETIC, minutes=5)
    table = pd.read_csv(files[2])
    assert list(table.columns) == EPOCH_COLUMNS
    assert list(dict.fromkeys(table["measure"])) == ["HTI", "TINN", "GI", "IALS"]
    frame = pd.read_parquet(files[0])
    # An epoch every half hour: the steps between have nobody, and are no rows.
    event = frame[frame["label"] == 1]
    steps = table[table["measure"] == "HTI"]
    assert len(steps) == event["hours_to_arrest"].nunique()
    assert steps["hours_to"].is_monotonic_decreasing
    np.testing.assert_allclose(steps["hours_from"] - steps["hours_to"], 5 / 60)
    last = steps.iloc[-1]
    of_step = event.loc[event["hours_to_arrest"] == 0.5, "HTI"]
    assert (last["hours_to"], last["stays"]) == (0.5, 12)
    assert last[["q25", "median", "q75"]].to_list() == pytest.approx(
        of_step.quantile([0.25, 0.5, 0.75]).to_list()
    )
    control = frame[frame["label"] == 0].groupby("stay_id")["HTI"].mean()
    assert last["control_q75"] == pytest.approx(control.quantile(0.75))
    assert {"TINN (ms), accepted", "IALS, tentative"} <= set(texts)
    assert any("12 event stays in each step of 5 min" in text for text in texts)


def test_steps_of_few_real_patients_are_suppressed(files, texts):
    frame = pd.read_parquet(files[0])
    few = frame["stay_id"] >= "s0003"
    frame[~(few & (frame["hours_to_arrest"] < 3))].to_parquet(files[0])
    describe_hrv_by_epoch(*files[:2], {"top_measures": 1}, *files[2:], Study(), minutes=5)
    table = pd.read_csv(files[2])
    hidden = table[table["hours_to"] < 3]
    assert hidden["suppressed"].all() and not table["suppressed"].all()
    assert hidden[["median", "q25", "q75", "stays", "patients"]].isna().all(axis=None)
    study = Study(smallest=25)
    describe_hrv_by_epoch(*files[:2], {"top_measures": 1}, *files[2:], study, minutes=5)
    table = pd.read_csv(files[2])
    assert table[["median", "control_median", "control_stays"]].isna().all(axis=None)
    assert "too few patients\nto be shown" in texts


def test_leading_measures_of_all_patients(files, texts):
    describe_hrv_over_time(*files[:2], {"top_measures": 2}, *files[2:], SYNTHETIC)
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
    describe_hrv_over_time(*files[:2], {"top_measures": 1}, *files[2:], Study())
    table = pd.read_csv(files[2]).set_index("hours_to")
    hidden = table[table["suppressed"]]
    assert sorted(hidden.index) == [0, 1, 2]
    assert hidden[["mean", "lower", "stays", "patients"]].isna().all(axis=None)
    describe_hrv_over_time(*files[:2], {"top_measures": 1}, *files[2:], Study(smallest=25))
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
