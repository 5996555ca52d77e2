"""Hospitals of several sizes for ``scaling.py``, and runs of the workflow that are watched."""

from __future__ import annotations

import csv
import itertools
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import yaml
from _runs import copy_repository

from mimicflow.running.writing import write_parquet

# Enough that a job at the largest size is of the size that MIMIC-IV's shards have.
SHARDS = {0.2: 2, 1: 2, 3: 2, 10: 4, 100: 16}
PATIENTS, ICU_PATIENTS = 3000, 360
SAMPLE_COLUMNS = ["job", "pid", "time", "cpu_s", "rss_mb", "own_mb"]
_SCRIPT = re.compile(r"\.snakemake/scripts/tmp[^/]*\.py")
_LOG = re.compile(r"/results/logs/(.+)\.log$")


def prepare(scale: float, systems: list[str], folder: Path) -> Path:
    """Make a copy of the repository and the raw files of a size; return the copy."""
    checkout = folder / f"x{scale:g}" / "checkout"
    if not (checkout / "Snakefile").exists():
        copy_repository(checkout)
    (checkout / "size.yaml").write_text(yaml.safe_dump(_overlay(scale, folder)), encoding="utf-8")
    if {"admission", "mortality"} & set(systems):
        _hospital(scale, folder, checkout)
    if "arrest" in systems:
        _icu(scale, folder)
    return checkout


def _overlay(scale: float, folder: Path) -> dict[str, Any]:
    """Return the raw files, and few epochs of each network and points of the search."""
    raw = folder / f"x{scale:g}" / "raw"
    modules = {module: str(raw / module) for module in ("hosp", "icu", "ed", "ecg")}
    return {
        "private_results": "never",
        "data": {**modules, "registry": str(raw / "registry"), "waveforms": str(raw / "registry")},
        "ingest": {"shards": SHARDS[scale]},
        "pretraining": {"epochs": 1},
        "model_defaults": {"epochs": 1},
        "mortality": {"seeds": 1, "embedding": {"epochs": 5}, "training": {"epochs": 3}},
        "arrest": {"groups": 2 * SHARDS[scale], "tuning": {"initial": 3, "further": 0}},
    }


def _hospital(scale: float, folder: Path, checkout: Path) -> None:
    """Make the tables of a size, with ECGs that lie in the default hospital's files."""
    raw, made = folder / f"x{scale:g}" / "raw", checkout / "results/synthetic"
    if (raw / "ecg/files").is_dir():
        return
    base = folder / "base"
    if not (base / "Snakefile").exists():
        copy_repository(base)
    run(base, ["results/synthetic/ecg/files"], {"synthetic": {"n_patients": PATIENTS}})
    size = {"n_patients": round(PATIENTS * scale), "waveforms": False}
    run(checkout, ["results/synthetic/hosp/SYNTHETIC"], {"synthetic": size})
    for module in ("hosp", "icu", "ed", "ecg"):
        shutil.copytree(made / module, raw / module, copy_function=os.link, dirs_exist_ok=True)
    records = pd.read_csv(base / "results/synthetic/ecg/record_list.csv")["path"]
    listed = pd.read_csv(made / "ecg/record_list.csv")
    listed["path"] = list(itertools.islice(itertools.cycle(records), len(listed)))
    (raw / "ecg/record_list.csv").unlink()
    listed.to_csv(raw / "ecg/record_list.csv", index=False)
    unfinished = raw / "ecg/.files"
    shutil.copytree(base / "results/synthetic/ecg/files", unfinished, copy_function=os.link)
    unfinished.rename(raw / "ecg/files")


def _icu(scale: float, folder: Path) -> None:
    """Make the bedside recordings of the default, and name them again for a larger size."""
    registry = folder / f"x{scale:g}" / "raw/registry"
    if registry.is_dir():
        return
    source = folder / "icu/results/synthetic/registry"
    if not source.is_dir():
        copy_repository(folder / "icu")
        size = {"synthetic": {"icu": {"n_patients": ICU_PATIENTS}}}
        run(folder / "icu", ["results/synthetic/registry/SYNTHETIC"], size)
    _repeat(source, registry, max(1, round(scale)))


