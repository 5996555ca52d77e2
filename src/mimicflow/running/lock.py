"""Release the lock of a Snakemake that was killed, at the next start on the same machine.

Snakemake's lock does not say whose it is. Each run therefore leaves its identity beside it once it
holds the lock; a lock that is not older than such a record, and of whose runs none may be alive,
is of no use to anybody.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mimicflow.running.identity import Identity, this_process
from mimicflow.running.writing import write_json

STATE = Path(".snakemake")
"""Snakemake's folder, in the one where it was started."""


def record_owner(jobs_elsewhere: bool, state: Path = STATE) -> None:
    """Say that this process holds the lock.

    Parameters
    ----------
    jobs_elsewhere : bool
        Whether its jobs run on a cluster: they outlive it.
    state : Path
        Snakemake's folder.
    """
    me = this_process()
    write_json(
        {**asdict(me), "jobs_elsewhere": jobs_elsewhere},
        _owners(state) / f"{me.host}-{me.pid}.json",
    )


def release_lock(state: Path = STATE) -> str:
    """Release the lock if the run that held it is certainly no more.

    Parameters
    ----------
    state : Path
        Snakemake's folder.

    Returns
    -------
    str
        What was done, or why the lock stays; empty if there is none.
    """
    locks = list((state / "locks").glob("*.lock"))
    if not locks:
        return ""
    records = _records(state)
    living = [owner for owner, _ in records.values() if owner.may_live()]
    if living:
        first = living[0]
        return f"A run is at work in this folder: process {first.pid} on {first.host}."
    taken = max(lock.stat().st_mtime_ns for lock in locks)
    held = {file: seen for file, seen in records.items() if file.stat().st_mtime_ns >= taken}
    if not held:
        return "The folder is locked, by whom is not known: docs/restart.md says what to do."
    if any(elsewhere for _, elsewhere in held.values()):
        return (
            "The run that has locked this folder was killed, but its jobs on the cluster may go "
            "on: cancel them, then snakemake --unlock."
        )
    for file in [*locks, *records]:
        file.unlink(missing_ok=True)
    pids = ", ".join(str(owner.pid) for owner, _ in held.values())
    return f"The lock of a run that was killed (process {pids}) is released."


def _owners(state: Path) -> Path:
    return state / "owners"


def _records(state: Path) -> dict[Path, tuple[Identity, bool]]:
    """Return what runs have left: file -> (who, whether its jobs ran elsewhere)."""
    found = {}
    for file in sorted(_owners(state).glob("*.json")):
        try:
            content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            elsewhere = bool(content.pop("jobs_elsewhere"))
            found[file] = (Identity(**content), elsewhere)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            continue  # half-written by a crash of the machine: it says nothing
    return found
