"""Only Snakemake is killed, right after it has started a job: the job does not live on unnoticed.

It is stopped while another configuration runs to its end, and only then goes on, as if it had been
slow: it may not overwrite what the newer run has written.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import yaml
from broken_machines import stage, start, waiting
from checkouts import copy_repository

from mimicflow.running.writing import sha256

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc to aim at a job"
)
TARGET = "results/synthetic/hosp/patients.csv.gz"


def hospital(folder: Path, seed: int, patients: int) -> tuple[str, ...]:
    file = folder / f"{seed}.yaml"
    file.write_text(yaml.safe_dump({"seed": seed, "synthetic": {"n_patients": patients}}))
    return (TARGET, "--configfile", str(file))


@pytest.fixture(scope="module")
def checkout(repository, tmp_path_factory):
    return copy_repository(repository, tmp_path_factory.mktemp("orphans") / "mimicflow")


@pytest.fixture(scope="module")
def expected(checkout):
    """The digest of the newer run's result, when nobody disturbs it."""
    run = checkout.snakemake(*hospital(checkout.folder, 1, 60))
    assert run.returncode == 0, run.stdout + run.stderr
    return sha256(checkout.folder / TARGET)


@pytest.mark.parametrize("seconds", [0, 0.3, 1, 3])
def test_an_orphan_does_not_overwrite_the_result_of_a_newer_run(checkout, expected, seconds):
    older = start(checkout, *hospital(checkout.folder, 2, 20_000))
    jobs: list[int] = []
    for _ in waiting(older):
        if jobs := list(older.scripts()):
            break
    time.sleep(seconds)
    assert jobs, older.process.communicate()[0]
    os.kill(jobs[0], signal.SIGSTOP)
    older.process.kill()
    older.process.wait()
    shutil.rmtree(checkout.folder / ".snakemake/locks")  # what --unlock does

    newer = checkout.snakemake(*hospital(checkout.folder, 1, 60))
    assert newer.returncode == 0, newer.stdout + newer.stderr
    os.kill(jobs[0], signal.SIGCONT)
    said = older.process.communicate()[0]  # until the orphan and its processes have ended

    assert "Finished jobid" not in said
    assert stage(jobs[0]) == "ended"
    assert sha256(checkout.folder / TARGET) == expected
