"""Two jobs of the real Snakemake say on one terminal how far they are."""

import contextlib
import os
import pty
import re
import subprocess
import sys

SNAKEFILE = """
from mimicflow.running.progress import keep_quiet

keep_quiet(workflow.output_settings.quiet)


rule all:
    input:
        "0.txt",
        "1.txt",


rule read:
    output:
        touch("{shard}.txt"),
    script:
        "read.py"
"""
SCRIPT = """
import time
from mimicflow.running import progress

progress.TERMINAL = 0.05
for _ in progress.shown(range(20), 20, "ECGs"):
    time.sleep(0.05)
"""


def on_a_terminal(folder, *arguments):
    """Return what Snakemake and its jobs say that have a terminal."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, cwd=folder, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while part := os.read(ours, 4096):
                said += part
    os.close(ours)
    assert process.returncode == 0, said.decode()
    return said.decode()


def test_jobs_on_one_terminal_say_whole_lines_and_nothing_when_quiet(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "read.py").write_text(SCRIPT)
    said = on_a_terminal(tmp_path)
    quiet = on_a_terminal(tmp_path, "--quiet", "--forceall")

    lines = [line for line in said.splitlines() if "ECGs" in line]
    bar = re.compile(r"read ([01]): +\d+%\|.*\| \d+/20 \[00:0\d<.*, +[\d.]+ ECGs/s\]")
    assert {bar.fullmatch(line)[1] for line in lines} == {"0", "1"}
    assert len(lines) > 4
    assert "ECGs" not in quiet
