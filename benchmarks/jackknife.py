"""Intervals of all scores by patient on the published cohort's size, on one core.

The alternative is the plain way: scikit-learn's scores, and statsmodels' logistic regressions, on
what is left without each group of patients.
"""

from __future__ import annotations

import sys

import numpy as np
import statsmodels.api as sm
from _runs import Spent, one_core, show, spent, verdict
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from mimicflow.evaluation.statistics.calibration import clipped_logit
from mimicflow.evaluation.statistics.jackknife import GROUPS, jackknife

N_STAYS = 30_421
PLAIN = 10
THRESHOLDS = (0.4, 0.5, 0.6)


def plain_scores(label: np.ndarray, probability: np.ndarray, flagged: np.ndarray) -> None:
    """Compute the same scores one by one."""
    for score in (roc_auc_score, average_precision_score, brier_score_loss, log_loss):
        score(label, probability)
    line, binomial = clipped_logit(probability), sm.families.Binomial()
    sm.GLM(label, np.ones(len(label)), binomial, offset=line).fit()
    sm.GLM(label, sm.add_constant(line), binomial).fit()
    for decision in flagged.T:
        for score in (recall_score, precision_score):
            score(label, decision)
            score(label, decision, pos_label=0)
        f1_score(label, decision)


def main() -> None:
    """Time all groups of patients by ours, and a few by the alternative."""
    one_core()
    generator = np.random.default_rng(0)
    label = (generator.random(N_STAYS) < 0.43).astype(int)
    probability = 1 / (1 + np.exp(-generator.normal(size=N_STAYS) - 1.5 * (label - 0.5)))
    flagged = np.stack([probability >= threshold for threshold in THRESHOLDS], axis=1)
    ours = spent(lambda: jackknife(label, probability, np.arange(N_STAYS), flagged=flagged))

    def some_groups() -> None:
        for _ in range(PLAIN):
            rows = generator.permutation(N_STAYS)[N_STAYS // GROUPS :]
            plain_scores(label[rows], probability[rows], flagged[rows].astype(int))

    plain = Spent(*(seconds / PLAIN * GROUPS for seconds in spent(some_groups)))
    what = f"all scores without each of {GROUPS} groups, {len(THRESHOLDS)} thresholds"
    print(f"{what}, {N_STAYS} rows, {plain.cpu / ours.cpu:.1f} x")
    show("mimicflow", ours, 1)
    show(
        "scikit-learn, statsmodels", plain, 1,
        f"the same {6 + 5 * len(THRESHOLDS)} scores of a group one by one, with input checks and "
        f"statsmodels' covariances; of {PLAIN} groups, times {GROUPS // PLAIN}",
    )  # fmt: skip
    sys.exit(0 if verdict(f"{what}, CPU", ours.cpu, 10, "s") else 1)


if __name__ == "__main__":
    main()
