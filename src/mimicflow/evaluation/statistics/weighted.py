"""All scores of many weightings of the same rows at once.

Equal to scikit-learn's scores with ``sample_weight`` and to statsmodels' logistic regression with
``freq_weights``, but the rows are sorted once, whatever is a sum over rows becomes one matrix
product with sums within patients, and Newton's steps are taken for all weightings together.

Calibration follows Cox 1958 (doi 10.1093/biomet/45.3-4.562), with the linear predictor
``logit(probability)``:

- ``calibration_intercept``, calibration in the large: the intercept of a logistic regression of
  the label with the linear predictor as offset, its slope fixed to 1; 0 is ideal, below 0 the
  probabilities are too high;
- ``calibration_slope``: the slope of a logistic regression with a free intercept; 1 is ideal,
  below 1 the probabilities are too extreme.
"""

from __future__ import annotations

import numpy as np

from mimicflow.evaluation.statistics.calibration import clipped_logit

_STEPS = 60  # a logistic regression that has a solution needs fewer than ten
_STEP_LENGTH = 5.0  # in log odds; longer steps are shortened: they may lead astray
_LATE, _LATE_LENGTH = 10, 1.0  # after so many steps even such ones have led to and fro
_CONVERGED = 1e-6  # steps double the digits: the error after such a step is about 1e-12
_SINGULAR = 1e-12  # of an information matrix, relative to its diagonal
_VANISHED = 1e-9  # rows that are still in doubt: with none the classes are apart, the fit endless
_CELLS_AT_ONCE = 250_000  # rows x weightings that stay in the processor's cache


