"""Choose where, how fast and how repeatably tensors are computed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from mimicflow.learning import processes
from mimicflow.learning.configs import parse

Key = TypeVar("Key")
Loaded = TypeVar("Loaded")

_AHEAD = 4  # batches loaded before they are needed
_LOADERS = 2  # threads that load them


@dataclass(frozen=True, kw_only=True)
class Computing:
    """What a GPU may do to be fast; configuration section ``computing``. A CPU ignores it."""

    precision: Literal["bfloat16", "float32"] = "bfloat16"
    """Of the encoder's activations; weights, losses and recurrent cells are float32."""
    tf32: bool = True
    """Whether float32 products are rounded to ten bits of mantissa."""
    deterministic: bool = True
    """Whether the same run gives the same bits; otherwise the fastest algorithms are sought."""
    compile: bool = False
    """Whether pretraining is compiled by torch.compile."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a training is computed on, and how often it is kept.

    On a CPU nothing of it but the threads changes what is learned.
    """

    threads: int = 1
    """The same seed and threads give the same bytes on a CPU."""
    computing: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Computing`: speed and repeatability on a GPU."""
    devices: int | None = None
    """GPUs, or processes where there is none; see `processes.use_devices`."""
    save_minutes: float = 10
    """Between the states from which an interrupted job goes on, besides one per pass."""

    @classmethod
    def of_job(cls, job: Any) -> Machine:
        """Return what a job is given, from the ``snakemake`` of its adapter."""
        return cls(
            threads=job.threads,
            computing=job.params.computing,
            devices=job.resources.gpu,
            save_minutes=job.resources.save_minutes,
        )

    def occupy(self) -> Computing:
        """Take the devices, and return how they compute.

        Raises
        ------
        ConfigError
            ``computing`` has a key or a value that is not known.
        """
        processes.use_devices(self.devices)
        return parse(Computing, self.computing, "computing")


_computing = Computing()  # of the innermost `repeatable`, as torch's own modes are


@contextlib.contextmanager
def repeatable(
    seed: int, threads: int = 1, computing: Computing | None = None
) -> Iterator[torch.device]:
    """Seed everything, fix threads and modes, join the job's other processes; undo it at the end.

    On a CPU two blocks with the same seed and threads compute the same bits.

    Parameters
    ----------
    seed : int
        Of torch's generators (weights, dropout).
    threads : int
        CPU threads within one operation, of all processes together.
    computing : Computing, optional
        Speed and repeatability on a GPU.

    Yields
    ------
    torch.device
        This process's accelerator if there is one, else the CPU.
    """
    global _computing
    before, _computing = _computing, computing or Computing()
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    processes.join(device)
    try:
        with (
            _modes(device, threads),
            torch.random.fork_rng(devices=range(torch.cuda.device_count())),
        ):
            torch.manual_seed(seed)
            yield device
    finally:
        _computing = before


@contextlib.contextmanager
def _modes(device: torch.device, threads: int) -> Iterator[None]:
    """Set torch's global modes as `_computing` says, and put them back."""
    on_gpu = device.type == "cuda"
    wanted = _computing.deterministic or not on_gpu
    if on_gpu and wanted:
        # cuBLAS reads this when it starts; without it GRUs are not deterministic on a GPU.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    deterministic: Any = torch.utils.deterministic  # a module without type hints
    before = (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        deterministic.fill_uninitialized_memory,
        torch.get_float32_matmul_precision(),
    )
    torch.set_num_threads(max(1, threads // processes.n_processes()))
    torch.use_deterministic_algorithms(wanted, warn_only=on_gpu)
    # Filling fresh memory only serves to find bugs and slows every operation.
    deterministic.fill_uninitialized_memory = False
    if on_gpu:
        torch.set_float32_matmul_precision("high" if _computing.tf32 else "highest")
    cudnn = torch.backends.cudnn.flags(
        enabled=torch.backends.cudnn.enabled,
        benchmark=on_gpu and not wanted,
        deterministic=wanted,
        allow_tf32=_computing.tf32,
    )
    try:
        with cudnn:
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        deterministic.fill_uninitialized_memory = before[2]
        torch.set_float32_matmul_precision(before[3])


def mixed_precision(device: torch.device) -> torch.autocast:
    """Return a context of bfloat16 arithmetic on a GPU, if wanted, of float32 on a CPU."""
    enabled = device.type == "cuda" and _computing.precision == "bfloat16"
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def compiled(model: nn.Module, device: torch.device) -> None:
    """Have torch.compile make the network's code for a GPU, if wanted; its weights stay."""
    if device.type == "cuda" and _computing.compile:
        model.compile()


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return the tensor on the device; the way to a GPU is by pinned memory, without waiting."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def prefetched(
    load: Callable[[Key], Loaded], keys: Iterable[Key], device: torch.device
) -> Iterator[tuple[Key, Loaded]]:
    """Yield each key with what is loaded for it; for a GPU, loaded by threads ahead of time.

    Parameters
    ----------
    load : callable
        Must not draw random numbers: the order of loading is not fixed.
    keys : iterable
        What to load, in order.
    device : torch.device
        Where it will be used. On a CPU each is loaded when it is asked for.
    """
    if device.type != "cuda":
        for key in keys:
            yield key, load(key)
        return
    remaining = iter(keys)
    with ThreadPoolExecutor(_LOADERS) as pool:
        pending = [(key, pool.submit(load, key)) for key in islice(remaining, _AHEAD)]
        while pending:
            key, future = pending.pop(0)
            loaded = future.result()
            pending += [(key, pool.submit(load, key)) for key in islice(remaining, 1)]
            yield key, loaded
