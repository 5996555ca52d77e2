"""The whole workflow on the tiny hospital, run once for all tests."""

import pytest
from checkouts import run_tiny_once


@pytest.fixture(scope="session")
def tiny_run(repository, tmp_path_factory):
    """The whole workflow on presets/tiny.yaml, for one file of tests, which may run it again."""
    checkout, _ = run_tiny_once(repository, tmp_path_factory)
    return checkout


@pytest.fixture(scope="session")
def clean_results(repository, tmp_path_factory):
    """The folder of results of a whole run on presets/tiny.yaml, which no test changes."""
    _, results = run_tiny_once(repository, tmp_path_factory)
    return results
