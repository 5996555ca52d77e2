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
    monkeypatch.chdir(tmp_path)
    return found


@pytest.mark.parametrize(
    "arguments",
    [[], ["-n"], ["--cores", "2", "--configfile", "a.yaml", "--", "results/x"], ["--version"]],
)
def test_all_arguments_reach_snakemake_as_they_stand(executed, arguments):
    result = CliRunner().invoke(app, ["run", *arguments])

    assert result.exit_code == 0, result.output
    assert executed == [(sys.executable, [sys.executable, "-m", "snakemake", *arguments])]


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
