"""Copies of the repository in which the real Snakemake runs, so that tests may change files."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

PARTS = (
    *("Snakefile", "config.yaml", "config", "rules", "workflow", "src", "presets", "profiles"),
    "envs",
)


@dataclass(frozen=True)
class Checkout:
    """A copy of the repository and its Snakemake; or a folder that uses one."""

    folder: Path
    uses: Path | None = None
    """The copy whose package runs, if it is another one."""

    @property
    def _environment(self) -> dict[str, str]:
        package = (self.uses or self.folder) / "src"
        return {**os.environ, "PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"}

    def snakemake(self, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", str(cores), *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def mimicflow(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "mimicflow", *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def planned(self, *arguments: str) -> dict[str, int]:
        """Return how many jobs of each rule a run would execute now."""
        run = self.snakemake("--dry-run", *arguments)
        assert run.returncode == 0, run.stdout + run.stderr
        text = run.stdout + run.stderr
        if "Nothing to be done" in text:
            return {}
        table = text.split("Job stats:")[1].split("total")[0]
        return {rule: int(count) for rule, count in re.findall(r"^(\w+)\s+(\d+)$", table, re.M)}


def copy_repository(repository: Path, folder: Path) -> Checkout:
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = repository / part
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, folder / part, ignore=ignore)
        else:
            shutil.copy2(source, folder / part)
    return Checkout(folder)


def copy_with_demo(repository: Path, folder: Path, shared_data: Path) -> Checkout:
    """Copy the repository, with an overlay ``demo.yaml`` that names the open MIMIC-IV demo.

    The demo lies below a folder whose name begins as the generator's: it is real all the same.
    """
    copied = copy_repository(repository, folder)
    (copied.folder / "results").mkdir()
    (copied.folder / "results/synthetic_not").symlink_to(shared_data / "mimic-iv-demo-2.2")
    overlay = {"data": {module: f"results/synthetic_not/{module}" for module in ("hosp", "icu")}}
    (copied.folder / "demo.yaml").write_text(yaml.safe_dump(overlay))
    return copied


def run_tiny_once(repository: Path, tmp_path_factory) -> tuple[Checkout, Checkout]:
    """Run the whole workflow on presets/tiny.yaml, once for all workers.

    Returns the checkout, and a copy of it that no test changes.
    """

    def run(folder: Path) -> Checkout:
        checkout = copy_repository(repository, folder)
        done = checkout.snakemake("--configfile", "presets/tiny.yaml")
        assert done.returncode == 0, done.stdout + done.stderr
        return checkout

    return run_once("tiny", tmp_path_factory, run)


def run_once(
    name: str, tmp_path_factory, run: Callable[[Path], Checkout]
) -> tuple[Checkout, Checkout]:
    """Run something in a folder that all workers share; only the first of them does.

    Returns the checkout, and a copy of it that no test changes.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # what all workers share
    checkout, kept = Checkout(base / name / "mimicflow"), Checkout(base / name / "kept")
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.folder.is_dir():
            shutil.rmtree(base / name, ignore_errors=True)  # of a worker whose run failed
            copied = copy_with_results(run(checkout.folder), base / name / "copying")
            copied.folder.rename(kept.folder)
    return checkout, kept


def copy_with_results(checkout: Checkout, folder: Path) -> Checkout:
    """Copy a checkout with what it has made, so that Snakemake has nothing to make again."""
    shutil.copytree(checkout.folder, folder, symlinks=True)
    return Checkout(folder)
