"""A copy of the repository in which the real Snakemake runs, so that tests may change files."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

PARTS = ("Snakefile", "config.yaml", "rules", "workflow", "src", "presets", "profiles", "envs")


@dataclass(frozen=True)
class Checkout:
    """A copy of the repository and its Snakemake."""

    folder: Path

    def snakemake(self, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", str(cores), *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(self.folder / "src"), "OMP_NUM_THREADS": "1"},
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
    """Copy the repository, with an overlay ``demo.yaml`` that names the open MIMIC-IV demo."""
    copied = copy_repository(repository, folder)
    demo = shared_data / "mimic-iv-demo-2.2"
    overlay = {"data": {module: str(demo / module) for module in ("hosp", "icu")}}
    (copied.folder / "demo.yaml").write_text(yaml.safe_dump(overlay))
    return copied


@pytest.fixture(scope="session")
def tiny_run(repository, tmp_path_factory):
    """The whole workflow on presets/tiny.yaml, run once; tests that change files put them back."""
    checkout = copy_repository(repository, tmp_path_factory.mktemp("tiny") / "mimicflow")
    run = checkout.snakemake("--configfile", "presets/tiny.yaml")
    assert run.returncode == 0, run.stdout + run.stderr
    return checkout
