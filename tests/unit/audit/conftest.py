"""A patient of each system with a past and a future in every raw table.

The stay of the admission system is predicted at noon of January 1st 2150, the patient of mortality
when the admission of June 2149 ends. Something of every table comes later; and something bears a
time at which nobody knew of it: an order of the own admission before arrival, a result that was
drawn but not stored, an end before its beginning.
"""

import pandas as pd
import pytest
from made_hospital_tables import OPTIONS, PROTOCOLS, spine, table, typed, write

from mimicflow import concepts
from mimicflow.audit.files import source_tables
from mimicflow.concepts.catalogue import CONCEPTS

HOSPITAL = {
    "edstays": """
        subject_id  stay_id  hadm_id  intime            outtime           disposition
        1           20       90       2149-06-01 08:00  2149-06-01 12:00  ADMITTED
        1           30       100      2150-01-01 10:00  2150-01-01 20:00  ADMITTED
        1           40       110      2150-03-01 10:00  2150-03-01 15:00  HOME
    """,
    "admissions": """
        subject_id  hadm_id  admittime         dischtime
        1           90       2149-06-01 12:00  2149-06-05 12:00
        1           100      2150-01-01 20:00  2150-01-05 12:00
        1           110      2150-03-01 15:00  2150-03-09 12:00
        1           80       2150-05-01 12:00  2149-05-01 12:00
    """,
    "diagnoses_icd": """
        subject_id  hadm_id  seq_num  icd_code  icd_version
        1           90       1        4280      9
        1           90       2        4019      9
        1           100      1        I10       10
        1           110      1        C349      10
        1           80       1        E8859     9
    """,
    "procedures_icd": """
        subject_id  hadm_id  seq_num  chartdate   icd_code  icd_version
        1           90       1        2149-06-02  3893      9
        1           90       2        2149-06-09  3995      9
        1           110      1        2150-03-02  3893      9
    """,
    "prescriptions": """
        subject_id  hadm_id  starttime         drug      gsn
        1           90       2149-06-02 08:00  Heparin   000001
        1           90       2149-06-08 08:00  Morphine  000002
        1           100      2150-01-01 09:00  Heparin   000001
        1           110      2150-03-02 08:00  Heparin   000003
    """,
    "labevents": """
        subject_id  itemid  charttime         storetime         valuenum  flag
        1           51003   2150-01-01 10:30  2150-01-01 11:00  0.4       -
        1           51003   2150-01-01 11:30  2150-01-01 12:30  0.9       abnormal
        1           51222   2150-01-01 13:00  2150-01-01 14:00  9.5       -
        1           50912   2150-01-01 11:00  -                 1.5       -
    """,
    "triage": """
        subject_id  stay_id  heartrate  pain
        1           20       70         1
        1           30       80         2
        1           40       90         3
    """,
    "vitalsign": """
        subject_id  stay_id  charttime         heartrate
        1           30       2150-01-01 11:00  85
        1           30       2150-01-01 12:30  140
    """,
    "pyxis": """
        subject_id  stay_id  charttime         gsn
        1           30       2150-01-01 11:10  000001
        1           30       2150-01-01 12:40  000002
    """,
    "medrecon": """
        subject_id  stay_id  charttime         gsn     etccode
        1           30       2150-01-01 10:20  000001  00000263
        1           30       2150-01-01 13:00  000002  00005723
    """,
}
VISITS = "audited visit_codes"


@pytest.fixture
def hospital():
    """The raw tables by name, typed."""
    return {name: typed(name, table(text)) for name, text in HOSPITAL.items()}


@pytest.fixture
def asked(tmp_path, hospital):
    """Return a function: what the concepts of a system are asked, of these or other tables."""

    def ask(system, tables=None, stays=None):
        tables = hospital | (tables or {})
        folder = tmp_path / system
        folder.mkdir(exist_ok=True)
        if system == "admission":
            stays = spine(hadm_id=100) if stays is None else stays
            names = [name for name in CONCEPTS if name != "visit_codes"]
        else:
            stays = pd.DataFrame(
                {"stay_id": [50], "subject_id": 1, "hadm_id": 90,
                 "prediction_time": pd.to_datetime(["2149-06-05 12:00"])}
            )  # fmt: skip
            names = [VISITS]
        written = write(stays, folder, "spine")
        paths = {name: write(rows, folder, name) for name, rows in tables.items()}
        asked = {}
        for name in names:
            concept = name.rpartition(" ")[2]
            read = [*CONCEPTS[concept].tables, *source_tables(concept)]
            of_concept = {each.partition("/")[2]: paths[each.partition("/")[2]] for each in read}
            asked[name] = {"spine": written, "shards": [of_concept]}
        return asked

    return ask


@pytest.fixture
def options():
    """Return a function: the options of every concept of a system, some of them changed."""

    def of(system, **changed):
        if system == "mortality":
            return {VISITS: {**OPTIONS, **PROTOCOLS["audited"], **changed}}
        return {name: {**OPTIONS, **changed} for name in CONCEPTS if name != "visit_codes"}

    return of


@pytest.fixture
def under_way(hospital):
    """Admissions in order, and one that is under way at the stay of the admission system."""
    within = hospital["admissions"].query("hadm_id == 90").assign(hadm_id=80)
    within["admittime"] = pd.Timestamp("2149-12-30")
    within["dischtime"] = pd.Timestamp("2150-01-03")
    ordered = hospital["admissions"].query("admittime < dischtime")
    return {"admissions": pd.concat([ordered, within], ignore_index=True)}


@pytest.fixture
def from_the_admission_on():
    """Return a function: SQL as a concept has it that forgets when diagnoses are coded."""

    def sql(name):
        return concepts.sql(name).replace("ended(admittime, dischtime)", "admittime")

    return sql
