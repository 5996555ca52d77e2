"""Fixtures shared by all tests."""

import os
from collections.abc import Callable
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


@pytest.fixture(scope="session")
def bring_weights() -> Callable[[Path], Path]:
    """Give a function that writes an encoder as another run would, ``own.pth`` in a folder."""
    from mimicflow.ecg import encoder_file, preparation, resnet  # noqa: PLC0415 (PyTorch)
    from mimicflow.running.configuration import read_config  # noqa: PLC0415

    signal = preparation.signal_of(**read_config(repository=REPOSITORY)["ecg"])

    def bring(folder: Path) -> Path:
        network = {"width": 8, "depth": [1, 1, 1, 1]}
        resolved = {"encoder": network, "pretraining": {}, "seed": 0, "signal": signal}
        encoder_file.save_without_pretraining(
            resnet.ResNet1d(**network),
            resolved | {"fitted_on": {}},
            folder / "own.pth",
            folder / "history.csv",
        )
        return folder / "own.pth"

    return bring
