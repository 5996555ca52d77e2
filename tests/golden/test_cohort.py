"""The cohort, step by step, on stays small enough to follow by eye."""

import pandas as pd
import pytest
from made_hospital_tables import cohort, table

from mimicflow.errors import CohortError, ConfigError

PATIENTS = table("""
    subject_id  gender  anchor_age  anchor_year
    1           F       60          2148
    2           M       50          2150
""")
ADMISSIONS = table("""
    subject_id  hadm_id  admittime         dischtime
    1           20       2150-01-01 15:00  2150-01-05 10:00
""")
STAYS = table("""
    subject_id  hadm_id  stay_id  intime            outtime           gender  disposition
    1           20       30       2150-01-01 10:00  2150-01-01 20:00  F       ADMITTED
    1           -        31       2151-06-01 10:00  2151-06-01 20:00  F       HOME
    2           -        32       2150-02-01 10:00  2150-02-01 20:00  M       HOME
    2           -        33       2150-03-01 10:00  2150-03-01 20:00  M       ELOPED
""")
ECGS = table("""
    subject_id  study_id  ecg_time
    1           400       2150-01-01 10:30
    1           401       2150-01-01 13:00
    1           402       2151-06-01 10:00
    2           403       2150-02-01 10:10
    2           404       2150-03-01 10:10
    2           405       2150-05-01 10:10   # in no stay
""")


def triage(**complaints):
    """Triage rows: complaints by stay (``stay_30="..."``), chest pain otherwise."""
    given = {int(name.removeprefix("stay_")): text for name, text in complaints.items()}
    rows = [(stay, 3, given.get(stay, "Chest pain")) for stay in (30, 31, 32, 33)]
    return pd.DataFrame(rows, columns=["stay_id", "acuity", "chiefcomplaint"])


def build(options=None, edstays=STAYS, ecgs=ECGS, complaints=None, **more):
    return cohort(
        options,
        **{
            "edstays": edstays,
            "machine_measurements": ecgs,
            "triage": triage() if complaints is None else complaints,
            "patients": PATIENTS,
            "admissions": ADMISSIONS,
            **more,
        },
    )


def test_a_stay_is_predicted_at_its_last_ecg():
    stays, ecgs, _ = build()
    assert stays["stay_id"].tolist() == [30, 31, 32]
    first = stays.iloc[0]
    assert first["prediction_time"] == pd.Timestamp("2150-01-01 13:00")
    assert (first["n_ecg"], first["n_ecg_used"], first["study_id"]) == (2, 2, 401)
    assert first["age"] == 62  # 60 in 2148
    assert stays["label"].tolist() == [1, 0, 0]
    assert ecgs["study_id"].tolist() == [400, 401, 402, 403]
    assert ecgs["hours_before"].tolist() == [2.5, 0, 0, 0]


def test_attrition_counts_rows_stays_and_patients_of_every_step():
    _, _, attrition = build()
    counts = attrition[["rows", "stays", "patients"]]
    assert counts.loc["ed_stays"].tolist() == [4, 4, 2]
    assert counts.loc["ecg_in_stay"].tolist() == [5, 4, 2]
    assert counts.loc["readable_ecgs"].tolist() == [5, 4, 2]
    assert counts.loc["candidates"].tolist() == [3, 3, 2]
    assert counts.loc["cohort"].tolist() == [3, 3, 2]
    assert counts.loc["of_which_multi_ecg"].tolist() == [1, 1, 1]
    assert counts.loc["of_which_positive"].tolist() == [1, 1, 1]
    assert counts.loc["of_which_predicted_after_admission"].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("ecg_time", "inside"),
    [
        ("2150-02-01 10:00:00", True),  # both ends belong to the stay
        ("2150-02-01 20:00:00", True),
        ("2150-02-01 09:59:59", False),
        ("2150-02-01 20:00:01", False),
    ],
)
def test_an_ecg_lies_between_arrival_and_departure(ecg_time, inside):
    ecgs = pd.concat(
        [
            ECGS.head(1),
            pd.DataFrame({"subject_id": ["2"], "study_id": ["410"], "ecg_time": [ecg_time]}),
        ]
    )
    stays, _, _ = build(ecgs=ecgs)
    assert (32 in stays["stay_id"].tolist()) == inside


