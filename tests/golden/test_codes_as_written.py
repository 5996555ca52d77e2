"""Codes as spreadsheets and people write them mean what the official ones mean, in every table."""

import pandas as pd
import pytest
from made_hospital_tables import cohort, extract, spine, table
from made_hospital_tables import icu_cohort as build_icu_cohort

from mimicflow.concepts import opened, sql

NO_BREAK, THIN, ZERO_WIDTH, MARK = "\u00a0", "\u2009", "\u200b", "\ufeff"
CLASSES = table("""
    subject_id  stay_id  gsn      etc_rn  etccode  etcdescription
    9           99       16546.0  1       744.0    Loop Diuretics
""")


def test_a_drug_code_is_found():
    written = ["016546", "16546", "16546.0", f"{NO_BREAK}16546{THIN}", f"{MARK}16546"]
    written.append(f"9{NO_BREAK}16546.0")
    given = pd.DataFrame({"stay_id": 30, "charttime": "2150-01-01 11:00", "gsn": written})
    ordered = pd.DataFrame({"subject_id": 1, "starttime": "2149-07-01 08:00", "gsn": written})

    in_stay = extract("ed_medications", spine(), pyxis=given, dictionary=CLASSES).iloc[0]
    history = extract(
        "medication_history", spine(), prescriptions=ordered, dictionary=CLASSES
    ).iloc[0]

    assert in_stay["etc3_00000700"] == 1
    assert in_stay["n_pyxis_total"] == len(written)
    assert history["hxETC2_00000000"] == history["n_chronic_meds"] == len(written)


def test_a_home_medication_is_one_drug_however_it_is_written():
    names = ["Aspirin", f"aspirin{NO_BREAK}", f"{MARK}ASPIRIN", "16546.0", "016546"]
    medrecon = pd.DataFrame(
        {
            "stay_id": 30,
            "charttime": "2150-01-01 11:00",
            "name": names,
            "gsn": [None, None, None, "16546.0", "016546"],
        }
    )
    assert extract("home_medications", spine(), medrecon=medrecon)["n_home_meds"].item() == 2


ICD = [
    ("414.01", 9, "pmh_101"),  # 41401
    ("4280.0", 9, "pmh_108"),  # 4280, read as a number
    (" e885.9", 9, "pmh_2603"),
    ("I25.10", 10, "pmh_CIR"),
    (f"i50{ZERO_WIDTH}9{NO_BREAK}", 10, "pmh_CIR"),
]


def test_an_icd_code_has_its_bin():
    numbers = range(1, len(ICD) + 1)
    stays = spine(*({"stay_id": 30 + number, "subject_id": number} for number in numbers))
    ids = pd.DataFrame({"subject_id": numbers, "hadm_id": numbers})
    codes, versions, columns = zip(*ICD, strict=True)
    features = extract(
        "diagnosis_history",
        stays,
        diagnoses_icd=ids.assign(seq_num=1, icd_code=codes, icd_version=versions),
        admissions=ids.assign(admittime="2149-05-01", dischtime="2149-05-09"),
    )
    assert (features["n_pmh_bins"] == 1).all()
    found = [features[column][place] for place, column in enumerate(columns)]
    assert dict(zip(codes, found, strict=True)) == dict.fromkeys(codes, 1)


def test_the_codes_of_a_visit_are_spelled_in_one_way():
    of_visit = {"subject_id": 1, "hadm_id": 20}
    stays = spine(hadm_id=20, prediction_time="2149-05-09 12:00")
    visits = extract(
        "visit_codes",
        stays,
        admissions=pd.DataFrame(
            [{**of_visit, "admittime": "2149-05-01", "dischtime": "2149-05-09"}]
        ),
        diagnoses_icd=pd.DataFrame(
            {**of_visit, "seq_num": [1, 2, 3], "icd_code": ["i509", "I50.9", "."],
             "icd_version": 10}
        ),
        procedures_icd=pd.DataFrame(
            {**of_visit, "seq_num": [1, 2], "icd_code": ["38.93", "370.0"], "icd_version": 9,
             "chartdate": "2149-05-02"}
        ),
        prescriptions=pd.DataFrame(
            {**of_visit, "starttime": "2149-05-02",
             "drug": [f"Sodium{NO_BREAK}Chloride", f"sodium  chloride{ZERO_WIDTH}", NO_BREAK]}
        ),
    )  # fmt: skip
    assert visits["codes"].item().tolist() == [
        *("ICD10:I509", "PROC9:3893", "PROC9:370", "DRUG:sodium chloride"),
    ]


