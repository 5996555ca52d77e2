"""Small WFDB records, written by hand so that every field of the header can be wrong."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from mimicflow.ecg.records import LEADS

Writer = Callable[..., str]


def written(raw: np.ndarray) -> tuple[list[int], list[int]]:
    """Return what a header says of its signals: their first values and checksums."""
    return [int(row[0]) if len(row) else 0 for row in raw], [int(row.sum()) % 65536 for row in raw]


@pytest.fixture
def write_record(tmp_path: Path) -> Writer:
    """Write ``<name>.hea`` and ``<name>.dat`` in format 16 under ``tmp_path / "ecg"``."""

    def write(
        name: str = "r",
        raw: np.ndarray | None = None,
        leads: Sequence[str] = LEADS,
        record_line: str | None = None,
        fmt: str = "16",
        scale: str = "200.0(0)/mV",
        dat: str | None = None,
        sampling_rate: float = 500,
    ) -> str:
        folder = tmp_path / "ecg"
        folder.mkdir(exist_ok=True)
        if raw is None:
            raw = np.random.default_rng(0).integers(-400, 400, (len(leads), 1000))
        dat = dat or f"{name}.dat"
        line = record_line or f"{name} {len(leads)} {sampling_rate:g} {raw.shape[1]}"
        signals = [
            f"{dat} {fmt} {scale} 16 0 {first} {checksum} 0 {lead}"
            for lead, first, checksum in zip(leads, *written(raw), strict=True)
        ]
        header = "\n".join([line, *signals, "# comment"]) + "\n"
        (folder / f"{name}.hea").write_text(header, encoding="utf-8")
        (folder / f"{name}.dat").write_bytes(raw.T.astype("<i2").tobytes())
        return name

    return write
