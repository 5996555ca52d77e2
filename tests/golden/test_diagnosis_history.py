"""Diagnoses of earlier admissions. The stay: arrival 2150-01-01 10:00, prediction 12:00."""

import logging

import pandas as pd
import pytest
from made_hospital_tables import extract, spine, table

ADMISSIONS = table("""
    subject_id  hadm_id  admittime         dischtime
    1           20       2149-05-01 10:00  2149-05-09 10:00
    1           21       2149-12-31 10:00  2150-01-01 10:00   # discharged as the stay begins
    1           22       2149-12-30 10:00  -
    2           23       2149-05-01 10:00  2149-05-09 10:00
""")

DIAGNOSIS = ["subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"]


def diagnosis_history(diagnoses, **options):
    return extract(
        "diagnosis_history", spine(), options, admissions=ADMISSIONS, diagnoses_icd=diagnoses
    ).iloc[0]


def set_bins(features):
    return sorted(name for name, value in features.filter(regex="^pmh_").items() if value == 1)


def test_icd_9_gives_its_ccs_number_and_icd_10_its_body_system():
    features = diagnosis_history(
        table("""
        subject_id  hadm_id  seq_num  icd_code  icd_version
        1           20       1        4019      9     # essential hypertension, CCS 98: no column
        1           20       2        4280      9     # heart failure, CCS 108
        1           20       3        0088      9     # viral enteritis: the leading zeros matter
        1           20       4        E8859     9     # fall, CCS 2603
        1           20       5        I10       10    # circulatory
        """)
    )
    # 0088 is CCS 135, which the list of published columns leaves out, like 98.
    assert set_bins(features) == ["pmh_108", "pmh_2603", "pmh_CIR"]
    assert features["n_pmh_bins"] == 3
    assert features["n_pmh_rows"] == 5


def test_only_admissions_that_ended_before_arrival_count():
    features = diagnosis_history(
        table("""
        subject_id  hadm_id  seq_num  icd_code  icd_version
        1           21       1        4280      9
        1           22       1        4280      9
        2           23       1        4280      9
        """)
    )
    assert set_bins(features) == []
    assert features["n_pmh_bins"] == 0


def test_a_bin_coded_twice_is_one_bin():
    features = diagnosis_history(
        table("""
        subject_id  hadm_id  seq_num  icd_code  icd_version
        1           20       1        4280      9
        1           20       2        42830     9
        """)
    )
    assert (features["n_pmh_bins"], features["n_pmh_rows"]) == (1, 2)


def test_mental_health_gets_the_older_categories():
    features = diagnosis_history(
        table("""
        subject_id  hadm_id  seq_num  icd_code  icd_version
        1           20       1        30301     9     # alcohol dependence
        1           20       2        29620     9     # depression
        """)
    )
    assert set_bins(features) == ["pmh_066", "pmh_069"]


# Bin of one diagnosis, by the keys of rows 12 and 13: (padding, key) -> column.
EXACT, PADDED = ("none", "version_and_code"), ("five", "version_and_code")
WITHOUT_VERSION, PUBLISHED = ("none", "code"), ("five", "code")
SHARED_TEXTS = {
    # A fall in ICD-9, a disorder of metabolism in ICD-10: without the version, ICD-9 comes first.
    ("E8889", 9): dict.fromkeys([EXACT, PADDED, WITHOUT_VERSION, PUBLISHED], "pmh_2603"),
    ("E8889", 10): {
        **dict.fromkeys([EXACT, PADDED], "pmh_END"),
        **dict.fromkeys([WITHOUT_VERSION, PUBLISHED], "pmh_2603"),
    },
    # Staphylococcus (CCS 3); padded, 4111 is spelled so, too (coronary syndrome, CCS 101).
    ("04111", 9): dict.fromkeys([EXACT, PADDED, WITHOUT_VERSION, PUBLISHED], "pmh_003"),
    # Intestinal infection (CCS 135: no column); padded, 0845 (malaria, CCS 8) is listed before it.
    ("00845", 9): {
        **dict.fromkeys([EXACT, WITHOUT_VERSION], None),
        **dict.fromkeys([PADDED, PUBLISHED], "pmh_008"),
    },
}


@pytest.mark.parametrize("code", SHARED_TEXTS, ids=str)
@pytest.mark.parametrize("keys", [EXACT, PADDED, WITHOUT_VERSION, PUBLISHED])
def test_a_diagnosis_has_one_bin_also_where_two_codes_of_the_lookup_share_its_text(code, keys):
    rows = pd.DataFrame([(1, 20, 1, *code)], columns=DIAGNOSIS)

    features = diagnosis_history(rows, icd_padding=keys[0], icd_lookup_key=keys[1])

    expected = SHARED_TEXTS[code][keys]
    assert set_bins(features) == ([expected] if expected else [])
    assert features["n_pmh_bins"] == (1 if expected else 0)
    assert features["n_pmh_rows"] == 1


def test_codes_without_bin_and_bins_without_column_are_reported(caplog):
    with caplog.at_level(logging.INFO):
        diagnosis_history(
            table("""
        subject_id  hadm_id  seq_num  icd_code  icd_version
        1           20       1        99999     9
        1           20       2        4019      9
        """)
        )
    assert "1 ICD-9 codes in no CCS or CCSR list" in caplog.text
    assert "1 rows in bin 098, which has no column" in caplog.text


def test_an_admission_that_ends_before_it_begins_ended_when_it_began(caplog):
    admissions = table("""
        subject_id  hadm_id  admittime         dischtime
        1           20       2150-01-01 15:08  2150-01-01 03:11   # a slip of 12 hours
        1           21       2149-05-09 10:00  2149-05-01 10:00
    """)
    diagnoses = table("""
        subject_id  hadm_id  seq_num  icd_code  icd_version
        1           20       1        4280      9
        1           20       2        I10       10
        1           21       1        E8859     9
    """)
    with caplog.at_level(logging.INFO):
        features = extract(
            "diagnosis_history", spine(), admissions=admissions, diagnoses_icd=diagnoses
        ).iloc[0]
    assert set_bins(features) == ["pmh_2603"]
    assert "2 admissions whose end lies before their beginning" in caplog.text


def test_diagnoses_of_the_own_admission_are_no_history_whatever_its_times(caplog):
    diagnoses = table("""
        subject_id  hadm_id  seq_num  icd_code  icd_version
        1           20       1        4280      9
    """)
    with caplog.at_level(logging.INFO):
        features = extract(
            "diagnosis_history", spine(hadm_id=20), admissions=ADMISSIONS, diagnoses_icd=diagnoses
        ).iloc[0]
    assert set_bins(features) == []
    assert "1 rows left out: of the stay's own admission" in caplog.text


def test_how_fresh_the_codes_are_is_reported(caplog):
    diagnoses = table("""
        subject_id  hadm_id  seq_num  icd_code  icd_version
        1           20       1        4280      9     # discharged eight months ago
    """)
    with caplog.at_level(logging.INFO):
        diagnosis_history(diagnoses)
        assert "1 stays with coded diagnoses" in caplog.text
        assert "0 of these with some of an admission that ended within 30 days" in caplog.text
        caplog.clear()
        recent = ADMISSIONS.replace("2149-05-09 10:00", "2149-12-09 10:00")
        stays = spine()
        extract("diagnosis_history", stays, admissions=recent, diagnoses_icd=diagnoses)
    assert "1 of these with some of an admission that ended within 30 days" in caplog.text
