"""Predictions of patients whose true probabilities are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit

TITLES = {"a": "Model A", "b": "Model B"}
"""What readers call two models."""


def draw(
    n: int, scale: float = 1.0, shift: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and probabilities whose logit is scaled and shifted from the truth."""
    generator = np.random.default_rng(seed)
    truth = generator.normal(-0.4, 1.5, n)
    label = (generator.random(n) < expit(truth)).astype(int)
    return label, expit(scale * truth + shift)


def table(
    n: int, scale: float = 1.0, shift: float = 0.0, seed: int = 0, folds: int = 5
) -> pd.DataFrame:
    """Return a predictions table: n test stays, two per patient, and validation rows by fold."""
    label, probability = draw(n, scale, shift, seed)
    stay = np.arange(n)
    patient = stay // 2
    test = pd.DataFrame(
        {
            "stay_id": stay,
            "subject_id": patient,
            "fold": patient % folds,
            "split": "test",
            "label": label,
            "probability": probability,
        }
    )
    inner = [
        test[(patient % folds != fold) & (patient // folds % 3 == 0)].assign(
            fold=fold, split="validation"
        )
        for fold in range(folds)
    ]
    return pd.concat([test, *inner], ignore_index=True)


def write(folder: Path, tables: dict[str, pd.DataFrame]) -> dict[str, Path]:
    """Write tables as Parquet and return their paths by model."""
    paths = {model: folder / f"{model}.parquet" for model in tables}
    for model, path in paths.items():
        tables[model].to_parquet(path)
    return paths
