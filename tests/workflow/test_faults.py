"""Full and read-only disks, inputs that cannot be read, and two workflows in one folder.

Each ends with a message that says what to do, damages nothing, and once the cause is gone the same
command ends with the bytes of a run that nothing disturbed.
"""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
import yaml
from broken_machines import (
    bound_by_rights,
    finished,
    hidden_files,
    remount,
    small_disk,
    start,
    waiting,
)
from checkouts import Checkout, copy_repository
from same_results import digests

TINY = ("--configfile", "presets/tiny.yaml")
HOSPITAL = "results/synthetic/hosp/SYNTHETIC"
TABLES = "results/manifest.json"
LEFT_BYTES = 60_000  # too little for a table


@pytest.fixture
def checkout(repository, tmp_path) -> Checkout:
    return copy_repository(repository, tmp_path / "mimicflow")


def assert_as_in(clean: Path, checkout: Checkout) -> None:
    """Compare every file byte by byte with the same file of a clean run."""
    ours = checkout.folder / "results"
    files = digests(ours)
    assert len(files) > 20
    assert hidden_files(ours) == set()
    assert files.items() <= digests(clean).items()


def fill(disk: Path, left: int) -> Path:
    """Fill a disk up to some bytes."""
    status = os.statvfs(disk)
    filler = disk / "filler"
    with open(filler, "wb") as stream:
        for _ in range((status.f_bavail * status.f_frsize - left) // 4096):
            stream.write(bytes(4096))
    return filler


def test_a_full_disk_stops_the_run_and_the_same_command_goes_on(checkout, clean_results):
    results = checkout.folder / "results"
    with small_disk(results):
        first = checkout.snakemake(*TINY, "--", HOSPITAL)

        assert first.returncode == 1
        assert "StorageError: results/synthetic/" in first.stderr
        assert "the disk is full\n  What to do: free space on it" in first.stderr
        assert "Traceback" not in first.stderr
        assert digests(results) == {} and hidden_files(results) == set()

        remount(results, "size=100m")
        assert checkout.snakemake(*TINY, "--", HOSPITAL).returncode == 0
        before = finished(checkout)
        filler = fill(results, LEFT_BYTES)
        second = checkout.snakemake(*TINY, "--", TABLES)

        assert second.returncode == 1
        assert "the disk is full" in second.stderr
        assert "Traceback" not in second.stderr
        assert not (checkout.folder / TABLES).exists()
        assert hidden_files(results) == set()

        filler.unlink()
        third = checkout.snakemake(*TINY, "--", TABLES)
        assert third.returncode == 0, third.stderr
        assert before.items() <= finished(checkout).items()
        assert_as_in(clean_results, checkout)


def test_a_full_disk_that_also_holds_snakemakes_own_records(repository, tmp_path, clean_results):
    with small_disk(tmp_path / "disk", 100) as disk:
        checkout = copy_repository(repository, disk / "mimicflow")
        assert checkout.snakemake(*TINY, "--", HOSPITAL).returncode == 0
        filler = fill(disk, LEFT_BYTES)

        full = checkout.snakemake(*TINY, "--", TABLES)
        assert full.returncode == 1
        assert "the disk is full" in full.stderr or "No space left on device" in full.stderr

        filler.unlink()
        run = checkout.snakemake(*TINY, "--", TABLES)
        assert run.returncode == 0, run.stderr
        assert_as_in(clean_results, checkout)


def test_a_read_only_results_folder_is_reported_before_any_job(checkout, clean_results):
    results = checkout.folder / "results"
    with small_disk(results, 100):
        assert checkout.snakemake(*TINY, "--", HOSPITAL).returncode == 0
        before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
        remount(results, "ro")

        run = checkout.snakemake(*TINY, "--", TABLES)
        assert run.returncode == 1
        assert "results: the disk is read-only\n  What to do: make it writable" in run.stderr
        assert "rule ingest_table" not in run.stdout + run.stderr
        assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before
        assert checkout.planned(*TINY, "--", TABLES)["ingest_table"] > 1  # looking is allowed

        remount(results, "rw")
        again = checkout.snakemake(*TINY, "--", TABLES)
        assert again.returncode == 0, again.stderr
        assert_as_in(clean_results, checkout)


def no_rights(file: Path) -> None:
    file.chmod(0)


def folder_without_rights(file: Path) -> None:
    file.parent.chmod(0)


def folder_in_its_place(file: Path) -> None:
    file.unlink()
    file.mkdir()


def dangling_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("gone.csv.gz")


CAUSES = {
    no_rights: "StorageError: {file}: no permission to read or write it",
    folder_without_rights: "StorageError: {file}: no permission to read or write it",
    folder_in_its_place: "InputError: {file}: a folder has the name of the file",
    dangling_link: "InputError: {file}: a link to a file that is not there",
}


@pytest.fixture(scope="module")
def real(repository, tmp_path_factory, clean_results) -> Checkout:
    """A checkout that reads the tables of the tiny run as if they were real."""
    checkout = copy_repository(repository, tmp_path_factory.mktemp("real") / "mimicflow")
    overlay = {"data": {}}
    for module in ("hosp", "icu"):
        shutil.copytree(clean_results / "synthetic" / module, checkout.folder / module)
        overlay["data"][module] = str(checkout.folder / module)
    (checkout.folder / "real.yaml").write_text(yaml.safe_dump(overlay))
    return checkout


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.__name__)
def test_an_input_that_cannot_be_read_is_reported_and_works_afterwards(real, cause):
    target = "results/mortality/manifest.json"
    arguments = (*TINY, "real.yaml", "--", target)
    shutil.rmtree(real.folder / "results", ignore_errors=True)
    file = real.folder / "hosp/patients.csv.gz"
    content = file.read_bytes()
    cause(file)

    code, said = bound(real, *arguments)
    file.parent.chmod(0o755)
    shutil.rmtree(file) if file.is_dir() else file.unlink()
    file.write_bytes(content)

    assert code == 1
    assert CAUSES[cause].format(file=file) in said
    assert "What to do: " in said
    results = real.folder / "results"
    assert not (results / "tables/hosp/patients/0.parquet").exists()
    assert not hidden_files(results)

    code, said = bound(real, *arguments)
    assert code == 0, said
    assert (real.folder / target).is_file()


