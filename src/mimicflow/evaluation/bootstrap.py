"""Confidence intervals by drawing patients, with all their stays, with replacement.

A draw is a vector of weights: how often each patient was drawn. Rows are sorted by probability
once; the scores of a draw are then sums along the sorted weights, so that a thousand draws of
thirty thousand rows take seconds. The result equals scikit-learn's scores with ``sample_weight``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mimicflow.evaluation.metrics import SCORES

_CELLS_AT_ONCE = 2_000_000  # rows x draws held in memory together; 16 MB per array


def patient_weights(patient: np.ndarray, draws: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each row is drawn, in blocks of draws.

    The same patients, draws and seed give the same weights, which makes the draws of two models
    on the same patients paired.

    Parameters
    ----------
    patient : numpy.ndarray of shape (n,)
        The cluster of each row; all rows of a patient share their weight.
    draws, seed : int
        Number of draws, and the seed of the generator.

    Yields
    ------
    numpy.ndarray of int64, shape (block, n)
    """
    patients, row_patient = np.unique(patient, return_inverse=True)
    generator = np.random.default_rng(seed)
    block = max(1, _CELLS_AT_ONCE // max(1, len(row_patient)))
    for start in range(0, draws, block):
        counts = [
            np.bincount(
                generator.integers(0, len(patients), size=len(patients)), minlength=len(patients)
            )
            for _ in range(min(block, draws - start))
        ]
        yield np.stack(counts)[:, row_patient]


def bootstrap(
    label: np.ndarray,
    probability: np.ndarray,
    patient: np.ndarray,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Score every draw.

    Parameters
    ----------
    label, probability : numpy.ndarray of shape (n,)
        0/1, and the probability of 1.
    patient : numpy.ndarray of shape (n,)
        Patient of each row.
    draws, seed : int
        Number of draws, and the seed.

    Returns
    -------
    dict of numpy.ndarray, shape (draws,)
        ``auroc``, ``auprc``, ``brier``. AUROC and AUPRC are NaN in a draw with one class only.
    """
    order = np.argsort(-np.asarray(probability, dtype=np.float64), kind="stable")
    label = np.asarray(label, dtype=np.int64)[order]
    probability = np.asarray(probability, dtype=np.float64)[order]
    tie_ends = np.append(np.flatnonzero(np.diff(probability)), len(probability) - 1)
    squared_error = (probability - label) ** 2
    blocks = []
    for weights in patient_weights(np.asarray(patient)[order], draws, seed):
        auroc, auprc = _weighted_areas(weights, label, tie_ends)
        brier = weights @ squared_error / weights.sum(axis=1)
        blocks.append((auroc, auprc, brier))
    return {
        name: np.concatenate(values)
        for name, values in zip(SCORES, zip(*blocks, strict=True), strict=True)
    }


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of the draws in which the score is defined.

    Parameters
    ----------
    values : numpy.ndarray of shape (draws,)
        Scores of the draws; NaN where undefined.
    level : float
        Share of the draws inside, e.g. 0.95 or 0.99.
    """
    defined = values[~np.isnan(values)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _weighted_areas(
    weights: np.ndarray, label: np.ndarray, tie_ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """AUROC and average precision per draw; rows sorted by falling score, ties end at tie_ends."""
    true_positive = np.cumsum(weights * label, axis=1)[:, tie_ends]
    flagged = np.cumsum(weights, axis=1)[:, tie_ends]
    positives, total = true_positive[:, -1], flagged[:, -1]
    one_class = (positives == 0) | (positives == total)
    gained = np.diff(true_positive, axis=1, prepend=0)
    false_gained = np.diff(flagged, axis=1, prepend=0) - gained
    # A negative is beaten by all positives above it, and half beaten by those tied with it.
    wins = (false_gained * (2 * true_positive - gained)).sum(axis=1) / 2
    # Where nothing is flagged yet, nothing is gained either: the 1 only avoids 0/0.
    precision_sum = (gained * (true_positive / np.maximum(flagged, 1))).sum(axis=1)
    pairs = np.where(one_class, 1, positives * (total - positives))
    auroc = np.where(one_class, np.nan, wins / pairs)
    auprc = np.where(one_class, np.nan, precision_sum / np.where(one_class, 1, positives))
    return auroc, auprc
