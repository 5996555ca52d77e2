"""Who enters the mortality cohort, when they are predicted, and who died within the year."""

import json

import pandas as pd
import pytest
from made_hospital_tables import ICU_ADMISSIONS, ICU_PATIENTS, ICU_STAYS, icu_cohort, table

from mimicflow.errors import CohortError


def built(patients=ICU_PATIENTS, admissions=ICU_ADMISSIONS, icustays=ICU_STAYS, **options):
    protocol = options.pop("protocol", "audited")
    return icu_cohort(
        options, protocol, patients=patients, admissions=admissions, icustays=icustays
    )


def with_dod(*dates):
    return pd.DataFrame(
        {
            "subject_id": range(1, len(dates) + 1),
            "gender": "F",
            "anchor_age": 60,
            "anchor_year": 2150,
            "dod": dates,
        }
    )


def of_patients(n):
    """An admission with one ICU stay for each of n patients, all at the same times."""
    admissions = pd.concat([ICU_ADMISSIONS.head(1)] * n, ignore_index=True)
    stays = pd.concat([ICU_STAYS.head(1)] * n, ignore_index=True)
    for frame in (admissions, stays):
        frame["subject_id"] = range(1, n + 1)
        frame["hadm_id"] = range(21, 21 + n)
    return admissions, stays.assign(stay_id=range(31, 31 + n))


def test_one_row_per_patient_with_prediction_at_discharge():
    stays, _ = built()

    assert stays["stay_id"].tolist() == [31, 32]
    assert (stays["prediction_time"] == pd.Timestamp("2150-03-10 12:00")).all()
    assert stays["label"].tolist() == [0, 1]
    assert stays["age"].tolist() == [60, 70]
    assert stays["icu_los"].tolist() == [2.5, 2.5]
    assert stays["n_prior_icu"].tolist() == [0, 0]


def test_published_predicts_and_counts_from_the_end_of_the_icu_stay():
    stays, _ = built(protocol="published")

    assert (stays["prediction_time"] == pd.Timestamp("2150-03-04 20:00")).all()


@pytest.mark.parametrize(
    ("dod", "label"),
    [
        ("2150-03-09", None),  # recorded before the discharge
        ("2150-03-10", None),  # the day of the discharge: before or after is not known
        ("2150-03-11", 1),
        ("2151-03-10", 1),  # 365 days
        ("2151-03-11", 0),  # 366 days
        (None, 0),
    ],
)
def test_the_year_counts_whole_days_from_the_discharge(dod, label):
    admissions, icustays = of_patients(2)
    stays, attrition = built(with_dod(dod, None), admissions, icustays)

    found = stays.set_index("subject_id")["label"].get(1)
    assert found == label
    assert attrition.loc["left_alive", "dropped"] == (label is None)
    assert attrition.loc["of_which_positive", "patients"] == (label == 1)


def test_deaths_of_the_day_before_it_and_before_the_admission_are_counted_apart():
    admissions, icustays = of_patients(4)
    dead = with_dod("2150-03-10", "2150-03-05", "2150-02-28", None)

    stays, attrition = built(dead, admissions, icustays)

    assert stays["subject_id"].tolist() == [4]
    patients = attrition["patients"]
    assert patients["lost_died_on_the_day"] == 1
    assert patients["lost_died_before"] == 2
    assert patients["lost_died_before_admission"] == 1
    assert patients["lost_dod_by_discharge"] == 3
    assert attrition.loc["left_alive", "dropped"] == 3
    assert attrition.loc["cohort", "dropped"] == 0


@pytest.mark.parametrize(
    ("dod", "label"),
    [
        ("2150-02-28", 0),  # before the admission: a survivor, as published
        ("2150-03-04", 0),  # the day of the index
        ("2150-03-05", 0),  # four hours later it is the day after: less than one whole day
        ("2150-03-06", 1),
        ("2150-03-08", 1),  # between ICU and discharge
        ("2151-03-04", 1),
        ("2151-03-05", 1),  # 366 days later by date, 365 and four hours by the clock
        ("2151-03-06", 0),
    ],
)
def test_published_counts_whole_days_from_the_clock_and_earlier_deaths_as_survivors(dod, label):
    admissions, icustays = of_patients(2)

    stays, attrition = built(with_dod(dod, None), admissions, icustays, protocol="published")

    assert stays.set_index("subject_id")["label"].to_dict() == {1: label, 2: 0}
    assert attrition.loc["cohort", "dropped"] == 0
    assert attrition.loc["of_which_died_by_then", "patients"] == (dod <= "2150-03-04")
    assert not attrition.index.str.startswith("lost_").any()


