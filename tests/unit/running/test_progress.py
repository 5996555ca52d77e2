"""What a job says on the terminal, on a clock that the test moves."""

import os
import sys
from types import SimpleNamespace

import pytest

from mimicflow.running import progress
from mimicflow.running.progress import ELSEWHERE, TERMINAL, Meter, keep_quiet, left, say, shown


class Clock:
    """Stands for the module ``time``."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """A job that has just begun, at 0 s."""
    stopped = Clock()
    monkeypatch.setattr(progress, "time", stopped)
    for name in ("_begun", "_said"):
        monkeypatch.setattr(progress, name, 0.0)
    job = SimpleNamespace(rule="build_ecg_store", wildcards=["scenarios/fold_0/", "", "1"])
    monkeypatch.setattr(sys.modules["__main__"], "snakemake", job, raising=False)
    monkeypatch.delenv("MIMICFLOW_QUIET", raising=False)
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    return stopped


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setattr(progress, "_on_terminal", lambda: True)


def pass_through(clock: Clock, items: int, each: float) -> None:
    for _ in shown(range(items), items, "ECGs"):
        clock.now += each


def test_a_bar_is_whole_lines_with_the_name_of_the_job(clock, terminal, capsys):
    pass_through(clock, 20, 1.0)

    said = capsys.readouterr().err
    first, second, third = said.splitlines()
    assert said.endswith("\n") and "\r" not in said
    assert first.startswith("build_ecg_store scenarios/fold_0 1: ")
    assert "25%|" in first and first.endswith("| 5/20 [00:05<00:15,  1.00 ECGs/s]")
    assert "10/20" in second and "15/20" in third
    assert {len(line) for line in (first, second, third)} == {100}


def test_where_there_is_no_terminal_lines_are_few(clock, capsys):
    pass_through(clock, int(ELSEWHERE), 1.0)
    assert capsys.readouterr().err == ""

    pass_through(clock, 100, 1.0)
    assert len(capsys.readouterr().err.splitlines()) == 100 // ELSEWHERE + 1


def test_the_longer_it_takes_the_fewer_are_the_lines(clock, terminal, capsys):
    pass_through(clock, 3600, 1.0)

    lines = len(capsys.readouterr().err.splitlines())
    assert 3600 / ELSEWHERE < lines < 3600 / TERMINAL / 3


def test_two_passes_within_a_second_are_one_line(clock, terminal, capsys):
    for number in range(1, 5):
        clock.now += 0.6
        say(f"pass {number}")

    assert [line[-6:] for line in capsys.readouterr().err.splitlines()] == ["pass 2", "pass 4"]


@pytest.mark.parametrize("asked", [None, {"rules"}, {"host", "reason"}])
def test_what_is_not_about_progress_silences_nothing(clock, terminal, capsys, monkeypatch, asked):
    monkeypatch.setattr(os, "environ", {})
    keep_quiet(asked)
    pass_through(clock, 20, 1.0)

    assert capsys.readouterr().err


@pytest.mark.parametrize("asked", [{"progress", "rules"}, {"all"}])
def test_quiet_is_silent(clock, terminal, capsys, monkeypatch, asked):
    monkeypatch.setattr(os, "environ", {})
    keep_quiet(asked)
    pass_through(clock, 20, 1.0)

    assert capsys.readouterr().err == ""


def test_outside_of_a_job_all_is_silent(clock, terminal, capsys, monkeypatch):
    monkeypatch.delattr(sys.modules["__main__"], "snakemake")
    pass_through(clock, 20, 1.0)

    assert capsys.readouterr().err == ""


def test_of_the_processes_of_a_job_the_first_speaks(clock, terminal, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    pass_through(clock, 20, 1.0)

    assert capsys.readouterr().err == ""


def test_bytes_are_counted_in_their_units(clock):
    meter = Meter(3_000_000_000, "B", "read")
    clock.now = 10.0
    meter.step(1_200_000_000)

    assert str(meter).startswith("read:  40%|")
    assert "1.20G/3.00G [00:10<00:15, 120MB/s]" in str(meter)


def test_times_that_are_left():
    assert (left(89.6), left(9000)) == ("01:30", "2:30:00")
