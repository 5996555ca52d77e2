"""DeLong's paired test of two models on the published cohort's size, on one core.

The alternative is the formula as it is written: every positive beside every negative, as blocks of
numpy comparisons that stay in the processor's cache.
"""

from __future__ import annotations

import sys

import numpy as np
from _runs import in_turn, one_core, show, verdict

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


def main() -> None:
    """Check that both agree, time both, and print the verdicts."""
    one_core()
    generator = np.random.default_rng(0)
    label = (generator.random(N_STAYS) < 0.43).astype(int)
    first = generator.normal(size=N_STAYS) + 1.5 * label
    scores = np.column_stack([first, first + generator.normal(size=N_STAYS)])
    for ours, theirs in zip(
        delong_covariance(label, scores), all_pairs(label, scores), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    patient = np.arange(N_STAYS) // 2
    fast, clustered = in_turn(
        [
            lambda: delong_covariance(label, scores),
            lambda: delong_covariance(label, scores, patient),
        ],
        10,
    )
    (slow,) = in_turn([lambda: all_pairs(label, scores)], 3)
    print(f"AUROCs of two models and their covariance, {N_STAYS} rows, {slow.cpu / fast.cpu:.0f} x")
    show("mimicflow", fast, 1)
    show("mimicflow, by patient", clustered, 1)
    pairs = int(label.sum() * (N_STAYS - label.sum()))
    show("all pairs", slow, 1, f"the same by {pairs:,} pairs per model in numpy; not by patient")
    met = [
        verdict("DeLong of two models, CPU", fast.cpu, 0.1, "s"),
        verdict("the same, clustered by patient, CPU", clustered.cpu, 0.1, "s"),
        verdict("share of the CPU time of all pairs", fast.cpu / slow.cpu, 1 / 50),
    ]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
