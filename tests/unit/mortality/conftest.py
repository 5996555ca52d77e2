"""Made-up visits whose last one reveals the outcome, whatever came before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from mimicflow.mortality.embedding import fit_embedding
from mimicflow.mortality.sequences import build_sequences

EMBEDDING = {"dimensions": 12, "window": 5, "min_count": 1, "epochs": 150, "negative": 5}
READING = {"max_visits": 20, "repeated_codes": "once", "code_names": "prefixed"}
GRAVE = ["ICD10:R6521", "DRUG:norepinephrine", "PROC10:5A1D70Z"]
MILD = ["ICD10:Z5189", "DRUG:docusate sodium", "DRUG:sodium chloride 0.9% flush"]
COMMON = ["ICD10:I10", "ICD9:4019", "DRUG:heparin", "ICD10:E785"]


class Made(NamedTuple):
    """The files that models are fitted on."""

    spine: Path
    visits: list[Path]
    embedding: Path
    sequences: Path


def draw_visits(n: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the spine and the visits of ``n`` patients; the last visit decides."""
    rng = np.random.default_rng(seed)
    stays, visits = [], []
    for patient in range(n):
        grave = rng.random(rng.integers(2, 7)) < 0.5
        label = int(rng.random() < (0.9 if grave[-1] else 0.1))
        part = "test" if patient % 5 == 0 else "validation" if patient % 5 == 1 else "train"
        stays.append((3000 + patient, 1000 + patient, 2000 + patient, label, part,
                      50 + patient % 40, "FM"[patient % 2]))  # fmt: skip
        for position, is_grave in enumerate(grave, start=1):
            codes = rng.permutation(GRAVE if is_grave else MILD)[:2].tolist()
            codes += rng.permutation(COMMON)[:2].tolist()
            visits.append((3000 + patient, position, len(grave), 10 * patient + position, codes))
    names = ["stay_id", "subject_id", "hadm_id", "label", "split", "age", "gender"]
    columns = ["stay_id", "position", "n_visits", "hadm_id", "codes"]
    return pd.DataFrame(stays, columns=names), pd.DataFrame(visits, columns=columns)


def write_visits(visits: pd.DataFrame, folder: Path, shards: int = 2) -> list[Path]:
    """Write visits as shards by patient."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{shard}.parquet" for shard in range(shards)]
    for shard, path in enumerate(paths):
        visits[visits["stay_id"] % shards == shard].to_parquet(path, index=False)
    return paths


@pytest.fixture(scope="session")
def make(tmp_path_factory) -> Callable[..., Made]:
    """Give a function that writes the files of ``n`` patients, or of a given spine and visits."""

    def write(n: int = 300, frames: tuple[pd.DataFrame, pd.DataFrame] | None = None) -> Made:
        folder = tmp_path_factory.mktemp("made")
        spine, visits = draw_visits(n) if frames is None else frames
        files = Made(
            folder / "spine.parquet",
            write_visits(visits, folder / "visits"),
            folder / "med2vec.kv",
            folder / "sequences.npz",
        )
        spine.to_parquet(files.spine, index=False)
        fit_embedding(files.visits, files.spine, EMBEDDING, files.embedding)
        build_sequences(files.visits, files.embedding, files.sequences)
        return files

    return write


@pytest.fixture(scope="session")
def made(make) -> Made:
    return make()
