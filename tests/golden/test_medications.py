"""Drugs given in the stay, ordered in the past year, and taken at home.

The stay: arrival 2150-01-01 10:00, prediction 12:00.
"""

import logging

import pandas as pd
import pytest
from made_hospital_tables import extract, gsn_etc, spine, table, typed, write

from mimicflow.admission.drugs import build_gsn_etc

CLASSES = table("""
    subject_id  stay_id  gsn     etc_rn  etccode   etcdescription
    9           99       004321  1       00000263  Loop Diuretics
    9           99       005555  1       00005723  Opioids
    9           99       006666  1       00006450  Vitamins
""")


def ed_medications(pyxis, dictionary=CLASSES):
    return extract("ed_medications", spine(), pyxis=pyxis, dictionary=dictionary).iloc[0]


def history(prescriptions, stays=None, admissions=None):
    stays = spine() if stays is None else stays
    tables = {"prescriptions": prescriptions, "admissions": admissions}
    return extract("medication_history", stays, dictionary=CLASSES, **tables).iloc[0]


def set_flags(features):
    return [
        name
        for name, value in features.items()
        if name.startswith(("etc2_", "etc3_")) and value == 1
    ]


def test_a_dispensed_drug_sets_its_blocks_of_100_and_1000():
    features = ed_medications(
        table("""
        stay_id  charttime         gsn
        30       2150-01-01 11:00  004321
        """)
    )
    assert set_flags(features) == ["etc3_00000200", "etc2_00000000"]
    assert features["n_pyxis_total"] == 1


def test_all_mapped_rows_are_counted_from_an_hour_before_arrival_until_the_prediction():
    features = ed_medications(
        table("""
        stay_id  charttime            gsn
        30       2150-01-01 09:00:00  004321   # clocks differ
        30       2150-01-01 08:59:59  006666   # too early
        30       2150-01-01 12:00:00  004321
        30       2150-01-01 12:00:00  005555   # the same dispense, second GSN
        30       2150-01-01 12:00:01  006666   # too late
        30       2150-01-01 11:00:00  999999   # no class known
        31       2150-01-01 11:00:00  006666   # another stay
        """)
    )
    assert features["n_pyxis_total"] == 3
    assert set_flags(features) == [
        *("etc3_00000200", "etc3_00005700"),
        *("etc2_00000000", "etc2_00005000"),
    ]


@pytest.mark.parametrize("gsn", ["4321", "004321", " 004321 ", "999999 004321", "004321 005555 "])
def test_codes_are_padded_and_the_first_mapped_of_several_is_taken(gsn):
    features = ed_medications(
        pd.DataFrame({"stay_id": [30], "charttime": ["2150-01-01 11:00"], "gsn": [gsn]})
    )
    assert set_flags(features) == ["etc3_00000200", "etc2_00000000"]
    assert features["n_pyxis_total"] == 1


def test_the_dictionary_takes_the_first_listed_class_then_the_lowest(tmp_path):
    dictionary = pd.read_parquet(
        gsn_etc(
            tmp_path,
            table("""
        subject_id  stay_id  gsn   etc_rn  etccode  etcdescription
        1           30       77    2       100      second
        1           30       77    1       300      first, high
        1           30       77    1       200      first, low
        1           30       88    1       -        no class
        1           30       -     1       400      no drug
        """),
        )
    )
    assert dictionary.to_numpy().tolist() == [["000077", "00000200", "first, low"]]


LATER_CLASS = table("""
    subject_id  stay_id  gsn     etc_rn  etccode   etcdescription
    8           98       004321  0       00006450  Vitamins        # would be the first listed
    8           98       007777  1       00000263  Loop Diuretics  # known from this patient only
""")
DISPENSED = table("""
    stay_id  charttime         gsn
    30       2150-01-01 11:00  004321
    30       2150-01-01 11:00  007777
""")


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_class_that_another_patient_brings_changes_nothing(part):
    more = pd.concat([CLASSES, LATER_CLASS])
    found = extract(
        *("ed_medications", spine()),
        **{"pyxis": DISPENSED, "dictionary": more, "parts": {9: "train", 8: part}},
    )
    without = extract("ed_medications", spine(), pyxis=DISPENSED, dictionary=CLASSES)
    pd.testing.assert_frame_equal(found, without)
    assert set_flags(found.iloc[0]) == ["etc3_00000200", "etc2_00000000"]


def test_a_training_patient_decides_the_class():
    more = pd.concat([CLASSES, LATER_CLASS])
    features = ed_medications(DISPENSED, dictionary=more)
    assert features["n_pyxis_total"] == 2
    assert "etc2_00006000" in set_flags(features)


