"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
# Whole runs of the real Snakemake, each for minutes: first, so that the short ones fill the end.
LONG = ("tests/workflow/", "tests/slurm/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files (with ``--no-loadscope-reorder``)."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of open, real input data; tests that need it are skipped, visibly, without it."""
    folder = Path(os.environ.get("MIMICFLOW_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no open input data at {folder} (set MIMICFLOW_SHARED_DATA)")
    return folder