@pytest.mark.parametrize(
    ("complaint", "enters"),
    [
        ("L CHEST PAIN", True),
        ("Dyspnea on exertion", True),
        ("presyncope", True),
        ("BRADYCARDIAC?", True),
        ("c/p", True),
        ("SOB", False),
        ("Shortness of breath", False),
        ("Fall", False),
        (None, False),
    ],
)
def test_the_complaint_decides(complaint, enters):
    stays, _, _ = build(complaints=triage(stay_32=complaint))
    assert (32 in stays["stay_id"].tolist()) == enters


def test_the_sixth_ecg_predicts_when_there_are_more():
    hours = range(10, 18)
    ecgs = pd.DataFrame(
        {
            "subject_id": 1,
            "study_id": range(400, 408),
            "ecg_time": [f"2150-01-01 {h}:00" for h in hours],
        }
    )
    stays, sequence, _ = build(ecgs=ecgs)
    assert stays["study_id"].tolist() == [405]
    assert stays["n_ecg"].tolist() == [6]
    assert sequence["position"].tolist() == [1, 2, 3, 4, 5, 6]
    assert sequence["hours_before"].tolist() == [5, 4, 3, 2, 1, 0]
    # What is recorded after the sixth changes nothing.
    again, same, _ = build(ecgs=ecgs.head(6))
    pd.testing.assert_frame_equal(stays, again)
    pd.testing.assert_frame_equal(sequence, same)


def test_a_stay_that_ends_before_it_begins_is_left_out_and_counted():
    edstays = STAYS.copy()
    edstays.loc[2, "outtime"] = "2150-02-01 09:50"
    for tolerance in (0, 30):  # with a tolerance an ECG would lie near
        stays, _, attrition = build({"ecg_tolerance_minutes": tolerance}, edstays=edstays)
        assert stays["stay_id"].tolist() == [30, 31]
        assert attrition.loc["lost_reversed_times", ["rows", "stays"]].tolist() == [1, 1]


def test_predictions_within_15_minutes_of_arrival_are_counted():
    _, _, attrition = build()
    assert attrition.loc["of_which_predicted_at_triage", "stays"] == 2  # after 0 and 10 minutes


def test_unreadable_ecgs_are_dropped_before_the_sequence_is_formed():
    stays, ecgs, attrition = build(readable=[400, 402, 404])
    assert stays["stay_id"].tolist() == [30, 31]
    assert stays["study_id"].tolist() == [400, 402]
    assert ecgs["study_id"].tolist() == [400, 402]
    assert attrition.loc["readable_ecgs", ["rows", "stays"]].tolist() == [3, 3]
    assert attrition.loc["lost_without_readable_ecg", ["rows", "stays"]].tolist() == [1, 1]


def test_published_unreadable_ecgs_count_and_may_be_the_prediction_ecg():
    """Only the waveform is skipped; a stay without any leaves all the same (row 44)."""
    options = {"unreadable_ecgs": "count"}
    stays, ecgs, attrition = build(options, readable=[400, 402, 404])
    assert stays["stay_id"].tolist() == [30, 31]
    assert stays["study_id"].tolist() == [401, 402] and stays["n_ecg"].tolist() == [2, 1]
    assert stays["prediction_time"][0] == pd.Timestamp("2150-01-01 13:00")
    assert ecgs["study_id"].tolist() == [400, 401, 402]
    assert ecgs["readable"].tolist() == [True, False, True]
    assert ecgs["hours_before"].tolist() == [2.5, 0, 0]  # from the ECG that is not seen
    assert attrition.loc["of_which_unreadable_prediction_ecg", "stays"] == 1
    assert attrition.loc["lost_without_readable_ecg", ["rows", "stays"]].tolist() == [1, 1]
    _, _, ours = build(readable=[400, 402, 404])
    assert ours.loc["of_which_unreadable_prediction_ecg", "stays"] == 0
    first, _, _ = build({**options, "prediction_ecg": 1}, readable=[401, 402])
    assert first["stay_id"].tolist() == [31]  # of stay 30 nothing can be read by then


