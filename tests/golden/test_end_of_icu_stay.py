"""Who is predicted at the end of the ICU stay, and which deaths are outcomes then."""

import tempfile
from pathlib import Path

import pandas as pd
import pytest
from made_hospital_tables import (
    ICU_ADMISSIONS,
    ICU_PATIENTS,
    ICU_STAYS,
    competing_icu_stays,
    icu_cohort,
)

from mimicflow.learning.splits import split_patients


def built(patients=ICU_PATIENTS, admissions=ICU_ADMISSIONS, protocol="audited_icu_out"):
    return icu_cohort(None, protocol, patients=patients, admissions=admissions, icustays=ICU_STAYS)


def parts_of(stays, options):
    with tempfile.TemporaryDirectory() as folder:
        file, spine = Path(folder, "stays.parquet"), Path(folder, "spine.parquet")
        stays.astype({"label": "int8"}).to_parquet(file)
        split_patients(file, options, 42, spine)
        return pd.read_parquet(spine).set_index("subject_id")["split"]


def at_icu_out(deathtime=None, dod=None, **signs):
    """Patient 1 as given, patient 2 alive; the ICU stays end on 4 March at 20:00."""
    patients = ICU_PATIENTS.assign(dod=[dod, None])
    admissions = ICU_ADMISSIONS.assign(deathtime=[deathtime, None])
    if deathtime is not None:
        signs |= {"dischtime": deathtime}
    for column, value in signs.items():
        admissions[column] = [
            value,
            None if column != "dischtime" else ICU_ADMISSIONS.at[1, column],
        ]
    stays, attrition = built(patients, admissions)
    return stays.set_index("subject_id")["label"].get(1), attrition["patients"]


def test_who_dies_in_hospital_two_days_after_the_icu_is_an_outcome_at_its_end():
    label, patients = at_icu_out("2150-03-06 21:00", "2150-03-06")

    assert label == 1
    assert (patients["cohort"], patients["of_which_in_hospital"]) == (2, 1)
    assert patients["of_which_within_hours"] == 0
    died = ICU_ADMISSIONS.assign(deathtime=["2150-03-06 21:00", None])
    for protocol in ("audited", "published"):  # immortal until the discharge
        assert built(admissions=died, protocol=protocol)[0]["subject_id"].tolist() == [2]


def test_the_prediction_at_the_end_of_the_icu_stay_is_also_its_clock():
    stays, attrition = built()

    assert (stays["prediction_time"] == pd.Timestamp("2150-03-04 20:00")).all()
    assert stays["label"].tolist() == [0, 1]
    assert "survived_admission" not in attrition.index


@pytest.mark.parametrize("deathtime", ["2150-03-03 04:00", "2150-03-04 20:00"])
def test_who_dies_in_the_icu_is_no_patient_at_its_end(deathtime):
    label, patients = at_icu_out(deathtime, deathtime[:10])

    assert label is None
    assert patients["left_alive"] == 1
    assert patients["lost_died_on_the_day"] == 0  # known to be before, not lost for want of a time


def test_a_death_on_the_day_is_an_outcome_where_a_time_says_that_it_came_after():
    label, patients = at_icu_out("2150-03-04 22:30", "2150-03-04")
    assert label == 1
    assert patients["of_which_within_hours"] == 1  # but clocks of ward and ICU differ by hours

    label, patients = at_icu_out(dod="2150-03-04")
    assert label is None
    assert patients["lost_died_on_the_day"] == 1


@pytest.mark.parametrize("sign", [{"hospital_expire_flag": 1}, {"discharge_location": "DIED"}])
def test_a_death_in_hospital_without_a_time_is_one_at_the_discharge(sign):
    label, patients = at_icu_out(**sign)
    assert label == 1
    assert patients["of_which_in_hospital"] == 1

    ends_with_the_icu = {"dischtime": "2150-03-04 19:00"}
    assert at_icu_out(**sign, **ends_with_the_icu)[0] is None

    label, patients = at_icu_out(**sign, dischtime=None)
    assert label is None
    assert patients["lost_died_undated"] == 1
    assert at_icu_out(**sign, dischtime=None, dod="2150-03-09")[0] == 1