def dies_in_a_later_stay(with_icu=True):
    """Patient 1 dies in hospital seven months after the index admission."""
    admissions = pd.concat([ICU_ADMISSIONS, table("""
        subject_id  hadm_id  admittime         dischtime         deathtime         race   insurance
        1           23       2150-10-01 08:00  2150-10-03 12:00  2150-10-03 12:00  WHITE  Medicare
    """)])  # fmt: skip
    later = table("""
        subject_id  hadm_id  stay_id  intime            outtime
        1           23       35       2150-10-01 09:00  2150-10-03 12:00
    """)
    return {
        "patients": ICU_PATIENTS.assign(dod=["2150-10-03", "2150-06-01"]),
        "admissions": admissions,
        "icustays": pd.concat([ICU_STAYS, later]) if with_icu else ICU_STAYS,
    }


def test_published_drops_who_dies_in_a_later_icu_admission_and_audited_counts_the_death():
    stays, attrition = built(**dies_in_a_later_stay(), protocol="published")
    assert stays["subject_id"].tolist() == [2]
    assert attrition.loc["left_alive", "dropped"] == 1

    stays, _ = built(**dies_in_a_later_stay())
    assert stays["subject_id"].tolist() == [1, 2]
    assert stays["label"].tolist() == [1, 1]

    stays, _ = built(**dies_in_a_later_stay(with_icu=False), protocol="published")
    assert stays["subject_id"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("sign", "value"),
    [
        ("deathtime", "2150-06-07 03:00"),
        ("hospital_expire_flag", 1),
        ("discharge_location", " died"),
    ],
)
def test_a_death_in_a_later_admission_counts_also_without_dod(sign, value):
    later = ICU_ADMISSIONS.head(1).assign(
        hadm_id=25, admittime="2150-06-01 08:00", dischtime="2150-06-07 12:00", **{sign: value}
    )
    admissions = pd.concat([ICU_ADMISSIONS, later], ignore_index=True)

    stays, attrition = built(admissions=admissions)

    assert stays["label"].tolist() == [1, 1]
    assert attrition.loc["of_which_without_dod", "patients"] == 1
    # A dod, where there is one, says when; before the discharge, it is a slip and nobody's outcome.
    assert built(ICU_PATIENTS.assign(dod="2151-06-01"), admissions)[0]["label"].tolist() == [0, 0]
    assert built(ICU_PATIENTS.assign(dod=None), ICU_ADMISSIONS)[0]["label"].tolist() == [0, 0]
    published, attrition = built(admissions=admissions, protocol="published")
    assert published["label"].tolist() == [0, 1]
    assert "of_which_without_dod" not in attrition.index


def test_a_discharge_half_a_day_early_is_out_of_order_within_the_icu_stay_too():
    early = ICU_STAYS.assign(outtime=["2150-03-11 00:00", "2150-03-10 18:00"])

    stays, attrition = built(icustays=early)

    assert stays["subject_id"].tolist() == [2]
    assert attrition.loc["times_in_order", "dropped"] == 1


@pytest.mark.parametrize(
    ("sign", "value"),
    [("hospital_expire_flag", 1), ("discharge_location", "Died ")],
)
def test_a_death_in_the_admission_is_known_by_any_sign(sign, value):
    died = ICU_ADMISSIONS.assign(**{sign: [value, None]})

    stays, attrition = built(admissions=died)

    assert stays["subject_id"].tolist() == [2]
    assert attrition.loc["left_alive", "dropped"] == 1
    name = {"hospital_expire_flag": "expire_flag", "discharge_location": "died_location"}[sign]
    seen = attrition.filter(regex="lost_(expire|died_loc|dod)", axis=0)["patients"]
    assert seen.to_dict() == {step: int(step == f"lost_{name}") for step in seen.index}
    for survivors in ("deathtime", "any_icu_deathtime"):
        assert len(built(admissions=died, survivors=survivors)[0]) == 2


