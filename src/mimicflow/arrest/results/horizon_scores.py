"""Score epochs at one horizon, for many weightings of their patients at once.

A test set has a hundred thousand epochs but few of them before an arrest. Each score only needs
to know, for every event epoch and patient, how many of the patient's epochs reach its probability:
these counts are made once, and a thousand weightings are then one matrix product. Equal to
scikit-learn's scores with the weightings as ``sample_weight``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.evaluation.predictions import PredictionsError, read_predictions
from mimicflow.evaluation.smallest_cell import ShownSets
from mimicflow.evaluation.statistics.calibration import enough_patients
from mimicflow.evaluation.statistics.clusters import patients_behind
from mimicflow.evaluation.statistics.jackknife import estimate
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.statistics.weighted import quotient
from mimicflow.reference import reference

EPOCH = "epoch_id"
"""Column that names an epoch."""
RANKING = ("auroc", "auprc")
"""Scores that need no threshold."""
OPERATING = ("sensitivity", "specificity", "precision", "accuracy", "f1")
"""Scores of the decisions at a threshold."""
SCORES = (*RANKING, *OPERATING)

_CELLS_AT_ONCE = 2_000_000  # event epochs x patients, or x weightings; 16 MB per array
_NEEDED = ("stay_id", "start", "end", "hours_to_arrest")


def read_epochs(path: str | Path, split: str) -> pd.DataFrame:
    """Read the predicted epochs of one split.

    Parameters
    ----------
    path : path-like
        Parquet with ``epoch_id, subject_id, stay_id, split, label, probability, start, end`` and
        ``hours_to_arrest`` (h from the end of the epoch; NaN for stays without an arrest).
    split : {"validation", "test"}
        Development epochs, predicted out of fold, or epochs of held-out patients.

    Returns
    -------
    pandas.DataFrame
        By ``epoch_id``.

    Raises
    ------
    PredictionsError
        A table that cannot be scored: see `mimicflow.evaluation.predictions.read_predictions`;
        or columns are missing, or label and ``hours_to_arrest`` contradict each other.
    """
    frame = read_predictions(path, split, key=EPOCH)
    missing = [column for column in _NEEDED if column not in frame.columns]
    if missing:
        raise PredictionsError(
            f"columns missing: {', '.join(missing)}",
            file=path,
            remedy="predict the epochs again; these columns come from the plan of the epochs",
        )
    wrong = (frame["label"] == 1) != (frame["hours_to_arrest"] > 0)
    if wrong.any():
        raise PredictionsError(
            f"{int(wrong.sum())} epochs, the first {frame.loc[wrong, EPOCH].iloc[0]}, have a "
            "label that does not agree with their hours to the arrest",
            file=path,
            remedy="label 1 needs an arrest after the epoch, label 0 none; plan the epochs again",
        )
    return frame


def horizon_label(epochs: pd.DataFrame, hours: float) -> np.ndarray:
    """Return 1 for each epoch that an arrest follows within ``hours``, else 0; shape (n,).

    Epochs of event stays that are further away count as 0: no arrest follows within the horizon.
    """
    return (epochs["hours_to_arrest"] <= hours).to_numpy().astype(np.int64)


def may_be_shown(label: np.ndarray, patient: np.ndarray, smallest: int) -> bool:
    """Return whether no class of (n,) labels comes from 1 to ``smallest`` - 1 patients only."""
    if not smallest:
        return True
    one_class = len(np.unique(label)) == 1
    frame = pd.DataFrame({"label": label, "patient": patient})
    if one_class:
        return frame["patient"].nunique() >= smallest
    return enough_patients(frame["label"], frame["patient"], smallest)


def known_classes(label: np.ndarray, patient: np.ndarray, smallest: int) -> ShownSets:
    """Return what readers know of (n,) epochs: how many there are, and of each label."""
    shown = ShownSets(patient, smallest)
    shown.are_known(np.asarray(label) == 1, patients=False)
    return shown


def decisions_shown(
    label: np.ndarray,
    exceeding: np.ndarray,
    shown: ShownSets,
    among: np.ndarray | None = None,
) -> bool:
    """Return whether readers may know how many epochs of each label exceed, and how many do not.

    Parameters
    ----------
    label : numpy.ndarray of shape (n,)
        0/1.
    exceeding : numpy.ndarray of bool, shape (n,)
        Whether the probability of the epoch reaches the threshold.
    shown : ShownSets
        What readers know of the epochs, as of `known_classes`.
    among : numpy.ndarray of bool, shape (n,), optional
        Of which epochs; of all unless given.
    """
    event, inside = np.asarray(label) == 1, np.ones(len(label), dtype=bool)
    inside = inside if among is None else np.asarray(among, dtype=bool)
    cells = [inside & of & one for of in (event, ~event) for one in (exceeding, ~exceeding)]
    return shown.may_be(*cells, patients=False)


def estimate_scores(
    label: np.ndarray,
    probability: np.ndarray,
    patient: np.ndarray,
    threshold: float,
    weights: np.ndarray,
) -> dict[str, Estimate]:
    """Return every score with its interval of the jackknife by patient.

    Parameters
    ----------
    label, probability, patient : numpy.ndarray of shape (n,)
        0/1, probability of 1, and patient of each epoch.
    threshold : float
        A probability of at least this is an exceedance; NaN leaves the scores of decisions NaN.
    weights : numpy.ndarray of shape (1 + groups, patients)
        As `mimicflow.evaluation.statistics.jackknife.all_weightings` returns them, patients sorted.
    """
    found = weighted_scores(label, probability, patient, threshold, weights)
    exceeding = probability >= threshold
    return {
        score: estimate(score, found[score], patients_behind(score, label, patient, exceeding))
        for score in SCORES
    }


def weighted_scores(
    label: np.ndarray,
    probability: np.ndarray,
    patient: np.ndarray,
    threshold: float,
    weights: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return every score of every weighting of the patients.

    Parameters are those of `estimate_scores`.

    Returns
    -------
    dict of numpy.ndarray, shape (weightings,)
        By score of `SCORES`; NaN where a weighting leaves it undefined.
    """
    unit = np.unique(patient, return_inverse=True)[1]
    return _ranking(label, probability, unit, weights) | _operating(
        label, probability, unit, threshold, weights
    )


