import json
import subprocess
from pathlib import Path

import pytest

from mimicflow.errors import ConfigError, InputError
from mimicflow.report.run_manifest import (
    commit,
    describe_run,
    package_versions,
    rule_totals,
    without_folders,
)

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def benchmark(path: Path, seconds: float, memory: str, cpu: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rest = f"{seconds}\t0:00:01\t{memory}\t1\t1\t1\t0\t0\t25\t{cpu}\n"
    path.write_text(HEADER + rest)
    return path


def test_the_jobs_of_a_rule_are_summed_and_their_memory_is_the_largest(tmp_path: Path):
    files = [
        benchmark(tmp_path / "benchmarks" / "train" / "a" / "0.tsv", 10.5, "100.0", 20.0),
        benchmark(tmp_path / "scenarios/x/benchmarks" / "train" / "1.tsv", 2.0, "300.5", 4.25),
        benchmark(tmp_path / "benchmarks" / "build_cohort.tsv", 0.1, "NA", 0.0),
    ]
    assert rule_totals(files) == [
        {"rule": "build_cohort", "jobs": 1, "seconds": 0.1, "cpu_seconds": 0.0}
        | {"max_memory_mb": None},
        {"rule": "train", "jobs": 2, "seconds": 12.5, "cpu_seconds": 24.25}
        | {"max_memory_mb": 300.5},
    ]


def test_no_benchmarks_no_rules(tmp_path: Path):
    assert rule_totals([]) == []


def test_a_benchmark_from_elsewhere_is_refused(tmp_path: Path):
    path = benchmark(tmp_path / "a.tsv", 1, "1", 1)
    with pytest.raises(InputError, match=r"a.tsv: not a benchmark file"):
        rule_totals([path])


def test_a_file_that_is_no_benchmark_is_refused(tmp_path: Path):
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks/a.tsv").write_text("x\n1\n")
    with pytest.raises(InputError, match=r"a.tsv"):
        rule_totals([tmp_path / "benchmarks" / "a.tsv"])


def test_absolute_paths_keep_their_last_part():
    config = {"data": {"hosp": "/srv/someone/mimic/hosp", "ed": "results/ed"}, "sizes": [1, 0.5]}
    config |= {"home": "~/x", "windows": "C:\\Users\\me\\icu", "none": None, "on": True}
    assert without_folders(config) == {
        "data": {"hosp": "…/hosp", "ed": "results/ed"},
        "sizes": [1, 0.5],
        "home": "…/x",
        "windows": "…/icu",
        "none": None,
        "on": True,
    }
    assert without_folders(Path("/a/b")) == "…/b"


def test_the_run_is_written_without_names_of_host_user_or_folder(tmp_path: Path):
    path = benchmark(tmp_path / "benchmarks" / "train.tsv", 1.0, "50", 1.0)
    output = tmp_path / "run.json"
    run = describe_run([path], {"seed": 7, "data": str(tmp_path)}, output)
    text = output.read_text(encoding="utf-8")
    assert json.loads(text) == run
    assert run["seed"] == 7
    assert run["rules"][0]["rule"] == "train"
    assert run["machine"]["cores"] >= 1
    assert run["machine"]["memory_gb"] > 0
    assert str(tmp_path) not in text
    assert str(Path.home()) not in text


def test_only_direct_requirements_are_reported():
    packages = package_versions("mimicflow")
    assert packages["numpy"]
    assert "pytest" not in packages  # of the extra for developers
    assert list(packages) == sorted(packages, key=str.lower)


def test_a_distribution_that_is_not_installed_is_refused():
    with pytest.raises(ConfigError, match="not installed"):
        package_versions("no-such-distribution")


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_the_commit_and_its_changes_are_reported(tmp_path: Path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("1\n")
    assert commit(tmp_path) == {"commit": None, "changed": None}  # not tracked
    git(tmp_path, "add", "a.py")
    git(tmp_path, "commit", "-q", "-m", "a")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert commit(tmp_path) == {"commit": head, "changed": False}
    (tmp_path / "a.py").write_text("2\n")
    assert commit(tmp_path) == {"commit": head, "changed": True}


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert commit(tmp_path) == {"commit": None, "changed": None}