def test_a_dod_up_to_the_discharge_is_such_a_sign_also_at_the_end_of_the_icu_stay():
    dead = ICU_PATIENTS.assign(dod=["2150-03-08", "2150-06-01"])
    options = {"prediction_time": "icu_out", "label_clock": "icu_out"}

    assert built(dead, **options)[0]["subject_id"].tolist() == [2]
    assert built(dead, **options, survivors="deathtime")[0]["label"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("time", "value"),
    [
        ("dischtime", "2149-03-10 12:00"),  # a year early
        ("dischtime", "2150-03-02 07:59"),  # before the ICU stay
        ("dischtime", "2150-03-01 07:00"),  # before the admission
        ("outtime", "2150-03-02 07:59"),
        ("intime", "2150-03-10 12:01"),  # after the discharge
        ("intime", "2149-03-02 08:00"),  # a year early
        ("intime", "2150-02-28 07:59"),
        ("outtime", "2151-03-04 20:00"),  # a year late
        ("outtime", "2150-03-11 12:01"),
    ],
)
def test_an_index_stay_whose_times_are_out_of_order_is_excluded(time, value):
    dead = ICU_PATIENTS.assign(dod=["2150-03-20", None])
    admissions, icustays = ICU_ADMISSIONS.copy(), ICU_STAYS.copy()
    frame = admissions if time == "dischtime" else icustays
    frame.loc[0, time] = value
    if value == "2150-03-10 12:01":
        icustays.loc[0, "outtime"] = "2150-03-11 12:00"

    stays, attrition = built(dead, admissions, icustays)
    assert stays["subject_id"].tolist() == [2]
    assert attrition.loc["times_in_order", "dropped"] == 1

    stays, attrition = built(dead, admissions, icustays, protocol="published")
    assert stays["subject_id"].tolist() == [1, 2]
    assert "times_in_order" not in attrition.index


@pytest.mark.parametrize(
    ("intime", "outtime"),
    [
        ("2150-03-01 07:00", "2150-03-10 12:30"),
        ("2150-03-01 02:00", "2150-03-10 18:00"),  # six hours, on either side
    ],
)
def test_an_icu_stay_may_outlast_the_discharge_or_begin_before_the_admission(intime, outtime):
    icustays = ICU_STAYS.assign(
        intime=[intime, "2150-03-02 08:00"], outtime=["2150-03-04 20:00", outtime]
    )

    stays, attrition = built(icustays=icustays)

    assert len(stays) == 2
    assert attrition.loc["times_in_order", "dropped"] == 0


def test_who_died_in_the_admission_is_left_out():
    died = ICU_ADMISSIONS.assign(deathtime=[None, "2150-03-10 11:00"])

    stays, attrition = built(admissions=died)

    assert stays["subject_id"].tolist() == [1]
    assert attrition.loc["survived_admission", "dropped"] == 1


def test_the_age_is_that_at_admission():
    """17 when anchored in 2148, 19 at the admission of 2150; and 17 at the admission."""
    young = ICU_PATIENTS.assign(anchor_age=["17", "17"], anchor_year=["2148", "2150"])

    stays, attrition = built(young)

    assert stays["subject_id"].tolist() == [1]
    assert stays["age"].tolist() == [19]
    assert attrition.loc["adult_admissions", "admissions"] == 1


def test_the_first_of_several_icu_stays_is_taken_ties_by_the_lowest_id():
    several = table("""
        subject_id  hadm_id  stay_id  intime            outtime
        1           21       39       2150-03-02 08:00  2150-03-09 20:00   # overlaps the others
        1           21       33       2150-03-02 08:00  2150-03-04 20:00   # same time, lower id
        1           21       31       2150-03-03 08:00  2150-03-04 20:00
        2           22       32       2150-03-02 08:00  2150-03-04 20:00
        2           22       32       2150-03-02 08:00  2150-03-04 20:00   # the same row twice
    """)

    stays, attrition = built(icustays=several)

    assert stays["stay_id"].tolist() == [32, 33]
    assert attrition.loc["adult_icustays", "stays"] == 4
    assert attrition.loc["first_icustay", "stays"] == 2


