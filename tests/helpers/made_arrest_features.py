"""Feature tables of the arrest system with a known signal, and the choices that go with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.learning.splits import assign_folds, assign_test

SIGNAL = ("signal_strong", "signal_weak")
"""Features that differ between event stays and the others, with and without gaps."""

EPOCH_NOISE = ("noise_0", "noise_1", "noise_2")
"""Drawn anew for each epoch: nothing of patient or label in it."""

PATIENT_NOISE = ("constant_0", "constant_1", "constant_2")
"""One number per patient, the same in all epochs, drawn without regard to the label."""

COPIES = ("copy_epochs", "copy_patients")
"""The strong signal, with its epochs, or its whole patients, shuffled."""

FEATURES = (*SIGNAL, *EPOCH_NOISE, *PATIENT_NOISE, *COPIES)
"""In the order of the table."""

BEST = {
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "feature_fraction": 0.8,
    "lambda_l1": 0.1,
    "lambda_l2": 0.1,
    "learning_rate": 0.1,
    "max_depth": 3,
    "min_child_samples": 5,
    "min_child_weight": 0.1,
    "num_leaves": 6,
}
"""LightGBM parameters under which a few rounds learn the signal."""


def make_features(
    n_patients: int = 60, n_epochs: int = 12, *, effect: float = 2.0, seed: int = 0
) -> pd.DataFrame:
    """Return a feature table: every third patient has an event, every tenth a second stay.

    Patients differ from each other far more than the epochs of one patient do, and the number of
    epochs goes from half of ``n_epochs`` to one and a half of it.
    """
    generator = np.random.default_rng(seed)
    patients = pd.DataFrame({"subject_id": [f"p{number:03d}" for number in range(n_patients)]})
    patients["event"] = (np.arange(n_patients) % 3 == 0).astype(int)
    outcomes = patients.set_index("subject_id")["event"]
    patients["split"] = patients["subject_id"].map(assign_test(outcomes, 0.2, seed))
    train = outcomes[patients.set_index("subject_id")["split"] == "train"]
    folds = patients["subject_id"].map(assign_folds(train, 5, seed))
    patients["fold"] = folds.fillna(-1).astype("int64")
    counts = generator.integers(n_epochs // 2, n_epochs + n_epochs // 2 + 1, n_patients)
    frame = patients.loc[np.repeat(np.arange(n_patients), counts)].reset_index(drop=True)
    within = frame.groupby("subject_id").cumcount()
    number = frame["subject_id"].str[1:].astype(int)
    # The second stay of a patient is its last epochs; only the first can have the event.
    second = (number % 10 == 0) & (within >= n_epochs // 2)
    frame.insert(0, "epoch_id", np.arange(len(frame), dtype=np.int64))
    frame.insert(2, "stay_id", frame["subject_id"] + np.where(second, "b", "a"))
    start = pd.Timestamp("2150-01-01") + pd.to_timedelta(5 * within, unit="min")
    frame.insert(3, "start", start.astype("datetime64[us]"))
    frame.insert(4, "end", frame["start"] + pd.Timedelta(minutes=5))
    frame["label"] = (frame.pop("event").astype(bool) & ~second).astype("int64")
    hours = 24 - 5 / 60 * within
    frame["hours_to_arrest"] = hours.where(frame["label"] == 1)
    values = _values(frame, effect, generator)
    return pd.concat([frame, values], axis=1)


def write_features(folder: Path, frame: pd.DataFrame | None = None) -> Path:
    """Write ``features.parquet`` and return its path."""
    path = folder / "features.parquet"
    (make_features() if frame is None else frame).to_parquet(path, index=False)
    return path


def write_weights(folder: Path, frame: pd.DataFrame | None = None, control: float = 3.0) -> Path:
    """Write ``weights.parquet``: of all that was monitored, controls were more by this factor."""
    frame = make_features() if frame is None else frame
    keys = ["stay_id", "subject_id", "split", "label"]
    stays = frame.groupby(keys, as_index=False).size().rename(columns={"size": "kept"})
    weights = stays.assign(weight_sample=1.0, weight_planned=1.0)
    weights["weight_monitored"] = np.where(weights["label"] == 0, control, 1.0)
    weights.to_parquet(folder / "weights.parquet", index=False)
    return folder / "weights.parquet"


def write_selected(folder: Path, accepted: tuple[str, ...] = SIGNAL) -> Path:
    """Write ``selected_features.csv`` and return its path."""
    path = folder / "selected_features.csv"
    decision = ["accepted" if name in accepted else "rejected" for name in FEATURES]
    pd.DataFrame(
        {"feature": FEATURES, "importance": 1.0, "shadow": 0.5, "hits": 9, "rounds": 9}
    ).assign(decision=decision).to_csv(path, index=False)
    return path


def _values(frame: pd.DataFrame, effect: float, generator: np.random.Generator) -> pd.DataFrame:
    code = frame["subject_id"].str[1:].astype(int).to_numpy()
    n_patients, n_rows = code.max() + 1, len(frame)
    label = frame["label"].to_numpy()

    def by_patient(spread: float) -> np.ndarray:
        return spread * generator.standard_normal(n_patients)[code]

    def by_epoch(spread: float) -> np.ndarray:
        return spread * generator.standard_normal(n_rows)

    strong = effect * label + by_patient(0.7) + by_epoch(0.5)
    weak = -0.8 * effect * label + by_patient(0.7) + by_epoch(0.7)
    weak[generator.random(n_rows) < 0.1] = np.nan
    columns = {"signal_strong": strong, "signal_weak": weak}
    columns |= {name: by_epoch(1.0) for name in EPOCH_NOISE}
    columns |= {name: by_patient(1.0) for name in PATIENT_NOISE}
    columns["copy_epochs"] = generator.permutation(strong)
    other = generator.permutation(n_patients)
    rows_of = [np.flatnonzero(code == patient) for patient in range(n_patients)]
    series = [np.resize(strong[rows_of[other[p]]], len(rows_of[p])) for p in range(n_patients)]
    columns["copy_patients"] = np.concatenate(series)
    return pd.DataFrame(columns)
