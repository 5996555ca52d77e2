"""How often what was predicted happened, bin by bin of the predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mimicflow.evaluation.statistics.calibration import BINS, enough_patients, quantile_bins
from mimicflow.evaluation.statistics.jackknife import all_weightings, estimate
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.statistics.weighted import quotient


def reliability(
    label: np.ndarray,
    probability: np.ndarray,
    bins: int = BINS,
    *,
    patient: np.ndarray | None = None,
    smallest: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the observed share in each bin of the predictions, with its 95 % interval by patient.

    Parameters
    ----------
    label, probability : numpy.ndarray of shape (n,)
        0/1, and the probability of 1.
    bins : int
        Number of `quantile_bins`; empty ones are left out.
    patient : numpy.ndarray of shape (n,), optional
        Patient of each row; every row a patient of its own unless given.
    smallest : int
        A bin with fewer patients of either outcome is merged with its neighbours, so that no
        count of the table stands for fewer. No rows where even all bins together are too small.

    seed : int
        As in `mimicflow.evaluation.statistics.jackknife.weightings`.

    Returns
    -------
    pandas.DataFrame
        ``bin`` (from 1), ``n``, ``events``, ``patients``, ``predicted`` (mean), ``observed``,
        ``low``, ``high``.
    """
    label = np.asarray(label, dtype=np.int64)
    rows = pd.DataFrame(
        {
            "bin": quantile_bins(probability, bins) + 1,
            "label": label,
            "probability": np.asarray(probability, dtype=np.float64),
            "patient": np.arange(len(label)) if patient is None else np.asarray(patient),
        }
    )
    if smallest:
        rows["bin"] = _merged(rows, smallest)
        rows = rows[rows["bin"] > 0]
    table = rows.groupby("bin", as_index=False).agg(
        n=("label", "size"),
        events=("label", "sum"),
        patients=("patient", "nunique"),
        predicted=("probability", "mean"),
    )
    found = [_observed(part, seed) for _, part in rows.groupby("bin")]
    ends = pd.DataFrame(found, columns=["observed", "low", "high"])
    return pd.concat([table, ends], axis=1)


def _observed(part: pd.DataFrame, seed: int) -> Estimate:
    """Return the observed share of the rows of a bin, with its interval."""
    patients, unit = np.unique(part["patient"].to_numpy(), return_inverse=True)
    weights = all_weightings(patients, seed)
    events, total = (weights @ np.bincount(unit, weights=of) for of in (part["label"], None))
    return estimate("observed", quotient(events, total), len(patients))


def _merged(rows: pd.DataFrame, smallest: int) -> np.ndarray:
    """Return the first bin of each row's merged bin, 0 throughout where no merging is enough."""
    kept: list[int] = []
    start = 0  # bins after this one are not yet in a merged bin
    for bin_ in sorted(rows["bin"].unique()):
        gathered = rows[(rows["bin"] > start) & (rows["bin"] <= bin_)]
        if enough_patients(gathered["label"], gathered["patient"], smallest):
            kept.append(start + 1)
            start = bin_
    if not kept:
        return np.zeros(len(rows), dtype=np.int64)
    # What is left at the end joins the last merged bin.
    return np.array(kept)[np.searchsorted(kept, rows["bin"], side="right") - 1]
