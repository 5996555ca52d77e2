"""Choose the GPUs of a job, so that two jobs on one machine do not take the same."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from mimicflow.errors import ConfigError

log = logging.getLogger(__name__)

_held: list[int] = []  # open lock files; the kernel drops the locks when the process ends


def is_first() -> bool:
    """Return whether this process, of those that share a job's GPUs, writes what all computed."""
    return os.environ.get("RANK", "0") == "0"


def visible_gpus() -> list[str]:
    """Return the UUIDs of the GPUs that this process may use, in the order of its choice.

    The driver's own tool is asked: once CUDA has started, ``CUDA_VISIBLE_DEVICES`` is fixed.
    """
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        log.warning("nvidia-smi says: %s; no GPU is used", " ".join(answer.stdout.split()))
        return []
    rows = [line.split(",") for line in answer.stdout.strip().splitlines()]
    uuids = {index.strip(): uuid.strip() for index, uuid in rows}
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return list(uuids.values())
    # A scheduler or the user has chosen, by number or by UUID.
    named = [uuids.get(name.strip(), name.strip()) for name in chosen.split(",")]
    return [name for name in named if name in uuids.values() or name.startswith("MIG-")]


def claim_gpus(n: int, poll_seconds: float = 5) -> list[str]:
    """Take ``n`` GPUs that no other job of this user on this machine has taken; wait for them.

    Sets ``CUDA_VISIBLE_DEVICES`` for this process and its children. The claim ends with the
    process, however it ends. Without any GPU nothing is done.

    Parameters
    ----------
    n : int
        GPUs to take.
    poll_seconds : float
        Between two looks when too few are free.

    Returns
    -------
    list of str
        UUIDs.

    Raises
    ------
    ConfigError
        More are asked for than there are.
    """
    gpus = visible_gpus()
    if not gpus:
        return []
    if n > len(gpus):
        raise ConfigError(
            f"computing.devices is {n}, but {len(gpus)} GPUs can be seen",
            remedy="lower it, or look at CUDA_VISIBLE_DEVICES and at what the scheduler gives",
        )
    folder = Path(tempfile.gettempdir(), f"mimicflow-gpus-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    waiting = False
    while len(taken := _take(gpus, n, folder)) < n:
        if not waiting:
            log.info("all GPUs are taken by other jobs: waiting")
            waiting = True
        time.sleep(poll_seconds)
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(taken)
    log.info("on %s", ", ".join(taken))
    return taken


def _take(gpus: list[str], n: int, folder: Path) -> list[str]:
    """Lock ``n`` free GPUs; none of them when fewer are free, so that no two jobs hold half."""
    taken: list[str] = []
    files: list[int] = []
    for gpu in gpus:
        if len(taken) == n:
            break
        file = os.open(folder / gpu, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            continue
        taken.append(gpu)
        files.append(file)
    if len(taken) < n:
        for file in files:
            os.close(file)
        return []
    for file in files:
        os.set_inheritable(file, True)  # torchrun takes the place of this process
    _held.extend(files)
    return taken