def _ranking(
    label: np.ndarray, probability: np.ndarray, unit: np.ndarray, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Return AUROC and average precision, ties counted half in the first."""
    weightings, units = weights.shape
    event = label == 1
    # The distinct probabilities of event epochs, highest first.
    steps = np.unique(-probability[event])
    reached_from = np.searchsorted(steps, -probability, side="left")
    above_from = np.searchsorted(steps, -probability, side="right")
    places = [
        (step[rows], unit[rows], np.zeros(units))
        for step, rows in ((reached_from, event), (reached_from, ~event), (above_from, ~event))
    ]
    lost, gained, before = np.zeros(weightings), np.zeros(weightings), np.zeros((weightings, 1))
    block = max(1, _CELLS_AT_ONCE // max(units, weightings))
    for start in range(0, len(steps), block):
        stop = min(start + block, len(steps))
        hits, reached, above = (weights @ _counts(*place, start, stop).T for place in places)
        at_step = np.diff(hits, axis=1, prepend=before)
        before = hits[:, -1:]
        # An event epoch loses against those above it, and half against those it is tied with.
        lost += (at_step * (above + reached)).sum(axis=1) / 2
        # Nothing is gained where nothing is reached: the 1 only avoids 0/0.
        gained += (at_step * hits / np.maximum(hits + reached, 1)).sum(axis=1)
    positives, negatives = (
        weights @ np.bincount(unit[rows], minlength=units) for rows in (event, ~event)
    )
    auroc = 1 - quotient(lost, positives * negatives)
    return {"auroc": auroc, "auprc": np.where(np.isnan(auroc), np.nan, quotient(gained, positives))}


def _counts(
    step: np.ndarray, unit: np.ndarray, carried: np.ndarray, start: int, stop: int
) -> np.ndarray:
    """Count each patient's rows up to each step, (stop - start, units); carries the last on."""
    inside = (step >= start) & (step < stop)
    cells = (step[inside] - start) * len(carried) + unit[inside]
    shape = (stop - start, len(carried))
    counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
    counts[0] += carried
    np.cumsum(counts, axis=0, out=counts)
    carried[:] = counts[-1]
    return counts


def _operating(
    label: np.ndarray,
    probability: np.ndarray,
    unit: np.ndarray,
    threshold: float,
    weights: np.ndarray,
) -> dict[str, np.ndarray]:
    """Return the scores of the decisions at a threshold."""
    if np.isnan(threshold):
        return {score: np.full(len(weights), np.nan) for score in OPERATING}
    exceeding = probability >= threshold
    event = label == 1
    hits, exceedances, events, total = (
        weights @ np.bincount(unit[rows], minlength=weights.shape[1])
        for rows in (exceeding & event, exceeding, event, np.ones(len(label), dtype=bool))
    )
    quiet = total - events - (exceedances - hits)
    return {
        "sensitivity": quotient(hits, events),
        "specificity": quotient(quiet, total - events),
        "precision": quotient(hits, exceedances),
        "accuracy": quotient(hits + quiet, total),
        "f1": quotient(2 * hits, exceedances + events),
    }


def published_of(model: str) -> Mapping[tuple[float, str], float]:
    """Return what was published of a model, by horizon (h) and score.

    Parameters
    ----------
    model : str
        ``hrv`` or ``clinical`` (vital signs); of others nothing was published.
    """
    table = pd.read_csv(reference("published_arrest.csv"))
    table = table[(table["model"] == model) & table["feature"].isna()]
    return dict(
        zip(zip(table["horizon_h"], table["score"], strict=True), table["value"], strict=True)
    )
