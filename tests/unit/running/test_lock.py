import json
import os
import time
from dataclasses import asdict, replace

import pytest

from mimicflow.running.identity import this_process
from mimicflow.running.lock import record_owner, release_lock

DEAD = 2**22 + 1  # above the largest number of a process


@pytest.fixture
def state(tmp_path):
    """Snakemake's folder, locked a minute ago."""
    (tmp_path / "locks").mkdir()
    for kind in ("input", "output"):
        lock = tmp_path / f"locks/0.{kind}.lock"
        lock.write_text("results/a.parquet\n")
        os.utime(lock, (time.time() - 60, time.time() - 60))
    return tmp_path


def recorded(state, elsewhere=False, **changes):
    """Leave the record of another process."""
    who = replace(this_process(), **{"pid": DEAD, "begun": "1", **changes})
    file = state / f"owners/{who.host}-{who.pid}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({**asdict(who), "jobs_elsewhere": elsewhere}))
    return file


def locks(state):
    return len(list((state / "locks").iterdir()))


def test_without_a_lock_there_is_nothing_to_say(tmp_path):
    assert release_lock(tmp_path) == ""


def test_the_lock_of_a_dead_process_is_released_and_this_is_said(state):
    recorded(state)

    assert release_lock(state) == f"The lock of a run that was killed (process {DEAD}) is released."
    assert locks(state) == 0
    assert release_lock(state) == ""


def test_a_lock_whose_run_lives_stays(state):
    recorded(state)
    record_owner(False, state)

    assert f"process {os.getpid()}" in release_lock(state)
    assert locks(state) == 2


def test_of_another_machine_it_is_not_known_who_lives(state):
    recorded(state, host="elsewhere")

    assert f"process {DEAD} on elsewhere" in release_lock(state)
    assert locks(state) == 2


def test_the_lock_of_a_run_that_has_sent_jobs_to_a_cluster_stays(state):
    recorded(state, elsewhere=True)

    assert "cancel them" in release_lock(state)
    assert locks(state) == 2


def test_a_lock_taken_after_all_records_is_of_somebody_who_may_still_plan(state):
    file = recorded(state)
    os.utime(file, (0, 0))

    assert "by whom is not known" in release_lock(state)
    assert locks(state) == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": 3, "jobs_elsewhere": false}'])
def test_a_damaged_record_says_nothing(state, content):
    recorded(state).write_text(content)

    assert "by whom is not known" in release_lock(state)
    assert locks(state) == 2
