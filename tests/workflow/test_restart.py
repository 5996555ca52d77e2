"""Killed again and again, the workflow ends with the bytes of a run that nobody disturbed.

One file, because all tests look at the same two runs.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from broken_machines import Running, finished, hidden_files, stage, start, waiting
from checkouts import Checkout, copy_repository
from same_results import digests

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc to aim at a job"
)

# A training leaves a state after every batch.
OVERLAY = "computing: {save_minutes: 0}\n"
TINY = ("--configfile", "presets/tiny.yaml", "killed.yaml")
TARGETS = (
    "results/all_stays_model.pth",
    "results/mortality/audited/lstm/predictions.parquet",
    "results/arrest/hrv/model.txt",
)
AGAIN = "results/all_stays_model.pth"
KILLS = 25
DELAYS = {"loading": 0.6, "working": 0.1}  # seconds at most, after the moment
# Where the jobs of a rule are hit, one after the other: while they import, while they work, while
# a file is half-written, or once a training has left a state.
AIMS = {
    "make_hospital": ["loading", "writing"],
    "make_icu": ["working"],
    "make_waveforms": ["working"],
    "ingest_table": ["working", "loading", "working"],
    "build_ecg_store": ["writing", "loading", "writing"],
    "scan_recordings": ["working"],
    "measure_hrv": ["working", "working"],
    "extract_concept": ["loading", "working"],
    "select_features": ["working"],
    "tune_arrest_model": ["working"],
    "pretrain_encoder": ["working", "state"],
    "train_model": ["working", "state", "state"],
    "train_visit_network": ["state", "loading", "state"],
}
# Jobs that take long enough to be hit for certain.
SURELY = {
    *("make_hospital", "make_icu", "ingest_table", "build_ecg_store", "measure_hrv"),
    *("pretrain_encoder", "train_model", "train_visit_network"),
}
Aims = dict[str, list[str]]


@dataclass
class Kill:
    """One kill, and what was there right after it."""

    rule: str
    stage: str
    whole: bool
    """Whether Snakemake and all its jobs were killed, or one job."""
    hidden: set[str] = field(default_factory=set)
    done: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass
class History:
    """A run that was killed until nothing was left to kill."""

    checkout: Checkout
    kills: list[Kill]


def _is_there(moment: str, pid: int, rule: str, results: Path) -> bool:
    """Return whether a job has come to the moment at which it is to be killed."""
    if moment == "loading":
        return True
    if moment == "state":
        folder = results / "mortality/audited" if rule == "train_visit_network" else results
        whole = [path for path in folder.glob(".*.resume*.pth") if ".partial" not in path.name]
        return bool(whole) and stage(pid) != "loading"
    return stage(pid) == moment


def _kill_one(
    running: Running, checkout: Checkout, aims: Aims, draw: random.Random, whole: bool
) -> Kill | None:
    """Wait for a moment that is still wanted and kill; None when Snakemake has ended before."""
    results = checkout.folder / "results"
    for _ in waiting(running):
        for pid, rule in running.scripts().items():
            if not aims.get(rule) or not _is_there(aims[rule][0], pid, rule, results):
                continue
            time.sleep(draw.uniform(0, DELAYS.get(aims[rule][0], 0.01)))
            kill = Kill(rule, stage(pid), whole)
            if kill.stage == "ended":
                continue
            aims[rule].pop(0)
            if whole:
                running.kill_everything()
            else:
                running.kill_job(pid)
            kill.hidden, kill.done = hidden_files(results), finished(checkout)
            return kill
    assert running.process.wait(1) == 0
    return None


@pytest.fixture(scope="module")
def killed(repository, tmp_path_factory) -> History:
    checkout = copy_repository(repository, tmp_path_factory.mktemp("killed") / "mimicflow")
    (checkout.folder / "killed.yaml").write_text(OVERLAY)
    draw = random.Random(0)
    victims = [number % 2 == 0 for number in range(KILLS)]
    draw.shuffle(victims)
    aims = {rule: list(moments) for rule, moments in AIMS.items()}
    kills: list[Kill] = []
    while len(kills) < KILLS:
        whole = victims[len(kills)]
        # A Snakemake of which one job was killed waits for the others, so it is given no other.
        running = start(checkout, *TINY, "--", *TARGETS, cores=2 if whole else 1)
        kill = _kill_one(running, checkout, aims, draw, whole)
        if kill is None:  # some job was too quick to be hit: one is done again
            (checkout.folder / AGAIN).unlink()
            aims["train_model"].append("state")
            continue
        print(kill.rule, kill.stage, "all" if whole else "job", sorted(kill.hidden)[:3], flush=True)
        kills.append(kill)
        if whole:
            for lock in (checkout.folder / ".snakemake/locks").iterdir():
                lock.unlink()  # as --unlock does, without another start
    run = checkout.snakemake(*TINY, "--", *TARGETS)
    assert run.returncode == 0, run.stdout + run.stderr
    return History(checkout, kills)


def test_the_kills_hit_all_kinds_of_jobs_at_all_stages(killed):
    kills = killed.kills

    assert Counter(kill.whole for kill in kills) == {True: 13, False: 12}
    assert {kill.rule for kill in kills} >= SURELY
    assert {"loading", "working", "writing"} <= {kill.stage for kill in kills}
    # Half-written files were left behind, and states from which a training goes on.
    assert sum(any(".partial" in name for name in kill.hidden) for kill in kills) >= 3
    assert sum(any(".resume" in name for name in kill.hidden) for kill in kills) >= 4


def test_nothing_is_left_over(killed):
    folder = killed.checkout.folder

    assert hidden_files(folder / "results") == set()
    assert not list((folder / ".snakemake/incomplete").iterdir())
    assert killed.checkout.planned(*TINY, "--", *TARGETS) == {}


def test_the_results_are_those_of_a_run_that_nobody_disturbed(killed, clean_results):
    ours = killed.checkout.folder / "results"
    files = digests(ours)

    assert {target.removeprefix("results/") for target in TARGETS} <= files.keys()
    assert len(files) > 100
    assert files.items() <= digests(clean_results).items()


def test_what_was_finished_is_not_computed_again(killed):
    """Whatever was complete at a kill is still the same file, not only the same bytes."""
    last = finished(killed.checkout)

    for kill in killed.kills:
        done = {path: what for path, what in kill.done.items() if "all_stays_model" not in path}
        assert {path: last.get(path) for path in done} == done, kill
    assert len(killed.kills[-1].done) > 100


def test_trainings_went_on_from_their_states(killed):
    logs = killed.checkout.folder / "results/logs"

    for rule in ("pretrain_encoder", "train_model", "train_visit_network"):
        texts = [path.read_text() for path in logs.rglob(f"*{rule}*") if path.is_file()]
        texts += [path.read_text() for path in logs.rglob(f"{rule}/**/*.log")]
        assert any("resuming after" in text for text in texts), rule
