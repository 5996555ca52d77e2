"""Recordings and models written for a test."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import lightgbm
import numpy as np
import pytest
import vitaldb
import wfdb

FEATURES = ["MeanNN", "RMSSD", "HTI"]
# The index of a beat is relative to the others: among beats that are all alike it is low.
PREPROCESSING = {"sampling_rate": 250, "powerline": 60, "good_index": 0.9, "good_share": 0.0}
# P, Q, R, S and T waves: s after the R peak, width in s, mV
WAVES = ((-0.2, 0.025, 0.12), (-0.03, 0.01, -0.1), (0, 0.012, 1), (0.03, 0.01, -0.2))
T_WAVE = (0.25, 0.04, 0.25)


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


@pytest.fixture(scope="session")
def write_model() -> Callable[..., Path]:
    """Give a function that writes a small fitted model into a folder; some facts can be changed."""

    def write(folder: Path, **changes) -> Path:
        generator = np.random.default_rng(1)
        values = generator.normal([800, 40, 10], [150, 20, 4], (400, 3))
        label = (values[:, 0] + 5 * generator.normal(size=400) < 760).astype(float)
        booster = lightgbm.train(
            {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": 4, "seed": 0},
            lightgbm.Dataset(values, label, feature_name=FEATURES),
            num_boost_round=10,
        )
        facts = {
            "kind": "hrv",
            "features": FEATURES,
            "rounds": 10,
            "epoch_minutes": 5,
            "preprocessing": PREPROCESSING,
            "horizon_h": [0.5, 24],
            "threshold": {"specificity_0.8": 0.3},
            "synthetic": True,
            "mimicflow": "0.1.0",
        }
        folder.mkdir(parents=True, exist_ok=True)
        booster.save_model(str(folder / "model.txt"))
        beta = {"a": 0.7, "b": 1.4, "c": -0.5, "method": "beta", "n": 400, "events": 150}
        (folder / "calibration.json").write_text(json.dumps(beta))
        (folder / "model.json").write_text(json.dumps(facts | changes))
        return folder

    return write


@pytest.fixture(scope="session")
def model_folder(write_model, tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))