def _repeat(source: Path, registry: Path, times: int) -> None:
    """Write a registry in which every patient stands several times, under new names."""
    unfinished = registry.with_name(".registry")
    shutil.copytree(source, unfinished, copy_function=os.link)
    for name in ("recordings", "stays", "arrests"):
        table = pd.read_csv(source / f"{name}.csv", dtype=str)
        copies = []
        for number in range(times):
            copy = table.copy()
            for column in {"patient_id", "stay_id"} & set(table):
                copy[column] = table[column] + f"c{number}"
            for column in {"record", "numerics"} & set(table):
                copy[column] = f"c{number}/" + table[column]
            copies.append(copy)
        (unfinished / f"{name}.csv").unlink()
        pd.concat(copies).to_csv(unfinished / f"{name}.csv", index=False)
    for number in range(times):
        (unfinished / f"c{number}").symlink_to(".")  # a link inside the folder may be followed
    unfinished.rename(registry)


def stand_in(folders: list[Path], measured: int, groups: int) -> None:
    """Give the epochs of all groups what was measured of those of the first few.

    Each planned epoch takes all its values from a random measured one of the same label.
    """
    plan = pd.read_parquet(
        folders[0].parent / "epochs.parquet", columns=["epoch_id", "group", "label"]
    ).sort_values("epoch_id")
    generator = np.random.default_rng(0)
    known = plan[plan["group"] < measured]
    for label, rows in plan.groupby("label"):
        givers = known.loc[known["label"] == label, "epoch_id"]
        plan.loc[rows.index, "giver"] = generator.choice(givers, len(rows))
    for folder in folders:
        parts = [pd.read_parquet(folder / f"{group}.parquet") for group in range(measured)]
        values = pd.concat(parts).set_index("epoch_id")
        for group in range(measured, groups):
            file = folder / f"{group}.parquet"
            if file.exists():
                continue
            own = plan[plan["group"] == group].astype({"giver": "int64"})
            table = values.loc[own["giver"]].reset_index(names="epoch_id")
            write_parquet(table.assign(epoch_id=own["epoch_id"].to_numpy()), file)


def run(checkout: Path, targets: list[str], overlay: dict[str, Any] | None = None) -> bool:
    """Run Snakemake in a copy, at low priority; keep the memory that each rule held."""
    file = checkout / "size.yaml"
    if overlay is not None:
        file = checkout / "made.yaml"
        file.write_text(yaml.safe_dump(overlay), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1"}
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "2",
        "--quiet",
        "rules",
        "--keep-going",
    ]
    # The longest chain of single jobs comes first, lest one core waits for it in the end.
    longest = [target for target in targets if target.startswith("results/arrest/hrv/")]
    command += ["--prioritize", *longest] if longest else []
    command += ["--configfile", str(file), "--", *targets]
    with open(checkout / "run.log", "a", encoding="utf-8") as log:
        process = subprocess.Popen(
            ["nice", "-n", "15", *command], cwd=checkout, env=environment, stdout=log, stderr=log
        )
        with _watched(process, checkout / "samples.csv"):
            code = process.wait()
    if code:
        print(f"a stage failed in {checkout}; see run.log there", file=sys.stderr)
    return code == 0


@contextmanager
def _watched(process: subprocess.Popen[bytes], file: Path) -> Iterator[None]:
    """Note CPU time and memory of every job, three times a second; Snakemake looks every 30 s."""
    done = threading.Event()

    def watch() -> None:
        with open(file, "a", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, SAMPLE_COLUMNS)
            if stream.tell() == 0:
                writer.writeheader()
            while not done.wait(0.3):
                for sample in _running(process.pid):
                    writer.writerow(sample | {"time": f"{time.time():.3f}"})
                stream.flush()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def read_samples(checkout: Path) -> pd.DataFrame:
    """Return what was noted of the latest process of each job."""
    samples = pd.read_csv(checkout / "samples.csv")
    return samples[samples["pid"] == samples.groupby("job")["pid"].transform("last")]


def _running(pid: int) -> Iterator[dict[str, Any]]:
    """Yield what each running job, known by its open log, has taken so far.

    ``own_mb`` leaves out the pages of memory-mapped files, which the system takes back at need.
    """
    try:
        family = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            if not _SCRIPT.search(" ".join(member.cmdline())):
                continue
            logs = [found[1] for file in member.open_files() if (found := _LOG.search(file.path))]
            if not logs:
                continue  # not there yet, or a child of a job
            processes = [member, *member.children(recursive=True)]
            memory = [process.memory_info() for process in processes]
            times = [process.cpu_times() for process in processes]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue  # it has just ended
        reaped = times[0].children_user + times[0].children_system
        yield {
            "job": logs[0],
            "pid": member.pid,
            "cpu_s": sum(part.user + part.system for part in times) + reaped,
            "rss_mb": sum(part.rss for part in memory) / 2**20,
            "own_mb": sum(part.rss - part.shared for part in memory) / 2**20,
        }
