"""Controls who may have had an arrest that nobody lists, on stays that are worked out by hand."""

from __future__ import annotations

import made_arrest_predictions as made
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from mimicflow.arrest.ward.doubtful import (
    COLUMNS,
    COUNTS,
    count_doubtful_controls,
    doubtful_controls,
    score_without_doubtful,
)
from mimicflow.evaluation.study import Study

EPOCHS = {"event_window_h": [0.5, 24]}
OPTIONS = {"horizons_h": [24, 6], "specificity": 0.8, "confidence": "none"}
DAY = "2150-01-0"
# Patient, stay, label, end of the stay, death, limit. The plan ends on the 2nd at 0:00.
HAND = pd.DataFrame(
    [
        ("a", "A", 0, "5 00:00", "5 00:00", None),  # at the end of the stay
        ("b", "B", 0, "5 00:00", "2 23:00", "1 20:00"),  # and near, limited before
        ("b", "C", 0, "5 00:00", "6 00:01", "4 00:00"),  # died a day and a minute after it
        ("d", "D", 0, None, "2 23:00", "2 00:01"),  # without an end: that of its last epoch
        ("e", "E", 0, "5 00:00", None, None),
        ("f", "F", 1, "5 00:00", "2 00:00", "1 00:00"),  # an event
        ("g", "G", 0, "5 00:00", "2 00:00", "1 00:00"),  # nothing planned
    ],
    columns=["subject_id", "stay_id", "label", "outtime", "death_time", "limits_time"],
)


@pytest.fixture
def files(tmp_path):
    spine = HAND.copy()
    for name in ("outtime", "death_time", "limits_time"):
        spine[name] = pd.to_datetime(DAY + spine[name]).astype("datetime64[us]")
    spine.to_parquet(tmp_path / "spine.parquet")
    plan = HAND[HAND["stay_id"] != "G"][["stay_id"]].assign(end=pd.Timestamp("2150-01-02"))
    pd.concat([plan, plan.assign(end=pd.Timestamp("2150-01-01"))]).to_parquet(
        tmp_path / "plan.parquet"
    )
    exclusions = {"reason": ["arrest_time_unknown"], "stays": [14], "patients": [13]}
    pd.DataFrame(exclusions).assign(suppressed=False).to_csv(
        tmp_path / "exclusions.csv", index=False
    )
    return tmp_path


def counts(folder, **study):
    output = folder / "counts.csv"
    names = ("spine.parquet", "plan.parquet", "exclusions.csv")
    paths = (folder / name for name in names)
    count_doubtful_controls(*paths, EPOCHS, output, Study(**study))
    return pd.read_csv(output).set_index("reason")


def without(folder, *columns):
    path = folder / "spine.parquet"
    pd.read_parquet(path).drop(columns=list(columns)).to_parquet(path)


def test_deaths_and_limits_of_controls_are_found_by_hand(files):
    found = doubtful_controls(files / "spine.parquet", files / "plan.parquet", EPOCHS)
    stays = {reason: "".join(found["stay_id"][found[reason]]) for reason in found.columns[2:]}
    assert stays == {
        "death": "ABD", "death_near": "BD", "limits": "BC", "limits_before": "B", "either": "ABCD",
    }  # fmt: skip
    table = counts(files, synthetic=True)
    assert list(table.reset_index()) == COUNTS
    assert table["stays"].to_dict() == {
        "controls": 5, "death": 3, "death_near": 2, "limits": 2, "limits_before": 1, "either": 4,
        "arrest_time_unknown": 14,
    }  # fmt: skip
    assert table.loc["either", "patients"] == 3


def test_what_is_not_recorded_is_not_known_and_not_zero(files):
    without(files, "limits_time")
    table = counts(files, synthetic=True)
    assert table["known"].to_dict() == {
        "controls": "yes", "death": "yes", "death_near": "yes", "limits": "no",
        "limits_before": "no", "either": "no", "arrest_time_unknown": "yes",
    }  # fmt: skip
    assert table.loc[["limits", "limits_before", "either"], "stays"].isna().all()
    assert table.loc["death", "stays"] == 3


def test_few_real_patients_are_hidden_also_by_subtraction(files):
    table = counts(files, smallest=3)
    # 5 controls of 4 patients; the 3 patients of "either" would leave one.
    assert table.loc[table["suppressed"]].index.tolist() == [
        "death", "death_near", "limits", "limits_before", "either",
    ]  # fmt: skip
    assert table.loc[["controls", "arrest_time_unknown"], "stays"].tolist() == [5, 14]


@pytest.fixture(scope="module")
def predicted():
    """Controls 50 to 59 are doubtful, and look as events do."""
    table = made.predictions()
    number = table["stay_id"].str[1:].astype(int)
    table["probability"] = table["probability"].mask(
        (number >= 50) & (table["split"] == "test"), 0.9
    )
    return table, number


def scored(folder, table, number, *, known=True, **study):
    first = table.groupby("stay_id").agg(
        subject_id=("subject_id", "first"), label=("label", "first"), outtime=("end", "max")
    ).reset_index()  # fmt: skip
    times = {"death_time": first["outtime"].where(first["stay_id"] >= "s0050")}
    if known:
        times["limits_time"] = first["outtime"].where(first["stay_id"] >= "s0056")
    first.assign(**times).to_parquet(folder / "spine.parquet")
    table[["stay_id", "end"]].to_parquet(folder / "plan.parquet")
    files = made.write(folder, {"hrv": table}), folder / "spine.parquet", folder / "plan.parquet"
    output = folder / "sensitivity.csv"
    score_without_doubtful(*files, OPTIONS, EPOCHS, output, Study(**study))
    return pd.read_csv(output)


