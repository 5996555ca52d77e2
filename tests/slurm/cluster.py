"""A real Slurm of two nodes on one machine: munge, one controller, two daemons, no accounting.

It is configured in Slurm's default folder, because jobs read it from there; a configuration that
is there already is put back. All else (state, spool, key, socket, logs) is in a temporary folder.

A process of its own, the keeper, starts the cluster, waits until whoever wanted it is done or dead,
stops everything and cleans up: also when a test fails, or its process is killed. There is one at a
time; others wait.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

CONFIGURATION = Path("/etc/slurm/slurm.conf")
LOCK = Path(tempfile.gettempdir(), "mimicflow-slurm.lock")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo", "scancel")
MARK = "MIMICFLOW_TEST_CLUSTER"
"""In the environment of the daemons and of all jobs, so that they can be found."""
OURS = "# Written by the tests of mimicflow, which remove it again."
NODES = ("n1", "n2")
# Debian keeps daemons where an ordinary search path does not look.
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
# Memory is enforced by the daemons themselves, so that no control groups are needed.
SETTINGS = """\
{ours}
ClusterName=mimicflow
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,bf_interval=1
ReturnToService=2
MinJobAge=7200
KillWait=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cpus} RealMemory={memory}
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cpus} RealMemory={memory}
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(frozen=True)
class Cluster:
    """A running cluster, by its folder."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Of whatever talks to it; jobs inherit it."""
        return {**os.environ, "PATH": PATH, MARK: str(self.folder)}

    def ask(self, *command: str) -> str:
        """Return what a command of Slurm says."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout

    def unfinished(self) -> list[str]:
        """Return the numbers of the jobs that wait or run."""
        return self.ask("squeue", "--noheader", "--format=%i").split()

    def is_idle(self) -> bool:
        """Return whether both nodes are there and wait for work."""
        with suppress(subprocess.SubprocessError):
            nodes = self.ask("sinfo", "--noheader", "--Node", "--format=%N %t").splitlines()
            return sorted(nodes) == [f"{node} idle" for node in NODES]
        return False

    def logs(self) -> str:
        """Return the ends of the daemons' logs, for messages."""
        files = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {file.name}\n{file.read_text()[-2000:]}" for file in files)

    def processes(self) -> list[int]:
        """Return the processes of the cluster and of its jobs that are alive."""
        found = [
            int(process.name) for process in Path("/proc").glob("[0-9]*") if self._has(process)
        ]
        return sorted(set(found) - {os.getpid()})

    def _has(self, process: Path) -> bool:
        """Return whether a process is ours: by the mark, or by an open log if it hides that."""
        with suppress(OSError):  # it is gone by now, or a zombie
            if f"{MARK}={self.folder}".encode() in (process / "environ").read_bytes().split(b"\0"):
                return True
            return any(
                file.readlink().is_relative_to(self.folder) for file in (process / "fd").iterdir()
            )
        return False


