"""Fixtures shared by the tests of several parts."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.figure import Figure

Store = tuple[list[Path], list[Path]]


@pytest.fixture(scope="session")
def write_store() -> Callable[[Path, np.ndarray, np.ndarray], Store]:
    """Give a function that writes waveforms (n, 12, samples) of ascending studies as one shard."""

    def write(folder: Path, study_ids: np.ndarray, waveforms: np.ndarray) -> Store:
        np.save(folder / "0.npy", waveforms.astype(np.float16))
        index = pd.DataFrame(
            {"study_id": study_ids, "row": np.arange(len(study_ids)), "lead_mask": 4095}
        )
        table = pa.Table.from_pandas(index, preserve_index=False)
        signal = b'{"sampling_rate": 100, "cleaning": "neurokit", "powerline": 60}'
        pq.write_table(
            table.replace_schema_metadata({b"mimicflow.signal": signal}), folder / "0.parquet"
        )
        return [folder / "0.npy"], [folder / "0.parquet"]

    return write


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Where a test puts raw hospital tables."""
    return tmp_path / "hosp"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where a test ingests the patients."""
    return tmp_path / "results" / "patients"


@pytest.fixture
def texts(monkeypatch) -> list[str]:
    """Every text that a figure shows, gathered while it is saved."""
    shown: list[str] = []
    save = Figure.savefig

    def gather(figure, *arguments, **options):
        shown.extend(t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text")))
        return save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", gather)
    return shown
