"""Recordings and models written for a test."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import lightgbm
import numpy as np
import pytest

from mimicflow.hrv.preprocessing import Preprocessing

FEATURES = ["MeanNN", "RMSSD", "HTI"]
PREPROCESSING = Preprocessing().as_options()


@pytest.fixture(scope="session")
def write_model() -> Callable[..., Path]:
    """Give a function that writes a small fitted model into a folder; some facts can be changed."""

    def write(folder: Path, *, columns: Sequence[str] = FEATURES, **changes) -> Path:
        generator = np.random.default_rng(1)
        values = generator.normal([800, 40, 10], [150, 20, 4], (400, 3))
        label = (values[:, 0] + 5 * generator.normal(size=400) < 760).astype(float)
        booster = lightgbm.train(
            {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": 4, "seed": 0},
            lightgbm.Dataset(values, label, feature_name=list(columns)),
            num_boost_round=10,
        )
        facts = {
            "kind": "hrv",
            "features": list(columns),
            "rounds": 10,
            "epoch_minutes": 5,
            "preprocessing": PREPROCESSING,
            "horizon_h": [0.5, 24],
            "threshold": {"specificity_0.8": 0.3},
            "synthetic": True,
            "prevalence": {"sample": 0.2, "planned": 0.18, "monitored": 0.02},
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
