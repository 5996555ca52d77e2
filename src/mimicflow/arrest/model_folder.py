"""Write and read the folder of an arrest model: LightGBM text and JSON, nothing that runs code.

``model.json`` says what the model needs, ``model.txt`` is the booster, ``calibration.json`` holds
the coefficients of the beta calibration.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from mimicflow.arrest.booster_text import checked_booster_text
from mimicflow.arrest.features import BOTH, HRV, VITAL, finite
from mimicflow.arrest.ward.weights import POPULATIONS
from mimicflow.errors import CheckpointError, ConfigError, InputError
from mimicflow.evaluation.statistics.recalibration import apply_beta
from mimicflow.hrv.preprocessing import QUALITIES, Preprocessing, Quality

MODEL, BOOSTER, CALIBRATION = "model.json", "model.txt", "calibration.json"
KINDS = (HRV, VITAL, BOTH)
_LARGEST = 1e300  # an integer of JSON may be beyond any float
_REMEDY = "run the rule that trains the model again"


@dataclass(frozen=True)
class ArrestModel:
    """A model that gives the probability of an arrest.

    Parameters
    ----------
    kind : str
        ``hrv``, ``clinical`` for vital signs, or ``both``: what its features are.
    features : tuple of str
        Their names, in the model's order.
    epoch_minutes : float
        Length of an epoch.
    preprocessing : Preprocessing
        How an epoch of ECG becomes beats.
    horizon_h : tuple of float
        The least and the most hours to the arrest of the epochs that count as positive.
    threshold : float
        Probability from which on an epoch is an exceedance; NaN where none can be promised.
    threshold_name : str
        How it was chosen, such as ``specificity_0.8``.
    synthetic : bool
        Whether the model was fitted on made-up patients.
    booster : lightgbm.Booster
        The model before calibration.
    calibration : numpy.ndarray
        (3,) coefficients of the beta calibration.
    prevalence : mapping of str to float
        Share of epochs before an arrest by population of `mimicflow.arrest.ward.weights`; the
        probabilities are as of the sample. A model of an older version does not name any.
    """

    kind: str
    features: tuple[str, ...]
    epoch_minutes: float
    preprocessing: Preprocessing
    horizon_h: tuple[float, float]
    threshold: float
    threshold_name: str
    synthetic: bool
    booster: lightgbm.Booster
    calibration: np.ndarray
    prevalence: Mapping[str, float] = field(default_factory=dict)

    def judging_by(self, quality: str = "", detector: str = "") -> ArrestModel:
        """Return the model with another rule of quality or detector, with their own limits.

        Raises
        ------
        ConfigError
            When there is no such method.
        """
        steps = self.preprocessing
        if quality and quality != steps.quality.method:
            steps = replace(steps, quality=QUALITIES.get(quality) or Quality(quality))
        if detector and detector != steps.detector.method:
            steps = replace(steps, detector=replace(steps.detector, method=detector))
        return replace(self, preprocessing=steps)

    @property
    def has_threshold(self) -> bool:
        """Whether there is a threshold that keeps what its name promises."""
        return not math.isnan(self.threshold)

    def alarm(self, probability: float) -> bool | None:
        """Return whether a probability is an exceedance; None where there is no threshold."""
        return probability >= self.threshold if self.has_threshold else None

    def probability(self, features: pd.DataFrame) -> np.ndarray:
        """Return the calibrated probability of an arrest of each row, (n,).

        Parameters
        ----------
        features : pandas.DataFrame
            With at least the columns ``self.features``; NaN where a feature is not known.

        Raises
        ------
        InputError
            When a column is missing.
        """
        missing = [name for name in self.features if name not in features]
        if missing:
            raise InputError(
                f"the model needs {', '.join(missing)}", remedy="give all features of the model"
            )
        values = finite(features[list(self.features)]).to_numpy(dtype=np.float64)
        if not len(values):
            return np.empty(0)
        # One thread: an epoch at a time, and the same sum whatever the machine.
        raw = self.booster.predict(values, num_threads=1)
        return apply_beta(np.asarray(raw), np.asarray(self.calibration))


def load_model(folder: str | Path) -> ArrestModel:
    """Read a fitted model.

    Parameters
    ----------
    folder : path-like
        Holds ``model.json``, ``model.txt`` and ``calibration.json``.

    Returns
    -------
    ArrestModel

    Raises
    ------
    CheckpointError
        A file is missing or damaged, or the files do not fit each other.
    """
    folder = Path(folder)
    facts = _read_json(folder / MODEL)
    model = _model(facts, folder / MODEL, _read_booster(folder / BOOSTER), _read_beta(folder))
    expected = model.booster.num_feature()
    if expected != len(model.features):
        raise CheckpointError(
            f"takes {expected} features, {MODEL} names {len(model.features)}",
            file=folder / BOOSTER,
            remedy=_REMEDY,
        )
    names = tuple(model.booster.feature_name())
    # LightGBM numbers the columns of an array; names show when two folders were mixed up.
    numbered = tuple(f"Column_{place}" for place in range(expected))
    if names not in (model.features, numbered):
        raise CheckpointError(
            f"has other features, or another order of them, than {MODEL}",
            file=folder / BOOSTER,
            remedy=_REMEDY,
        )
    return model


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise CheckpointError(
            "no such file",
            file=file,
            remedy=f"give the folder of a fitted model, with {MODEL}, {BOOSTER} and {CALIBRATION} "
            "(results/arrest/hrv after a run)",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"cannot be read ({error})", file=file, remedy=_REMEDY) from error


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(_read_text(file), object_pairs_hook=_without_repetition)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"is not JSON ({error})", file=file, remedy=_REMEDY) from error
    if not isinstance(content, dict):
        raise CheckpointError("is no JSON object", file=file, remedy=_REMEDY)
    return content


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key occurs twice")
    return content


def _read_booster(file: Path) -> lightgbm.Booster:
    text = _read_text(file)
    try:
        return lightgbm.Booster(model_str=checked_booster_text(text))
    except (lightgbm.basic.LightGBMError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"is no LightGBM model ({error})", file=file, remedy=_REMEDY
        ) from error


def _read_beta(folder: Path) -> np.ndarray:
    file = folder / CALIBRATION
    content = _read_json(file)
    values = [content.get(name) for name in ("a", "b", "c")]
    if content.get("method") != "beta" or not all(_is_number(value) for value in values):
        raise CheckpointError(
            "is no beta calibration: needs method beta and numbers a, b, c",
            file=file,
            remedy=_REMEDY,
        )
    return np.array(values, dtype=np.float64)


def _model(
    facts: dict[str, Any], file: Path, booster: lightgbm.Booster, calibration: np.ndarray
) -> ArrestModel:
    features, thresholds = facts.get("features"), facts.get("threshold")
    horizon = facts.get("horizon_h")
    checks = {
        f"kind must be one of {', '.join(KINDS)}": facts.get("kind") in KINDS,
        "features must be a list of different names": isinstance(features, list)
        and bool(features)
        and all(isinstance(name, str) for name in features)
        and len(set(features)) == len(features),
        "epoch_minutes must be a number above 0": _is_number(facts.get("epoch_minutes"))
        and facts["epoch_minutes"] > 0,
        "horizon_h must be two numbers": isinstance(horizon, list)
        and len(horizon) == 2
        and all(_is_number(hours) for hours in horizon),
        "threshold must have one number, or null": isinstance(thresholds, dict)
        and len(thresholds) == 1
        and all(value is None or _is_number(value) for value in thresholds.values()),
        "synthetic must be true or false": isinstance(facts.get("synthetic"), bool),
        "prevalence must have numbers between 0 and 1": _are_shares(facts.get("prevalence", {})),
    }
    for rule, holds in checks.items():
        if not holds:
            raise CheckpointError(rule, file=file, remedy=_REMEDY)
    (name, threshold), *_ = thresholds.items()  # type: ignore[union-attr]
    return ArrestModel(
        kind=facts["kind"],
        features=tuple(facts["features"]),
        epoch_minutes=float(facts["epoch_minutes"]),
        preprocessing=_preprocessing(facts.get("preprocessing"), file),
        horizon_h=(float(facts["horizon_h"][0]), float(facts["horizon_h"][1])),
        threshold=float("nan") if threshold is None else float(threshold),
        threshold_name=name,
        synthetic=facts["synthetic"],
        booster=booster,
        calibration=calibration,
        prevalence={name: float(share) for name, share in facts.get("prevalence", {}).items()},
    )


def _are_shares(named: Any) -> bool:
    """Whether each population of the model has a share; a model of an older version has none."""
    if not isinstance(named, dict) or (named and set(named) != set(POPULATIONS)):
        return False
    return all(_is_number(share) and 0 < share < 1 for share in named.values())


def _preprocessing(options: Any, file: Path) -> Preprocessing:
    """Return how an epoch becomes beats; a model of an older version does not say all of it."""
    if not _is_like(options, Preprocessing().as_options()):
        raise CheckpointError(
            "preprocessing is not as this version has it", file=file, remedy=_REMEDY
        )
    try:
        return Preprocessing.of(options)
    except ConfigError as error:
        raise CheckpointError(str(error), file=file, remedy=_REMEDY) from error


def _is_like(value: Any, other: Any) -> bool:
    """Whether a value read from JSON has the keys and types of another."""
    if isinstance(other, Mapping):
        return (
            isinstance(value, Mapping)
            and value.keys() == other.keys()
            and all(_is_like(value[key], other[key]) for key in other)
        )
    if isinstance(other, bool | str):
        return type(value) is type(other)
    return _is_number(value)


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) <= _LARGEST and math.isfinite(value)
