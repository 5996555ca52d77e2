"""What a benchmark takes is measured in one place, and said with clock, processors and threads."""

import ast
import importlib
import subprocess
import sys
import time
from types import ModuleType

import pytest

BUSY_S = 0.3
BUSY = f"""
import threading, time
def work():
    while time.thread_time() < {BUSY_S}: pass
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
TIMED = {"in_turn", "snakemake", "spent"}


@pytest.fixture
def runs(repository, monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(repository / "benchmarks"))
    return importlib.import_module("_runs")


@pytest.fixture
def modules(repository) -> dict[str, ast.Module]:
    """Every benchmark that times something, parsed."""
    parsed = {
        file.name: ast.parse(file.read_text(encoding="utf-8"))
        for file in (repository / "benchmarks").glob("[a-z]*.py")
    }
    return {name: tree for name, tree in parsed.items() if TIMED & {of for of, _ in calls(tree)}}


def calls(tree: ast.AST) -> list[tuple[str, int]]:
    """Return the name of every function that is called, with the number of its arguments."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [(of.func.id, len(of.args)) for of in found if isinstance(of.func, ast.Name)]


def test_all_threads_of_a_process_that_a_task_starts_count(runs):
    took = runs.spent(lambda: subprocess.run([sys.executable, "-c", BUSY], check=True))

    assert took.cpu >= 2 * BUSY_S
    assert took.wall >= BUSY_S


def test_who_sleeps_takes_time_but_no_processor(runs):
    took = runs.spent(lambda: time.sleep(BUSY_S))

    assert took.wall >= BUSY_S
    assert took.cpu < BUSY_S / 3


def test_this_process_counts_finer_than_a_tick_of_the_system(runs):
    def work():
        end = time.process_time() + 0.003
        while time.process_time() < end:
            pass

    assert all(0.003 <= runs.spent(work).cpu < 0.1 for _ in range(5))


def test_a_run_of_the_workflow_has_the_processors_of_its_processes(runs, tmp_path):
    own = time.process_time()

    took = runs.snakemake(tmp_path, "--version").took

    assert took.cpu > 2 * (time.process_time() - own)  # not what watches it
    assert 0.1 < took.wall < 60


def test_tasks_run_in_turn_and_the_best_run_of_each_counts(runs):
    order = []

    def slow_at_first(name):
        time.sleep(0 if name in order else BUSY_S)
        order.append(name)

    found = runs.in_turn([lambda: slow_at_first("a"), lambda: slow_at_first("b")], 3)

    assert order == ["a", "b"] * 3
    assert [took.wall < BUSY_S for took in found] == [True, True]


def test_wall_and_processors_have_their_best_each(runs):
    assert runs.least([runs.Spent(1.0, 4.0), runs.Spent(2.0, 3.0)]) == runs.Spent(1.0, 3.0)


def test_a_side_is_shown_with_both_times_threads_and_what_it_does(runs, capsys):
    runs.show("ours", runs.Spent(0.0123, 0.0246), 2)
    runs.show("theirs", runs.Spent(2.0, 1.5), 1, "only unpacks")

    first, second, does = capsys.readouterr().out.splitlines()
    assert first.split() == ["ours", "wall", "12.30", "ms", "CPU", "24.60", "ms", "2", "threads"]
    assert second.split() == ["theirs", "wall", "2.00", "s", "CPU", "1.50", "s", "1", "thread"]
    assert does.split() == ["only", "unpacks"]


def test_every_benchmark_that_times_shows_it_and_what_the_other_side_does(modules):
    assert len(modules) >= 11
    for name, tree in modules.items():
        shown = [arguments for called, arguments in calls(tree) if called == "show"]
        assert shown and 4 in shown, name


def test_no_benchmark_that_times_has_a_clock_of_its_own(modules):
    for name, tree in modules.items():
        imported = [
            of.name for node in ast.walk(tree) if isinstance(node, ast.Import) for of in node.names
        ]
        assert "time" not in imported, name


def test_a_benchmark_says_wall_and_processors_of_both_sides(runs, monkeypatch, capsys):
    delong = importlib.import_module("delong")
    monkeypatch.setattr(delong, "one_core", lambda: None)  # later tests need the other cores
    monkeypatch.setattr(delong, "N_STAYS", 300)

    with pytest.raises(SystemExit):
        delong.main()

    sides = [line for line in capsys.readouterr().out.splitlines() if " wall " in line]
    assert [line.split(" wall ")[0].strip() for line in sides] == [
        *("mimicflow", "mimicflow, by patient", "all pairs")
    ]
    assert all(" CPU " in line and line.endswith(" 1 thread") for line in sides)
