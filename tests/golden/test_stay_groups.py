"""Who the patients are: the groups of each stay, and whose insurance is known before arrival."""

import logging

import pandas as pd
import pytest
from made_hospital_tables import spine, table, typed, write

from mimicflow.concepts.groups import describe_groups
from mimicflow.reference import reference

ADMISSIONS = table("""
    subject_id  hadm_id  admittime         dischtime         insurance
    1           10       2148-05-01 08:00  2148-05-04 10:00  Private
    1           11       2149-12-30 08:00  2150-01-01 09:00  Medicaid
    1           20       2150-01-01 15:00  2150-01-05 10:00  Medicare   # follows from the stay
    2           12       2149-01-01 08:00  2149-01-02 10:00  -
""")


@pytest.fixture
def groups(tmp_path):
    def run(*stays, admissions=ADMISSIONS):
        paths = {"admissions": write(typed("admissions", admissions), tmp_path, "admissions")}
        stays = spine(*stays)
        describe_groups(write(stays, tmp_path, "spine"), paths, tmp_path / "groups.parquet")
        rows = pd.read_parquet(tmp_path / "groups.parquet")
        assert list(rows) == ["stay_id", "sex", "age_band", "race", "arrival", "insurance"]
        assert rows["stay_id"].tolist() == sorted(stays["stay_id"])
        return rows.set_index("stay_id")

    return run


def test_a_stay_in_words(groups):
    stay = groups({"stay_id": 30}).loc[30]
    assert stay.to_dict() == {
        "sex": "Female",
        "age_band": "45-64",
        "race": "White",
        "arrival": "Walk in",
        "insurance": "Medicaid",
    }


@pytest.mark.parametrize(
    ("age", "band"),
    [
        *((17, "Unknown"), (18, "18-44"), (44, "18-44"), (45, "45-64"), (64, "45-64")),
        *((65, "65-79"), (79, "65-79"), (80, "80+"), (91, "80+")),
    ],
)
def test_age_bands_touch_and_do_not_overlap(groups, age, band):
    assert groups({"age": age})["age_band"].tolist() == [band]


@pytest.mark.parametrize(
    ("race", "group"),
    [
        ("WHITE - RUSSIAN", "White"),
        ("BLACK/CAPE VERDEAN", "Black"),
        ("HISPANIC/LATINO - PUERTO RICAN", "Hispanic/Latino"),
        ("ASIAN - SOUTH EAST ASIAN", "Asian"),
        ("MULTIPLE RACE/ETHNICITY", "Other"),
        ("PATIENT DECLINED TO ANSWER", "Unknown"),
        ("UNABLE TO OBTAIN", "Unknown"),
        (None, "Unknown"),
        (" white ", "White"),
    ],
)
def test_race_groups(groups, caplog, race, group):
    with caplog.at_level(logging.WARNING, "mimicflow"):
        assert groups({"race": race})["race"].tolist() == [group]
    assert not caplog.records


def test_an_unlisted_race_is_other_and_counted(groups, caplog):
    with caplog.at_level(logging.WARNING, "mimicflow"):
        rows = groups({"stay_id": 30, "race": "MARTIAN"}, {"stay_id": 31, "race": "MARTIAN"})
    assert rows["race"].tolist() == ["Other", "Other"]
    assert "'MARTIAN' of 2 stays" in caplog.text


@pytest.mark.parametrize(
    ("transport", "arrival"),
    [
        ("AMBULANCE", "Ambulance"),
        ("HELICOPTER", "Helicopter"),
        ("OTHER", "Other"),
        (None, "Unknown"),
    ],
)
def test_arrival(groups, transport, arrival):
    assert groups({"arrival_transport": transport})["arrival"].tolist() == [arrival]


def test_insurance_is_that_of_the_last_admission_before_arrival(groups):
    rows = groups(
        {"stay_id": 30, "subject_id": 1, "hadm_id": 20},  # the stay's own admission says Medicare
        {"stay_id": 31, "subject_id": 1, "intime": "2149-06-01 10:00"},
        {"stay_id": 32, "subject_id": 1, "intime": "2151-06-01 10:00"},  # now it lies in the past
        {"stay_id": 33, "subject_id": 2},  # admitted before, nothing written down
        {"stay_id": 34, "subject_id": 3},
    )
    assert rows["insurance"].to_dict() == {
        30: "Medicaid",
        31: "Private",
        32: "Medicare",
        33: "Unknown",
        34: "No earlier admission",
    }


def test_the_admission_that_follows_from_the_stay_says_nothing(groups):
    after = ADMISSIONS.assign(insurance=["Private", "Medicaid", "Other", None])
    without = ADMISSIONS[ADMISSIONS["hadm_id"] != "20"]
    # Clocks differ: the stay's own admission may bear a time before arrival.
    early = ADMISSIONS.replace("2150-01-01 15:00", "2150-01-01 09:59")
    stay = {"stay_id": 30, "subject_id": 1, "hadm_id": 20}
    for admissions in (after, without, early):
        assert groups(stay, admissions=admissions)["insurance"].tolist() == ["Medicaid"]


def test_the_list_of_races_is_complete_and_has_no_race_twice():
    races = pd.read_csv(reference("race_groups.csv"))
    assert races["race"].is_unique
    assert len(races) == 33  # the values of MIMIC-IV 3.1
    groups = ["White", "Black", "Hispanic/Latino", "Asian", "Other", "Unknown"]
    assert races["race_group"].drop_duplicates().tolist() == groups


def test_the_open_data_holds_listed_races_only(shared_data):
    races = set(pd.read_csv(reference("race_groups.csv"))["race"])
    stays = pd.read_csv(shared_data / "open-ed-hybrid/ed/edstays.csv.gz", dtype=str)
    assert set(stays["race"].dropna()) <= races


def test_patients_of_intensive_care_have_no_arrival_and_the_insurance_of_their_admission(tmp_path):
    stays = pd.DataFrame(
        {
            "stay_id": [31, 30],
            "gender": ["M", None],
            "age": [80, 44],
            "race": ["WHITE - RUSSIAN", None],
            "insurance": ["Medicare", None],
        }
    )
    stays.to_parquet(tmp_path / "spine.parquet")

    describe_groups(
        tmp_path / "spine.parquet", {}, tmp_path / "groups.parquet", concept="icu_stay_groups"
    )

    rows = pd.read_parquet(tmp_path / "groups.parquet")
    assert rows.to_dict("list") == {
        "stay_id": [30, 31],
        "sex": ["Unknown", "Male"],
        "age_band": ["18-44", "80+"],
        "race": ["Unknown", "White"],
        "insurance": ["Unknown", "Medicare"],
    }
