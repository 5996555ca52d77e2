"""Who is left out: each stay is either in the cohort or listed once, with its reason."""

import pandas as pd
import pytest
from made_arrest_registry import COHORT, EPOCHS, write_registry, write_scanned
from made_hospital_tables import ICU_ADMISSIONS, ICU_PATIENTS, cohort, icu_cohort, table

from mimicflow.arrest.cohort import build_arrest_cohort
from mimicflow.evaluation.study import Study
from mimicflow.reference import reference

STAYS = table("""
    subject_id  hadm_id  stay_id  intime            outtime           gender  disposition
    1           20       30       2150-01-01 10:00  2150-01-01 20:00  F       ADMITTED
    1           -        31       2150-06-01 10:00  2150-06-01 20:00  F       HOME    # no ECG
    1           -        32       2150-07-01 20:00  2150-07-01 10:00  F       HOME  # reversed
    1           -        33       2150-08-01 10:00  2150-08-01 20:00  F       HOME  # no triage
    1           -        34       2150-09-01 10:00  2150-09-01 20:00  F       HOME  # a sore toe
    9           -        35       2150-01-01 10:00  2150-01-01 20:00  M       HOME  # not listed
    1           -        36       2150-10-01 10:00  2150-10-01 20:00  F       HOME  # no record
    1           -        37       2150-11-01 10:00  2150-11-01 20:00  F       HOME  # unreadable
    1           -        38       2150-12-01 10:00  2150-12-01 20:00  F       ELOPED
""")
PATIENTS = table("""
    subject_id  gender  anchor_age  anchor_year
    1           F       60          2150
""")
ADMISSIONS = table("""
    subject_id  hadm_id  admittime         dischtime
    1           20       2150-01-01 15:00  2150-01-05 10:00
""")


def of_admission(tmp_path, options=None, edstays=STAYS):
    """Return the cohort of nine stays, of which eight are left out, and the list of these."""
    held = edstays[edstays["stay_id"] != "31"]
    ecgs = held[["subject_id"]].assign(
        study_id=held["stay_id"].astype(int) + 400,
        ecg_time=pd.to_datetime(held["intime"]) + pd.Timedelta(hours=1),
    )
    triage = edstays.loc[edstays["stay_id"] != "33", ["stay_id"]].assign(acuity=3)
    triage["chiefcomplaint"] = triage["stay_id"].map({"34": "Sore toe"}).fillna("Chest pain")
    records = ecgs[ecgs["study_id"] != 436]
    stays, *_ = cohort(
        options,
        readable=sorted(set(ecgs["study_id"]) - {437}),
        excluded=tmp_path / "excluded.parquet",
        edstays=edstays,
        triage=triage,
        patients=PATIENTS,
        admissions=ADMISSIONS,
        machine_measurements=ecgs,
        record_list=records.assign(path="files/" + records["study_id"].astype(str)),
    )
    return stays, pd.read_parquet(tmp_path / "excluded.parquet")


def test_admission(tmp_path):
    stays, excluded = of_admission(tmp_path)

    assert stays["stay_id"].tolist() == [30]
    assert dict(zip(excluded["stay_id"], excluded["step"], strict=True)) == {
        **{31: "ecg_in_stay", 32: "ecg_in_stay", 33: "triaged", 34: "complaining"},
        **{35: "with_patient", 36: "with_record", 37: "readable_ecgs", 38: "candidates"},
    }
    assert excluded["subject_id"].tolist() == [1, 1, 1, 1, 9, 1, 1, 1]
    assert excluded["reason"].notna().all()


def test_the_choice_among_the_stays_of_a_patient(tmp_path):
    two = STAYS[STAYS["stay_id"].isin(["30", "38"])].assign(disposition="HOME")
    stays, excluded = of_admission(tmp_path, {"stays_per_patient": "first"}, two)

    assert stays["stay_id"].tolist() == [30]
    assert excluded[["stay_id", "step"]].to_numpy().tolist() == [[38, "chosen"]]


