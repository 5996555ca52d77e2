"""Predicted epochs and tables of features of intensive care stays whose truth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

START = pd.Timestamp("2150-01-01")
MEASURES = ["HTI", "TINN", "IALS", "MeanNN", "SDNN", "RMSSD", "LF", "GI"]


def epochs(
    stays: int = 60, events: int = 20, per_stay: int = 40, seed: int = 0, minutes: float = 30
) -> pd.DataFrame:
    """Return epochs of 5 min, one every ``minutes``, the last of event stays 0.5 h before arrest.

    Each stay has a patient of its own, but the last, which is of the patient of the last but two.
    The first ``events`` stays have an arrest; every second stay is held out.
    """
    generator = np.random.default_rng(seed)
    stay = np.repeat(np.arange(stays), per_stay)
    place = np.tile(np.arange(per_stay), stays)
    end = START + pd.to_timedelta(stay, "D") + pd.to_timedelta(5 + minutes * place, "min")
    label = (stay < events).astype(np.int64)
    hours = np.where(label == 1, 0.5 + (per_stay - 1 - place) * minutes / 60, np.nan)
    frame = pd.DataFrame(
        {
            "subject_id": [f"p{s:04d}" for s in np.where(stay == stays - 1, stays - 3, stay)],
            "stay_id": [f"s{s:04d}" for s in stay],
            "split": np.where(stay % 2 == 0, "test", "validation"),
            "label": label,
            "start": end - pd.Timedelta(minutes=5),
            "end": end,
            "hours_to_arrest": hours,
        }
    )
    frame.insert(0, "epoch_id", np.arange(len(frame)))
    near = np.where(label == 1, 2.0 - np.nan_to_num(hours) / 12, 0.0)
    nature = generator.normal(0, 0.7, stays)[stay]
    return frame.assign(risk=near + nature + generator.normal(0, 0.7, len(frame)))


def predictions(noise: float = 0.5, seed: int = 1, **sizes: float) -> pd.DataFrame:
    """Return predicted epochs; more noise is a worse model."""
    made = epochs(**sizes)  # type: ignore[arg-type]
    risk = made.pop("risk") + np.random.default_rng(seed).normal(0, noise, len(made))
    return made.assign(probability=expit(risk - 3))


def features(**sizes: float) -> pd.DataFrame:
    """Return measures of epochs: HTI and TINN fall and IALS rises with the risk, others do not."""
    made = epochs(**sizes)  # type: ignore[arg-type]
    risk = made.pop("risk")
    generator = np.random.default_rng(2)
    slopes = {"HTI": -2.0, "TINN": -40.0, "IALS": 0.05}
    for measure in MEASURES:
        scale = abs(slopes.get(measure, 1.0))
        made[measure] = slopes.get(measure, 0.0) * risk + generator.normal(0, scale, len(made))
    made.loc[::17, "LF"] = np.nan
    made["split"] = made["split"].replace("validation", "train")
    made.insert(6, "fold", np.where(made["split"] == "train", made.index % 5, -1))
    return made


def write(folder: Path, tables: dict[str, pd.DataFrame]) -> dict[str, Path]:
    """Write tables as Parquet and return their paths by name."""
    paths = {name: folder / f"{name}.parquet" for name in tables}
    for name, path in paths.items():
        tables[name].to_parquet(path)
    return paths
