"""How many patients a prediction model needs, by the criteria of Riley et al.

Development: BMJ 2020;368:m441. Evaluation: Statistics in Medicine 2021;40:4230. What the
explained variation has to be is taken from AUROC and share of events (Statistics in Medicine
2021;40:859): the log odds of the two outcomes are normal with one standard deviation.

Sizes are not rounded; a criterion that no size meets is infinite.
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit, xlog1py, xlogy
from scipy.stats import norm

SHRINKAGE = 0.9
OPTIMISM = 0.05  # of Nagelkerke's R²
MARGIN = 0.05  # of the overall risk
RATIO_WIDTH, SLOPE_WIDTH, AUROC_WIDTH = 0.2, 0.2, 0.1
"""Widths of the 95 % intervals of observed/expected, calibration slope and AUROC."""

_Z = 1.96  # as the papers have it
_LARGEST = 0.9999  # AUROC of which log odds are made: those of 1 are endless
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(100)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def largest_cox_snell(share: float) -> float:
    """Return the largest R² of Cox and Snell at a share of events."""
    return float(-np.expm1(2 * (xlogy(share, share) + xlog1py(1 - share, -share))))


def cox_snell(auroc: float, share: float) -> float:
    """Return the R² of Cox and Snell of a calibrated model with this AUROC; 0 from 0.5 down."""
    if auroc <= 0.5:
        return 0.0
    found = 0.0
    for outcome, weight in ((1, share), (0, 1 - share)):
        odds = _log_odds(auroc, share, outcome)
        found += weight * float(_WEIGHTS @ np.log(expit(odds if outcome else -odds)))
    none = xlogy(share, share) + xlog1py(1 - share, -share)
    return float(-np.expm1(2 * (none - found)))


def for_shrinkage(r2: float, predictors: int, shrinkage: float = SHRINKAGE) -> float:
    """Return the size at which effects are expected to shrink to ``shrinkage`` of themselves."""
    if r2 <= 0:
        return np.inf
    return float(predictors / ((shrinkage - 1) * np.log1p(-r2 / shrinkage)))


def for_optimism(r2: float, predictors: int, share: float, optimism: float = OPTIMISM) -> float:
    """Return the size at which Nagelkerke's R² is expected to be too high by ``optimism``."""
    shrinkage = r2 / (r2 + optimism * largest_cox_snell(share))
    return for_shrinkage(r2, predictors, shrinkage)


def for_overall_risk(share: float, margin: float = MARGIN) -> float:
    """Return the size at which the 95 % interval of the share of events is ± ``margin``."""
    return float((_Z / margin) ** 2 * share * (1 - share))


def for_ratio(share: float, width: float = RATIO_WIDTH) -> float:
    """Return the size at which the 95 % interval of observed/expected is this wide, around 1."""
    error = np.arcsinh(width / 2) / _Z
    return float((1 - share) / (share * error**2))


def for_slope(log_odds: np.ndarray, weights: np.ndarray, width: float = SLOPE_WIDTH) -> float:
    """Return the size at which the 95 % interval of the calibration slope is this wide, around 1.

    Parameters
    ----------
    log_odds, weights : ndarray of shape (n,)
        What the model predicts, and how frequent each is (sum 1).
    """
    spread = weights * expit(log_odds) * expit(-log_odds)
    level, both, slope = (float(spread @ log_odds**power) for power in (0, 1, 2))
    error = width / (2 * _Z)
    information = level * slope - both**2
    return float(level / (error**2 * information)) if information > 0 else np.inf


def for_auroc(auroc: float, share: float, width: float = AUROC_WIDTH) -> float:
    """Return the size at which the 95 % interval of the AUROC is this wide (Newcombe 2006).

    NaN of an AUROC of 0 or 1: how far that of another sample may lie below is not known.
    """
    if auroc in (0, 1):
        return np.nan
    better, worse = (1 - auroc) / (2 - auroc), auroc / (1 + auroc)
    per_pair = auroc * (1 - auroc) / (share * (1 - share))
    # error² n² = per_pair (1 + (n / 2 - 1) (better + worse))
    error, both = width / (2 * _Z), better + worse
    half = per_pair * both / 4
    return float((half + np.sqrt(half**2 + error**2 * per_pair * (1 - both))) / error**2)


def predicted(auroc: float, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return log odds of a calibrated model with this AUROC and how frequent each is, (n,) each."""
    odds = [_log_odds(min(auroc, _LARGEST), share, outcome) for outcome in (1, 0)]
    return np.concatenate(odds), np.concatenate([share * _WEIGHTS, (1 - share) * _WEIGHTS])


def _log_odds(auroc: float, share: float, outcome: int) -> np.ndarray:
    """Return the log odds at the nodes of those with an outcome; (nodes,)."""
    apart = np.sqrt(2) * norm.ppf(auroc)
    return np.asarray(logit(share) + apart * (_NODES + apart * (outcome - 0.5)))
