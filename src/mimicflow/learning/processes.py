"""Train one network with several processes, one per GPU, as a single process would.

Every batch is shared out; batch normalisation and dropout are those of the whole batch, and the
gradients are averaged by PyTorch's DistributedDataParallel. ``torchrun`` starts the processes.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from mimicflow.learning.gpus import claim_gpus, is_first  # noqa: F401 (processes.is_first)


@dataclass(frozen=True)
class Share:
    """What one process computes of a batch."""

    rows: np.ndarray
    """Its rows."""
    start: int
    """Place of the first of them in the batch."""
    total: int
    """Rows of the batch."""
    weight: float
    """The mean of weight x loss over the processes is the mean loss of the batch."""


_share: Share | None = None  # of the batch that is being computed; None: not shared out


def use_devices(n: int | None) -> None:
    """Take ``n`` GPUs for this job, and run its script once on each when there are several.

    Where there is no GPU, ``n`` processes share the CPU. The processes begin the script anew, so
    it must come here before it has written anything.

    Parameters
    ----------
    n : int or None
        GPUs of the job, or processes; None: whatever is there, in this process.

    Raises
    ------
    ConfigError
        The machine has GPUs, but fewer.
    """
    if n is None:
        return
    if "TORCHELASTIC_RUN_ID" in os.environ:
        _end_with_parent()
        return
    claim_gpus(n)
    if n > 1:
        _end_with_parent()
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        # In the place of this process: what kills the job kills torchrun.
        os.execv(sys.executable, [*torchrun, "--nproc-per-node", str(n), sys.argv[0]])


def _end_with_parent() -> None:
    """Have the kernel end this process with the one that has started it, torchrun or Snakemake.

    It would write the file that the next run writes. The wish outlives `os.execv`.
    """
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)


def n_processes() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def join(device: torch.device) -> None:
    """Join the other processes that torchrun has started, if it has, for the rest of the job."""
    if "TORCHELASTIC_RUN_ID" not in os.environ or distributed.is_initialized():
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    # Not when training ends: what still holds the group then waits for ever when it is freed.
    atexit.register(distributed.destroy_process_group)


def share_of(rows: np.ndarray) -> Share:
    """Return what this process computes of a batch; fewer rows than processes: all of it."""
    n, total = n_processes(), len(rows)
    if n == 1 or total < n:
        return Share(rows, 0, total, 1.0)
    rank = distributed.get_rank()
    start, end = total * rank // n, total * (rank + 1) // n
    return Share(rows[start:end], start, total, (end - start) * n / total)


@contextlib.contextmanager
def sharing(share: Share) -> Iterator[None]:
    """Let batch normalisation, dropout and `whole_count` know of the share being computed."""
    global _share
    # Who computes the whole batch needs nothing of the others.
    _share = share if len(share.rows) < share.total else None
    try:
        yield
    finally:
        _share = None


def whole_count(count: Tensor) -> Tensor:
    """Return what a sum over a share is divided by to be its part of the batch's mean.

    For means over something else than rows, such as the values that were observed.
    """
    if _share is None:
        return count
    return _sum(count.float()) * (_share.weight / n_processes())


def whole_greatest(value: Tensor) -> Tensor:
    """Return the greatest value, a single one, among the shares of the batch being computed."""
    if _share is not None:
        distributed.all_reduce(value, distributed.ReduceOp.MAX)
    return value


def total(values: dict[str, Tensor]) -> dict[str, float]:
    """Return the sum of each value over all processes."""
    if not values:
        return {}
    stacked = torch.stack(list(values.values()))
    if n_processes() > 1:
        distributed.all_reduce(stacked)
    return dict(zip(values, stacked.tolist(), strict=True))


def gathered(values: Tensor) -> Tensor:
    """Return the values of all processes, one after the other; lengths may differ."""
    parts: list[Any] = [None] * n_processes()
    # Objects, since lengths differ; they come from our own processes, not from a file.
    distributed.all_gather_object(parts, values.cpu().numpy())
    return torch.from_numpy(np.concatenate(parts)).to(values.device)


def of_first(value: Any) -> Any:
    """Return the first process's value to all, so that all decide alike."""
    if n_processes() == 1:
        return value
    values = [value]
    distributed.broadcast_object_list(values)
    return values[0]


class Replica:
    """A network that is called in training through DistributedDataParallel, if there are several.

    Parameters
    ----------
    model : nn.Module
        On its device. Its batch normalisation and dropout are replaced by those of this module.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model, self.trained = model, model
        if n_processes() > 1:
            on_gpu = next(model.parameters()).is_cuda
            if on_gpu:
                nn.SyncBatchNorm.convert_sync_batchnorm(model)
            _replace(model, {nn.Dropout: WholeDropout})
            if not on_gpu:  # PyTorch's own synchronises on GPUs only
                _replace(model, {nn.BatchNorm2d: WholeBatchNorm2d})
            self.trained = DistributedDataParallel(model, forward_sync_buffers=False)

    def __call__(self, *inputs: Any) -> Any:
        """Return the network's output."""
        return (self.trained if self.model.training else self.model)(*inputs)


def _replace(model: nn.Module, classes: dict[type[nn.Module], type[nn.Module]]) -> None:
    """Give modules another class with the same parameters, so that state and optimiser stay."""
    for module in model.modules():
        if type(module) in classes:
            module.__class__ = classes[type(module)]


class _Sum(torch.autograd.Function):
    """The sum of a tensor over all processes; each gradient is the sum of theirs."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        summed = values.clone()
        distributed.all_reduce(summed)
        return summed

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        summed = gradient.clone()
        distributed.all_reduce(summed)
        return summed


def _sum(values: Tensor) -> Tensor:
    return _Sum.apply(values)


class WholeDropout(nn.Dropout):
    """Dropout by the rows of a mask for the whole batch, drawn alike in all processes."""

    def forward(self, input: Tensor) -> Tensor:
        """Return values (rows, features), some of them zero."""
        if _share is None or not self.training:
            return super().forward(input)
        whole = functional.dropout(input.new_ones(_share.total, *input.shape[1:]), self.p)
        return input * whole[_share.start : _share.start + len(input)]


class WholeBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation by mean and variance of the whole batch, whatever the shares."""

    def forward(self, input: Tensor) -> Tensor:
        """Return normalised values (rows, channels, 1, samples)."""
        if _share is None or not self.training:
            return super().forward(input)
        over = (0, 2, 3)
        n = _sum(input.new_tensor(float(input.numel() // input.shape[1])))
        mean = _sum(input.sum(over)) / n
        centred = input - mean[None, :, None, None]
        variance = _sum(centred.square().sum(over)) / n
        with torch.no_grad():
            assert self.running_mean is not None and self.running_var is not None
            assert self.num_batches_tracked is not None and self.momentum is not None
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * n / (n - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return centred * scale[None, :, None, None] + self.bias[None, :, None, None]
