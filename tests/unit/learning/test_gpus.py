"""Which GPUs a job takes, on a machine whose driver's tool is a script of ours."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mimicflow.errors import ConfigError
from mimicflow.learning import gpus

Machine = Callable[[int], None]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Make a machine with some GPUs, whose locks lie in a folder of the test."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def with_gpus(n: int) -> None:
        tool = tmp_path / "bin/nvidia-smi"
        tool.parent.mkdir()
        lines = "".join(f"echo '{number}, GPU-{number:04d}'\n" for number in range(n))
        tool.write_text(f"#!/bin/sh\n{lines}")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")

    yield with_gpus
    while gpus._held:
        os.close(gpus._held.pop())


CLAIM = """
import os, sys
from mimicflow.learning.gpus import claim_gpus
claim_gpus(int(sys.argv[1]), poll_seconds=0.05)
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


class Job:
    """Another job on the machine; it holds its GPUs until it ends."""

    def __init__(self, n: int) -> None:
        command = [sys.executable, "-c", CLAIM, str(n)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, **pipes)

    def gpus(self) -> str:
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_two_jobs_on_one_machine_get_different_gpus(machine: Machine) -> None:
    machine(2)
    jobs = [Job(1), Job(1)]
    assert {job.gpus() for job in jobs} == {"GPU-0000", "GPU-0001"}
    for job in jobs:
        job.kill()


def test_a_third_job_waits_until_one_ends_however_it_ends(machine: Machine) -> None:
    machine(2)
    first = Job(1)
    taken = first.gpus()
    both = Job(2)
    with pytest.raises(subprocess.TimeoutExpired):
        both.process.wait(0.5)
    third = Job(1)
    assert third.gpus() != taken, "one that waits for two holds none meanwhile"
    third.kill()
    first.kill()
    assert both.gpus() == "GPU-0000,GPU-0001"
    both.kill()


def test_a_claim_stays_with_the_program_that_takes_the_place_of_the_job(machine: Machine) -> None:
    machine(1)
    code = CLAIM.replace("sys.stdin.read()", "os.execvp('sleep', ['sleep', '30'])")
    process = subprocess.Popen([sys.executable, "-c", code, "1"], text=True, stdout=subprocess.PIPE)
    assert process.stdout.readline().strip() == "GPU-0000"
    second = Job(1)
    with pytest.raises(subprocess.TimeoutExpired):
        second.process.wait(1)
    process.kill()
    assert second.gpus() == "GPU-0000"
    second.kill()
    process.communicate()


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("1", "GPU-0001"),
        ("GPU-0002,0", "GPU-0002"),
        ("3,9", "GPU-0003"),
        ("MIG-7", "MIG-7"),
    ],
)
def test_what_a_scheduler_or_the_user_has_chosen_is_kept(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, chosen: str, expected: str
) -> None:
    machine(4)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert gpus.claim_gpus(1) == [expected]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == expected


def test_more_gpus_than_there_are(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(2)
    with pytest.raises(ConfigError, match=r"computing\.devices is 3, but 2 GPUs"):
        gpus.claim_gpus(3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus.claim_gpus(3) == [], "an empty choice means the CPU"


def test_a_driver_that_does_not_answer_is_reported(
    machine: Machine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    machine(0)
    (tmp_path / "bin/nvidia-smi").write_text("#!/bin/sh\necho 'no devices were found'; exit 6\n")
    assert gpus.claim_gpus(1) == []
    assert "no devices were found" in caplog.text
