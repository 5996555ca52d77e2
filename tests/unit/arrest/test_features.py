"""Epochs counted by reason, and features gathered for those that are kept."""

import numpy as np
import pandas as pd
import pytest

from mimicflow.arrest.features import (
    BOTH,
    HRV,
    KEYS,
    VITAL,
    add_slopes,
    count_epochs,
    feature_names,
    feature_table,
    gather_features,
)
from mimicflow.arrest.vital_features import vital_features
from mimicflow.errors import CohortError, InputError
from mimicflow.evaluation.study import Study
from mimicflow.hrv.measures import MEASURES

MADE_UP = Study(synthetic=True)
# epoch, patient, stay, label, group, reason, split, fold
EPOCHS = [
    (0, "p1", "S1", 1, 0, "", "train", 2),
    (1, "p1", "S1", 1, 0, "low_quality", "train", 2),
    (2, "p1", "S2", 0, 0, "", "train", 2),
    (3, "p2", "S3", 0, 1, "gaps", "test", -1),
    (4, "p2", "S3", 0, 1, "", "test", -1),
    (5, "p3", "S4", 1, 0, "", "test", -1),
    (6, "p3", "S4", 1, 0, "low_quality", "test", -1),
    (7, "p4", "S5", 0, 1, "low_quality", "train", 0),
]
COLUMNS = ["epoch_id", "subject_id", "stay_id", "label", "group", "reason", "split", "fold"]


@pytest.fixture
def files(tmp_path):
    return write(tmp_path, EPOCHS)


def write(folder, epochs):
    """Write plan, spine and, in two groups of which the later comes first, measures and values."""
    table = pd.DataFrame(epochs, columns=COLUMNS)
    start = pd.Timestamp("2150-01-01") + pd.to_timedelta(5 * table["epoch_id"], unit="min")
    table = table.assign(
        start=start.astype("datetime64[us]"),
        end=(start + pd.Timedelta(minutes=5)).astype("datetime64[us]"),
        hours_to_arrest=np.where(table["label"] == 1, 3.5, np.nan),
        recording_id=0,
    )
    table.drop(columns=["reason", "split", "fold"]).to_parquet(folder / "plan.parquet")
    spine = table.drop_duplicates("stay_id")[["stay_id", "subject_id", "label", "split", "fold"]]
    spine.iloc[::-1].to_parquet(folder / "spine.parquet")
    measured, values = [], []
    for group in (1, 0, 2):
        rows = table[table["group"] == group].iloc[::-1]
        measured.append(folder / f"m{group}.parquet")
        rows[["epoch_id", "reason"]].assign(SDNN=rows["epoch_id"] * 1.5).to_parquet(measured[-1])
        values.append(folder / f"v{group}.parquet")
        hr = rows["epoch_id"] + 60.0
        rows[["epoch_id"]].assign(sbp=hr + 40, hr=hr.mask(hr == 64)).to_parquet(values[-1])
    return {
        "plan": folder / "plan.parquet",
        "spine": folder / "spine.parquet",
        "measured": measured,
        "values": values,
        "names": ["hr", "sbp"],
        "output": folder / "features.parquet",
    }


def test_epochs_are_counted_by_reason(files, tmp_path):
    count_epochs(files["plan"], files["measured"], tmp_path / "epochs.csv", MADE_UP)
    table = pd.read_csv(tmp_path / "epochs.csv")

    columns = ["stays", "reason", "epochs", "stays_with", "patients"]
    assert table[columns].to_numpy().tolist() == [
        ["event", "kept", 2, 2, 2],
        ["event", "low_quality", 2, 2, 2],
        ["control", "kept", 2, 2, 2],
        ["control", "gaps", 1, 1, 1],
        ["control", "low_quality", 1, 1, 1],
    ]
    assert table["description"].notna().all()
    assert list(table.columns) == [*columns[:2], "description", *columns[2:], "suppressed"]


def test_a_class_without_kept_epochs_is_reported(tmp_path):
    none_kept = [(*row[:5], "unreadable", *row[6:]) for row in EPOCHS if row[3] == 1]
    files = write(tmp_path, [(i, *row[1:]) for i, row in enumerate(none_kept)])
    count_epochs(files["plan"], files["measured"], tmp_path / "epochs.csv", MADE_UP)
    table = pd.read_csv(tmp_path / "epochs.csv")

    assert table[["stays", "reason", "epochs"]].to_numpy().tolist() == [
        ["event", "kept", 0],
        ["event", "unreadable", 4],
        ["control", "kept", 0],
    ]


def test_a_reason_without_text_is_refused(tmp_path):
    files = write(tmp_path, [(*row[:5], "full_moon", *row[6:]) for row in EPOCHS])

    with pytest.raises(InputError, match="full_moon"):
        count_epochs(files["plan"], files["measured"], tmp_path / "epochs.csv", MADE_UP)


def test_features_of_kept_epochs_with_their_split(files):
    gather_features(**files)
    table = pd.read_parquet(files["output"])

    assert list(table.columns) == [*KEYS, "hr", "sbp"]
    assert table["epoch_id"].tolist() == [0, 2, 4, 5]
    assert table["stay_id"].tolist() == ["S1", "S2", "S3", "S4"]
    assert table["split"].tolist() == ["train", "train", "test", "test"]
    assert table["fold"].tolist() == [2, 2, -1, -1]
    assert table["fold"].dtype == "int64"
    assert table["label"].tolist() == [1, 0, 0, 1]
    np.testing.assert_array_equal(table["hours_to_arrest"], [3.5, np.nan, np.nan, 3.5])
    np.testing.assert_array_equal(table["hr"], [60, 62, np.nan, 65])
    assert table["sbp"].tolist() == [100, 102, 104, 105]