def test_patients_outside_the_cohort_are_not_training_patients(tmp_path):
    rows = typed("medrecon", pd.concat([CLASSES, LATER_CLASS]))
    split = pd.DataFrame({"subject_id": [9], "split": ["train"]})
    options = {"drug_dictionary": "training"}
    output = tmp_path / "gsn_etc.parquet"
    build_gsn_etc(
        write(rows, tmp_path, "medrecon"), write(split, tmp_path, "split"), options, output
    )
    assert pd.read_parquet(output)["gsn"].tolist() == ["004321", "005555", "006666"]


def test_codes_that_the_dictionary_lacks_are_counted(caplog):
    pyxis = table("""
        stay_id  charttime         gsn
        30       2150-01-01 11:00  004321
        30       2150-01-01 11:00  999999
        30       2150-01-01 11:30  999999
        30       2150-01-01 11:00  888888
        30       2150-01-01 11:00  -
        30       2150-01-01 13:00  777777   # after the prediction: of no interest
    """)
    with caplog.at_level("INFO", logger="mimicflow"):
        ed_medications(pyxis)
    assert [message for message in caplog.messages if message.startswith("ed_medications")] == [
        "ed_medications: 1 drugs with a class",
        "ed_medications: 3 drugs whose code the dictionary lacks",
        "ed_medications: 2 different codes that the dictionary lacks",
        "ed_medications: 1 drugs without a code",
    ]


def test_orders_of_the_past_year_are_counted_by_block():
    features = history(
        table("""
        subject_id  starttime            gsn
        1           2149-01-01 10:00:00  004321    # 365 days before arrival: in
        1           2149-01-01 09:59:59  004321    # a second too early
        1           2149-07-01 08:00:00  004321
        1           2149-07-01 08:00:00  005555
        1           2150-01-01 10:00:00  005555    # arrival itself: out
        1           2149-07-01 08:00:00  999999    # no class known
        2           2149-07-01 08:00:00  005555    # somebody else
        """)
    )
    assert features["n_chronic_meds"] == 3
    assert features["hxETC2_00000000"] == 2
    assert features["hxETC2_00005000"] == 1
    assert features.filter(like="hxETC2").sum() == 3


OWN_ORDERS = table("""
    subject_id  hadm_id  starttime         gsn
    1           100      2150-01-01 09:00  004321    # before arrival
    1           100      2149-06-01 09:00  004321
    1           100      2150-01-01 10:30  004321    # as usual
    1           20       2149-06-01 09:00  005555    # of another admission
""")


def test_orders_of_the_own_admission_are_no_history_whatever_their_time(caplog):
    with caplog.at_level(logging.INFO):
        features = history(OWN_ORDERS, spine(hadm_id=100))
    assert features["n_chronic_meds"] == 1
    assert features["hxETC2_00005000"] == 1
    assert "2 rows left out: of the stay's own admission" in caplog.text
    assert "medication_history: 1 stays with an own admission" in caplog.text
    assert "1 of these have orders of it dated before arrival" in caplog.text
    assert "2 orders of the own admission dated before arrival" in caplog.text


def test_an_order_of_an_admission_that_begins_after_arrival_is_no_history(caplog):
    """Also where the stay does not name the admission that followed."""
    admissions = table("""
        subject_id  hadm_id  admittime         dischtime
        1           100      2150-01-01 10:00  2150-01-05 10:00
        1           20       2149-06-01 08:00  2149-06-05 10:00
    """)
    with caplog.at_level(logging.INFO):
        features = history(OWN_ORDERS, spine(hadm_id=None), admissions=admissions)
    assert features["n_chronic_meds"] == 1
    assert "2 rows left out: of an admission that begins after arrival" in caplog.text


def test_a_stay_without_admission_leaves_no_order_out():
    assert history(OWN_ORDERS, spine(hadm_id=None))["n_chronic_meds"] == 3


def test_an_order_outside_the_seven_blocks_counts_in_the_total():
    dictionary = table("""
        subject_id  stay_id  gsn     etc_rn  etccode   etcdescription
        9           99       004321  1       00007001  New class
    """)
    prescriptions = table("""
        subject_id  starttime         gsn
        1           2149-07-01 08:00  004321
    """)
    features = extract(
        "medication_history", spine(), prescriptions=prescriptions, dictionary=dictionary
    ).iloc[0]
    assert features["n_chronic_meds"] == 1
    assert features.filter(like="hxETC2").sum() == 0


def test_home_medications_are_the_different_drugs_reconciled_until_the_prediction():
    medrecon = table("""
        subject_id  stay_id  charttime         name        gsn     etc_rn
        1           30       2150-01-01 10:30  furosemide  004321  1
        1           30       2150-01-01 10:30  furosemide  004321  2
        1           30       2150-01-01 10:30  herbal tea  -       1
        1           30       2150-01-01 12:30  aspirin     001111  1
        1           30       2149-01-01 10:30  warfarin    002222  1   # dated long before arrival
    """)
    features = extract("home_medications", spine(), medrecon=medrecon).iloc[0]
    assert features["n_home_meds"] == 2