def bound(checkout: Checkout, *arguments: str) -> tuple[int, str]:
    """Run Snakemake so that rights bind it, whoever runs the tests; return its code and text."""
    running = start(checkout, *arguments, before=bound_by_rights())
    said, _ = running.process.communicate()
    return running.process.returncode, said


def test_the_second_of_two_workflows_stops_and_the_first_completes(checkout, clean_results):
    first = start(checkout, *TINY, "--", TABLES)
    jobs: list[int] = []
    for _ in waiting(first):
        if jobs := list(first.scripts()):
            break
    for job in jobs:  # held, so that the first is at work for as long as the second needs
        os.kill(job, signal.SIGSTOP)
    second = checkout.snakemake(*TINY, "--", TABLES)
    asked = checkout.mimicflow("run", "--version")
    assert jobs and not first.ended()
    for job in jobs:
        os.kill(job, signal.SIGCONT)
    said, _ = first.process.communicate()

    assert second.returncode == 1
    assert "Directory cannot be locked" in second.stderr
    assert "--unlock" in second.stderr
    assert f"A run is at work in this folder: process {first.process.pid}" in asked.stderr
    assert "rule make_hospital" not in second.stdout + second.stderr
    assert first.process.returncode == 0, said
    assert_as_in(clean_results, checkout)


def test_the_lock_of_a_killed_snakemake_is_released_by_the_next_start(checkout, clean_results):
    """Only Snakemake is killed: its jobs end with it, so that none writes into the next run."""
    killed = start(checkout, *TINY, "--", TABLES)
    jobs: list[int] = []
    for _ in waiting(killed):
        if jobs := list(killed.scripts()):
            break
    killed.process.kill()
    killed.process.communicate()  # ends when the last job has closed its output

    locked = checkout.snakemake(*TINY, "--", TABLES)
    assert locked.returncode == 1
    assert "Directory cannot be locked" in locked.stderr
    assert jobs
    assert not any(Path(f"/proc/{job}").exists() for job in jobs)

    run = checkout.mimicflow("run", "--cores", "2", *TINY, "--", TABLES)
    assert run.returncode == 0, run.stderr
    released = f"The lock of a run that was killed (process {killed.process.pid}) is released."
    assert released in run.stderr
    assert_as_in(clean_results, checkout)
