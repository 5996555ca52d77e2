"""What reruns is decided by content: of raw files, of adapters and of the package, never by times.

One raw table is enough: each test puts back what it changes.
"""

import json
import os
import shutil

import pytest
import yaml
from checkouts import copy_repository

HEADER = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n"
TARGET = "results/tables/hosp/patients/0.parquet"
LONG_AGO = 10**18  # ns: 2001


def patients(*ages):
    """A table of more than the 1 MB up to which Snakemake compares content by itself."""
    ages = [*ages, *[50] * 40_000]
    return HEADER + "".join(f"{i},F,{age},2150,2011 - 2013,\n" for i, age in enumerate(ages, 1))


@pytest.fixture(scope="module")
def ran(repository, tmp_path_factory):
    """A checkout that has read one table, from a folder with braces, below a misleading name."""
    checkout = copy_repository(repository, tmp_path_factory.mktemp("content") / "mimicflow")
    hosp = checkout.folder / "results/synthetic_not/hosp"
    hosp.mkdir(parents=True)
    (hosp / "patients.csv").write_text(patients(50, 60))
    (checkout.folder / "mine.yaml").write_text(
        yaml.safe_dump({"data": {"hosp": "results/synthetic_not/hosp"}})
    )
    run = checkout.snakemake(TARGET, "--configfile", "mine.yaml")
    assert run.returncode == 0, run.stdout + run.stderr
    return checkout


@pytest.fixture
def planned(ran):
    """Which rules would run now."""
    return lambda: set(ran.planned(TARGET, "--configfile", "mine.yaml"))


@pytest.fixture
def changed(ran):
    """Give a file of the checkout another content and time; both are put back."""
    saved = []

    def change(path, content, time=LONG_AGO):
        file = ran.folder / path
        saved.append((file, file.read_bytes(), file.stat().st_mtime_ns))
        file.write_text(content(file.read_text()))
        os.utime(file, ns=(time, time))

    yield change
    for file, content, time in saved:
        file.write_bytes(content)
        os.utime(file, ns=(time, time))


def test_a_raw_file_of_another_content_and_an_older_time_is_read_again(ran, planned, changed):
    """As `wget -N`, `cp -p` and `rsync -a` leave it."""
    changed("results/synthetic_not/hosp/patients.csv", lambda text: patients(50, 61))

    assert planned() == {"ingest_table"}


def test_what_was_touched_or_copied_reruns_nothing(ran, planned):
    raw = ran.folder / "results/synthetic_not/hosp/patients.csv"
    shutil.copy(raw, raw.with_name("copy"))
    raw.with_name("copy").replace(raw)
    for folder in ("workflow", "src", "rules"):
        for file in (ran.folder / folder).rglob("*"):
            file.touch()
    for name in ("Snakefile", "config.yaml"):
        (ran.folder / name).touch()

    assert planned() == set()


@pytest.mark.parametrize(
    "path", ["workflow/scripts/ingest_table.py", "src/mimicflow/raw/tables/hosp.py"]
)
def test_code_that_was_changed_with_an_old_time_reruns(planned, changed, path):
    changed(path, lambda text: text + "\n# another word\n")

    assert planned() == {"ingest_table"}


def test_code_of_another_rule_reruns_nothing(planned, changed):
    changed("src/mimicflow/admission/training.py", lambda text: text + "\n# another word\n")
    changed("workflow/scripts/train_model.py", lambda text: text + "\n# another word\n")

    assert planned() == set()


def test_files_below_a_folder_that_begins_as_the_generators_are_real(ran):
    report = json.loads((ran.folder / "results/tables/hosp/patients/report.json").read_text())

    assert report["release"] != "synthetic"
    assert not (ran.folder / "results/synthetic").exists()
    for path in (ran.folder / TARGET, ran.folder / "results", ran.folder / ".snakemake"):
        assert path.stat().st_mode & 0o077 == 0, "of real patients, for the owner alone"


def test_braces_and_an_apostrophe_in_the_names_of_folders(ran, tmp_path, monkeypatch):
    """Snakemake takes braces for wildcards; SQL ends a text at an apostrophe."""
    (tmp_path / "it's").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "it's"))
    for module in ("hosp", "ed", "waveforms"):
        (tmp_path / "{v3.1}" / module).mkdir(parents=True)
    (tmp_path / "{v3.1}/hosp/patients.csv").write_text(patients(70, 80, 90))
    data = {name: str(tmp_path / "{v3.1}" / name) for name in ("hosp", "ed", "waveforms")}
    (ran.folder / "braces.yaml").write_text(yaml.safe_dump({"data": data}))

    run = ran.snakemake(TARGET, "--configfile", "braces.yaml")

    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads((ran.folder / "results/tables/hosp/patients/report.json").read_text())
    assert report["rows"] == 40_003
    assert ran.planned(TARGET, "--configfile", "braces.yaml") == {}