def test_sex_disposition_and_arrival_are_read_whatever_their_case_and_blanks():
    stays, _, _ = cohort(
        edstays=pd.DataFrame(
            {
                "subject_id": [1], "stay_id": 30, "intime": "2150-01-01 10:00",
                "outtime": "2150-01-01 20:00", "gender": "m ", "race": f"white{NO_BREAK}",
                "arrival_transport": f"{MARK}Ambulance", "disposition": f"Admitted{NO_BREAK}",
            }
        ),
        triage=pd.DataFrame({"stay_id": [30], "chiefcomplaint": f"Chest{NO_BREAK}pain"}),
        patients=pd.DataFrame({"subject_id": [1], "anchor_age": 60, "anchor_year": 2150}),
        machine_measurements=pd.DataFrame(
            {"subject_id": [1], "study_id": 400, "ecg_time": "2150-01-01 11:00"}
        ),
    )  # fmt: skip
    assert stays["label"].item() == 1
    assert stays[["gender", "race"]].iloc[0].tolist() == ["M", "WHITE"]
    features = extract("ed_stay", stays.assign(label=1)).iloc[0]
    assert features[["gender_M", "arrival_transport_AMBULANCE", "Chest Pain"]].tolist() == [1] * 3


def test_an_earlier_stay_that_ended_at_home_is_found():
    earlier = pd.DataFrame(
        {"subject_id": [1], "stay_id": 29, "intime": "2149-01-01", "outtime": "2149-01-02",
         "disposition": f"Home{NO_BREAK}"}
    )  # fmt: skip
    assert extract("prior_stays", spine(), edstays=earlier)["previous_home"].item() == 1


def test_a_patient_of_intensive_care_has_the_sex_and_race_that_were_meant():
    stays, _ = build_icu_cohort(
        patients=pd.DataFrame(
            {"subject_id": [1], "gender": " f", "anchor_age": 60, "anchor_year": 2150}
        ),
        admissions=pd.DataFrame(
            {"subject_id": [1], "hadm_id": 20, "admittime": "2150-01-01", "race": f"Asian{THIN}",
             "dischtime": "2150-01-09", "insurance": f"Medicare{NO_BREAK}"}
        ),
        icustays=pd.DataFrame(
            {"subject_id": [1], "hadm_id": 20, "stay_id": 3, "intime": "2150-01-02",
             "outtime": "2150-01-05"}
        ),
    )  # fmt: skip
    assert stays[["gender", "race", "insurance"]].iloc[0].tolist() == ["F", "ASIAN", "Medicare"]


@pytest.mark.parametrize(("written", "code"), [("99.60", "9960"), ("370.0", "370")])
def test_a_billed_resuscitation_and_a_care_unit_are_found(written, code):
    with opened({}, {}, 200) as connection:
        connection.execute(
            f"""
            CREATE TABLE procedureevents (stay_id BIGINT, starttime TIMESTAMP, itemid BIGINT);
            CREATE TABLE icustays AS SELECT 1 AS subject_id, 20 AS hadm_id, 3 AS stay_id,
                TIMESTAMP '2150-01-02' AS intime, TIMESTAMP '2150-01-05' AS outtime,
                'trauma sicu (tsicu){NO_BREAK}' AS first_careunit;
            CREATE TABLE patients AS SELECT 1 AS subject_id, 'F' AS gender, 60 AS anchor_age,
                2150 AS anchor_year;
            CREATE TABLE admissions AS SELECT 20 AS hadm_id, TIMESTAMP '2150-01-04' AS deathtime;
            CREATE TABLE procedures_icd AS SELECT 20 AS hadm_id, '{written}' AS icd_code,
                9 AS icd_version;
            CREATE TABLE arrest_codes AS SELECT 'hosp/procedures_icd' AS source, '{code}' AS code,
                '9' AS version;
            CREATE TABLE careunits AS SELECT 'Trauma SICU (TSICU)' AS careunit, 'SICU' AS icu;
            """
        )
        assert connection.execute(sql("cardiac_arrest")).fetchall() == [(3, None)]
        stay = connection.sql(sql("icu_registry")).df().iloc[0]
    assert stay["icu"] == "SICU" and str(stay["death_time"]) == "2150-01-04 00:00:00"
