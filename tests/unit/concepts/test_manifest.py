"""The manifest: all reports, rows that refer to nothing, and nothing that depends on the place."""

import json

import pytest

from mimicflow.concepts.manifest import build_manifest
from mimicflow.raw.ingest import ingest_table

ADMISSIONS = (
    "subject_id,hadm_id,admittime,dischtime,deathtime,admission_type,admit_provider_id,"
    "admission_location,discharge_location,insurance,language,marital_status,race,edregtime,"
    "edouttime,hospital_expire_flag"
)


def ingest_all(folder, shards=2):
    raw = folder / "hosp"
    raw.mkdir(parents=True)
    (raw / "patients.csv").write_text(
        "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n"
        "1,F,30,2150,2011 - 2013,\n2,M,40,2150,2011 - 2013,\n2,M,40,2150,2011 - 2013,\n"
    )
    (raw / "admissions.csv").write_text(
        ADMISSIONS
        + "".join(
            f"\n{subject},{hadm},2150-01-01 00:00:00,,,,,,,,,,,,,0"
            for subject, hadm in ((1, 21), (2, 22), (3, 23), (4, 24))
        )
        + "\n"
    )
    (raw / "diagnoses_icd.csv").write_text(
        "subject_id,hadm_id,seq_num,icd_code,icd_version\n1,21,1,0010,9\n9,29,1,A00,10\n"
    )
    reports = []
    for name in ("patients", "admissions", "diagnoses_icd"):
        ingest_table(raw, f"hosp/{name}", folder / "tables" / name, shards=shards)
        reports.append(folder / "tables" / name / "report.json")
    return reports


def test_manifest_counts_rows_and_orphans(tmp_path):
    manifest = build_manifest(ingest_all(tmp_path), tmp_path / "manifest.json")
    assert json.loads((tmp_path / "manifest.json").read_text()) == manifest
    assert {path: table["rows"] for path, table in manifest["tables"].items()} == {
        "hosp/patients": 3,
        "hosp/admissions": 4,
        "hosp/diagnoses_icd": 2,
    }
    orphans = {
        (entry["table"], entry["column"]): (entry["orphans"], entry["rows"])
        for entry in manifest["references"]
    }
    assert orphans == {
        ("hosp/admissions", "subject_id"): (2, 4),
        ("hosp/diagnoses_icd", "subject_id"): (1, 2),
        ("hosp/diagnoses_icd", "hadm_id"): (1, 2),
    }
    assert manifest["warnings"] == [
        "hosp/patients: 1 exact copies of rows dropped",
        "hosp/admissions: 2 of 4 rows have a subject_id that hosp/patients lacks",
        "hosp/diagnoses_icd: 1 of 2 rows have a subject_id that hosp/patients lacks",
        "hosp/diagnoses_icd: 1 of 2 rows have a hadm_id that hosp/admissions lacks",
    ]
    assert manifest["releases"] == {"hosp": ["unknown"]}


def test_same_bytes_elsewhere_and_in_another_order(tmp_path):
    first, second = ingest_all(tmp_path / "a"), ingest_all(tmp_path / "deeper" / "b")
    build_manifest(first, tmp_path / "1.json")
    build_manifest(second[::-1], tmp_path / "2.json", threads=2)
    content = (tmp_path / "1.json").read_bytes()
    assert content == (tmp_path / "2.json").read_bytes()
    assert str(tmp_path).encode() not in content


@pytest.mark.parametrize("shards", [1, 3])
def test_open_demo_fits_together(shared_data, tmp_path, shards):
    reports = []
    for module, source, names in (
        ("hosp", "mimic-iv-demo-2.2", ("patients", "admissions", "d_labitems", "labevents")),
        ("ed", "open-ed-hybrid", ("edstays", "triage")),
        ("ecg", "open-ed-hybrid", ("record_list", "machine_measurements")),
    ):
        for name in names:
            out = tmp_path / module / name
            ingest_table(shared_data / source / module, f"{module}/{name}", out, shards=shards)
            reports.append(out / "report.json")
    manifest = build_manifest(reports, tmp_path / "manifest.json")
    assert manifest["releases"]["hosp"] == ["MIMIC-IV demo 2.2", "unknown"]  # labevents is rebuilt
    assert [entry["orphans"] for entry in manifest["references"]] == [0] * 8
    assert manifest["tables"]["hosp/labevents"]["rows"] == 107549