class WeightedScores:
    """Scores of rows for any weights of their patients.

    Parameters
    ----------
    label, probability : numpy.ndarray of shape (n,)
        0/1, and the probability of 1.
    row_patient : numpy.ndarray of int, shape (n,)
        Number of the patient of each row, from 0 on.
    flagged : numpy.ndarray of bool, shape (n, k), optional
        Decisions by k rules.
    """

    def __init__(
        self,
        label: np.ndarray,
        probability: np.ndarray,
        row_patient: np.ndarray,
        flagged: np.ndarray | None = None,
    ) -> None:
        label, probability = np.asarray(label), np.asarray(probability, dtype=np.float64)
        # Positives first, each class by falling probability.
        order = np.lexsort((-probability, label == 0))
        self._label = label[order].astype(np.float64)
        self._probability = probability[order]
        self._row_patient = np.asarray(row_patient)[order]
        self._flagged = None if flagged is None else np.asarray(flagged, dtype=np.float64)[order]
        self._log_odds = clipped_logit(self._probability)
        self._positives = int(self._label.sum())
        self._place_positives()
        self._sum_within_patients()
        everyone = np.ones((1, self._sums["weight"].shape[0]))
        none = np.zeros((1, 1)), np.zeros((1, 2))
        self._full = none  # Newton starts the fit of all rows from zero, all others from that fit
        self._full = self._calibrate(everyone, self._rows(everyone))

    def __call__(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Return every score, shape (weightings,) or (weightings, k).

        Parameters
        ----------
        counts : numpy.ndarray of shape (weightings, patients)
            Weight of each patient.
        """
        counts = np.asarray(counts, dtype=np.float64)
        size = max(1, _CELLS_AT_ONCE // max(1, len(self._label)))
        parts = []
        for start in range(0, len(counts), size):
            some = counts[start : start + size]
            rows = self._rows(some)
            (intercept,), (_, slope) = (fit.T for fit in self._calibrate(some, rows))
            parts.append([*self._areas(rows), intercept, slope])
        names = ("auroc", "auprc", "calibration_intercept", "calibration_slope")
        found = dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))
        return found | self._means(counts)

    def _place_positives(self) -> None:
        """Count, for each positive, the rows of either class at or above its probability."""
        positive, negative = np.split(-self._probability, [self._positives])
        self._negatives_above = np.searchsorted(negative, positive, side="left")
        self._negatives_reached = np.searchsorted(negative, positive, side="right")
        self._positives_reached = np.searchsorted(positive, positive, side="right")

    def _sum_within_patients(self) -> None:
        """Sum over the rows of each patient whatever is later summed over rows."""
        label, probability = self._label, self._probability
        edge = np.finfo(np.float64).eps
        inside = np.clip(probability, edge, 1 - edge)
        columns = {
            "weight": np.ones_like(label),
            "label": np.column_stack([label, label * self._log_odds]),
            "brier": (probability - label) ** 2,
            "log_loss": -np.log(np.where(label == 1, inside, 1 - inside)),
        }
        if self._flagged is not None:
            columns["hits"] = self._flagged * label[:, None]
            columns["flagged"] = self._flagged
        patients = int(self._row_patient.max()) + 1
        self._sums = {
            name: np.column_stack(
                [
                    np.bincount(self._row_patient, weights=column, minlength=patients)
                    for column in np.atleast_2d(values.T)
                ]
            )
            for name, values in columns.items()
        }

    def _rows(self, counts: np.ndarray) -> np.ndarray:
        return counts[:, self._row_patient]

    def _areas(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return AUROC and average precision."""
        positive = rows[:, : self._positives]
        hits = _running_sum(positive)
        false_hits = _running_sum(rows[:, self._positives :])
        above, reached = (
            false_hits[:, self._negatives_above],
            false_hits[:, self._negatives_reached],
        )
        positives, negatives = hits[:, -1], false_hits[:, -1]
        # A positive loses against the negatives above it, and half against those it is tied with.
        lost = np.einsum("ij,ij->i", positive, above + reached) / 2
        hits = hits[:, self._positives_reached]
        # Where nothing is reached yet, nothing is gained either: the 1 only avoids 0/0.
        precision = hits / np.maximum(hits + reached, 1)
        gained = np.einsum("ij,ij->i", positive, precision)
        one_class = (positives == 0) | (negatives == 0)
        auroc = 1 - quotient(lost, positives * negatives)
        return auroc, np.where(one_class, np.nan, quotient(gained, positives))

    def _means(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Return the scores that are made of sums over rows."""
        sums = {name: counts @ columns for name, columns in self._sums.items()}
        total, positives = sums["weight"], sums["label"][:, :1]
        found = {name: quotient(sums[name], total)[:, 0] for name in ("brier", "log_loss")}
        if self._flagged is None:
            return found
        hits, flagged = sums["hits"], sums["flagged"]
        correct_rest = total - positives - (flagged - hits)
        return found | {
            "sensitivity": quotient(hits, positives),
            "specificity": quotient(correct_rest, total - positives),
            "ppv": quotient(hits, flagged),
            "npv": quotient(correct_rest, total - flagged),
            "f1": quotient(2 * hits, flagged + positives),
        }

    def _calibrate(self, counts: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the fits of both logistic regressions, shapes (weightings, 1) and (…, 2)."""
        observed = counts @ self._sums["label"]
        linear = self._log_odds
        ones = np.ones_like(linear)
        alone, both = self._full
        return (
            _logistic(rows, observed[:, :1], ones[:, None], linear, alone),
            _logistic(rows, observed, np.column_stack([ones, linear]), np.zeros_like(linear), both),
        )


def plain_scores(
    label: np.ndarray, probability: np.ndarray, flagged: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return every score of rows that all count once, each a scalar or of shape (k,).

    Parameters are those of `WeightedScores`.
    """
    together = np.zeros(len(label), dtype=np.int64)
    once = WeightedScores(label, probability, together, flagged)(np.ones((1, 1)))
    return {score: values[0] for score, values in once.items()}


def _logistic(
    weights: np.ndarray,
    observed: np.ndarray,
    design: np.ndarray,
    offset: np.ndarray,
    start: np.ndarray,
) -> np.ndarray:
    """Fit a logistic regression for every row of weights, by Newton's method.

    Parameters
    ----------
    weights : numpy.ndarray of shape (fits, n)
        Weight of each row in each fit.
    observed : numpy.ndarray of shape (fits, q)
        Weighted sums of the design over the positives.
    design, offset : numpy.ndarray of shapes (n, q) and (n,)
        Of the linear predictor.
    start : numpy.ndarray of shape (1, q)
        Where all fits begin.

    Returns
    -------
    numpy.ndarray of shape (fits, q)
        NaN where there is no solution: one class, classes apart, or equal probabilities.
    """
    fits, q = observed.shape
    fitted = np.tile(start, (fits, 1))
    if np.isnan(start).any():  # what all rows together do not determine, no part of them does
        return fitted
    reach = np.abs(design).max(axis=0)  # turns a step into the largest change of log odds
    products = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    active = np.arange(fits)
    for number in range(_STEPS):
        some = weights if len(active) == fits else weights[active]
        with np.errstate(over="ignore"):  # exp(-x) beyond all numbers: the expectation is 0
            expected = np.exp(-(fitted[active] @ design.T + offset))
        expected += 1
        np.reciprocal(expected, out=expected)
        spread = some * expected
        gradient = observed[active] - spread @ design
        spread *= np.subtract(1, expected, out=expected)
        information = (spread @ products).reshape(-1, q, q)
        step = _solve(information, gradient)
        length = (np.abs(step) * reach).max(axis=1)
        longest = _STEP_LENGTH if number < _LATE else _LATE_LENGTH
        step *= np.minimum(1, longest / np.maximum(length, _CONVERGED))[:, None]
        fitted[active] += step
        active = active[length > _CONVERGED]  # NaN, without a solution, compares as False
        if not len(active):
            return fitted
    fitted[active] = np.nan
    return fitted


def _solve(information: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Solve each system of one or two equations; NaN where it is singular."""
    diagonal = np.diagonal(information, axis1=1, axis2=2).prod(axis=1)
    vanished = ~(information[:, 0, 0] > _VANISHED)
    singular = vanished | ~(np.linalg.det(information) > _SINGULAR * diagonal)
    solvable = np.where(singular[:, None, None], np.eye(gradient.shape[1]), information)
    step = np.linalg.solve(solvable, gradient[:, :, None])[:, :, 0]
    return np.where(singular[:, None], np.nan, step)


def _running_sum(weights: np.ndarray) -> np.ndarray:
    """Return the sums of the first 0, 1, 2 … columns."""
    sums = np.zeros((weights.shape[0], weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=sums[:, 1:])
    return sums


def quotient(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return the quotient, NaN where there is nothing to divide by."""
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0)