def test_both_kinds_of_features_have_the_same_rows(files):
    gather_features(**files)
    clinical = pd.read_parquet(files["output"])
    gather_features(**files | {"values": files["measured"], "names": ["SDNN"]})
    hrv = pd.read_parquet(files["output"])

    pd.testing.assert_frame_equal(clinical[list(KEYS)], hrv[list(KEYS)])
    assert hrv["SDNN"].tolist() == [0.0, 3.0, 6.0, 7.5]


def test_the_model_of_both_sees_measures_vital_features_and_their_slopes():
    names = feature_names(BOTH)

    assert names[:86] == [*MEASURES, *vital_features()]
    assert names[86:89] == ["MeanNN_slope_1h", "SDNN_slope_1h", "SDANN1_slope_1h"]
    assert names[-1] == "rr_slope_6h"
    assert len(set(names)) == 43 + 43 + 2 * (43 + 6)
    fewer = feature_names(BOTH, ["HTI"])
    assert [name for name in fewer if "HTI" in name] == ["HTI", "HTI_slope_1h", "HTI_slope_6h"]
    assert len(fewer) == 1 + 43 + 2 * (1 + 6)


def test_every_feature_of_every_model_has_a_unit_and_a_text():
    table = feature_table()

    assert table.index.is_unique
    for kind in (HRV, VITAL, BOTH):
        assert set(feature_names(kind)) <= set(table.index)
    assert table.loc["hr_slope_6h"].tolist() == [
        "/min/h",
        "Heart rate, median of the epoch: slope over the last 6 h",
    ]
    assert table.loc["HTI", "unit"] == "" and table.loc["HTI_slope_1h", "unit"] == "/h"


def test_slopes_stand_beside_what_they_are_made_of(tmp_path):
    """Epochs 0 and 1 of S1 are too few, 4 of S2 are enough; a dropped one is not among them."""
    plan = pd.DataFrame({"stay_id": ["S1"] * 2 + ["S2"] * 5, "epoch_id": range(3, 10)})
    plan["start"] = pd.Timestamp("2150-01-01") + plan["epoch_id"] * pd.Timedelta(minutes=5)
    plan["end"] = plan["start"] + pd.Timedelta(minutes=5)
    plan.assign(group=0).to_parquet(tmp_path / "plan.parquet")
    hrv = pd.DataFrame(1.0, index=plan.index, columns=list(MEASURES)).assign(
        epoch_id=plan["epoch_id"], SDNN=[9, 9, 10, 20, np.nan, 40, 50], LFHF=np.inf
    )
    vitals = pd.DataFrame(80.0, index=plan.index, columns=list(vital_features()))
    vitals = vitals.assign(epoch_id=plan["epoch_id"], hr=[60, 60, 70, 69, 68, 67, 66])
    hrv.iloc[::-1].to_parquet(tmp_path / "m.parquet")
    vitals.to_parquet(tmp_path / "v.parquet")
    paths = [tmp_path / f"{name}.parquet" for name in ("plan", "m", "v", "out")]

    add_slopes(*paths, shard=0)

    table = pd.read_parquet(paths[-1])
    assert list(table) == ["epoch_id", *feature_names(BOTH)]
    assert table["epoch_id"].tolist() == list(range(3, 10))
    nan = np.nan
    np.testing.assert_allclose(table["SDNN_slope_1h"], [nan, nan, nan, nan, nan, 120, 120])
    np.testing.assert_allclose(table["hr_slope_1h"], [nan, nan, nan, nan, -12, -12, -12])
    assert table["LFHF_slope_1h"].isna().all() and table["hr_slope_6h"].isna().all()
    hrv[:5].to_parquet(paths[1])
    with pytest.raises(InputError, match="not the 7 of the plan"):
        add_slopes(*paths, shard=0)


@pytest.mark.parametrize("broken", ["measured", "values"])
def test_groups_that_do_not_match_the_plan_are_refused(files, broken):
    with pytest.raises(InputError, match="not the 8 of the plan") as raised:
        gather_features(**files | {broken: files[broken][:1]})
    assert "run again" in raised.value.remedy
    assert not files["output"].exists()


def test_a_stay_that_the_spine_lacks_is_refused(files):
    spine = pd.read_parquet(files["spine"])
    spine[spine["stay_id"] != "S2"].to_parquet(files["spine"])

    with pytest.raises(InputError, match="lacks 1 stays of which epochs are planned") as raised:
        gather_features(**files)
    assert raised.value.file == files["spine"]


def test_no_kept_epoch_is_refused(tmp_path):
    files = write(tmp_path, [(*row[:5], "flat", *row[6:]) for row in EPOCHS])

    with pytest.raises(CohortError, match="none of the 8 epochs") as raised:
        gather_features(**files)
    assert "arrest.preprocessing.good_index" in raised.value.remedy
    assert not files["output"].exists()


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        (0, "no epoch of an event stay is kept in the development part"),
        (2, "no epoch of a control stay is kept in the development part"),
        (4, "no epoch of a control stay is kept in the test part"),
        (5, "no epoch of an event stay is kept in the test part"),
    ],
)
def test_a_part_without_one_class_is_refused(tmp_path, lost, words):
    rows = [(*row[:5], "gaps" if row[0] == lost else row[5], *row[6:]) for row in EPOCHS]

    with pytest.raises(CohortError, match=words) as raised:
        gather_features(**write(tmp_path, rows))
    assert "arrest.preprocessing" in raised.value.remedy
