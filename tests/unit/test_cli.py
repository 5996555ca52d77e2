"""``mimicflow run``: Snakemake with the same arguments, after the lock has been looked at."""

import os
import sys

import pytest
from typer.testing import CliRunner

from mimicflow.cli import app


@pytest.fixture
def executed(monkeypatch, tmp_path):
    """What would be executed in place of the process."""
    found = []
    monkeypatch.setattr(os, "execv", lambda program, arguments: found.append((program, arguments)))
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").touch()
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        ["--cores", "2", "--configfile", "a.yaml", "--", "results/x"],
        *(["-c4"], ["-n", "--cores=1"], ["-j", "3", "x"], ["--executor", "slurm"]),
        *(["--profile", "site"], ["--workflow-profile", "profiles/slurm"]),
    ],
)
def test_all_arguments_reach_snakemake_as_they_stand(executed, arguments):
    result = CliRunner().invoke(app, ["run", *arguments])

    assert result.exit_code == 0, result.output
    assert executed == [(sys.executable, [sys.executable, "-m", "snakemake", *arguments])]


@pytest.mark.parametrize("arguments", [[], ["-n"], ["results/x"], ["--", "results/x"]])
def test_all_cores_are_used_unless_somebody_says_how_many(executed, tmp_path, arguments):
    CliRunner().invoke(app, ["run", *arguments])

    assert executed.pop()[1][3:] == ["--cores", "all", *arguments]
    (tmp_path / "profiles/default").mkdir(parents=True)
    (tmp_path / "profiles/default/profile.yaml").write_text("cores: 2\n")
    CliRunner().invoke(app, ["run", *arguments])

    assert executed.pop()[1][3:] == arguments


def test_where_there_is_no_snakefile_the_workflow_itself_runs(executed, tmp_path, repository):
    (tmp_path / "Snakefile").unlink()

    result = CliRunner().invoke(app, ["run", "-n"])

    own = str(repository / "Snakefile")
    assert executed.pop()[1][3:] == ["--snakefile", own, "--cores", "all", "-n"]
    assert "No Snakefile here" in result.output
    CliRunner().invoke(app, ["run", "-s", "other.smk", "-c1"])
    assert executed.pop()[1][3:] == ["-s", "other.smk", "-c1"]


def test_a_package_without_its_workflow_says_so(executed, tmp_path, monkeypatch):
    monkeypatch.setattr("mimicflow.running.place.PACKAGE", tmp_path / "lib/site-packages/mimicflow")

    result = CliRunner().invoke(app, ["init", "mine"])

    assert result.exit_code == 1
    assert "mimicflow was installed without its Snakefile" in result.output
    assert not (tmp_path / "mine").exists()


def test_the_lock_is_that_of_the_directory(executed, tmp_path):
    (tmp_path / "there/.snakemake/locks").mkdir(parents=True)
    (tmp_path / "there/.snakemake/locks/0.output.lock").touch()

    assert "The folder is locked" in CliRunner().invoke(app, ["run", "-d", "there"]).output


def test_help_is_our_own(executed):
    result = CliRunner().invoke(app, ["run", "--help"])

    assert result.exit_code == 0
    assert "lock of a run that was killed" in " ".join(result.output.split())
    assert executed == []


def test_why_a_lock_stays_is_said(executed, tmp_path):
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").touch()

    result = CliRunner().invoke(app, ["run", "-n"])

    assert "The folder is locked, by whom is not known" in result.output
    assert len(executed) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        *(("init", ""), ("encoder", "golden", ""), ("changes", "a", "b", "--output", "")),
        *(("evaluate", "a.csv", "--output", ""), ("arrest", "score", "a", "--output", "")),
    ],
)
def test_an_empty_name_is_not_the_current_folder(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 1
    assert "a folder has an empty name" in result.output
    assert list(tmp_path.iterdir()) == []
