"""Fixtures shared by the tests of several parts."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import vitaldb
import wfdb
from matplotlib.figure import Figure

Store = tuple[list[Path], list[Path]]
# P, Q, R, S and T waves: s after the R peak, width in s, mV
WAVES = ((-0.2, 0.025, 0.12), (-0.03, 0.01, -0.1), (0, 0.012, 1), (0.03, 0.01, -0.2))
T_WAVE = (0.25, 0.04, 0.25)


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


@pytest.fixture(scope="session")
def ecg_long(shared_data) -> Path:
    return shared_data / "ecg-long"


@pytest.fixture(scope="session")
def sinus() -> Callable[..., np.ndarray]:
    """Give a function that makes an ECG with normal beats, in mV."""

    def make(seconds: float, rate: float = 250, seed: int = 0) -> np.ndarray:
        generator = np.random.default_rng(seed)
        n_beats = int(seconds / 0.8)
        intervals = 0.8 + 0.04 * np.sin(np.arange(n_beats) / 2) + generator.normal(0, 0.01, n_beats)
        time = np.arange(round(seconds * rate)) / rate
        ecg = generator.normal(0, 0.01, len(time))
        for beat in np.cumsum(intervals):
            near = slice(*np.searchsorted(time, [beat - 0.4, beat + 0.5]))
            for place, width, height in (*WAVES, T_WAVE):
                ecg[near] += height * np.exp(-0.5 * ((time[near] - beat - place) / width) ** 2)
        return ecg

    return make


@pytest.fixture
def write_record(tmp_path) -> Callable[..., Path]:
    """Give a function that writes a single-segment record with wfdb, and returns the header."""

    def write(
        name: str,
        signals: Sequence[np.ndarray],
        rate: float = 250,
        names: Sequence[str] = ("II",),
        units: Sequence[str] | None = None,
        fmt: str = "16",
        **more,
    ) -> Path:
        folder = tmp_path / "waves"
        folder.mkdir(exist_ok=True)
        wfdb.wrsamp(
            name,
            fs=rate,
            units=list(units or ["mV"] * len(names)),
            sig_name=list(names),
            p_signal=np.column_stack(signals),
            fmt=[fmt] * len(names),
            write_dir=str(folder),
            **more,
        )
        return folder / f"{name}.hea"

    return write


@pytest.fixture
def write_vital(tmp_path) -> Callable[..., Path]:
    """Give a function that writes a ``.vital`` file with the package itself."""

    def write(
        name: str, tracks: dict[str, list[dict]], rates: dict[str, float] | None = None, **more
    ) -> Path:
        folder = tmp_path / "waves"
        folder.mkdir(exist_ok=True)
        file = vitaldb.VitalFile()
        records = [record for track in tracks.values() for record in track]
        file.dtstart = more.pop("dtstart", min(record["dt"] for record in records))
        file.dgmt = more.pop("dgmt", 0)
        file.dtend = more.pop("dtend", None) or max(
            record["dt"] + len(record["val"]) / (rates or {}).get(track, 500)
            for track, of_track in tracks.items()
            for record in of_track
            if isinstance(record["val"], np.ndarray)
        )
        for track, of_track in tracks.items():
            is_wave = isinstance(of_track[0]["val"], np.ndarray)
            rate = (rates or {}).get(track, 500) if is_wave else 0
            file.add_track(track, of_track, srate=rate, unit=more.get("unit", "mV"))
        path = folder / f"{name}.vital"
        assert file.to_vital(str(path), packed=more.get("packed", True))
        return path

    return write
