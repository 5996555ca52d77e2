"""Everything that a system reads is looked at before the first job, all problems at once."""

import gzip

import pytest

from mimicflow.errors import InputError
from mimicflow.raw.needs import (
    REGISTRY,
    SECTIONS,
    check_raw,
    needs_of,
    problem_of,
    tables_of,
)
from mimicflow.raw.tables import TABLES
from mimicflow.running import origin

CONFIG = {"pretraining": {"patients": "not_test"}}


def check_system(system, config):
    problem = problem_of(needs_of(system, config))
    if problem:
        raise problem


@pytest.fixture
def data(tmp_path):
    """Folders of real files, each with its header alone."""
    for table in TABLES.values():
        file = tmp_path / table.module / f"{table.name}.csv.gz"
        file.parent.mkdir(exist_ok=True)
        header = ",".join(column.name for column in table.columns)
        file.write_bytes(gzip.compress(f"{header}\n".encode()))
    for name in REGISTRY:
        (tmp_path / "registry").mkdir(exist_ok=True)
        (tmp_path / f"registry/{name}.csv").write_text("stay_id,patient_id\n")
    (tmp_path / "waveforms/p10").mkdir(parents=True)
    return {section: str(tmp_path / section) for section in origin.MADE}


def test_what_is_there_is_enough_and_what_rules_make_is_not_looked_at(data):
    for system in SECTIONS:
        check_system(system, {**CONFIG, "data": data})
        check_system(system, {**CONFIG, "data": dict(origin.MADE)})
    check_raw({**data, **origin.BUILT}, tables_of("arrest", CONFIG), SECTIONS["arrest"])


def test_all_that_is_missing_is_reported_at_once_with_remedies(data, tmp_path):
    (tmp_path / "hosp/admissions.csv.gz").unlink()
    (tmp_path / "ed/pyxis.csv.gz").write_bytes(b"<!DOCTYPE html><html>Please log in</html>")
    data["ecg"] = str(tmp_path / "nowhere")

    with pytest.raises(InputError) as error:
        check_system("admission", {**CONFIG, "data": data})

    said = str(error.value)
    assert "5 inputs cannot be used" in said  # two tables of the folder, and the folder itself
    for part in ("admissions.csv.gz: the file is missing", "pyxis.csv.gz: this is a web page",
                 "nowhere: there is no such folder", "correct data.ecg in the config"):  # fmt: skip
        assert part in said


@pytest.mark.parametrize("missing", ["registry/arrests.csv", "waveforms/p10"])
def test_arrest_needs_its_registry_and_its_recordings(data, tmp_path, missing):
    path = tmp_path / missing
    path.rmdir() if path.is_dir() else path.unlink()

    with pytest.raises(InputError, match=r"the file is missing|the folder is empty"):
        check_system("arrest", {**CONFIG, "data": data})
    check_system("admission", {**CONFIG, "data": data})
