import contextlib
import logging
import subprocess
import sys
import warnings
from concurrent.futures.process import BrokenProcessPool

import pytest
from broken_machines import small_disk

from mimicflow.errors import InputError, RecordError, TableError
from mimicflow.running.database import connect
from mimicflow.running.rule_log import rule_log


def test_our_errors_end_the_rule_with_place_and_remedy_in_the_log(tmp_path, capsys):
    log = tmp_path / "rule.log"

    with pytest.raises(SystemExit), rule_log(str(log)):
        raise TableError("no column itemid", file="labevents.csv", row=1, remedy="download again")

    text = log.read_text()
    assert "labevents.csv, line 1: no column itemid" in text
    assert "What to do: download again" in text
    assert "Traceback" not in text
    assert "TableError: labevents.csv" in capsys.readouterr().err


def test_an_unexpected_error_keeps_its_traceback(tmp_path):
    log = tmp_path / "rule.log"

    with pytest.raises(ZeroDivisionError), rule_log(str(log)):
        1 / 0  # noqa: B018

    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device", "a.csv"), "StorageError: a.csv: the disk is full"),
        (OSError(28, "No space left on device"), "rule.log: the disk is full"),
        (BrokenProcessPool("terminated abruptly"), "a process of this step was killed"),
    ],
)
def test_what_the_machine_refuses_is_reported_without_a_traceback(tmp_path, capsys, error, said):
    log = tmp_path / "rule.log"

    with pytest.raises(SystemExit) as ended, rule_log(str(log)):
        raise error

    assert ended.value.code == 1
    printed = capsys.readouterr().err
    assert said in printed
    assert "run the same command again" in printed
    assert "run the same command again" in log.read_text()
    assert "Traceback" not in printed + log.read_text()


def test_a_log_that_cannot_be_written_is_reported_once(tmp_path, capsys):
    with small_disk(tmp_path / "disk") as disk, rule_log(str(disk / "rule.log")):
        (disk / "filler").write_bytes(bytes(2**20 - 4096))
        for _ in range(200):
            logging.info("%s", "x" * 100)
        with contextlib.suppress(OSError):  # as logging does at the end of the process
            logging.getLogger().handlers.pop().close()

    printed = capsys.readouterr().err
    assert printed.count("rule.log cannot be written: [Errno 28] No space left on device") == 1
    assert "Traceback" not in printed


def test_a_log_without_a_place_is_reported(tmp_path, capsys):
    (tmp_path / "rule.log").mkdir()

    with pytest.raises(SystemExit), rule_log(str(tmp_path / "rule.log")):
        pass

    assert "rule.log: a folder has the name of a file" in capsys.readouterr().err


def test_warnings_reach_the_log(tmp_path):
    log = tmp_path / "rule.log"

    with rule_log(str(log)):
        warnings.warn("column flag is missing", stacklevel=1)

    assert "column flag is missing" in log.read_text()


def test_a_finished_script_of_snakemake_skips_a_crash_of_the_teardown(tmp_path):
    script = (
        "import atexit, os, sys, threading\n"
        "from mimicflow.running.rule_log import rule_log\n"
        "class Crash:\n"
        "    def __del__(self):\n"
        "        os._exit(11)\n"
        "crash = Crash()\n"
        "atexit.register(print, 'exit functions run')\n"
        "{}\n"
        "with rule_log('rule.log'):\n"
        "    print('done')\n"
    )

    def run(line):
        return subprocess.run(
            [sys.executable, "-c", script.format(line)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    finished = run("snakemake = None")
    assert finished.returncode == 0
    assert finished.stdout == "done\nexit functions run\n"
    assert run("").returncode == 11


def test_errors_say_what_they_know():
    assert str(InputError("empty", file="a.csv")) == "a.csv: empty"
    assert str(InputError("empty")) == "empty"
    assert RecordError("gone", reason="signal_missing", file="x.dat").reason == "signal_missing"


def test_the_database_keeps_to_its_limits_and_closes():
    with connect(memory_mb=300, threads=1) as database:
        limit, threads = database.execute(
            "SELECT current_setting('memory_limit'), current_setting('threads')"
        ).fetchone()
    assert threads == 1
    assert "MiB" in limit and float(limit.split()[0]) == pytest.approx(286.1, abs=0.1)
    with pytest.raises(Exception, match=r"(?i)closed"):
        database.execute("SELECT 1")
