"""Fit scale and imputer on training patients, before a network sees anything.

Fitted objects are plain tensors, so that they are saved inside the model file.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

SMALLEST_SD = 1e-8
"""Takes the place of a standard deviation of 0."""
TAIL = 0.01
"""Share of values on either side that has no say in where the limits of a column lie."""
REACH = 3.0
"""How far the limits lie outside those percentiles, in spans between them."""


class _Fitted:
    """Fitted arrays, which a model file keeps as tensors."""

    def state(self) -> dict[str, Any]:
        """Return plain tensors."""
        return {name: torch.from_numpy(np.array(value)) for name, value in vars(self).items()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Undo :meth:`state`."""
        return cls(**{name: value.numpy() for name, value in state.items()})


@dataclass(frozen=True)
class Scaler(_Fitted):
    """Mean and sample standard deviation (n - 1) of each column, missing values left out.

    Parameters
    ----------
    mean, sd : ndarray
        Of shape (columns,). A column never observed has mean 0; SD 0 is ``SMALLEST_SD``.
    low, high : ndarray
        Limits of each column, (columns,), infinite where there are none. What lies outside is taken
        as the limit, in fitting and afterwards: one absurd value would hide all others.
    """

    mean: np.ndarray
    sd: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray, limited: np.ndarray | None = None) -> Scaler:
        """Fit on training rows, (rows, columns) with NaN where missing.

        Parameters
        ----------
        values : ndarray
            The rows.
        limited : ndarray of bool, optional
            Columns that get limits, (columns,); none by default.
        """
        values = np.asarray(values, dtype=np.float64)
        low, high = _limits(values)
        if limited is None:
            limited = np.zeros(values.shape[1], dtype=bool)
        low, high = np.where(limited, low, -np.inf), np.where(limited, high, np.inf)
        values = np.clip(values, low, high)
        observed = ~np.isnan(values)
        n = observed.sum(axis=0)
        mean = np.where(observed, values, 0.0).sum(axis=0) / np.maximum(n, 1)
        squares = np.where(observed, values - mean, 0.0) ** 2
        sd = np.sqrt(squares.sum(axis=0) / np.maximum(n - 1, 1))
        return cls(mean, np.where(sd == 0.0, SMALLEST_SD, sd), low, high)

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return (values - mean) / sd of values within the limits; NaN stays NaN."""
        values = np.clip(np.asarray(values, dtype=np.float64), self.low, self.high)
        return (values - self.mean) / self.sd


def _limits(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the limits of each column, infinite where nearly all its values are the same."""
    ordered = np.sort(values, axis=0)  # missing values last
    last = np.maximum((~np.isnan(values)).sum(axis=0) - 1, 0)
    # Inwards to the next value, so that the outermost one never counts.
    ranks = np.ceil(TAIL * last).astype(int), np.floor((1 - TAIL) * last).astype(int)
    first, second = (np.take_along_axis(ordered, rank[None], axis=0)[0] for rank in ranks)
    span = second - first
    spread = np.where(span > 0, REACH * span, np.inf)
    return first - spread, second + spread


@dataclass(frozen=True)
class ChainedImputer(_Fitted):
    """Chained Bayesian ridge regressions, as scikit-learn's ``IterativeImputer`` fits them.

    The fitted chain is kept as arrays: a pickled estimator could run code when it is read.

    Parameters
    ----------
    initial : ndarray
        Training means with which missing values start, (columns,).
    lowest, highest : ndarray
        Limits of imputed values, (columns,).
    target : ndarray
        Column imputed by each step of the chain, (steps,).
    neighbours : ndarray
        Columns it is imputed from, (steps, columns - 1).
    coefficients, intercept : ndarray
        Of each step's regression, (steps, columns - 1) and (steps,).
    """

    initial: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    target: np.ndarray
    neighbours: np.ndarray
    coefficients: np.ndarray
    intercept: np.ndarray

    @classmethod
    def fit(cls, values: np.ndarray) -> ChainedImputer:
        """Fit on training rows, (rows, columns) with NaN where missing.

        A column without any value is imputed as 0.
        """
        model = IterativeImputer(random_state=0, keep_empty_features=True)
        with warnings.catch_warnings():
            # Ten rounds are the specification, converged or not.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(values)
        steps = model.imputation_sequence_
        n_others = values.shape[1] - 1
        return cls(
            initial=np.asarray(model.initial_imputer_.statistics_, dtype=np.float64),
            lowest=np.asarray(model._min_value, dtype=np.float64),
            highest=np.asarray(model._max_value, dtype=np.float64),
            target=np.array([step.feat_idx for step in steps], dtype=np.int64),
            neighbours=_stack([step.neighbor_feat_idx for step in steps], n_others, np.int64),
            coefficients=_stack([step.estimator.coef_ for step in steps], n_others, np.float64),
            intercept=np.array([step.estimator.intercept_ for step in steps], dtype=np.float64),
        )

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Return the values, (rows, columns), with every NaN imputed from its own row."""
        values = np.asarray(values, dtype=np.float64)
        missing = np.isnan(values)
        filled = np.where(missing, self.initial, values)
        for step, column in enumerate(self.target):
            rows = missing[:, column]
            guess = filled[np.ix_(rows, self.neighbours[step])] @ self.coefficients[step]
            guess += self.intercept[step]
            filled[rows, column] = np.clip(guess, self.lowest[column], self.highest[column])
        return filled


def _stack(rows: Sequence[Any], width: int, dtype: Any) -> np.ndarray:
    """Stack the steps' arrays; without steps, an array of no rows."""
    return np.array(list(rows), dtype=dtype).reshape(len(rows), width)
