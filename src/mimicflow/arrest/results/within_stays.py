"""Compare the epochs of one stay with each other: whether the risk rises towards the arrest.

Across stays, an AUROC is high already when patients whose heart will arrest differ from all others,
days before. Within a stay the patient is the same, and only time can make a difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mimicflow.arrest.results.horizon_scores import horizon_label
from mimicflow.evaluation.statistics.jackknife import estimate
from mimicflow.evaluation.statistics.metrics import Estimate
from mimicflow.evaluation.statistics.weighted import quotient

WITHIN = "auroc_within"
"""Score of the epochs of event stays, compared within each stay."""


@dataclass(frozen=True)
class Within:
    """The score within stays, and what it is made of; counts that may not be shown are None."""

    auroc: Estimate
    patients: int | None
    stays: int | None
    near: int | None
    far: int | None
    suppressed: bool

    def uncounted(self) -> Within:
        """Return the same without what it is made of."""
        return replace(self, patients=None, stays=None, near=None, far=None)


def score_within_stays(
    epochs: pd.DataFrame, hours: float, weights: np.ndarray, smallest: int
) -> Within:
    """Return the AUROC of near against far epochs of the same stay, the mean over stays.

    Each stay counts once, however long it was recorded: the value is the chance that, of a stay
    with an arrest, an epoch within the horizon gets a higher probability than one further away.
    If pairs of epochs counted, the stays with the longest recordings would decide.

    Parameters
    ----------
    epochs : pandas.DataFrame
        As `mimicflow.arrest.results.horizon_scores.read_epochs` returns them.
    hours : float
        Horizon: epochs that end within so many hours of the arrest are near, all others far.
    weights : numpy.ndarray of shape (1 + groups, patients)
        As `mimicflow.evaluation.statistics.jackknife.all_weightings` returns them for the patients
        of the epochs.
    smallest : int
        Fewest patients whom the stays, or the event stays that have epochs on one side only, may
        come from; 0 shows all.

    Returns
    -------
    Within
        NaN where no stay has epochs on both sides, as at the longest horizon.
    """
    stays = concordance_by_stay(epochs, hours)
    both = stays[stays["concordance"].notna()]
    patients = both["subject_id"].nunique()
    one_sided = len(set(stays["subject_id"]) - set(both["subject_id"]))
    if 0 < patients < smallest:
        return Within(Estimate(*[float("nan")] * 3), None, None, None, None, True)
    unit = np.searchsorted(np.unique(epochs["subject_id"]), both["subject_id"].to_numpy())
    found = _mean(both["concordance"].to_numpy(), unit, weights)
    auroc = estimate(WITHIN, found, patients)
    if patients > 0 and 0 < one_sided < smallest:  # less the event stays of the horizon
        return Within(auroc, None, None, None, None, suppressed=False)
    near, far = (int(both[side].sum()) for side in ("near", "far"))
    return Within(auroc, patients, len(both), near, far, suppressed=False)


def concordance_by_stay(epochs: pd.DataFrame, hours: float) -> pd.DataFrame:
    """Return how often a near epoch of an event stay is above a far one; ties count half.

    Returns
    -------
    pandas.DataFrame
        A row per event stay: ``stay_id, subject_id, near, far`` (epochs) and ``concordance``, the
        share of pairs; NaN where one side has no epoch.
    """
    event = epochs[epochs["label"] == 1]
    near = horizon_label(event, hours)
    rank = event.groupby("stay_id")["probability"].rank()
    parts = event[["stay_id", "subject_id"]].assign(near=near, far=1 - near, ranks=near * rank)
    stays = parts.groupby(["stay_id", "subject_id"], as_index=False).sum()
    # Mann-Whitney: ranks of the near ones, less what they have among themselves.
    wins = stays.pop("ranks") - stays["near"] * (stays["near"] + 1) / 2
    pairs = (stays["near"] * stays["far"]).to_numpy(np.float64)
    return stays.assign(concordance=quotient(wins.to_numpy(), pairs))


def _mean(concordance: np.ndarray, unit: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the mean over the stays of each weighting, (weightings,); NaN without any."""
    patients = weights.shape[1]
    total, number = (
        weights @ np.bincount(unit, weights=of, minlength=patients)
        for of in (concordance, np.ones(len(unit)))
    )
    return quotient(total, number)
