"""Run a trial: fit a model with other settings, and score it on validation patients.

Test patients have no part in it: those who fit are given a spine without them
(`mimicflow.learning.splits.keep_inner_patients`), and the score is read from validation rows.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from mimicflow.errors import DivergenceError, InputError
from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.statistics.clusters import rarer
from mimicflow.evaluation.statistics.jackknife import estimate, jackknife
from mimicflow.learning.fitted_on import FITTED_ON, fitted_on
from mimicflow.learning.gpus import is_first
from mimicflow.learning.tuning.space import Settings, nested
from mimicflow.running.leftovers import remove
from mimicflow.running.storage import make_folder
from mimicflow.running.writing import write_json

log = logging.getLogger(__name__)

PREDICTIONS = "predictions.parquet"
"""What a fit leaves in its folder to be scored."""
SCORE = "auroc"
COMPLETE, DIVERGED = "complete", "diverged"
"""How a trial ends. What else goes wrong with it is an error of the job."""
_AGAIN = "delete it, and run the tuning again"


def run_trial(
    number: int,
    suggested: str | Path,
    output: str | Path,
    fit: Callable[[dict[str, Any], Path], None],
    *,
    seed: int,
) -> None:
    """Fit a model with what is suggested for a trial, and write how good it is.

    Parameters
    ----------
    number : int
        Of the trial.
    suggested : path-like
        As `mimicflow.learning.tuning.suggestion.suggest_trials` writes it.
    output : path-like
        JSON: ``number``, ``parameters`` (by dotted key), ``state`` (complete, or diverged); of a
        complete trial ``auroc``, ``auroc_low``, ``auroc_high`` on validation patients, and on whom
        that is (`mimicflow.learning.fitted_on`).
    fit : callable
        Takes the keys that the trial changes, nested as in the configuration, and a folder. It
        leaves `PREDICTIONS` there, and what it needs to go on with after it was killed.
    seed : int
        Of the groups of patients that the interval leaves out.

    Raises
    ------
    InputError, PredictionsError
        Suggestions without this trial, predictions that cannot be scored.
    """
    output = Path(output)
    parameters = _suggested_parameters(suggested, number)
    folder = output.with_name(f".{output.stem}")  # not of this process alone: it may be killed
    make_folder(folder)
    try:
        fit(nested(parameters), folder)
        found = _scored(folder / PREDICTIONS, seed) if is_first() else {}
    except DivergenceError as error:
        log.warning("the trial has no score: %s", error.message)
        found = {"state": DIVERGED}
    if is_first():  # of the processes that share the job
        write_json({"number": number, "parameters": parameters, **found}, output)
        remove(folder)


def _scored(predictions: Path, seed: int) -> dict[str, Any]:
    """Return the score of validation patients with its interval."""
    rows = read_predictions(predictions, split="validation")
    label, patient = rows["label"].to_numpy(), rows["subject_id"].to_numpy()
    areas = jackknife(label, rows["probability"].to_numpy(), patient, seed)[SCORE]
    value, low, high = estimate(SCORE, areas, rarer(label, patient))
    found = {SCORE: value, f"{SCORE}_low": low, f"{SCORE}_high": high}
    found = {name: value for name, value in found.items() if pd.notna(value)}  # no bounds of few
    return {"state": COMPLETE, **found, FITTED_ON: fitted_on(tuning=patient)}


def _suggested_parameters(file: str | Path, number: int) -> Settings:
    for trial in read_json(file).get("trials", []):
        if trial["number"] == number:
            return dict(trial["parameters"])
    raise InputError(f"has no trial {number}", file=file, remedy=_AGAIN)


def read_trials(files: Iterable[str | Path]) -> list[dict[str, Any]]:
    """Return trials as `run_trial` wrote them, in the order of their numbers.

    Raises
    ------
    InputError
        A file that is none.
    """
    trials = []
    for file in files:
        trial = read_json(file)
        if not {"number", "parameters", "state"} <= set(trial):
            raise InputError("is no trial", file=file, remedy=_AGAIN)
        trials.append(trial)
    return sorted(trials, key=lambda trial: int(trial["number"]))


def read_json(file: str | Path) -> dict[str, Any]:
    """Return an object of JSON, or stop at what is none (InputError)."""
    try:
        content = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({error})", file=file, remedy=_AGAIN) from error
    if not isinstance(content, dict):
        raise InputError("is no object of JSON", file=file, remedy=_AGAIN)
    return content
