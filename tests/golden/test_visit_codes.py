"""Which visits of a patient are in the sequence, and which codes they bring."""

import functools

import pandas as pd
from made_hospital_tables import PROTOCOLS, spine, table, typed, write
from made_hospital_tables import extract as extract_concept

from mimicflow.concepts.extract import extract_hospital_visits

STAYS = spine(
    subject_id=1,
    stay_id=31,
    hadm_id=22,
    intime="2150-03-02 08:00",
    prediction_time="2150-03-10 12:00",
)
ADMISSIONS = table("""
    subject_id  hadm_id  admittime         dischtime
    1           21       2150-01-01 08:00  2150-01-05 12:00
    1           22       2150-03-01 08:00  2150-03-10 12:00   # the index admission
    1           23       2150-05-01 08:00  2150-05-05 12:00   # later
    2           24       2150-01-01 08:00  2150-01-05 12:00   # of somebody else
""")
DIAGNOSES = table("""
    subject_id  hadm_id  seq_num  icd_code  icd_version
    1           21       2        4019      9
    1           21       1        4280      9
    1           22       1        I10       10
    1           23       1        C349      10
    2           24       1        E119      10
""")
PROCEDURES = table("""
    subject_id  hadm_id  seq_num  icd_code  icd_version  chartdate
    1           21       1        3893      9            2150-01-02
    1           22       1        5A1D70Z   10           2150-03-03
""")
PRESCRIPTIONS = table("""
    subject_id  hadm_id  starttime         drug
    1           21       2150-01-03 08:00  Heparin
    1           21       2150-01-02 08:00  Sodium Chloride 0.9% Flush
    1           21       2150-01-04 08:00  Heparin
    1           22       -                 Furosemide
""")
FIRST = ["ICD9:4280", "ICD9:4019", "PROC9:3893", "DRUG:sodium chloride 0.9% flush", "DRUG:heparin"]
INDEX = ["ICD10:I10", "PROC10:5A1D70Z", "DRUG:furosemide"]
LATER = ["ICD10:C349"]


def visits(stays=STAYS, options=None, **changed):
    tables = {
        "admissions": ADMISSIONS,
        "diagnoses_icd": DIAGNOSES,
        "procedures_icd": PROCEDURES,
        "prescriptions": PRESCRIPTIONS,
        **changed,
    }
    return extract_concept("visit_codes", stays, options, **tables)


def codes(*arguments, **changed):
    return [list(listed) for listed in visits(*arguments, **changed)["codes"]]


def test_the_index_admission_is_the_last_visit_known_at_its_discharge():
    found = visits()

    assert found["hadm_id"].tolist() == [21, 22]
    assert found["position"].tolist() == [1, 2]
    assert found["n_visits"].tolist() == [2, 2]
    assert [list(listed) for listed in found["codes"]] == [FIRST, INDEX]


def test_at_the_end_of_the_icu_stay_the_index_admission_has_no_codes_yet():
    stays = STAYS.assign(prediction_time=pd.Timestamp("2150-03-04 20:00"))

    assert codes(stays, {"prediction_time": "icu_out"}) == [FIRST, []]


def test_at_the_end_of_the_icu_stay_not_even_when_it_ends_after_the_discharge():
    stays = STAYS.assign(prediction_time=pd.Timestamp("2150-03-10 13:00"))

    assert codes(stays, {"prediction_time": "icu_out"}) == [FIRST, []]


def test_published_sees_the_visits_that_come_later():
    found = codes(options={**PROTOCOLS["published"], "code_names": "prefixed"})

    assert found == [[*FIRST, "DRUG:heparin"], INDEX, LATER]  # heparin as often as it was ordered


def test_a_visit_that_ends_with_the_prediction_is_known_one_second_later_not():
    ends = ADMISSIONS.assign(
        dischtime=["2150-03-10 12:00", "2150-03-10 12:00", "2150-03-10 12:00:01", None]
    )

    assert visits(admissions=ends)["hadm_id"].tolist() == [21, 22]


def test_a_visit_without_a_discharge_is_never_known():
    open_end = ADMISSIONS.assign(dischtime=[None, *ADMISSIONS["dischtime"][1:]])

    assert visits(admissions=open_end)["hadm_id"].tolist() == [22]


def test_visits_without_codes_stay_in_the_sequence():
    assert codes(diagnoses_icd=None, procedures_icd=None, prescriptions=None) == [[], []]


def test_bare_names_let_versions_collide():
    both = table("""
        subject_id  hadm_id  seq_num  icd_code  icd_version
        1           21       1        E8789     9
        1           22       1        E8789     10
    """)
    only = functools.partial(codes, diagnoses_icd=both, procedures_icd=None, prescriptions=None)

    assert only() == [["ICD9:E8789"], ["ICD10:E8789"]]
    assert only(options={"code_names": "bare"}) == [["E8789"], ["E8789"]]


def test_blanks_around_codes_go_one_within_stays_and_blank_codes_are_none():
    ragged = pd.DataFrame(
        {
            "subject_id": 1,
            "hadm_id": 21,
            "starttime": pd.to_datetime(["2150-01-02", "2150-01-03", "2150-01-04", "2150-01-05"]),
            "drug": ["  NaCl 0.9%  Flush ", "\tHeparin\n", "   ", None],
        }
    )
    diagnoses = pd.DataFrame(
        {"subject_id": 1, "hadm_id": 21, "seq_num": [1, 2], "icd_code": ["4019  ", " "],
         "icd_version": 9}
    )  # fmt: skip

    found = codes(prescriptions=ragged, diagnoses_icd=diagnoses, procedures_icd=None)

    assert found[0] == ["ICD9:4019", "DRUG:nacl 0.9% flush", "DRUG:heparin"]


