"""The known probability of admission: which hidden terms enter it, and what each side can know.

A stay has a hidden severity ``g`` that is standard normal. Every term of ``vocabulary/terms.csv``
is ``x = loading * g + sqrt(1 - loading^2) * e`` with its own independent ``e``. The log-odds of
admission are a weighted sum of the terms. Terms marked ``ecg`` can be read off the waveform, terms
marked ``tables`` off vital signs, laboratory values and codes, heart rate off both. Given ``g`` the
terms are independent, so that what one side knows follows from Bayes' rule and one integral.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from scipy.special import expit, log_ndtr
from scipy.stats import norm

from mimicflow.synthetic.draws import vocabulary

RHYTHM = "atrial_fibrillation"
RHYTHM_SHARE = 0.15
"""Share of ECGs in atrial fibrillation: the term that is present or absent, not graded."""

INTERCEPT = {False: -0.49, True: -1.50}
"""Log-odds of admission at all terms zero, without and with a second ECG."""

MULTIPLE_SHARE = 0.37
"""Share of stays with at least two ECGs."""

BASE_RATE = 0.43
"""Share admitted among the cohort; the only truth left once labels are permuted."""

_SEVERITIES = np.linspace(-4.5, 4.5, 61)
_NODES, _NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(31)


@cache
def terms() -> pd.DataFrame:
    """Return the table of terms, indexed by name."""
    return vocabulary("terms", ("term",)).set_index("term")


def in_fibrillation(liability: np.ndarray) -> np.ndarray:
    """Say which liabilities, standard normal, mean atrial fibrillation."""
    return liability > norm.isf(RHYTHM_SHARE)


def contributions(hidden: pd.DataFrame) -> pd.DataFrame:
    """Return each term's share of the log-odds.

    Parameters
    ----------
    hidden : DataFrame
        One column per term (standard normal), one row per stay.
    """
    values = hidden[terms().index].copy()
    values[RHYTHM] = in_fibrillation(values[RHYTHM].to_numpy()).astype(float)
    return values * terms()["weight"]


def probabilities(hidden: pd.DataFrame, multiple: np.ndarray) -> pd.DataFrame:
    """Return the probabilities of admission given everything, the ECG side, the table side.

    Parameters
    ----------
    hidden : DataFrame
        Terms at the prediction time.
    multiple : ndarray of bool, shape (n,)
        Whether the stay has at least two ECGs; known to both sides.

    Returns
    -------
    DataFrame
        Columns p_everything, p_ecg, p_tables.
    """
    parts = contributions(hidden)
    intercept = np.where(multiple, INTERCEPT[True], INTERCEPT[False])
    everything = expit(intercept + parts.sum(axis=1).to_numpy())
    sides = {side: _given_side(hidden, parts, intercept, side) for side in ("ecg", "tables")}
    return pd.DataFrame(
        {"p_everything": everything, "p_ecg": sides["ecg"], "p_tables": sides["tables"]},
        index=hidden.index,
    )


def _given_side(
    hidden: pd.DataFrame, parts: pd.DataFrame, intercept: np.ndarray, side: str
) -> np.ndarray:
    """Integrate the terms that the side cannot see, weighted by the severity it infers."""
    table = terms()
    seen = table[side] == 1
    severity = _severity_weights(hidden, table[seen])
    known = intercept + parts.loc[:, seen].sum(axis=1).to_numpy()
    unseen = table[~seen]
    graded = unseen.drop(index=RHYTHM, errors="ignore")
    shift = (graded["weight"] * graded["loading"]).sum() * _SEVERITIES
    spread = np.sqrt((graded["weight"] ** 2 * (1 - graded["loading"] ** 2)).sum())
    if RHYTHM not in unseen.index:
        mean = _smoothed(known[:, None] + shift, spread)
    else:
        share = _fibrillation_share(_SEVERITIES)
        jump = table.loc[RHYTHM, "weight"]
        mean = (1 - share) * _smoothed(known[:, None] + shift, spread)
        mean += share * _smoothed(known[:, None] + shift + jump, spread)
    return (severity * mean).sum(axis=1)


def _fibrillation_share(severity: np.ndarray) -> np.ndarray:
    loading = terms().loc[RHYTHM, "loading"]
    return norm.sf((norm.isf(RHYTHM_SHARE) - loading * severity) / np.sqrt(1 - loading**2))


def _severity_weights(hidden: pd.DataFrame, seen: pd.DataFrame) -> np.ndarray:
    """Posterior of the severity on its grid, shape (n, grid)."""
    log_weight = np.tile(-0.5 * _SEVERITIES**2, (len(hidden), 1))
    for name, term in seen.iterrows():
        values = hidden[name].to_numpy()[:, None]
        loading, rest = term["loading"], 1 - term["loading"] ** 2
        if name == RHYTHM:
            distance = (loading * _SEVERITIES - norm.isf(RHYTHM_SHARE)) / np.sqrt(rest)
            sign = np.where(in_fibrillation(values), 1, -1)
            log_weight += log_ndtr(sign * distance)
        else:
            log_weight -= 0.5 * (values - loading * _SEVERITIES) ** 2 / rest
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    return weight / weight.sum(axis=1, keepdims=True)


def _smoothed(logit: np.ndarray, spread: float) -> np.ndarray:
    """Mean of the logistic function over a normal of that spread around each logit."""
    grid = np.linspace(-16, 16, 641)
    curve = (expit(grid[:, None] + spread * _NODES) * _NODE_WEIGHTS).sum(1) / _NODE_WEIGHTS.sum()
    return np.interp(logit, grid, curve)


def draw_hidden(
    rng: np.random.Generator, patient_severity: np.ndarray, patient_parts: pd.DataFrame
) -> pd.DataFrame:
    """Draw the terms of stays from their patients' lasting parts.

    Parameters
    ----------
    rng : Generator
        Source of chance.
    patient_severity : ndarray, shape (n,)
        Lasting half of the severity, standard normal.
    patient_parts : DataFrame, shape (n, terms)
        Lasting part of each term's own deviation, standard normal.

    Returns
    -------
    DataFrame, shape (n, terms)
        Each column standard normal.
    """
    n, table = len(patient_parts), terms()
    severity = np.sqrt(0.5) * (patient_severity + rng.standard_normal(n))
    hidden = {}
    for name, term in table.iterrows():
        own = np.sqrt(term["patient_share"]) * patient_parts[name].to_numpy()
        own += np.sqrt(1 - term["patient_share"]) * rng.standard_normal(n)
        if term["patient_share"] == 1:  # lasting terms know the lasting half of the severity only
            loading = term["loading"] * np.sqrt(2)
            hidden[name] = loading * patient_severity + np.sqrt(1 - loading**2) * own
        else:
            hidden[name] = term["loading"] * severity + np.sqrt(1 - term["loading"] ** 2) * own
    return pd.DataFrame(hidden)