def test_the_first_stay_may_be_in_a_later_admission():
    admissions = pd.concat([ICU_ADMISSIONS, table("""
        subject_id  hadm_id  admittime         dischtime         deathtime  race   insurance
        1           19       2150-01-01 08:00  2150-01-03 12:00  -          WHITE  Medicare
    """)])  # fmt: skip

    stays, attrition = built(admissions=admissions)

    assert stays.set_index("subject_id").loc[1, "hadm_id"] == 21
    assert attrition.loc["all_admissions", "admissions"] == 3
    assert attrition.loc["adult_icustays", "admissions"] == 2


def test_stays_before_the_first_adult_one_are_prior():
    """The earlier stay was at 17, so that it is not the index stay, but it was one."""
    child = table("""
        subject_id  gender  anchor_age  anchor_year  dod
        1           F       18          2150         -
    """)
    admissions = pd.concat([ICU_ADMISSIONS.head(1), table("""
        subject_id  hadm_id  admittime         dischtime         deathtime  race   insurance
        1           19       2149-01-01 08:00  2149-01-03 12:00  -          WHITE  Medicare
    """)])  # fmt: skip
    icustays = pd.concat([ICU_STAYS.head(1), table("""
        subject_id  hadm_id  stay_id  intime            outtime
        1           19       30       2149-01-01 09:00  2149-01-02 12:00
    """)])  # fmt: skip

    stays, _ = built(child, admissions, icustays)

    assert stays["stay_id"].tolist() == [31]
    assert stays["n_prior_icu"].tolist() == [1]


def test_a_stay_without_an_admission_or_without_an_end_has_no_index_date():
    icustays = ICU_STAYS.assign(hadm_id=["21", None], outtime=[None, "2150-03-04 20:00"])
    third = table("""
        subject_id  hadm_id  stay_id  intime            outtime
        2           22       33       2150-03-05 08:00  2150-03-06 20:00
    """)

    stays, attrition = built(icustays=pd.concat([icustays, third]))

    assert stays["stay_id"].tolist() == [33]
    assert attrition.loc["with_icu_outtime", "dropped"] == 1


def test_without_a_discharge_there_is_no_prediction():
    admissions = ICU_ADMISSIONS.assign(dischtime=[None, "2150-03-10 12:00"])

    stays, attrition = built(admissions=admissions)

    assert stays["stay_id"].tolist() == [32]
    assert attrition.loc["with_prediction_time", "dropped"] == 1
    assert len(built(admissions=admissions, protocol="published")[0]) == 2


def test_an_empty_cohort_is_reported_with_its_steps():
    with pytest.raises(CohortError, match="adult_admissions") as error:
        built(min_age=90)
    assert "mortality.min_age" in str(error.value)


def test_a_cohort_that_the_label_empties_is_reported():
    admissions, icustays = of_patients(1)
    with pytest.raises(CohortError, match="lost_died_before"):
        built(with_dod("2150-03-05"), admissions, icustays)


def test_a_patient_of_an_impossible_age_is_left_out_and_counted():
    stays, attrition = built(ICU_PATIENTS.assign(anchor_age=["350", "70"]))

    assert stays["subject_id"].tolist() == [2]
    assert attrition.loc["adult_admissions", "patients"] == 1


def test_codes_that_match_nothing_are_a_line_behind_the_steps(tmp_path):
    manifest = tmp_path / "manifest.json"
    check = {"table": "hosp/diagnoses_icd", "column": "icd_code", "known_by": "the lists"}
    counts = {"rows": 30, "unknown": 15, "patients": 2}
    manifest.write_text(json.dumps({"codes": [{**check, **counts}]}))

    _, attrition = built(manifest=manifest)

    last = attrition.iloc[-1]
    assert attrition.index[-1] == "unknown_hosp_diagnoses_icd_icd_code"
    assert last["patients"] == 2
    assert last[["admissions", "stays", "dropped"]].isna().all()
