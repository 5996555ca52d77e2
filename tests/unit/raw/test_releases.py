"""The release of a table is known by all tables of its module; a table that does not fit counts."""

import json
from pathlib import Path

import pandas as pd
import pytest
from made_raw_tables import patients, write

import mimicflow.raw.tables
from mimicflow.concepts.manifest import build_manifest
from mimicflow.errors import InputError, TableError
from mimicflow.raw.ingest import ingest_table
from mimicflow.raw.releases import releases_of, settle_releases
from mimicflow.raw.tables import TABLES

FULL = {
    "hosp/patients": 299712,
    "hosp/d_labitems": 1622,
    "hosp/d_icd_diagnoses": 109775,
    "hosp/labevents": 118171367,
    "hosp/prescriptions": 15416708,
    "icu/icustays": 73181,
    "icu/d_items": 4014,
}


def reports(rows, **changed):
    return {
        path: {"rows": n, "release": " or ".join(releases_of(path, n)) or "unknown"}
        for path, n in (rows | changed).items()
    }


def test_a_dictionary_that_two_releases_share_is_of_that_of_the_other_tables():
    releases, misfits = settle_releases(reports(FULL))
    assert set(releases.values()) == {"MIMIC-IV 2.2"}
    assert misfits == []
    demo = {"icu/icustays": 140, "icu/d_items": 4014}
    assert set(settle_releases(reports(demo))[0].values()) == {"MIMIC-IV demo 2.2"}


def test_a_dictionary_alone_is_of_either():
    releases, misfits = settle_releases(reports({"icu/d_items": 4014}))
    assert releases == {"icu/d_items": "MIMIC-IV 2.2 or MIMIC-IV demo 2.2"}
    assert misfits == []


def test_a_table_of_no_release_among_others_of_one_may_be_cut_off():
    cut = {"hosp/labevents": 59085683}
    releases, misfits = settle_releases(reports(FULL, **cut))
    assert releases["hosp/labevents"] == "unknown"
    assert misfits == [
        "hosp/labevents: 59085683 rows are of no known release, but other tables of hosp are of "
        "MIMIC-IV 2.2: the file may be cut off, or not its own"
    ]
    other = settle_releases(reports(FULL, **{"hosp/labevents": 158374764}))[1]
    assert other[0].startswith("hosp/labevents: 158374764 rows are of MIMIC-IV 3.1, but")


def test_tables_of_no_release_at_all_or_made_up_are_no_misfits():
    assert settle_releases(reports({"hosp/patients": 7, "hosp/labevents": 9}))[1] == []
    mixed = reports(FULL) | {"hosp/labevents": {"rows": 9, "release": "synthetic"}}
    assert settle_releases(mixed) == (
        settle_releases(reports(FULL))[0] | {"hosp/labevents": "synthetic"},
        [],
    )


def manifest_of(folder, strict):
    write(folder, "patients.csv", patients(5))
    write(folder, "d_labitems.csv", ["51222,Hemoglobin,Blood,"], "itemid,label,fluid,category")
    paths = []
    for table, rows in (("hosp/patients", 100), ("hosp/d_labitems", 1621)):
        report = ingest_table(folder, table, folder / "out" / table)
        paths.append(folder / "out" / table / "report.json")
        paths[-1].write_text(json.dumps(report | reports({table: rows})[table]))
    return build_manifest(paths, folder / "manifest.json", strict=strict)


def test_a_misfit_is_a_warning_of_the_manifest_and_stops_a_strict_run(tmp_path):
    manifest = manifest_of(tmp_path, strict=False)
    assert manifest["releases"] == {"hosp": ["MIMIC-IV demo 2.2", "unknown"]}
    assert "hosp/d_labitems: 1621 rows are of no known release" in manifest["warnings"][0]
    with pytest.raises(InputError, match="may be cut off") as error:
        manifest_of(tmp_path / "strict", strict=True)
    assert "ingest.strict" in str(error.value)
    assert not (tmp_path / "strict" / "manifest.json").exists()


def test_a_last_line_without_end_is_a_warning_and_stops_a_strict_run(raw, out):
    file = write(raw, "patients.csv", patients(5))
    file.write_bytes(file.read_bytes()[:-1])
    report = ingest_table(raw, "hosp/patients", out, strict=False)
    assert report["warnings"] == ["the last line has no end: the file may have been cut off"]
    with pytest.raises(TableError, match="line 6: the last line has no end") as error:
        ingest_table(raw, "hosp/patients", out.with_name("strict"), strict=True)
    assert "ingest.strict to false" in str(error.value)


def test_the_counts_of_the_full_releases_are_known():
    assert releases_of("icu/d_items", 4014) == ["MIMIC-IV 2.2", "MIMIC-IV demo 2.2"]
    assert all("MIMIC-IV 2.2" in releases_of(path, n) for path, n in FULL.items())
    known = pd.read_csv(Path(mimicflow.raw.tables.__path__[0]) / "versions.csv")
    for release in ("MIMIC-IV 2.2", "MIMIC-IV 3.1", "MIMIC-IV demo 2.2"):
        of_release = set(known.loc[known["release"] == release, "table"])
        assert of_release == {path for path in TABLES if path.startswith(("hosp", "icu"))}
