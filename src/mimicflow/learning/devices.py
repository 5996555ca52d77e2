"""Where and how repeatably tensors are computed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import torch


@contextlib.contextmanager
def repeatable(seed: int, threads: int = 1) -> Iterator[torch.device]:
    """Seed everything, fix the threads, ask for deterministic algorithms; undo it at the end.

    On a CPU two blocks with the same seed and threads compute the same bits.

    Parameters
    ----------
    seed : int
        Of torch's generators (weights, dropout).
    threads : int
        CPU threads within one operation.

    Yields
    ------
    torch.device
        The accelerator if there is one, else the CPU.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        # cuBLAS reads this when it starts; without it GRUs are not deterministic on a GPU.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before_threads = torch.get_num_threads()
    before_deterministic = torch.are_deterministic_algorithms_enabled()
    deterministic: Any = torch.utils.deterministic  # a module without type hints
    before_fill = deterministic.fill_uninitialized_memory
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    # Filling fresh memory only serves to find bugs and slows every operation.
    deterministic.fill_uninitialized_memory = False
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(seed)
            yield device
    finally:
        deterministic.fill_uninitialized_memory = before_fill
        torch.use_deterministic_algorithms(before_deterministic)
        torch.set_num_threads(before_threads)


def mixed_precision(device: torch.device) -> torch.autocast:
    """Return a context of bfloat16 arithmetic on a GPU, of ordinary float32 on a CPU."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")
