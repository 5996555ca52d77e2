"""Correct probabilities on patients that neither trained the model nor are reported.

Each fold has inner validation patients. A correction is fitted on the fold's validation rows and
applied to the fold's test rows; test outcomes have no part in it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from mimicflow.evaluation.statistics.calibration import EPSILON, clipped_logit

TEMPERATURES = (0.05, 20.0)
"""Where the temperature is sought; a perfectly separated sample would ask for 0."""

STEEPEST = 1 / TEMPERATURES[0]  # largest coefficient of beta calibration, for the same reason

Correction = Callable[[np.ndarray], np.ndarray]
"""Takes probabilities of shape (n,), returns corrected ones."""


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature that makes ``logits / temperature`` fit the labels best.

    Parameters
    ----------
    logits, labels : ndarray
        Of patients that were not trained on, (rows,).

    Returns
    -------
    float
        Minimiser of the log loss, within ``TEMPERATURES``. Ranks, hence AUROC, stay as they are.

    Notes
    -----
    Guo et al. 2017, arXiv:1706.04599.
    """
    logits = np.asarray(logits, dtype=np.float64)
    labels = np.asarray(labels, dtype=np.float64)

    def log_loss(log_temperature: float) -> float:
        return _log_loss(logits / np.exp(log_temperature), labels)

    found = minimize_scalar(log_loss, bounds=np.log(TEMPERATURES), method="bounded")
    return float(np.exp(found.x))


def calibrated(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities of logits, (rows,), at a temperature."""
    return expit(np.asarray(logits, dtype=np.float64) / temperature)


def fit_beta(probability: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return ``a, b, c`` of ``logit q = a ln(p) - b ln(1 - p) + c``.

    Parameters
    ----------
    probability, label : ndarray
        Of patients that were not trained on, (rows,).

    Returns
    -------
    ndarray of shape (3,)
        Minimiser of the log loss with ``a`` and ``b`` from 0 (so that ranks are never turned
        round) to 20 (reached when the sample is perfectly separated).

    Notes
    -----
    Kull, Silva Filho and Flach 2017, doi:10.1214/17-EJS1338SI.
    """
    label = np.asarray(label, dtype=np.float64)
    design = _beta_design(probability)

    def log_loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        line = design @ coefficients
        return _log_loss(line, label), design.T @ (expit(line) - label) / len(label)

    bounds = [(0.0, STEEPEST), (0.0, STEEPEST), (None, None)]
    options = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000}
    start = np.array([1.0, 1.0, 0.0])  # leaves the probabilities as they are
    return minimize(log_loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x


def apply_beta(probability: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Return probabilities, (rows,), corrected by the ``a, b, c`` of `fit_beta`."""
    return expit(_beta_design(probability) @ coefficients)


def _beta_design(probability: np.ndarray) -> np.ndarray:
    clipped = np.clip(np.asarray(probability, dtype=np.float64), EPSILON, 1 - EPSILON)
    return np.column_stack([np.log(clipped), -np.log1p(-clipped), np.ones_like(clipped)])


def _log_loss(line: np.ndarray, label: np.ndarray) -> float:
    return float(np.mean(np.logaddexp(0.0, line) - label * line))


def _temperature(probability: np.ndarray, label: np.ndarray) -> Correction:
    temperature = fit_temperature(clipped_logit(probability), label)
    return lambda other: calibrated(clipped_logit(other), temperature)


def _isotonic(probability: np.ndarray, label: np.ndarray) -> Correction:
    model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    return model.fit(probability, label).predict


def _beta(probability: np.ndarray, label: np.ndarray) -> Correction:
    coefficients = fit_beta(probability, label)
    return lambda other: apply_beta(other, coefficients)


FITS: dict[str, Callable[[np.ndarray, np.ndarray], Correction]] = {
    "temperature": _temperature,
    "isotonic": _isotonic,
    "beta": _beta,
}
"""Fits of (probability, label) on validation patients, by the name of the method."""