ICU_STAYS = table("""
    subject_id  hadm_id  stay_id  intime            outtime
    1           21       31       2150-03-02 08:00  2150-03-04 20:00
    1           21       33       2150-03-05 08:00  2150-03-06 20:00
    2           22       32       2150-03-02 08:00  2150-03-04 20:00
    3           23       34       2150-03-02 08:00  2150-03-04 20:00
    4           24       35       2150-03-02 08:00  -
    5           25       36       2150-03-12 08:00  2150-03-13 08:00
    6           26       37       2150-03-02 08:00  2150-03-04 20:00
    7           27       38       2150-03-02 08:00  2150-03-04 20:00
""")


def of_mortality(tmp_path):
    """Return the cohort of seven patients, of whom two stay, and the list of what is left out."""
    patients = pd.concat([ICU_PATIENTS.head(1)] * 7, ignore_index=True)
    patients = patients.assign(subject_id=range(1, 8), anchor_age=[60, 60, 12, 60, 60, 60, 60])
    patients["dod"] = patients["subject_id"].map({7: "2150-03-10"})
    admissions = pd.concat([ICU_ADMISSIONS.head(1)] * 7, ignore_index=True)
    admissions = admissions.assign(subject_id=range(1, 8), hadm_id=range(21, 28))
    admissions["deathtime"] = admissions["subject_id"].map({6: "2150-03-10 12:00"})
    stays, _ = icu_cohort(
        {"survivors": "deathtime"},
        excluded=tmp_path / "excluded.parquet",
        patients=patients,
        admissions=admissions,
        icustays=ICU_STAYS,
    )
    return stays, pd.read_parquet(tmp_path / "excluded.parquet")


def test_mortality(tmp_path):
    stays, excluded = of_mortality(tmp_path)

    assert stays["stay_id"].tolist() == [31, 32]
    assert dict(zip(excluded["stay_id"], excluded["step"], strict=True)) == {
        **{33: "first_icustay", 34: "adult_admissions", 35: "with_icu_outtime"},
        **{36: "times_in_order", 37: "survived_admission", 38: "cohort"},
    }
    assert excluded["reason"].notna().all()


def test_arrest(tmp_path):
    day = "2150-01-01 00:00:00,2150-01-05 00:00:00"
    lines = {"E": "70,F,MICU", "C": "50,M,SICU", "Y": "12,F,MICU", "O": "40,F,CCU"}
    registry = write_registry(
        tmp_path / "registry",
        ["pE,E,e,,,Monitor", "pC,C,c,,,Monitor"],
        [f"p{stay},{stay},{line},{day}" for stay, line in lines.items()],
        ["E,2150-01-01 12:00:00"],
    )
    some_day = ("2150-01-01 00:00", "2150-01-02 00:00")
    scanned = write_scanned(tmp_path / "r", registry, {"e": some_day, "c": some_day})
    written = [tmp_path / name for name in ("stays", "attrition", "exclusions")]
    build_arrest_cohort(
        registry, scanned, COHORT | EPOCHS, *written, Study(), tmp_path / "excluded"
    )
    excluded = pd.read_parquet(tmp_path / "excluded")

    assert excluded["stay_id"].tolist() == ["O", "Y"]
    assert excluded["subject_id"].tolist() == ["pO", "pY"]
    assert excluded["step"].tolist() == ["icus", "adults"]
    assert excluded["reason"].str.contains("ICU|Younger").all()


@pytest.mark.parametrize("system", ["admission", "mortality"])
def test_every_step_has_words(system):
    steps = pd.read_csv(reference("excluded_stays.csv")).query("system == @system")["step"]
    name = {"admission": "attrition", "mortality": "icu_attrition"}[system]
    listed = pd.read_csv(reference(f"{name}.csv"))["step"]
    counted = listed[: list(listed).index("cohort") + 1] if system == "admission" else listed
    # The first step is everybody; of an adult's admission no ICU stay is lost.
    assert set(counted[1:]) - {"adult_icustays"} <= set(steps)
