"""Draw the labels that a perfectly calibrated model would see, patient by patient.

The label of each row is 1 as often as its prediction says. Rows of a patient are drawn together,
as alike as those of the data are: a Gaussian copula with one correlation, which reaches from
independent rows (0) to rows that differ only where their predictions do (1).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import ndtri

from mimicflow.evaluation.statistics.calibration import quantile_bins

_CELLS_AT_ONCE = 2_000_000  # rows x draws held in memory together
_CELLS_OF_TRIAL = 200_000  # rows x draws by which each correlation is tried
_TRIALS = (10, 100)  # fewest and most draws of it
_CORRELATIONS = np.linspace(0, 1, 11)


def draw_labels(
    probability: np.ndarray,
    patient: np.ndarray,
    correlation: float,
    draws: int,
    seed: int | tuple[int, ...],
) -> Iterator[np.ndarray]:
    """Yield labels in blocks of draws.

    Parameters
    ----------
    probability : numpy.ndarray of shape (n,)
        Of label 1.
    patient : numpy.ndarray of shape (n,)
        Whose row it is.
    correlation : float
        Of the latent normal values of two rows of a patient, in [0, 1].
    draws, seed : int
        Number of draws, and the seed of the generator.

    Yields
    ------
    numpy.ndarray of bool, shape (block, n)
    """
    if draws < 1:
        raise ValueError(f"{draws} draws of labels: the rule of a study without any cannot draw")
    generator = np.random.default_rng(seed)
    patients, row_patient = np.unique(patient, return_inverse=True)
    limit = ndtri(np.asarray(probability, dtype=np.float64))
    # In an order of their own, so that the order of the rows does not matter.
    order = np.lexsort((limit, row_patient))
    row_patient, limit = row_patient[order], limit[order]
    back = np.argsort(order)
    block = max(1, _CELLS_AT_ONCE // len(limit))
    for start in range(0, draws, block):
        some = min(block, draws - start)
        latent = generator.standard_normal((some, len(limit)))
        if correlation > 0:
            shared = generator.standard_normal((some, len(patients)))[:, row_patient]
            latent = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * latent
        yield (latent < limit)[:, back]


def label_correlation(
    label: np.ndarray, probability: np.ndarray, patient: np.ndarray, seed: int = 0
) -> float:
    """Return the correlation with which drawn labels are as alike within patients as the data's.

    Parameters
    ----------
    label, probability, patient : numpy.ndarray of shape (n,)
        0/1, probability of 1, and whose row it is.
    seed : int
        Of the draws by which correlations are tried.

    Returns
    -------
    float
        In [0, 1]; 0 where every patient has one row, or rows of a patient are no more alike than
        those of others.

    Notes
    -----
    Alike means: the products of the residuals (label less prediction) of two rows of a patient,
    summed over all such pairs, match those of drawn labels. Residuals are taken within tenths of
    the predictions, so that what is miscalibrated does not count as alike.
    """
    label, probability = np.asarray(label), np.asarray(probability, dtype=np.float64)
    _, row_patient, rows = np.unique(patient, return_inverse=True, return_counts=True)
    if rows.max(initial=0) < 2:
        return 0.0
    tenth = quantile_bins(probability)
    observed = _pairs(label[None], probability, row_patient, tenth)[0]
    draws = int(np.clip(_CELLS_OF_TRIAL // len(label), *_TRIALS))
    expected = [
        np.concatenate(
            [
                _pairs(block, probability, row_patient, tenth)
                for block in draw_labels(probability, patient, correlation, draws, seed)
            ]
        ).mean()
        for correlation in _CORRELATIONS
    ]
    # More correlation makes them more alike; the draws may waver by a hair.
    rising = np.maximum.accumulate(expected)
    return float(np.interp(observed, rising, _CORRELATIONS))


def _pairs(
    labels: np.ndarray, probability: np.ndarray, row_patient: np.ndarray, tenth: np.ndarray
) -> np.ndarray:
    """Return the sum of products of residuals over all pairs of rows of a patient, (draws,)."""
    residual = labels - probability
    order = np.argsort(tenth, kind="stable")
    within = _sums(residual[:, order], tenth[order])
    numbers, size = np.unique(tenth, return_counts=True)
    residual = residual - (within / size)[:, np.searchsorted(numbers, tenth)]
    order = np.argsort(row_patient, kind="stable")
    of_patients = _sums(residual[:, order], row_patient[order])
    return np.asarray((of_patients**2).sum(axis=1) - (residual**2).sum(axis=1))


def _sums(values: np.ndarray, sorted_key: np.ndarray) -> np.ndarray:
    """Return the sum of the columns of each key."""
    starts = np.flatnonzero(np.r_[True, sorted_key[1:] != sorted_key[:-1]])
    return np.asarray(np.add.reduceat(values, starts, axis=1))
