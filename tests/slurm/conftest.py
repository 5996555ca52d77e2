"""The workflow on a real Slurm, through profiles/slurm with its site block filled in."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from checkouts import Checkout, copy_repository

from .cluster import Cluster, missing, running

PROFILE = Path("profiles/slurm/profile.yaml")
IMPATIENT = Path(__file__).with_name("impatient.py")
# What takes hours with real patients takes seconds here, and shares jobs too: each costs two starts
# of Snakemake. The jobs of training, one model each, stay alone as they are in the profile.
TINY_GROUPS = {
    "scan_recordings": "recordings",
    "build_ecg_store": "stores",
    "measure_hrv": "measures",
    "measure_vitals": "measures",
    "select_features": "arrest_models",
    "tune_arrest_model": "arrest_models",
    "fit_arrest_model": "arrest_models",
    "train_visit_network": "networks",
}
TINY_COMPONENTS = {"ingest": 16, "recordings": 2, "stores": 2, "measures": 4, "arrest_models": 2}
TINY_COMPONENTS |= {"networks": 3, "mortality_results": 24}
# Nodes of two processors; no accounts; and the first look after a second.
OPTIONS = ("--cores", "2", "--slurm-status-command", "squeue")
OPTIONS += ("--slurm-init-seconds-before-status-checks", "1")


@dataclass(frozen=True)
class Job:
    """A job as Slurm saw it: the rule or group of rules, how it ended, what it had asked for."""

    number: int
    name: str
    state: str
    cpus: int
    memory_mb: int
    minutes: int


@dataclass(frozen=True)
class SlurmRun:
    """A run of Snakemake that is over: where, how it ended, what it said, and its jobs."""

    folder: Path
    returncode: int
    said: str
    jobs: list[Job]


def for_the_tests(profile: str) -> str:
    """Fill in the site block: partition main is the tests' own, and there are no GPUs."""
    edited = profile.replace("&gpu {slurm_partition: gpu}", "&gpu {gpu: 0}")
    assert edited != profile
    return edited


def share_more_jobs(checkout: Checkout) -> None:
    """Add the groups for the tiny run to the profile of a checkout."""
    file = checkout.folder / PROFILE
    profile = yaml.safe_load(file.read_text())
    profile["groups"] |= TINY_GROUPS
    profile["group-components"] |= TINY_COMPONENTS
    file.write_text(yaml.safe_dump(profile))


def slurm_checkout(repository: Path, folder: Path) -> Checkout:
    """Copy the repository, with the site block of its profile filled in."""
    checkout = copy_repository(repository, folder)
    file = checkout.folder / PROFILE
    file.write_text(for_the_tests(file.read_text()))
    return checkout


def snakemake(*arguments: str) -> list[str]:
    """Return the command line, as a user of the profile would have it."""
    profile = ("--workflow-profile", str(PROFILE.parent))
    return [sys.executable, str(IMPATIENT), *profile, *OPTIONS, *arguments]


@contextmanager
def started(cluster: Cluster, checkout: Checkout, *arguments: str) -> Iterator[subprocess.Popen]:
    """Run Snakemake on the cluster; it is killed when the block is left before its end."""
    log = checkout.folder.parent / f"{checkout.folder.name}.log"
    with log.open("w") as stream:
        run = subprocess.Popen(
            snakemake(*arguments),
            cwd=checkout.folder,
            env={
                **cluster.environment,
                "PYTHONPATH": str(checkout.folder / "src"),
                "OMP_NUM_THREADS": "1",
            },
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        try:
            yield run
        finally:
            run.kill()
            run.wait()


def finished(cluster: Cluster, checkout: Checkout, run: subprocess.Popen, after: int) -> SlurmRun:
    """Wait for a run; its jobs are those with numbers above ``after``."""
    run.wait()
    said = (checkout.folder.parent / f"{checkout.folder.name}.log").read_text()
    jobs = [job for job in known_jobs(cluster) if job.number > after]
    return SlurmRun(checkout.folder, run.returncode, said, jobs)


def known_jobs(cluster: Cluster) -> list[Job]:
    """Return all jobs that the cluster has had, in the order of their submission."""
    said = cluster.ask("squeue", "--states=all", "--noheader", "--format=%i|%k|%T|%C|%m|%l")
    jobs = []
    for line in said.splitlines():
        number, comment, state, cpus, memory, limit = line.split("|")
        name = comment.removeprefix("rule_").partition("_wildcards_")[0]
        jobs.append(
            Job(
                number=int(number),
                name=name,
                state=state,
                cpus=int(cpus),
                memory_mb=int(memory.removesuffix("M")),
                minutes=minutes_of(limit),
            )
        )
    return sorted(jobs, key=lambda job: job.number)


def minutes_of(limit: str) -> int:
    """Read a time of Slurm: days-hours:minutes:seconds, without what is zero in front."""
    days, _, clock = limit.rpartition("-")
    hours, minutes, _ = ["0", *clock.split(":")][-3:]
    return 60 * (24 * int(days or 0) + int(hours)) + int(minutes)


def cancel_first(cluster: Cluster, name: str, over: threading.Event) -> threading.Thread:
    """Cancel the first job of a rule as soon as it runs, in the background."""

    def watch() -> None:
        while not over.wait(0.5):
            for job in known_jobs(cluster):
                if (job.name, job.state) == (name, "RUNNING"):
                    cluster.ask("scancel", str(job.number))
                    return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@pytest.fixture(scope="session")
def needs_slurm() -> None:
    if reason := missing():
        pytest.skip(reason)


@pytest.fixture(scope="module")
def cluster(needs_slurm) -> Iterator[Cluster]:
    """Two nodes of two processors, as far as Slurm knows; half of the time they wait for it."""
    with running(cpus=2, memory=8000) as cluster:
        yield cluster