def test_an_ecg_in_two_overlapping_stays_belongs_to_the_later_arrival():
    edstays = table("""
        subject_id  stay_id  intime            outtime           gender  disposition
        1           30       2150-01-01 10:00  2150-01-01 20:00  F       ADMITTED
        1           31       2150-01-01 12:00  2150-01-01 22:00  F       HOME
    """)
    stays, ecgs, attrition = build(edstays=edstays)
    assert stays["stay_id"].tolist() == [30, 31]
    assert ecgs[["stay_id", "study_id"]].to_numpy().tolist() == [[30, 400], [31, 401]]
    assert attrition.loc["shared_ecgs", "rows"] == 2


def test_ecgs_of_the_same_second_are_ordered_by_study():
    ecgs = table("""
        subject_id  study_id  ecg_time
        1           402       2150-01-01 11:00
        1           401       2150-01-01 11:00
    """)
    assert build(ecgs=ecgs)[0]["study_id"].tolist() == [402]


def test_without_record_or_patient_or_triage_there_is_no_stay():
    record_list = table("""
        subject_id  study_id  ecg_time          path
        1           402       2151-06-01 10:00  files/402
    """)
    assert build(record_list=record_list)[0]["stay_id"].tolist() == [31]
    assert build(patients=PATIENTS.head(1))[0]["stay_id"].tolist() == [30, 31]
    assert build(complaints=triage().head(1))[0]["stay_id"].tolist() == [30]


def test_an_empty_cohort_stops_with_the_steps_that_emptied_it():
    with pytest.raises(CohortError, match="no stay is left") as raised:
        build(readable=[])
    assert "readable_ecgs" in str(raised.value)
    assert "What to do" in str(raised.value)


def test_a_prediction_beyond_the_longest_sequence_is_refused():
    with pytest.raises(ConfigError, match="at most 4"):
        build({"prediction_ecg": 5, "max_ecgs": 4})


@pytest.mark.parametrize("anchor_age", ["350", "-60"])
def test_a_patient_of_an_impossible_age_is_left_out_and_counted(anchor_age):
    absurd = PATIENTS.assign(anchor_age=[anchor_age, "50"])
    stays, _, attrition = build(patients=absurd)
    assert stays["subject_id"].unique().tolist() == [2]
    assert attrition.loc["complaining", "patients"] == 2
    assert attrition.loc["with_patient", "patients"] == 1


def test_times_of_ecg_carts_that_are_behind_are_moved_before_anything_looks_at_them():
    stays, ecgs, _ = build({"ecg_clock_skew_minutes": 15})
    assert stays.set_index("stay_id").loc[30, "prediction_time"] == pd.Timestamp("2150-01-01 13:15")
    assert ecgs.set_index("study_id").loc[400, "ecg_time"] == pd.Timestamp("2150-01-01 10:45")

    stays, ecgs, _ = build({"ecg_clock_skew_minutes": -60})
    # 10:30 is before the arrival then; so is the only ECG of two other stays.
    assert ecgs["study_id"].tolist() == [401]
    assert stays.set_index("stay_id")["prediction_time"].to_dict() == {
        30: pd.Timestamp("2150-01-01 12:00")
    }


def test_stays_that_end_otherwise_are_counted_with_what_the_label_makes_of_them(tmp_path):
    edstays = STAYS.assign(disposition=["ADMITTED", "HOME", "EXPIRED", "ELOPED"])
    admissions = ADMISSIONS.assign(discharge_location="HOSPICE")

    build(edstays=edstays, admissions=admissions, competing=tmp_path / "competing.csv")

    found = pd.read_csv(tmp_path / "competing.csv").set_index("event")
    counted = {"all": 4, "home": 1, "admitted": 1, "expired": 1, "eloped": 1, "hospice": 1}
    assert found.loc[found["n"] > 0, "n"].to_dict() == counted
    assert found.loc[found["events"] > 0, "events"].to_dict() == {
        "all": 1,
        "admitted": 1,
        "hospice": 1,  # a bed was needed, whatever came later
    }
    assert found.loc["expired", ["label", "share"]].tolist() == ["left out", 0.25]
    assert found.loc["died_in_hospital", "n"] == 0
