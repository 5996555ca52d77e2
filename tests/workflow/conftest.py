"""The whole workflow on the tiny hospital and a part on real patients, run once for all tests."""

import os

import pytest
from checkouts import copy_with_demo, run_once, run_tiny_once


@pytest.fixture(scope="session")
def tiny_run(repository, tmp_path_factory):
    """The whole workflow on presets/tiny.yaml, for one file of tests, which may run it again."""
    checkout, _ = run_tiny_once(repository, tmp_path_factory)
    return checkout


@pytest.fixture(scope="session")
def clean_run(repository, tmp_path_factory):
    """The same run, which no test changes."""
    _, kept = run_tiny_once(repository, tmp_path_factory)
    return kept


@pytest.fixture(scope="session")
def clean_results(clean_run):
    """The folder of its results."""
    return clean_run.folder / "results"


@pytest.fixture(scope="session")
def demo_run(shared_data, repository, tmp_path_factory):
    """The mortality system and its report on the open demo, in an ordinary umask.

    All that Snakemake said stands in the file ``said``; no test changes the folder.
    """
    arguments = ("mortality", "--configfile", "presets/tiny.yaml", "demo.yaml")

    def run(folder):
        copied = copy_with_demo(repository, folder, shared_data)
        (copied.folder / "results").chmod(0o755)  # as git makes it, with its page
        before = os.umask(0o022)
        try:
            runs = [copied.snakemake(*arguments), copied.snakemake(*arguments, "--report", "r.zip")]
        finally:
            os.umask(before)
        said = "".join(done.stdout + done.stderr for done in runs)
        assert [done.returncode for done in runs] == [0, 0], said
        (copied.folder / "said").write_text(said)
        return copied

    return run_once("demo", tmp_path_factory, run)[1]
