"""Turn tables into tensors: what the admission network reads of each stay.

Whatever is fitted here (acuity median, scales, imputer) is fitted on training stays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mimicflow.admission.drugs import DRUG_DICTIONARY, read_dictionary, require_dictionary
from mimicflow.admission.model import Batch, ModelConfig
from mimicflow.admission.vitals import VITALS
from mimicflow.concepts import static_features
from mimicflow.errors import CohortError, InputError
from mimicflow.learning.fitted_on import fitted_on
from mimicflow.learning.preprocessing import ChainedImputer, Scaler
from mimicflow.learning.splits import stays_of_model

RAW_VITALS = ("hours", *VITALS, "pain", "sleeping", "uta", "real_pain")
"""Columns of a raw row: hours to the prediction, six vitals (NaN: not measured), pain and flags."""
_MEASURED = ("_first", "_peak")  # how the names of laboratory values end
_LIMITED = (*_MEASURED, "pre_los")  # a slip of one cell makes them absurd; counts are of rows
HIGHEST_Z = 100.0
"""Limit of scaled values: a column that is constant in training has an SD of nearly 0, and one
other value later would outweigh everything else."""
HIGHEST_HOURS = 72.0
"""Limit of the hours to the prediction, which enter the networks unscaled: three days. 99 % of the
stays in the emergency department of the open MIMIC-IV demo end within 42 h, the longest took 74 h:
a slip of the clock weighs no more than the longest true time."""


@dataclass(frozen=True, kw_only=True)
class InputFiles:
    """The tables of the cohort."""

    spine: str | Path
    """stay_id, subject_id, intime, prediction_time, label, n_ecg, split."""
    cohort_ecgs: str | Path
    """stay_id, position (oldest first), study_id, readable, hours_before."""
    final_ecgs: str | Path
    """stay_id and the static features, unscaled; acuity and laboratory values may be missing."""
    gsn_etc: str | Path
    """The dictionary by which the drugs of ``final_ecgs`` were classed."""
    vitals: str | Path
    """stay_id, source (oldest first), charttime, six vitals, pain, sleeping, uta, real_pain."""


@dataclass(frozen=True, kw_only=True)
class InputOptions:
    """Choices outside the model's own configuration."""

    acuity_median: Literal["training", "all"] = "training"
    """Stays from which the median is taken; ``all`` leaks a little."""
    imputer_rows: Literal["training", "all"] = "training"
    """Vital-sign rows on which the imputer is fitted; ``all``: of every stay of the file, as in the
    first release, also of those that a model of several ECGs leaves out."""
    outliers: Literal["limited", "kept"] = "limited"
    """Whether laboratory values and vital signs far from all of training count as less far, and no
    scaled value as more than ``HIGHEST_Z``."""
    max_rows: int = 10
    """The last so many vital-sign rows of a stay are used."""
    stopping: Literal["validation", "test"] = "validation"
    """The patients that end the training; ``test``: the reported ones, which is optimistic."""
    multi: Literal["shared", "own"] = "shared"
    """The split of stays with several ECGs: that of all stays, or drawn among them alone."""


