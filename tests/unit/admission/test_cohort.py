"""The cohort of the open data, counted a second time without the code under test."""

import pandas as pd
import pytest
from made_hospital_tables import SCHEMAS, cohort, typed

from mimicflow.concepts import sql
from mimicflow.reference import reference

# Records that the data's README lists as unreadable.
UNREADABLE = {101779888, 104821039, 103042653}

# Rows, stays, patients.
EXPECTED = {
    "ed_stays": (236, 236, 68),
    "ecg_in_stay": (149, 119, 49),
    "triaged": (149, 119, 49),
    "complaining": (111, 87, 42),
    "with_patient": (111, 87, 42),
    "with_record": (111, 87, 42),
    "readable_ecgs": (109, 85, 41),
    "ecg_sequence": (109, 85, 41),
    "cohort": (85, 85, 41),
    "of_which_positive": (64, 64, 38),
    "of_which_multi_ecg": (16, 16, 14),
    "of_which_predicted_after_admission": (5, 5, 5),
    "lost_without_readable_ecg": (2, 2, 2),
}


@pytest.fixture(scope="module")
def raw(shared_data):
    hybrid, hosp = shared_data / "open-ed-hybrid", shared_data / "mimic-iv-demo-2.2" / "hosp"
    files = {
        "edstays": hybrid / "ed/edstays.csv.gz",
        "triage": hybrid / "ed/triage.csv.gz",
        "record_list": hybrid / "ecg/record_list.csv",
        "machine_measurements": hybrid / "ecg/machine_measurements.csv",
        "patients": hosp / "patients.csv.gz",
        "admissions": hosp / "admissions.csv.gz",
    }
    return {name: pd.read_csv(path, dtype=str) for name, path in files.items()}


def counted(rows):
    return len(rows), rows["stay_id"].nunique(), rows["subject_id"].nunique()


def by_hand(raw):
    """Follow the steps of the specification in plain pandas."""
    times = ["intime", "outtime", "ecg_time", "admittime"]
    frames = {
        name: rows.assign(**{t: pd.to_datetime(rows[t]) for t in times if t in rows})
        for name, rows in raw.items()
    }
    counts = {"ed_stays": counted(frames["edstays"])}
    rows = frames["edstays"].merge(
        frames["machine_measurements"][["subject_id", "study_id", "ecg_time"]], on="subject_id"
    )
    rows = rows[rows["ecg_time"].between(rows["intime"], rows["outtime"])]
    counts["ecg_in_stay"] = counted(rows)
    rows = rows.merge(frames["triage"][["stay_id", "chiefcomplaint"]], on="stay_id")
    counts["triaged"] = counted(rows)
    words = "chest pain|chest|dyspnea|cardiac|c/p|cp|syncope|presyncope"
    rows = rows[rows["chiefcomplaint"].fillna("").str.lower().str.contains(words)]
    counts["complaining"] = counted(rows)
    rows = rows[rows["subject_id"].isin(frames["patients"]["subject_id"])]
    counts["with_patient"] = counted(rows)
    listed = rows[rows["study_id"].isin(frames["record_list"]["study_id"])]
    counts["with_record"] = counted(listed)
    rows = listed[~listed["study_id"].astype(int).isin(UNREADABLE)]
    counts["readable_ecgs"] = counted(rows)
    counts["lost_without_readable_ecg"] = counted(listed[~listed["stay_id"].isin(rows["stay_id"])])
    rows = rows.sort_values(["stay_id", "ecg_time"]).groupby("stay_id").head(6)
    counts["ecg_sequence"] = counted(rows)
    n_ecg = rows.groupby("stay_id").size()
    stays = rows.groupby("stay_id").tail(1)
    stays = stays[stays["disposition"].isin(["HOME", "ADMITTED"])]
    counts["cohort"] = counted(stays)
    counts["of_which_positive"] = counted(stays[stays["disposition"] == "ADMITTED"])
    counts["of_which_multi_ecg"] = counted(stays[stays["stay_id"].map(n_ecg) >= 2])
    admitted = frames["admissions"].set_index("hadm_id")["admittime"]
    late = stays["ecg_time"] > stays["hadm_id"].map(admitted)
    counts["of_which_predicted_after_admission"] = counted(stays[late])
    return counts


def test_plain_pandas_counts_what_is_expected(raw):
    assert by_hand(raw) == EXPECTED


def test_the_attrition_of_the_open_data(raw):
    tables = {
        name: typed(name, rows[[column.name for column in SCHEMAS[name].used]])
        for name, rows in raw.items()
    }
    studies = tables["record_list"]["study_id"]
    stays, ecgs, attrition = cohort(readable=list(studies[~studies.isin(UNREADABLE)]), **tables)
    found = attrition[["rows", "stays", "patients"]].apply(tuple, axis=1).to_dict()
    assert {step: found[step] for step in EXPECTED} == EXPECTED
    assert len(stays) == 85
    assert len(ecgs) == 109
    assert stays["stay_id"].is_monotonic_increasing
    assert (ecgs["hours_before"] >= 0).all()


def test_every_step_of_the_attrition_table_is_a_table_of_the_cohort():
    steps = pd.read_csv(reference("attrition.csv"))["step"]
    text = sql("cohort")
    assert all(f" {step} AS" in text for step in steps)