def test_scores_without_doubtful_controls_are_those_of_the_others(tmp_path, predicted):
    table, number = predicted
    found = scored(tmp_path, table, number, synthetic=True)
    assert list(found.columns) == COLUMNS
    at = found.set_index(["score", "horizon_h", "excluded"])
    for excluded, first in {"none": 99, "death": 50, "limits": 56, "either": 50}.items():
        rows = table[(table["split"] == "test") & (number < first)]
        for hours in OPTIONS["horizons_h"]:
            row = at.loc[("auroc", hours, excluded)]
            label = rows["hours_to_arrest"] <= hours
            assert row["value"] == pytest.approx(roc_auc_score(label, rows["probability"]))
            assert (row["n"], row["events"]) == (len(rows), label.sum())
    assert at.loc[("auroc", 24, "death"), "value"] > at.loc[("auroc", 24, "none"), "value"]
    assert at.loc[("precision", 6, "death"), "value"] > at.loc[("precision", 6, "none"), "value"]
    assert found["threshold"].nunique() == len(OPTIONS["horizons_h"])  # chosen with all controls


def test_decisions_about_few_real_patients_are_hidden(tmp_path, monkeypatch):
    monkeypatch.setitem(OPTIONS, "specificity", 0.995)
    table = made.predictions(stays=120, events=40, noise=2.0)
    number = table["stay_id"].str[1:].astype(int)
    made_up, real = (scored(tmp_path, table, number, synthetic=of) for of in (True, False))
    at = (real["score"] == "sensitivity") & (real["excluded"] == "none")
    assert made_up.loc[at, "value"].notna().all() and real.loc[at, "value"].isna().all()
    at = (real["score"] == "auroc") & (real["excluded"] == "none")
    assert real.loc[at, "value"].notna().any()


def test_scores_are_not_known_where_the_registry_does_not_say(tmp_path, predicted):
    found = scored(tmp_path, *predicted, known=False, synthetic=True)
    known = found.groupby("excluded")["known"].first()
    assert known.to_dict() == {"none": "yes", "death": "yes", "limits": "no", "either": "no"}
    rest = found[found["known"] == "no"]
    assert rest[["value", "n", "events"]].isna().all(axis=None)


def test_a_few_real_patients_left_out_cannot_be_counted(tmp_path, predicted):
    """Sensitivity, specificity and precision would say how many epochs are left."""
    found = scored(tmp_path, *predicted).set_index(["horizon_h", "excluded"])
    found = found.sort_index()
    few = found.loc[24, "death"]  # five held-out patients less
    assert few["suppressed"].all()
    assert few[["patients", "stays", "n", "events", "value", "lower"]].isna().all(axis=None)
    assert found.loc[(24, "none"), ["n", "events", "value"]].notna().all(axis=None)
    # Those of "death" and of "either" are the same five, of "limits" two of them.
    found = scored(tmp_path, *predicted, smallest=4).set_index(["score", "horizon_h", "excluded"])
    shown = found.loc["auroc"].loc[24, ["patients", "value"]].notna().all(axis=1)
    assert shown.to_dict() == {"none": True, "death": True, "limits": False, "either": True}


@pytest.fixture
def count_real(tmp_path):
    """Count controls of real patients, by the numbers of those who died and who had limits."""

    def count(died, limited, patient=lambda stay: stay):
        spine = pd.DataFrame({"stay_id": [f"s{stay:03d}" for stay in range(200)], "label": 0})
        spine["subject_id"] = [f"p{patient(stay):03d}" for stay in range(200)]
        spine["outtime"] = pd.Timestamp("2150-01-05")
        for name, days in {"death_time": died, "limits_time": limited}.items():
            times = pd.to_datetime(spine.index.map(days), errors="coerce")
            spine[name] = times.astype("datetime64[us]")
        spine.to_parquet(tmp_path / "spine.parquet")
        plan = spine[["stay_id"]].assign(end=pd.Timestamp("2150-01-02"))
        plan.to_parquet(tmp_path / "plan.parquet")
        exclusions = {"reason": ["arrest_time_unknown"], "stays": [None], "patients": [None]}
        pd.DataFrame(exclusions).assign(suppressed=True).to_csv(
            tmp_path / "exclusions.csv", index=False
        )
        return counts(tmp_path)

    return count


def test_three_counts_do_not_say_how_few_both_died_and_had_limits(count_real):
    """25 died, 40 had limits, 60 either: 5 would be both. With 10 of both all are shown."""
    late = "2150-01-04 12:00"
    for both, shown in ((5, False), (10, True)):
        died = dict.fromkeys(range(25), late)
        found = count_real(died, dict.fromkeys(range(25 - both, 60), late))
        assert found.loc["death", "stays"] == 25 and found.loc["controls", "stays"] == 200
        assert found.loc[["limits", "either"], "stays"].notna().any()
        assert found.loc[["limits", "either"], "stays"].notna().all() == shown
        assert found.loc["arrest_time_unknown", "suppressed"]


def test_a_few_stays_of_patients_with_other_stays_are_hidden(count_real):
    """12 patients with limits in both of their stays, of which 3 are late: 24 stays and 21."""
    limits = dict.fromkeys(range(24), "2150-01-01") | dict.fromkeys((1, 3, 5), "2150-01-04")
    found = count_real({}, limits, patient=lambda stay: stay // 2)
    assert found.loc["limits", ["stays", "patients"]].tolist() == [24, 12]
    assert np.isnan(found.loc["limits_before", "stays"])
