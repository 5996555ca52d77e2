import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pytest

from mimicflow.running import identity, leftovers
from mimicflow.running.database import connect
from mimicflow.running.leftovers import final_path, hidden_path
from mimicflow.running.writing import atomic_folder, atomic_output

DEAD = 2**22 + 1  # above the largest number of a process
ELSEWHERE = "other_host-1"


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def here():
    return identity.HOST


def named(folder: Path, stem: str, owner: str, suffix: str = ".csv") -> Path:
    path = folder / f".{stem}.{owner}.partial{suffix}"
    path.write_text("half")
    return path


def test_what_a_dead_process_left_goes_when_the_file_is_written_again(tmp_path, here):
    named(tmp_path, "table", f"{here}-{DEAD}")

    with atomic_output(tmp_path / "table.csv") as temporary:
        assert list(tmp_path.iterdir()) == []
        temporary.write_text("new")

    assert names(tmp_path) == ["table.csv"]


def test_what_belongs_to_other_files_stays(tmp_path, here):
    others = {
        named(tmp_path, "table", f"{here}-{DEAD}", ".parquet"),
        named(tmp_path, "table.2", f"{here}-{DEAD}"),
        named(tmp_path, "my.table", f"{here}-{DEAD}"),
        named(tmp_path, "tables", f"{here}-{DEAD}"),
    }

    with atomic_output(tmp_path / "table.csv") as temporary:
        temporary.write_text("new")

    assert set(tmp_path.iterdir()) == {*others, tmp_path / "table.csv"}


def test_what_a_living_process_is_writing_stays(tmp_path, here):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as living:
        partial = named(tmp_path, "table", f"{here}-{living.pid}")

        with atomic_output(tmp_path / "table.csv") as temporary:
            temporary.write_text("new")

        assert partial.exists()
        living.communicate(b"\n")


@pytest.mark.parametrize("in_snakemake", [False, True])
def test_of_another_host_only_snakemake_removes_anything(tmp_path, monkeypatch, in_snakemake):
    """Its lock says that nobody else writes the file; elsewhere nobody says so."""
    partial = named(tmp_path, "table", ELSEWHERE)
    if in_snakemake:
        monkeypatch.setattr(sys.modules["__main__"], "snakemake", None, raising=False)

    with atomic_output(tmp_path / "table.csv") as temporary:
        temporary.write_text("new")

    assert partial.exists() is not in_snakemake


def test_folders_of_the_dead_go_too(tmp_path, here):
    for kind in ("partial", "replaced"):
        left = tmp_path / f".registry.{here}-{DEAD}.{kind}"
        left.mkdir()
        (left / "half").touch()

    with atomic_folder(tmp_path / "registry") as folder:
        (folder / "whole").touch()

    assert names(tmp_path) == ["registry"]
    assert names(tmp_path / "registry") == ["whole"]


def test_folders_that_another_process_removes_first_are_no_error(tmp_path, here, monkeypatch):
    for number in range(3):
        (tmp_path / f"spill-{here}-{DEAD + number}-x").mkdir()

    def gone_meanwhile(pid):
        shutil.rmtree(tmp_path / f"spill-{here}-{pid}-x")
        return False

    monkeypatch.setattr(leftovers, "lives", gone_meanwhile)
    leftovers.remove_abandoned_folders(tmp_path, "spill-")
    leftovers.remove(tmp_path / "never")

    assert names(tmp_path) == []


def test_hidden_names_show_their_result():
    for name in ("table.csv", "patients.csv.gz", "registry", ".all_stays_model.resume.pth"):
        path = Path("results") / name
        hidden = hidden_path(path)
        assert hidden.name.startswith(".")
        assert hidden.suffix == path.suffix or not path.suffix
        assert final_path(hidden) == path
        assert final_path(path) == path


