"""Watch a GPU by its driver while something runs on it, and name the machine around it."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from types import TracebackType

import torch

_EVERY_MS = 200


class GpuWatch:
    """Asks ``nvidia-smi`` for the utilisation five times a second within the block."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.samples: list[int] = []
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> GpuWatch:
        """Start asking."""
        if self.device.type == "cuda":
            uuid = f"GPU-{torch.cuda.get_device_properties(self.device).uuid}"
            command = ["nvidia-smi", f"--id={uuid}", "--query-gpu=utilization.gpu"]
            form = ["--format=csv,noheader,nounits", f"--loop-ms={_EVERY_MS}"]
            self._process = subprocess.Popen(
                [*command, *form], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop asking, and keep the answers."""
        if self._process is not None:
            self._process.terminate()
            answers, _ = self._process.communicate()
            self.samples = [int(line) for line in answers.split() if line.isdigit()]

    def busy(self) -> str:
        """Return the mean of the second half, which is the timed pass, in percent."""
        late = self.samples[len(self.samples) // 2 :]
        return f"{sum(late) / len(late):.0f} %" if late else "unknown"


def hardware(device: torch.device) -> str:
    """Return processor, GPU, driver and versions, in a few words each."""
    cores = len(os.sched_getaffinity(0))
    lines = [f"{_processor()}, {cores} cores; torch {torch.__version__}"]
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        driver = subprocess.run(query, capture_output=True, text=True, check=False).stdout.split()
        lines.append(
            f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB; "
            f"driver {driver[0] if driver else 'unknown'}; CUDA {torch.version.cuda}, "
            f"cuDNN {torch.backends.cudnn.version()}"
        )
    return "\n".join(lines)


def _processor() -> str:
    """Return the name of the processor."""
    file = Path("/proc/cpuinfo")
    if file.exists():
        names = [line for line in file.read_text().splitlines() if line.startswith("model name")]
        if names:
            return names[0].partition(":")[2].strip()
    return platform.processor() or platform.machine()
