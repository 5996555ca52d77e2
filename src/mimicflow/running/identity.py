"""Identify a process by more than its number: numbers come again, and other hosts have the same.

A job that Snakemake has started is given the identity of that Snakemake, so that it notices even
before its first line runs that nobody waits for it any more.
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

HOST = re.sub(r"[^\w-]", "_", socket.gethostname())
"""Name of this machine, without dots or blanks."""

_STARTED_BY = "MIMICFLOW_STARTED_BY"


@dataclass(frozen=True)
class Identity:
    """A process."""

    host: str
    space: str
    """Of process numbers: a container may have its own."""
    pid: int
    begun: str
    """When it was started, as the kernel counts; empty where it does not say."""

    def may_live(self) -> bool:
        """Return False only if the process is certainly no more; of elsewhere it is not known."""
        if (self.host, self.space) != (HOST, _space()):
            return True
        if not self.begun:
            return lives(self.pid)
        return _begun(self.pid) == self.begun


def this_process() -> Identity:
    """Return the identity of the process that asks."""
    return Identity(HOST, _space(), os.getpid(), _begun(os.getpid()))


def announce() -> None:
    """Give this process's identity to all that it starts from now on, as who has started them."""
    me = this_process()
    os.environ[_STARTED_BY] = f"{me.host} {me.space} {me.pid} {me.begun}"


def is_abandoned() -> bool:
    """Return whether the process that has announced itself to this one is no more."""
    starter = os.environ.get(_STARTED_BY)
    if starter is None:
        return False
    host, space, pid, begun = starter.split(" ")
    return not Identity(host, space, int(pid), begun).may_live()


def lives(pid: int) -> bool:
    """Return whether a process of this number is there, on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def _space() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # a system without
        return "-"


def _begun(pid: int) -> str:
    """Return when a process was started; empty if it has ended or the system does not say."""
    try:
        # The name of the program, in parentheses, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