def test_rows_without_an_admission_belong_to_no_visit():
    lost = DIAGNOSES.assign(hadm_id=[None, *DIAGNOSES["hadm_id"][1:]])

    assert codes(diagnoses_icd=lost)[0] == [code for code in FIRST if code != "ICD9:4019"]


def test_rows_of_another_patient_with_the_same_admission_are_not_taken():
    foreign = DIAGNOSES.assign(subject_id=["2", *DIAGNOSES["subject_id"][1:]])

    assert codes(diagnoses_icd=foreign)[0] == [code for code in FIRST if code != "ICD9:4019"]


def test_repeated_codes_count_once_or_each_time():
    once, counted = codes(), codes(options={"repeated_codes": "counted"})

    assert once[0].count("DRUG:heparin") == 1
    assert counted[0].count("DRUG:heparin") == 2
    assert sorted(set(counted[0])) == sorted(once[0])


def test_the_latest_visits_are_kept_and_all_are_counted():
    found = visits(options={"max_visits": 1})

    assert found["hadm_id"].tolist() == [22]
    assert found["position"].tolist() == [1]
    assert found["n_visits"].tolist() == [2]


def test_admissions_at_the_same_time_are_ordered_by_their_id():
    twins = ADMISSIONS.assign(
        admittime=["2150-03-01 08:00"] * 4, dischtime=["2150-03-02"] * 2 + ["2150-03-09", None]
    )

    assert visits(admissions=twins)["hadm_id"].tolist() == [21, 22, 23]


def test_all_admissions_of_the_hospital_can_be_taken_whoever_is_in_the_cohort(tmp_path):
    """From them the published notebook learns its embedding."""
    tables = {"admissions": ADMISSIONS, "diagnoses_icd": DIAGNOSES}
    tables |= {"procedures_icd": PROCEDURES, "prescriptions": PRESCRIPTIONS}
    paths = {name: write(typed(name, rows), tmp_path, name) for name, rows in tables.items()}
    options = {"code_names": "bare", "repeated_codes": "once"}

    extract_hospital_visits(paths, options, tmp_path / "visits.parquet")

    found = pd.read_parquet(tmp_path / "visits.parquet")
    assert found[["stay_id", "position", "hadm_id"]].to_numpy().tolist() == [
        *([1, 1, 21], [1, 2, 22], [1, 3, 23], [2, 1, 24])
    ]
    assert found["codes"].map(list).tolist()[2:] == [["C349"], ["E119"]]


def late(**changed):
    """Orders a month after the prediction, in its second, undated; a procedure the day after."""
    orders = table("""
        subject_id  hadm_id  starttime         drug
        1           22       2150-03-10 12:00  Furosemide
        1           22       2150-04-09 12:00  Morphine
        1           21       2150-03-10 12:01  Heparin     # of an earlier visit, dated later
        1           22       -                 Insulin
    """)
    procedures = table("""
        subject_id  hadm_id  seq_num  icd_code  icd_version  chartdate
        1           22       1        5A1D70Z   10           2150-03-10   # that very day
        1           22       2        0BH17EZ   10           2150-03-11
    """)
    return codes(prescriptions=orders, procedures_icd=procedures, diagnoses_icd=None, **changed)


def test_an_order_or_a_procedure_dated_after_the_prediction_is_not_known():
    assert late() == [[], ["PROC10:5A1D70Z", "DRUG:furosemide", "DRUG:insulin"]]


def test_late_orders_and_procedures_can_be_kept():
    found = late(options={"late_rows": "keep"})

    assert found[0] == ["DRUG:heparin"]
    assert {"PROC10:0BH17EZ", "DRUG:morphine"} < set(found[1])


def test_what_is_left_out_of_visits_is_counted(caplog):
    caplog.set_level("INFO")
    late()

    counted = [text for text in caplog.messages if "dated after the prediction" in text]
    assert counted == [
        "visit_codes: 3 orders and procedures of known visits that are dated after the prediction: "
        "left out"
    ]


def test_orders_and_procedures_without_a_time_are_known_at_discharge_and_counted(caplog):
    caplog.set_level("INFO")
    undated = PROCEDURES.assign(chartdate=None)

    assert codes(procedures_icd=undated) == [FIRST, INDEX]
    counted = [text for text in caplog.messages if "without a time" in text]
    assert counted == [
        "visit_codes: 3 orders and procedures of known visits without a time of their own: "
        "known at discharge"
    ]
    early = STAYS.assign(prediction_time=pd.Timestamp("2150-03-10 11:59"))
    assert codes(early, procedures_icd=undated) == [FIRST, []]


REVERSED = ADMISSIONS.assign(
    admittime=["2150-01-01 08:00", "2150-03-01 08:00", "2150-08-01 08:00", None],
    dischtime=["2150-01-05 12:00", "2150-03-10 12:00", "2149-08-05 12:00", None],
)
"""Of the later visit, the year of the discharge slipped."""


def test_a_visit_that_ends_before_it_begins_is_known_from_its_beginning(caplog):
    caplog.set_level("INFO")

    assert codes(admissions=REVERSED) == [FIRST, INDEX]
    assert "visit_codes: 1 visits that end before they begin" in caplog.messages


def test_a_visit_that_ends_before_it_begins_counts_once_its_beginning_is_past():
    slipped = REVERSED.assign(dischtime=["2149-12-31 12:00", "2150-03-10 12:00", None, None])

    assert codes(admissions=slipped) == [FIRST, INDEX]


def test_reversed_times_can_be_believed_as_written():
    found = codes(admissions=REVERSED, options={"reversed_times": "as_written"})

    assert found == [FIRST, INDEX, LATER]
