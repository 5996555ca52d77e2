"""The schemas are consistent, and the open demo has exactly these columns in this order."""

import csv
import gzip

import pandas as pd
import pytest
from made_raw_tables import read, write

from mimicflow.raw import tables
from mimicflow.raw.ingest import ingest_table
from mimicflow.raw.releases import releases_of
from mimicflow.raw.tables import TABLES

TYPES = {"integer", "number", "text", "timestamp", "date"}


@pytest.mark.parametrize("path", TABLES)
def test_schema_is_consistent(path):
    table = TABLES[path]
    names = [column.name for column in table.columns]
    assert table.path == path
    assert len(names) == len(set(names))
    assert {column.type for column in table.columns} <= TYPES
    assert set(table.key) <= set(names)
    for column, target in table.references:
        assert column in names
        assert column in [c.name for c in TABLES[target].columns]
    if table.used:  # a key can only be checked when it is read
        assert {*table.key, *table.copies} <= {column.name for column in table.used}
    assert not (table.key and table.copies)


def test_codes_are_text():
    for table in TABLES.values():
        for column in table.columns:
            if column.name in {"gsn", "etccode", "icd_code", "ndc"}:
                assert column.type == "text"


def test_by_patient():
    assert TABLES["hosp/labevents"].by_patient
    assert not TABLES["hosp/d_labitems"].by_patient


@pytest.mark.parametrize("path", TABLES)
def test_columns_of_the_open_demo(path, shared_data):
    table = TABLES[path]
    source = "mimic-iv-demo-2.2" if table.module in ("hosp", "icu") else "open-ed-hybrid"
    ending = ".csv.gz" if table.compressed else ".csv"
    file = shared_data / source / table.module / f"{table.name}{ending}"
    if not file.exists():
        pytest.skip(f"the open demo lacks {path}")
    with (gzip.open if table.compressed else open)(file, "rt") as stream:
        assert next(csv.reader(stream)) == [column.name for column in table.columns]


def test_releases_name_known_tables_once():
    known = pd.read_csv(tables.__path__[0] + "/versions.csv")
    assert set(known["table"]) <= set(TABLES)
    assert not known.duplicated(["table", "release"]).any()
    # Two versions of a table differ in their rows; a demo has its version's dictionaries.
    full = known[~known["release"].str.contains("demo")]
    assert not full.duplicated(["table", "rows"]).any()
    assert releases_of("hosp/patients", 364627) == ["MIMIC-IV 3.1"]
    assert releases_of("ed/edstays", 425087) == ["MIMIC-IV-ED 2.2"]
    assert releases_of("ed/edstays", 425086) == []


@pytest.mark.parametrize("table", ["diagnoses_icd", "procedures_icd", "d_icd_diagnoses"])
def test_a_code_of_another_version_than_icd_9_and_10_is_rejected(raw, out, table):
    names = [column.name for column in TABLES[f"hosp/{table}"].columns]
    row = dict.fromkeys(names, "1") | {"chartdate": "2150-01-01", "long_title": "Invented"}
    versions = ["9", "10", "11", "-9", "9.0"]
    lines = [
        ",".join({**row, "icd_code": f"B{i}", "icd_version": version}[name] for name in names)
        for i, version in enumerate(versions)
    ]
    write(raw, f"{table}.csv", lines, ",".join(names))

    ingest_table(raw, f"hosp/{table}", out, max_reject_share=0.5)

    rejects = pd.read_parquet(out / "rejects.parquet")
    assert list(rejects[["line", "column", "reason"]].itertuples(index=False, name=None)) == [
        (4, "icd_version", "not one of 9, 10"),
        (5, "icd_version", "negative"),
    ]
    assert sorted(read(out, 1)["icd_version"]) == [9, 9, 10]
