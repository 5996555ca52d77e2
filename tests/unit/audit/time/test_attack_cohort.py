"""A cohort that the future chooses is found: by later stays, by later deaths."""

import pandas as pd
import pytest
from made_hospital_tables import CONFIG, MORTALITY, table, typed

from mimicflow import concepts
from mimicflow.admission import cohort
from mimicflow.audit.time.attack_cohort import attack_cohort, of_admission, of_mortality
from mimicflow.evaluation.study import Study

STUDY = Study(synthetic=True)
EMERGENCY = {
    "edstays": """
        subject_id  stay_id  intime            outtime           disposition  gender
        1           30       2150-01-01 10:00  2150-01-01 20:00  ADMITTED     F
        1           40       2150-03-01 10:00  2150-03-01 15:00  HOME         F
        2           50       2150-01-01 10:00  2150-01-01 20:00  HOME         M
    """,
    "triage": """
        subject_id  stay_id  chiefcomplaint
        1           30       Chest pain
        1           40       Chest pain
        2           50       Syncope
    """,
    "patients": """
        subject_id  gender  anchor_age  anchor_year
        1           F       60          2150
        2           M       70          2150
    """,
    "admissions": """
        subject_id  hadm_id  admittime         dischtime
        1           100      2150-01-01 21:00  2150-01-05 12:00
    """,
    "record_list": """
        subject_id  study_id  ecg_time          path
        1           400       2150-01-01 12:00  a
        1           401       2150-03-01 11:00  b
        1           402       2150-03-01 12:00  c
        2           403       2150-01-01 12:00  d
    """,
}
NOON = dict.fromkeys((1, 2), pd.Timestamp("2150-01-01 12:00"))
OVER = dict.fromkeys((1, 2), pd.Timestamp("2150-01-01 20:00"))
EMERGENCY["machine_measurements"] = EMERGENCY["record_list"].replace("path", "report_0")
FIRST_ECGS = """
    subject_id  study_id  ecg_time          path
    1           400       2150-01-01 12:00  a
    2           403       2150-01-01 12:00  d
"""
INTENSIVE = {
    "patients": """
        subject_id  gender  anchor_age  anchor_year  dod
        1           F       60          2150         2150-08-01
        2           M       70          2150         -
    """,
    "admissions": """
        subject_id  hadm_id  admittime         dischtime         deathtime
        1           100      2150-01-01 12:00  2150-01-09 12:00  -
        1           110      2150-07-20 12:00  2150-08-01 12:00  2150-08-01 12:00
        2           200      2150-01-01 12:00  2150-01-09 12:00  -
    """,
    "icustays": """
        subject_id  hadm_id  stay_id  intime            outtime
        1           100      30       2150-01-02 12:00  2150-01-05 12:00
        1           110      31       2150-07-21 12:00  2150-07-25 12:00
        2           200      50       2150-01-02 12:00  2150-01-05 12:00
    """,
}


def tables(texts):
    return {name: typed(name, table(text)) for name, text in texts.items()}


def failed(build, raw, predicted, until):
    rows = list(attack_cohort(build, raw, pd.Series(predicted), pd.Series(until), seed=0))
    assert len(rows) == 3 and all(row["rows_touched"] > 0 for row in rows)
    return {row["what"].partition(":")[0].rpartition(" ")[2] for row in rows if not row["passed"]}


@pytest.mark.parametrize(("rule", "passes"), [("all", True), ("most_ecgs", False)])
def test_later_stays_choose_no_stay_unless_the_published_rule_lets_them(rule, passes):
    options = {**CONFIG["cohort"], "stays_per_patient": rule, "seed": 0}
    records = pd.DataFrame({"study_id": [400, 401, 402, 403]})
    build = of_admission(pd.DataFrame({"stay_id": [30, 50]}), records, options, STUDY)
    assert (failed(build, tables(EMERGENCY), NOON, OVER) == set()) is passes


@pytest.mark.parametrize(
    ("rule", "leak"),
    [
        ("greatest(intime, least(outtime, ecg_time))", "ecg_time + (outtime - ecg_time) / 2"),
        ("FROM triaged\nWHERE", "FROM triaged\nWHERE hadm_id IS NULL AND"),
    ],
)
def test_a_cohort_that_hangs_on_how_the_stay_ends_is_found(monkeypatch, rule, leak):
    """By the departure; by the admission that follows, without which nobody is left."""
    emergency = {**EMERGENCY, "record_list": FIRST_ECGS}
    emergency["machine_measurements"] = FIRST_ECGS.replace("path", "report_0")
    text = concepts.sql("cohort")
    assert rule in text
    monkeypatch.setattr(cohort, "sql", lambda name: text.replace(rule, leak))
    options = {**CONFIG["cohort"], "seed": 0}
    records = pd.DataFrame({"study_id": [400, 401, 402, 403]})
    build = of_admission(pd.DataFrame({"stay_id": [30, 50]}), records, options, STUDY)

    assert failed(build, tables(emergency), NOON, OVER) == {"changed"}


@pytest.mark.parametrize(
    ("survivors", "passes"), [("every_sign", True), ("any_icu_deathtime", False)]
)
def test_later_deaths_choose_no_patient_unless_the_published_rule_lets_them(survivors, passes):
    options = {**MORTALITY, **MORTALITY["protocols"]["audited"], "survivors": survivors}
    build = of_mortality(pd.DataFrame({"stay_id": [30, 50]}), options, STUDY)
    over = dict.fromkeys((1, 2), pd.Timestamp("2150-01-09 12:00"))

    assert (failed(build, tables(INTENSIVE), over, over) == set()) is passes


def test_what_becomes_of_a_patient_after_the_icu_changes_nothing_then():
    """The admission is under way: it ends later, and who dies in it dies later."""
    options = {**MORTALITY, **MORTALITY["protocols"]["audited_icu_out"]}
    build = of_mortality(pd.DataFrame({"stay_id": [30, 50]}), options, STUDY)
    out = dict.fromkeys((1, 2), pd.Timestamp("2150-01-05 12:00"))

    assert failed(build, tables(INTENSIVE), out, out) == set()