def test_who_is_alive_at_the_end_of_the_icu_stay_and_lost_afterwards_counts_as_alive():
    """No date of death within a year of the last discharge; a later one is beyond the horizon."""
    assert at_icu_out()[0] == 0
    assert at_icu_out(dod="2151-03-05")[0] == 0  # 366 days


@pytest.mark.parametrize(
    ("dod", "label"),
    [
        ("2150-03-03", None),  # before the day: a slip
        ("2150-03-05", 1),
        ("2150-03-10", 1),  # the day of the discharge: after the ICU in any case
        ("2151-03-04", 1),  # 365 days
    ],
)
def test_the_year_counts_from_the_day_on_which_the_icu_stay_ends(dod, label):
    assert at_icu_out(dod=dod)[0] == label


def test_a_death_in_a_later_admission_counts_at_the_end_of_the_icu_stay_too():
    later = ICU_ADMISSIONS.head(1).assign(
        hadm_id=23, admittime="2150-10-01 08:00", dischtime="2150-10-03 12:00"
    )
    admissions = pd.concat([ICU_ADMISSIONS, later.assign(deathtime="2150-10-03 12:00")])

    stays, attrition = built(ICU_PATIENTS.assign(dod=None), admissions)

    assert stays["label"].tolist() == [1, 0]
    assert attrition.loc["of_which_without_dod", "patients"] == 1
    assert attrition.loc["of_which_in_hospital", "patients"] == 0


def test_a_patient_of_several_protocols_is_in_one_part_whoever_dies_in_hospital():
    """Who died in that admission is drawn apart: nobody else changes the part."""
    stays = pd.DataFrame({"subject_id": range(100), "stay_id": range(100)})
    stays = stays.assign(label=stays["stay_id"] % 3 == 0, died=stays["stay_id"] >= 80)
    options = {"test": 0.2, "validation": 0.16, "stratified": True}

    alone = parts_of(stays[~stays["died"]], options)
    both = parts_of(stays, {**options, "apart": "died"})

    assert both[alone.index].equals(alone)
    assert both[80:].value_counts().to_dict() == {"train": 13, "test": 4, "validation": 3}
    assert parts_of(stays[~stays["died"]], {**options, "apart": "died"}).equals(alone)


def test_deaths_in_hospital_and_hospice_are_counted_with_what_the_label_makes_of_them(tmp_path):
    patients, admissions, icustays = (
        pd.concat([frame.head(1)] * 5, ignore_index=True).assign(subject_id=range(1, 6))
        for frame in (ICU_PATIENTS, ICU_ADMISSIONS, ICU_STAYS)
    )
    admissions["hadm_id"] = icustays["hadm_id"] = range(21, 26)
    icustays["stay_id"] = range(31, 36)
    patients["dod"] = ["2150-03-03", "2150-03-08", "2150-04-01", None, "2150-03-04"]
    admissions["deathtime"] = [
        "2150-03-03 10:00",
        "2150-03-08 10:00",
        None,
        None,
        "2150-03-04 23:00",
    ]
    admissions["discharge_location"] = ["DIED", "DIED", "HOSPICE", "HOME", "DIED"]
    tables = {"patients": patients, "admissions": admissions, "icustays": icustays}

    found = competing_icu_stays(tmp_path, **tables)

    assert found["n"].to_dict() == {
        "all": 5,
        "died_in_icu": 1,
        "died_in_hospital": 2,  # one on the day on which the ICU stay ended
        "hospice": 1,
        "limits": pytest.approx(float("nan"), nan_ok=True),
    }
    assert found["events"].drop("limits").tolist() == [3, 0, 2, 1]
    assert found.loc["limits", "known"] == "no"