def missing() -> str | None:
    """Return why there can be no cluster here, or None when there can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]
    if absent:
        return f"no Slurm here: {', '.join(absent)} not found (Debian: slurm-wlm, munge)"
    if os.getuid() != 0:
        return "the Slurm of the tests is configured in /etc/slurm, which only root can write"
    if _is_used():
        return "this machine belongs to a Slurm cluster, which is left alone"
    return None


@contextmanager
def running(cpus: int, memory: int) -> Iterator[Cluster]:
    """Have a cluster.

    Parameters
    ----------
    cpus, memory : int
        Of each of the two nodes, as far as Slurm knows; memory in MB.

    Yields
    ------
    Cluster
        Whose nodes are idle.

    Raises
    ------
    RuntimeError
        When it does not start, with the ends of the daemons' logs, or when a process outlives it.
    """
    keeper = subprocess.Popen(
        [sys.executable, __file__, str(cpus), str(memory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that Ctrl-C leaves it to clean up
    )
    assert keeper.stdout is not None
    try:
        folder = keeper.stdout.readline().strip()
        if folder:
            yield Cluster(Path(folder))
    finally:
        _, said = keeper.communicate(timeout=120)  # closes its input, on which it stops
        if keeper.returncode:
            raise RuntimeError(f"the Slurm of the tests failed:\n{said}")


def keep(cpus: int, memory: int) -> None:
    """Start a cluster, print its folder, wait for the end of the input, and stop it."""
    folder = Path(tempfile.mkdtemp(prefix="mimicflow-slurm-"))
    folder.chmod(0o755)  # munge wants others to reach its socket
    cluster = Cluster(folder)
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        with LOCK.open("w") as lock, configured(folder, lock, cpus, memory):
            try:
                _start(cluster, daemons)
                print(folder, flush=True)
                sys.stdin.read()
            finally:
                _stop(cluster, daemons)
    finally:
        shutil.rmtree(folder)


def _is_used() -> bool:
    """Return whether a configuration that is not ours is in use."""
    if not CONFIGURATION.is_file() or CONFIGURATION.read_text().startswith(OURS):
        return False
    asked = subprocess.run(["sinfo"], capture_output=True, check=False, timeout=120)
    return asked.returncode == 0


@contextmanager
def configured(folder: Path, lock: IO[str], cpus: int, memory: int) -> Iterator[None]:
    """Have our configuration in Slurm's folder, once nobody else has."""
    fcntl.flock(lock, fcntl.LOCK_EX)
    before = CONFIGURATION.read_bytes() if CONFIGURATION.is_file() else None
    if before is not None and before.startswith(OURS.encode()):
        before = None  # of a keeper that was killed itself
    host = socket.gethostname().partition(".")[0]
    settings = SETTINGS.format(
        ours=OURS, folder=folder, host=host, ports=_free_ports(3), cpus=cpus, memory=memory
    )
    CONFIGURATION.parent.mkdir(parents=True, exist_ok=True)
    try:
        CONFIGURATION.write_text(settings)
        yield
    finally:
        if before is None:
            CONFIGURATION.unlink(missing_ok=True)
        else:
            CONFIGURATION.write_bytes(before)


def _free_ports(n: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [open_socket.getsockname()[1] for open_socket in sockets]
    for open_socket in sockets:
        open_socket.close()
    return ports


def _start(cluster: Cluster, daemons: list[subprocess.Popen[bytes]]) -> None:
    """Start the daemons as our children, and wait for the nodes."""
    folder = cluster.folder
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    (folder / "munge.key").chmod(0o400)
    (folder / "state").mkdir()
    files = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munge.pid"}
    files |= {"log-file": "munge.log", "seed-file": "munge.seed"}
    # It may run as root and have its files below /tmp: it is nobody else's.
    munge = ["munged", "--foreground", "--force"]
    munge += [f"--{option}={folder / file}" for option, file in files.items()]
    for command in (
        munge,
        ["slurmctld", "-D", "-c"],
        *(["slurmd", "-D", "-N", node] for node in NODES),
    ):
        with (folder / f"{len(daemons)}.{command[0]}.log").open("wb") as log:
            daemon = subprocess.Popen(
                command,
                env=cluster.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        daemons.append(daemon)
        if command is munge:
            _wait(cluster, (folder / "munge.socket").exists, "munge", seconds=30)
    _wait(cluster, cluster.is_idle, "idle nodes", seconds=60)


def _wait(cluster: Cluster, ready: Callable[[], bool], what: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            raise RuntimeError(f"no {what} within {seconds:.0f} s\n{cluster.logs()}")
        time.sleep(0.2)


def _stop(cluster: Cluster, daemons: list[subprocess.Popen[bytes]]) -> None:
    """Cancel the jobs, end the daemons, and kill whatever is left of both."""
    with suppress(subprocess.SubprocessError, RuntimeError):  # a cluster that does not answer
        if jobs := cluster.unfinished():
            cluster.ask("scancel", *jobs)
            _wait(cluster, lambda: not cluster.unfinished(), "end of the jobs", seconds=15)
    for daemon in reversed(daemons):
        daemon.terminate()
    for daemon in daemons:
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(10)
    for process in cluster.processes():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    for daemon in daemons:
        daemon.wait(10)
    _wait(cluster, lambda: not cluster.processes(), "end of all processes", seconds=10)


if __name__ == "__main__":
    keep(int(sys.argv[1]), int(sys.argv[2]))
