"""DeLong's paired test of two models on the published cohort's size, on one core.

The alternative is the formula as it is written: every positive beside every negative, as blocks of
numpy comparisons that stay in the processor's cache.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from _runs import verdict

from mimicflow.evaluation.statistics.delong import delong_covariance

N_STAYS = 30_421
BLOCK = 16  # positives at once: 16 x 17,000 comparisons of one byte


def all_pairs(label: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return AUROCs and their covariance from all pairs of a positive and a negative."""
    positives, negatives = scores[label == 1], scores[label == 0]
    (m, models), n = positives.shape, len(negatives)
    of_positives, of_negatives = np.zeros((m, models)), np.zeros((n, models))
    for model in range(models):
        other = np.ascontiguousarray(negatives[:, model])
        for start in range(0, m, BLOCK):
            one = positives[start : start + BLOCK, model, None]
            # Twice the share of a pair that is won: 2 above, 1 tied, 0 below.
            won = (one > other).view(np.int8)
            won = won + (one >= other).view(np.int8)
            of_positives[start : start + BLOCK, model] = won.sum(axis=1) / (2 * n)
            of_negatives[:, model] += won.sum(axis=0, dtype=np.int8) / (2 * m)
    covariance = np.cov(of_positives, rowvar=False) / m + np.cov(of_negatives, rowvar=False) / n
    return of_positives.mean(axis=0), covariance


def seconds(task: Callable[[], object], times: int) -> float:
    """Return the shortest of several runs, in time of the processor."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        task()
        taken.append(time.process_time() - start)
    return min(taken)


def main() -> None:
    """Check that both agree, time both, and print the verdicts."""
    generator = np.random.default_rng(0)
    label = (generator.random(N_STAYS) < 0.43).astype(int)
    first = generator.normal(size=N_STAYS) + 1.5 * label
    scores = np.column_stack([first, first + generator.normal(size=N_STAYS)])
    for ours, theirs in zip(
        delong_covariance(label, scores), all_pairs(label, scores), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    fast = seconds(lambda: delong_covariance(label, scores), 10)
    clustered = seconds(lambda: delong_covariance(label, scores, np.arange(N_STAYS) // 2), 10)
    slow = seconds(lambda: all_pairs(label, scores), 3)
    print(
        f"ours {fast * 1e3:.1f} ms, clustered {clustered * 1e3:.1f} ms, all pairs {slow:.2f} s, ",
        end="",
    )
    print(f"{slow / fast:.0f} x faster")
    met = [
        verdict("DeLong of two models", fast, 0.1, "s"),
        verdict("the same, clustered by patient", clustered, 0.1, "s"),
        verdict("share of the time of all pairs", fast / slow, 1 / 50),
    ]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
