"""Confidence intervals by drawing patients, with all their stays, with replacement.

A draw is a vector of counts: how often each patient was drawn. Every score of a draw is the score
of the rows weighted by the counts of their patients, see
`mimicflow.evaluation.statistics.weighted`, so that nothing is sorted, and no row copied, a thousand
times.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np

from mimicflow.evaluation.statistics.weighted import WeightedScores

_LOG = logging.getLogger(__name__)

_CELLS_AT_ONCE = 2_000_000  # rows x draws held in memory together; 16 MB per array


def patient_weights(
    patient: np.ndarray, draws: int, seed: int | tuple[int, ...]
) -> Iterator[np.ndarray]:
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
    block = max(1, _CELLS_AT_ONCE // max(1, len(row_patient)))
    for counts in _patient_counts(len(patients), draws, seed, block):
        yield counts[:, row_patient]


def bootstrap(
    label: np.ndarray,
    probability: np.ndarray,
    patient: np.ndarray,
    draws: int = 1000,
    seed: int | tuple[int, ...] = 0,
    flagged: np.ndarray | None = None,
    among: np.ndarray | None = None,
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
    flagged : numpy.ndarray of bool, shape (n, k), optional
        Decisions by k rules.
    among : numpy.ndarray, optional
        The patients that are drawn from, those of the rows among them: two tables that share some
        of their patients are drawn together.

    Returns
    -------
    dict of numpy.ndarray, shape (draws,) or (draws, k)
        ``auroc, auprc, brier, log_loss, calibration_intercept, calibration_slope``, and with
        ``flagged`` also ``sensitivity, specificity, ppv, npv, f1`` of shape (draws, k). NaN where
        a draw leaves a score undefined, for instance an AUROC of one class.
    """
    patients, row_patient = np.unique(patient, return_inverse=True)
    scorer = WeightedScores(label, probability, row_patient, flagged)
    block = max(1, _CELLS_AT_ONCE // max(1, len(row_patient)))
    everyone = patients if among is None else np.unique(among)
    places = np.searchsorted(everyone, patients)
    drawn = [
        scorer(counts[:, places]) for counts in _patient_counts(len(everyone), draws, seed, block)
    ]
    together = {name: np.concatenate([part[name] for part in drawn]) for name in drawn[0]}
    for name, values in together.items():
        undefined = int(np.isnan(values).reshape(draws, -1).any(axis=1).sum())
        if undefined:
            _LOG.info("%s is undefined in %d of %d draws", name, undefined, draws)
    return together


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


def _patient_counts(
    patients: int, draws: int, seed: int | tuple[int, ...], block: int
) -> Iterator[np.ndarray]:
    """Yield how often each patient is drawn, shape (block, patients), whatever the block size."""
    if draws < 1:
        raise ValueError(f"{draws} draws of patients: the rule of a study without any cannot draw")
    generator = np.random.default_rng(seed)
    for start in range(0, draws, block):
        yield np.stack(
            [
                np.bincount(generator.integers(0, patients, size=patients), minlength=patients)
                for _ in range(min(block, draws - start))
            ]
        )
