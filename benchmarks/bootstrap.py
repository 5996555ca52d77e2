"""Intervals of all scores by patient on the published cohort's size, on one core.

The alternative is the plain way: scikit-learn's scores on every resampled table.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from _runs import verdict
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from mimicflow.evaluation.bootstrap import bootstrap

N_STAYS = 30_421
DRAWS = 1000
PLAIN_DRAWS = 20


def main() -> None:
    """Time 1,000 draws of ours and a few of the alternative."""
    generator = np.random.default_rng(0)
    label = (generator.random(N_STAYS) < 0.43).astype(int)
    probability = 1 / (1 + np.exp(-generator.normal(size=N_STAYS) - 1.5 * (label - 0.5)))
    start = time.process_time()
    bootstrap(label, probability, np.arange(N_STAYS), draws=DRAWS)
    ours = time.process_time() - start
    start = time.process_time()
    for _ in range(PLAIN_DRAWS):
        rows = generator.integers(0, N_STAYS, N_STAYS)
        for score in (roc_auc_score, average_precision_score, brier_score_loss):
            score(label[rows], probability[rows])
    plain = (time.process_time() - start) / PLAIN_DRAWS * DRAWS
    ratio = plain / ours
    print(f"ours {ours:.2f} s, resampling with scikit-learn {plain:.1f} s, {ratio:.1f} x faster")
    sys.exit(0 if verdict(f"{DRAWS} draws of three scores", ours, 10, "s") else 1)


if __name__ == "__main__":
    main()