JOB = """
import sys, time
from pathlib import Path
from mimicflow.running.writing import atomic_output
with atomic_output(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_killed_in_the_middle_of_a_file(tmp_path):
    target = tmp_path / "table.csv"
    for _ in range(2):
        job = subprocess.Popen(
            [sys.executable, "-c", JOB, str(target)], stdout=subprocess.PIPE, text=True
        )
        assert job.stdout.readline() == "writing\n"
        job.kill()
        job.communicate()
        # One file, however often it happens: the second job has removed that of the first.
        assert [path.read_text() for path in tmp_path.iterdir()] == ["half"]
        assert not target.exists()

    with atomic_output(target) as temporary:
        temporary.write_text("whole")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["whole"]


def test_the_next_database_removes_what_a_killed_one_had_spilled(tmp_path, monkeypatch, here):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spilled = tmp_path / f"mimicflow-spill-{here}-{DEAD}-abc123"
    others = tmp_path / f"mimicflow-spill-{ELSEWHERE}-abc123"
    for folder in (spilled, others):
        folder.mkdir()
        (folder / "duckdb_temp").touch()

    with connect() as first:
        with connect() as second:
            assert second.execute("SELECT 1").fetchone() == (1,)
        # A second one of the same process leaves the first alone.
        folder = Path(first.execute("SELECT current_setting('temp_directory')").fetchone()[0])
        assert folder.is_dir()
        assert isinstance(first, duckdb.DuckDBPyConnection)

    assert set(tmp_path.iterdir()) == {others}


POOL = """
import os, sys, time
from mimicflow.running.workers import worker_pool
def work(number):
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep(60)
if __name__ == "__main__":
    with worker_pool(2) as pool:
        list(pool.map(work, range(2)))
"""
SCRIPT = """
import os, time
snakemake = None
from mimicflow.running.rule_log import rule_log
with rule_log("rule.log"):
    print(os.getpid(), flush=True)
    time.sleep(60)
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


def ends(pid: int, seconds: float = 10) -> bool:
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        # A dead process that nobody has asked about is still listed.
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text():
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(("code", "n"), [([POOL], 2), ([PARENT, SCRIPT], 1)])
def test_workers_and_jobs_end_with_the_process_that_has_started_them(tmp_path, code, n):
    started = subprocess.Popen(
        [sys.executable, "-c", *code], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    pids = [int(started.stdout.readline()) for _ in range(n)]

    started.kill()
    started.wait()

    assert all(ends(pid) for pid in pids)
    started.stdout.close()


ABANDONED = """
import os, subprocess, sys
from mimicflow.running.identity import announce
announce()
started = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[2]])
"""
WRITER = """
import os, sys, time
from mimicflow.running.writing import atomic_folder, atomic_output
from mimicflow.running.identity import is_abandoned
writing, target = sys.argv[1].split(":", 1)
with globals()[writing](target) as temporary:
    (temporary if writing == "atomic_output" else temporary / "file").write_text("older")
    while not is_abandoned():
        time.sleep(0.01)
print("written", flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("writing", ["atomic_output", "atomic_folder"])
def test_what_an_abandoned_job_was_writing_takes_no_place(tmp_path, writing):
    ran = subprocess.run(
        [sys.executable, "-c", ABANDONED, WRITER, f"{writing}:{tmp_path / 'result'}"],
        capture_output=True,
        text=True,
        check=True,
    )  # until the writer, too, has closed its output

    assert "nothing is written" in ran.stderr
    assert ran.stdout != "written\n"
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_nobody_has_announced_itself_to_is_not_abandoned(monkeypatch):
    monkeypatch.delenv("MIMICFLOW_STARTED_BY", raising=False)
    assert not identity.is_abandoned()


def test_who_has_started_it_is_reported_by_more_than_a_number(monkeypatch):
    monkeypatch.setenv("MIMICFLOW_STARTED_BY", "")
    identity.announce()
    assert not identity.is_abandoned()
    me = identity.this_process()

    def abandoned_by(host=me.host, space=me.space, pid=me.pid, begun=me.begun):
        monkeypatch.setenv("MIMICFLOW_STARTED_BY", f"{host} {space} {pid} {begun}")
        return identity.is_abandoned()

    assert abandoned_by(pid=DEAD)
    assert abandoned_by(begun="1") == bool(me.begun)  # its number went to another process
    assert not abandoned_by(host="elsewhere", pid=DEAD)
    assert not abandoned_by(space="pid:[1]", pid=DEAD)
