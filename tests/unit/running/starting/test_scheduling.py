"""A small workflow of the real Snakemake: does it wake while nothing happens?"""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SNAKEFILE = """
import threading
from mimicflow.running.starting.scheduling import sleep_while_jobs_run

rule all:
    input: expand("{number}.txt", number=range(3))

rule one:
    output: "{number}.txt"
    shell: "touch {output}"

onstart:
    sleep_while_jobs_run(workflow.scheduler)

onsuccess:
    waiting = [one for one in threading.enumerate() if isinstance(one, threading.Timer)]
    print("wakes again:", len(waiting))
"""


@pytest.mark.parametrize(("limit", "wakes"), [([], False), (["50/1s"], True)])
def test_snakemake_sleeps_while_jobs_run_unless_their_starts_are_limited(
    repository, tmp_path, limit, wakes
):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    options = [word for given in limit for word in ("--max-jobs-per-timespan", given)]

    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "1", *options],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(repository / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert (tmp_path / "2.txt").exists()
    [said] = [line for line in run.stdout.splitlines() if line.startswith("wakes again:")]
    assert (said != "wakes again: 0") == wakes
