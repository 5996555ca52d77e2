"""DuckDB reads the files that are named, and no others."""

import re
from pathlib import Path

import pandas as pd
import pytest
from made_raw_tables import patients, read, write

import mimicflow
from mimicflow.concepts.manifest import build_manifest
from mimicflow.raw.ingest import ingest_table
from mimicflow.running.database import connect, read_csv, read_parquet

NAMES = [
    "MIMIC [1]",
    "MIMIC 1",
    "a*b",
    "aXb",
    "a?b",
    "{v3.1}",
    "v3.1",
    "[!a]",
    "it's",
    "a\\b",
    "**",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_a_name_and_no_pattern(tmp_path, name):
    for other in NAMES:
        folder = tmp_path / other
        folder.mkdir()
        frame = pd.DataFrame({"name": [other]})
        frame.to_parquet(folder / "0.parquet")
        frame.to_csv(folder / "0.csv", index=False)
    with connect() as connection:
        parquet = read_parquet(connection, [tmp_path / name / "0.parquet"])
        assert parquet.fetchall() == [(name,)]
        assert read_csv(connection, tmp_path / name / "0.csv").fetchall() == [(name,)]


def test_no_other_place_gives_a_path_to_duckdb():
    """But for the macro that reads reference/, whose folder is escaped where it is handed over."""
    for file in Path(mimicflow.__path__[0]).rglob("*"):
        if file.suffix in {".py", ".sql"} and file.name not in {"database.py", "macros.sql"}:
            text = file.read_text()
            assert not re.search(r"(connection|duckdb)\.(read_|from_)|FROM read_", text), file
            assert not re.search(r"\b(parquet_scan|read_(csv|parquet|json)(_auto)?)\('", text), file


def test_a_neighbouring_folder_is_not_read_in_place_of_one_with_brackets(tmp_path):
    reports = []
    for i, name in enumerate(("MIMIC 1", "MIMIC [1]")):
        write(tmp_path / name, "patients.csv", patients(10 + i))
        out = tmp_path / "results [1]" / name
        assert ingest_table(tmp_path / name, "hosp/patients", out)["rows"] == 10 + i
        assert len(read(out, 1)) == 10 + i
        reports.append(out / "report.json")
    assert build_manifest(reports[1:], tmp_path / "manifest.json")["warnings"] == []
