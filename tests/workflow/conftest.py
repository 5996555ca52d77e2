"""The whole workflow on the tiny hospital, run once for all tests."""

import pytest
from checkouts import run_tiny_once


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