@dataclass(frozen=True)
class Preprocessor:
    """Fitted on training stays: raw static features and vital signs to network inputs.

    Parameters
    ----------
    features : list of str
        The static inputs in order: numeric ones first.
    acuity_median : float
        Takes the place of a missing acuity.
    static_scaler : Scaler
        Of the numeric static features.
    imputer, vitals_scaler : ChainedImputer, Scaler
        Of the six vitals; the scaler also has pain, as seventh column.
    max_rows : int
        Vital-sign rows used of each stay.
    highest_z : float
        Limit of scaled values.
    """

    features: list[str]
    acuity_median: float
    static_scaler: Scaler
    imputer: ChainedImputer
    vitals_scaler: Scaler
    max_rows: int
    highest_z: float = HIGHEST_Z

    @classmethod
    def fit(
        cls,
        static: pd.DataFrame,
        static_training: np.ndarray,
        vitals: np.ndarray,
        vitals_training: np.ndarray,
        options: InputOptions,
        imputer_values: np.ndarray | None = None,
    ) -> Preprocessor:
        """Fit on the rows that are marked as training.

        Parameters
        ----------
        static : pandas.DataFrame
            Raw static features, one row per stay.
        vitals : ndarray
            Raw rows of all stays, (rows, len(RAW_VITALS)).
        static_training, vitals_training : ndarray of bool
            Which rows belong to training stays.
        options : InputOptions
            Whether the median sees other rows too, and outliers the scalers.
        imputer_values : ndarray, optional
            The six vitals on which the imputer is fitted, (rows, 6); by default the training rows.
        """
        reference = static_features()
        numeric = reference.loc[reference["kind"] == "numeric", "name"].tolist()
        median_rows = static_training if options.acuity_median == "training" else slice(None)
        if imputer_values is None:
            imputer_values = vitals[vitals_training, 1:7]
        median = float(static["acuity"][median_rows].median())
        limited = options.outliers == "limited"
        training = static.loc[static_training, numeric].fillna({"acuity": median})
        return cls(
            features=reference["name"].tolist(),
            acuity_median=median,
            static_scaler=Scaler.fit(
                training.to_numpy(np.float64),
                np.array([limited and name.endswith(_LIMITED) for name in numeric]),
            ),
            imputer=ChainedImputer.fit(imputer_values),
            vitals_scaler=Scaler.fit(vitals[vitals_training, 1:8], np.full(7, limited)),
            max_rows=options.max_rows,
            highest_z=HIGHEST_Z if limited else np.inf,
        )

    def static(self, frame: pd.DataFrame) -> np.ndarray:
        """Return (stays, features) float32 of raw static features.

        A missing acuity becomes the training median, a missing laboratory value the training
        mean, that is 0 after scaling.

        Raises
        ------
        InputError
            A column is missing, or a value other than acuity and laboratory results is.
        """
        lacking = [name for name in self.features if name not in frame]
        if lacking:
            raise InputError(
                f"static features are missing: {', '.join(lacking[:5])}",
                remedy="extract the features again",
            )
        values = frame[self.features].fillna({"acuity": self.acuity_median})
        values = values.to_numpy(np.float64)
        n_numeric = len(self.static_scaler.mean)
        scaled = self.static_scaler.transform(values[:, :n_numeric])
        scaled = np.clip(scaled, -self.highest_z, self.highest_z)
        for column in np.flatnonzero(np.isnan(scaled).any(axis=0)).tolist():
            if not self.features[column].endswith(_MEASURED):
                raise InputError(
                    f"static feature {self.features[column]!r} is missing for some stay",
                    remedy="extract the features again",
                )
        values[:, :n_numeric] = np.nan_to_num(scaled)
        if np.isnan(values).any():
            column = int(np.flatnonzero(np.isnan(values).any(axis=0))[0])
            raise InputError(
                f"flag {self.features[column]!r} is missing for some stay",
                remedy="extract the features again",
            )
        return values.astype(np.float32)

    def vitals(self, rows: np.ndarray) -> np.ndarray:
        """Return (rows, 17) float32 of raw rows (rows, len(RAW_VITALS)).

        In order: hours to the prediction (0 to ``HIGHEST_HOURS``); six vitals, imputed and scaled;
        pain, scaled; sleeping, uta, real_pain; for each vital whether it was measured.
        """
        rows = np.asarray(rows, dtype=np.float64)
        measured = ~np.isnan(rows[:, 1:7])
        scaled = self.vitals_scaler.transform(
            np.column_stack([self.imputer.transform(rows[:, 1:7]), rows[:, 7]])
        )
        scaled = np.clip(scaled, -self.highest_z, self.highest_z)
        hours = np.clip(rows[:, :1], 0.0, HIGHEST_HOURS)
        return np.column_stack([hours, scaled, rows[:, 8:], measured]).astype(np.float32)

    def sequences(self, raw: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
        """Return the last rows of each stay, (stays, max_rows, 17), and their number, (stays,).

        Parameters
        ----------
        raw : sequence of ndarray
            Raw rows of each stay, oldest first; at least one.
        """
        last = [np.asarray(rows, dtype=np.float64)[-self.max_rows :] for rows in raw]
        n_rows = np.array([len(rows) for rows in last])
        if (n_rows == 0).any():
            raise CohortError(
                f"{(n_rows == 0).sum()} stays have no vital-sign row",
                remedy="extract the vital signs again: triage gives every stay one",
            )
        padded = np.zeros((len(last), self.max_rows, 17), dtype=np.float32)
        padded[np.arange(self.max_rows) < n_rows[:, None]] = self.vitals(np.concatenate(last))
        return torch.from_numpy(padded), torch.from_numpy(n_rows)

    def state(self) -> dict[str, Any]:
        """Return plain values and tensors."""
        return {
            name: value.state() if isinstance(value, Scaler | ChainedImputer) else value
            for name, value in vars(self).items()
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Preprocessor:
        """Undo :meth:`state`."""
        fitted = {
            "static_scaler": Scaler.from_state(state["static_scaler"]),
            "imputer": ChainedImputer.from_state(state["imputer"]),
            "vitals_scaler": Scaler.from_state(state["vitals_scaler"]),
        }
        return cls(**{**state, **fitted})


class AdmissionInputs:
    """All stays of a model as tensors, by ``stay_id``.

    Attributes
    ----------
    stays : pandas.DataFrame
        stay_id, subject_id, split, label.
    study_ids : ndarray
        Distinct ECGs, sorted.
    ecg_index, hours : Tensor
        For each stay and step the row of ``study_ids`` (-1: none) and the hours to the prediction.
    vitals, n_vitals, static : Tensor
        Scaled; see :class:`Batch`.
    preprocessor : Preprocessor
        What scaled them.
    dictionary : pandas.DataFrame
        Drug classes by code, of which the static features are made.
    fitted_on : dict
        Whom the weights, the pass, and each part of the preprocessor come from.
    """

    def __init__(self, files: InputFiles, config: ModelConfig, options: InputOptions) -> None:
        stays = stays_of_model(files.spine, config.stays, options.stopping, options.multi)
        self.branches, self.stopping = config.branches, options.stopping
        self.stays = stays[["stay_id", "subject_id", "split", "label"]]
        self.labels = torch.from_numpy(stays["label"].to_numpy(np.float32))
        self._require_both_classes(files.spine)
        self._place_ecgs(files.cohort_ecgs)
        static = pd.read_parquet(files.final_ecgs)
        self.dictionary = read_dictionary(files.gsn_etc)
        require_dictionary(static, self.dictionary.attrs[DRUG_DICTIONARY], files.final_ecgs)
        static = static.set_index("stay_id").reindex(stays["stay_id"]).reset_index()
        raw = _raw_vitals(files.vitals, stays)
        place = np.repeat(np.arange(len(raw)), [len(rows) for rows in raw])
        training = (stays["split"] == "train").to_numpy()
        self.preprocessor = Preprocessor.fit(
            static,
            training,
            np.concatenate(raw),
            training[place],
            options,
            imputer_values=_all_vitals(files.vitals) if options.imputer_rows == "all" else None,
        )
        self.fitted_on = _fitted_on(self.stays, options, files.spine)
        self.static = torch.from_numpy(self.preprocessor.static(static))
        self.vitals, self.n_vitals = self.preprocessor.sequences(raw)

    def _require_both_classes(self, file: str | Path) -> None:
        for split in ("train", self.stopping):
            n_classes = self.stays.loc[self.stays["split"] == split, "label"].nunique()
            if n_classes < 2:
                raise CohortError(
                    f"the {split} stays of this model do not hold both outcomes",
                    file=file,
                    remedy="use more patients, or raise split.validation in config.yaml",
                )

    def _place_ecgs(self, file: str | Path) -> None:
        """Lay each stay's ECGs in order into a row, from the left; those without waveform out."""
        ecgs = pd.read_parquet(file).sort_values(["stay_id", "position"])
        ecgs = ecgs[ecgs["readable"] & ecgs["stay_id"].isin(self.stays["stay_id"])]
        lacking = len(self.stays) - ecgs["stay_id"].nunique()
        if lacking or ecgs["hours_before"].isna().any():
            raise CohortError(
                f"{lacking} stays without an ECG, "
                f"{ecgs['hours_before'].isna().sum()} ECGs without a time",
                file=file,
                remedy="make the cohort again",
            )
        self.study_ids, index = np.unique(ecgs["study_id"], return_inverse=True)
        row = self.stays["stay_id"].searchsorted(ecgs["stay_id"])
        step = ecgs.groupby("stay_id").cumcount().to_numpy()
        placed = np.full((len(self.stays), step.max() + 1), -1, dtype=np.int64)
        hours = np.zeros(placed.shape, dtype=np.float32)
        placed[row, step] = index
        hours[row, step] = ecgs["hours_before"].clip(0, HIGHEST_HOURS)
        self.ecg_index, self.hours = torch.from_numpy(placed), torch.from_numpy(hours)

    def rows(self, *splits: str) -> np.ndarray:
        """Return the rows of the stays in any of the splits."""
        return np.flatnonzero(self.stays["split"].isin(splits))

    def batch(self, rows: np.ndarray, ecgs: Callable[[np.ndarray], Tensor]) -> Batch:
        """Return the network's inputs for some stays.

        Parameters
        ----------
        rows : ndarray
            Of ``stays``.
        ecgs : callable
            Gives ECGs by their row in ``study_ids``; asked once for each distinct one.
        """
        index = torch.from_numpy(rows)
        parts: dict[str, Tensor] = {}
        if "ecg" in self.branches:
            placed = self.ecg_index[index]
            distinct, position = torch.unique(placed[placed >= 0], return_inverse=True)
            parts["ecg_index"] = torch.full_like(placed, -1)
            parts["ecg_index"][placed >= 0] = position
            parts |= {"ecgs": ecgs(distinct.numpy()), "hours": self.hours[index]}
            parts["n_ecgs"] = (placed >= 0).sum(1)
        if "vitals" in self.branches:
            parts |= {"vitals": self.vitals[index], "n_vitals": self.n_vitals[index]}
        if "static" in self.branches:
            parts["static"] = self.static[index]
        return Batch(**parts)


def _fitted_on(
    stays: pd.DataFrame, options: InputOptions, spine: str | Path
) -> dict[str, dict[str, Any]]:
    """Return whose rows the weights, the pass and the preprocessor of a model come from."""
    of = {part: rows["subject_id"] for part, rows in stays.groupby("split")}
    training = of["train"]
    whole_file = pd.read_parquet(spine, columns=["subject_id"])["subject_id"]
    return fitted_on(
        training=training,
        stopping=of[options.stopping],
        scales=training,
        imputer=training if options.imputer_rows == "training" else whole_file,
        acuity_median=training if options.acuity_median == "training" else stays["subject_id"],
    )


def _all_vitals(file: str | Path) -> np.ndarray:
    """Return the six vitals of every row of the file, (rows, 6)."""
    table = pd.read_parquet(file).sort_values(["stay_id", "source"])
    return table[list(VITALS)].to_numpy(np.float64)


def _raw_vitals(file: str | Path, stays: pd.DataFrame) -> list[np.ndarray]:
    """Return the raw rows of each stay, oldest first."""
    times = stays[["stay_id", "intime", "prediction_time"]]
    table = pd.read_parquet(file).merge(times, on="stay_id").sort_values(["stay_id", "source"])
    # The triage row has no time of its own.
    until = table["prediction_time"] - table["charttime"].fillna(table["intime"])
    table["hours"] = until.dt.total_seconds() / 3600
    values = table[list(RAW_VITALS)].to_numpy(np.float64)
    counts = table.groupby("stay_id").size().reindex(stays["stay_id"], fill_value=0)
    return np.split(values, np.cumsum(counts.to_numpy())[:-1])
