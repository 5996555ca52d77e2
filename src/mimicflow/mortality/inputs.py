"""Read what the models of mortality are fitted on: stays with label and split, and their visits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimicflow.errors import CohortError
from mimicflow.learning.fitted_on import fitted_on
from mimicflow.learning.splits import SPLITS
from mimicflow.mortality.sequences import VisitSequences

PREDICTIONS = ["stay_id", "subject_id", "split", "label", "probability"]
"""Columns of a predictions table."""
PATIENT_FEATURES = ("age", "male", "n_visits")
"""What LightGBM knows of a patient beside the codes: years, 0 or 1, visits so far."""


class MortalityInputs:
    """The stays of a protocol, by stay_id, with the rows of their visits.

    Parameters
    ----------
    spine : path-like
        Parquet of `mimicflow.mortality.cohort.label_deaths`.
    sequences : path-like
        File of `mimicflow.mortality.sequences.build_sequences`.
    parts : sequence of str
        The parts that there must be, each with both outcomes.

    Attributes
    ----------
    stays : pandas.DataFrame
        The spine.
    sequences : VisitSequences
        Visits, of these stays among others.
    visit_rows : ndarray of int, shape (stays,)
        Row of each stay in ``sequences``.
    labels : ndarray of float32, shape (stays,)
        1: died within the horizon.

    Raises
    ------
    CohortError
        No stays, or a part with one outcome only.
    InputError
        A stay without visits.
    """

    def __init__(
        self, spine: str | Path, sequences: str | Path, parts: Sequence[str] = SPLITS
    ) -> None:
        stays = pd.read_parquet(spine).sort_values("stay_id", ignore_index=True)
        _check(stays, spine, parts)
        self.stays = stays
        self.sequences = VisitSequences.read(sequences)
        self.visit_rows = self.sequences.rows_of(stays["stay_id"].to_numpy(), sequences)
        self.labels = stays["label"].to_numpy(np.float32)

    def rows(self, *parts: str) -> np.ndarray:
        """Return the rows of the stays in these parts, ascending."""
        return np.flatnonzero(self.stays["split"].isin(parts))

    def fitted_on(self, **parts: str) -> dict[str, dict[str, Any]]:
        """Return whom a model comes from: what was fitted -> the part of the split."""
        ids = self.stays["subject_id"]
        return fitted_on(**{role: ids.iloc[self.rows(part)] for role, part in parts.items()})

    def patient_features(self) -> pd.DataFrame:
        """Return ``PATIENT_FEATURES``, one row per stay, float64."""
        values = {
            "age": self.stays["age"],
            "male": self.stays["gender"] == "M",
            "n_visits": self.sequences.n_visits[self.visit_rows],
        }
        return pd.DataFrame({name: np.asarray(values[name], float) for name in PATIENT_FEATURES})

    def predictions(self, rows: np.ndarray, probability: np.ndarray) -> pd.DataFrame:
        """Return the predictions table of some rows."""
        table = self.stays.iloc[rows].assign(probability=probability)
        return table[PREDICTIONS].reset_index(drop=True)


def _check(stays: pd.DataFrame, spine: str | Path, parts: Sequence[str]) -> None:
    if stays.empty:
        raise CohortError(
            "there are no stays to learn from",
            file=spine,
            remedy="see attrition.csv beside it: every patient was lost at some step",
        )
    for part in parts:
        labels = stays.loc[stays["split"] == part, "label"]
        if labels.nunique() < 2:
            raise CohortError(
                f"the {len(labels)} {part} patients do not hold both outcomes",
                file=spine,
                remedy="use more patients, another mortality.split.seed, or larger shares under "
                "mortality.split",
            )
