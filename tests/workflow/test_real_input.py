"""The same workflow on real, open files: the MIMIC-IV demo with a hybrid ED and ECG part.

No score means anything here; counts, exclusions and the manifest do.
"""

import json

import pandas as pd
import pytest
import yaml
from checkouts import copy_repository

from .test_privacy import found_in

BROKEN = {101779888: "signal_missing", 104821039: "signal_empty", 103042653: "header_corrupt"}


@pytest.fixture(scope="module")
def results(shared_data, repository, tmp_path_factory):
    checkout = copy_repository(repository, tmp_path_factory.mktemp("real") / "mimicflow")
    overlay = {
        "data": {
            "hosp": str(shared_data / "mimic-iv-demo-2.2/hosp"),
            "icu": str(shared_data / "mimic-iv-demo-2.2/icu"),
            "ed": str(shared_data / "open-ed-hybrid/ed"),
            "ecg": str(shared_data / "open-ed-hybrid/ecg"),
        }
    }
    (checkout.folder / "real.yaml").write_text(yaml.safe_dump(overlay))
    run = checkout.snakemake(
        "--configfile", "presets/tiny.yaml", "real.yaml", "--", "results/all_stays_model.pth"
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return checkout.folder / "results"


def test_exactly_the_broken_records_are_excluded_with_their_reasons(results):
    excluded = pd.read_csv(results / "ecg/excluded.csv")

    assert dict(zip(excluded["study_id"], excluded["reason"], strict=True)) == BROKEN


def test_the_manifest_says_what_was_read(results, shared_data):
    tables = json.loads((results / "manifest.json").read_text())["tables"]

    assert {path: tables[path]["rows"] for path in tables} == {
        "hosp/patients": 100,
        "hosp/admissions": 275,
        "hosp/diagnoses_icd": 4506,
        "hosp/prescriptions": 18087,
        "hosp/labevents": 107549,
        "ed/edstays": 236,
        "ed/triage": 236,
        "ed/vitalsign": 893,
        "ed/pyxis": 545,
        "ed/medrecon": 1092,
        "ecg/record_list": 149,
        "ecg/machine_measurements": 149,
    }
    sums = dict(
        reversed(line.split(maxsplit=1))
        for line in (shared_data / "SHA256SUMS").read_text().splitlines()
    )
    for path, name in (
        ("hosp/admissions", "admissions.csv.gz"),
        ("hosp/patients", "patients.csv.gz"),
    ):
        official = next(
            value for key, value in sums.items() if key.strip().endswith(f"hosp/{name}")
        )
        assert tables[path]["sha256"] == official


def test_the_attrition_agrees_with_plain_pandas(results, shared_data):
    ed, ecg = shared_data / "open-ed-hybrid/ed", shared_data / "open-ed-hybrid/ecg"
    stays = pd.read_csv(ed / "edstays.csv.gz", parse_dates=["intime", "outtime"])
    ecgs = pd.read_csv(ecg / "record_list.csv", parse_dates=["ecg_time"])
    triage = pd.read_csv(ed / "triage.csv.gz")[["stay_id", "chiefcomplaint"]]
    rows = stays.merge(ecgs, on="subject_id")
    rows = rows[(rows["intime"] <= rows["ecg_time"]) & (rows["ecg_time"] <= rows["outtime"])]
    rows = rows.sort_values("intime").drop_duplicates("study_id", keep="last")
    rows = rows.merge(triage, on="stay_id")
    words = "chest|dyspnea|cardiac|c/p|cp|syncope"
    rows = rows[rows["chiefcomplaint"].str.contains(words, case=False, na=False)]
    rows = rows[~rows["study_id"].isin(BROKEN)]
    rows = rows[rows["disposition"].isin(["HOME", "ADMITTED"])]

    cohort = pd.read_parquet(results / "cohort/stays.parquet")

    assert set(cohort["stay_id"]) == set(rows["stay_id"])
    assert (
        cohort["label"].sum()
        == (rows.drop_duplicates("stay_id")["disposition"] == "ADMITTED").sum()
    )
    final = pd.read_csv(results / "cohort/attrition.csv")
    assert rows["stay_id"].nunique() in set(final["stays"])


def test_real_results_are_not_called_synthetic(results):
    tables = json.loads((results / "manifest.json").read_text())["tables"]

    assert all(table["release"] != "synthetic" for table in tables.values())
    assert not (results / "synthetic").exists()


def test_logs_and_tables_of_counts_name_no_patient_stay_or_ecg(results, shared_data):
    ed, ecg = shared_data / "open-ed-hybrid/ed", shared_data / "open-ed-hybrid/ecg"
    identifiers = {
        str(value).encode()
        for frame in (pd.read_csv(ed / "edstays.csv.gz"), pd.read_csv(ecg / "record_list.csv"))
        for name in ("subject_id", "hadm_id", "stay_id", "study_id")
        if name in frame
        for value in frame[name].dropna().astype(int)
    }
    excluded = results / "ecg/excluded.csv"  # names the records
    assert found_in(excluded.read_bytes(), identifiers)

    text = [file for file in results.rglob("*") if file.suffix in {".log", ".tsv", ".csv", ".json"}]
    text += [*(results.parent / ".snakemake/log").iterdir(), *results.rglob("*.pth")]
    text.remove(excluded)
    assert len(text) > 50
    for file in text:
        assert not found_in(file.read_bytes(), identifiers), file
    logs = "".join(file.read_text() for file in (results / "logs").rglob("*.log"))
    assert "signal_missing 1" in logs
