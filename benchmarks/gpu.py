"""ECGs per second of pretraining and fine-tuning on a GPU, at the published sizes.

Against the published way (each batch decoded, cleaned and trained on in one process, float32, no
store), and against the same network on tensors that lie on the GPU already: the limit.
Waveforms are noise, since no figure depends on what they show.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from _gpu_watch import GpuWatch, hardware
from _gpu_ways import Clocked, Decoded, Size, Stays, Way, fine_tuning, pretraining, write_store
from ecg_cleaning import write_records

from mimicflow.admission.model import ModelConfig
from mimicflow.ecg.pretraining import PretrainingConfig
from mimicflow.learning.configs import parse
from mimicflow.learning.devices import Computing, repeatable
from mimicflow.learning.loop import Training, fit
from mimicflow.running.configuration import read_config

PUBLISHED_BAR, LIMIT_BAR = 30.0, 0.9
MODEL = "all_stays_model"
PUBLISHED = Computing(precision="float32", tf32=False, deterministic=False)
SMALL = Size(width=8, depth=(1, 1, 1, 1), sampling_rate=500, records=4, steps=2)
SMALL_BATCH = 4
REPOSITORY = Path(__file__).parents[1]

Make = Callable[[Way], Callable[[torch.device], tuple[Clocked, torch.optim.Optimizer]]]


@dataclass(frozen=True)
class Figure:
    """What was measured of one workload in one way."""

    ecgs_per_second: float
    memory_gib: float
    """Most memory that tensors held on the GPU at once."""
    utilisation: str
    """Share of the time in which the GPU had something to do, as its driver reports it."""


def measure(
    make: Callable[[torch.device], tuple[Clocked, torch.optim.Optimizer]],
    computing: Computing,
    threads: int,
) -> Figure:
    """Train two passes by the loop of the project and look at the second."""
    with repeatable(0, threads, computing) as device:
        clocked, optimizer = make(device)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        with GpuWatch(device) as watch:
            fit(clocked, optimizer, Training(passes=2, score="score", maximise=False))
        memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return Figure(clocked.ecgs / clocked.seconds, memory / 2**30, watch.busy())


def configuration() -> dict[str, Any]:
    """Return config.yaml with the published sizes over it."""
    return read_config(REPOSITORY / "presets/mimic-iv.yaml", repository=REPOSITORY)


def workloads(
    folder: Path, size: Size, whole: dict[str, Any], batch: int | None
) -> dict[str, Make]:
    """Write records and a store, and return the three workloads by name."""
    write_records(folder, size.records)
    decoded = Decoded(folder, size)
    learned = parse(PretrainingConfig, whole["pretraining"], "pretraining")
    tuned = parse(ModelConfig, whole["models"][MODEL], f"models.{MODEL}")
    if batch is not None:
        learned, tuned = replace(learned, batch_size=batch), replace(tuned, batch_size=batch)
    stays = Stays(tuned.batch_size * size.steps)
    n_ecgs = max(len(stays.study_ids), learned.batch_size * size.steps)
    store = write_store(folder, n_ecgs, size)
    made: dict[str, Make] = {
        f"pretraining, batches of {learned.batch_size} ECGs": lambda way: pretraining(
            way, store, decoded, size, learned
        )
    }
    for part in ("layer4", "all"):
        config = replace(tuned, unfreeze=part)
        made[f"fine-tuning of {part}, batches of {config.batch_size} stays"] = (
            lambda way, config=config: fine_tuning(way, store, decoded, size, config)
        )
    return made


def report(name: str, figures: dict[Way, Figure]) -> bool:
    """Print a workload and return whether both bars are met."""
    print(name)
    titles: dict[Way, str] = {
        "store": "mimicflow, from the store",
        "published": "published way, one process",
        "limit": "tensors already there",
    }
    for way, text in titles.items():
        figure = figures[way]
        print(
            f"  {text:<27}{figure.ecgs_per_second:10.1f} ECGs/s"
            f"{figure.memory_gib:8.2f} GiB   GPU busy {figure.utilisation}"
        )
    ours = figures["store"].ecgs_per_second
    gain = ours / figures["published"].ecgs_per_second
    share = ours / figures["limit"].ecgs_per_second
    print(f"  mimicflow / published {gain:10.1f} x  (bar: at least {PUBLISHED_BAR:g} x)")
    print(f"  mimicflow / limit     {share:10.2f} x  (bar: at least {LIMIT_BAR:g} x)")
    return gain >= PUBLISHED_BAR and share >= LIMIT_BAR


def run(options: argparse.Namespace) -> bool:
    """Measure everything and return whether all bars are met."""
    whole = configuration()
    encoder, rate = whole["encoder"], whole["ecg"]["sampling_rate"]
    size, batch = SMALL, options.batch_size or SMALL_BATCH
    if not options.small:
        batch = options.batch_size
        size = Size(encoder["width"], tuple(encoder["depth"]), rate, 64, options.steps)
    computing = _computing(whole)
    if options.fast:
        computing = replace(computing, deterministic=False, compile=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(hardware(device))
    print(f"encoder of width {size.width}, 12 x {size.sampling_rate * 10} samples; {computing}")
    met = []
    with tempfile.TemporaryDirectory() as temporary:
        for name, make in workloads(Path(temporary), size, whole, batch).items():
            ways: tuple[Way, ...] = ("store", "published", "limit")
            figures = {
                way: measure(
                    make(way), PUBLISHED if way == "published" else computing, options.threads
                )
                for way in ways
            }
            met.append(report(name, figures))
    return all(met)


def _computing(whole: dict[str, Any]) -> Computing:
    """Return the section of the configuration that can change a result."""
    known = asdict(Computing())
    return Computing(**{key: value for key, value in whole["computing"].items() if key in known})


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every workload in its three ways, with the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--small", action="store_true", help="tiny, to see that it runs")
    parser.add_argument("--steps", type=int, default=200, help="batches that are timed")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU, as the rules have")
    parser.add_argument("--batch-size", type=int, help="ECGs or stays; default: config.yaml")
    parser.add_argument("--fast", action="store_true", help="compiled and not deterministic")
    options = parser.parse_args(arguments)
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    elif not torch.cuda.is_available():
        print("no GPU was found: nothing to measure (--device cpu --small shows that it runs)")
        return 0
    met = run(options)
    if options.device == "cpu":
        print("the bars are those of a GPU")
        return 0
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
