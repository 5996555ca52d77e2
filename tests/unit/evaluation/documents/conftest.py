"""The run that documents are written from."""

import pytest
from documented.made_run import write_run


@pytest.fixture
def run(tmp_path):
    """The files of a run and its model."""
    return write_run(tmp_path)
