"""How often new patients have the PPV or specificity by which a threshold was chosen.

Scores of events and others are normal; rows of a patient share half of the variance of their
score, and their label. Thresholds are chosen on small samples, as promised and as the lowest at
which the sample itself has the value; what new patients have there is known.
`threshold_promises.csv` is the table of 1,000 runs.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm

from mimicflow.evaluation.statistics.metrics import choose_thresholds

CONFIDENCE = 0.95
BAR = 0.05  # of all samples; beyond it by as much as the Monte-Carlo error allows
# Rule and value, AUROC, share of event patients, patients, rows of each.
CELLS = [
    *(("ppv", 0.8, auroc, share, patients, rows)
      for auroc, share in ((0.75, 0.35), (0.85, 0.35), (0.85, 0.45), (0.92, 0.45))
      for patients, rows in ((130, 1), (100, 2), (500, 1))),
    *(("specificity", 0.9, 0.85, 0.35, patients, rows)
      for patients, rows in ((130, 1), (100, 2), (500, 1))),
    *(("specificity", 0.8, 0.92, 0.25, patients, rows)
      for patients, rows in ((72, 15), (280, 15))),
]  # fmt: skip


def sample(
    generator: np.random.Generator, auroc: float, share: float, patients: int, rows: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, scores and patients."""
    patient = np.repeat(np.arange(patients), rows)
    label = (generator.random(patients) < share).astype(int)[patient]
    own, each = generator.normal(size=patients)[patient], generator.normal(size=len(patient))
    return label, (own + each) / np.sqrt(2) + np.sqrt(2) * norm.ppf(auroc) * label, patient


def true_value(rule: str, threshold: np.ndarray, auroc: float, share: float) -> np.ndarray:
    """Return the specificity or PPV of all patients there could be."""
    if rule == "specificity":
        return np.asarray(norm.cdf(threshold))
    hits = share * norm.sf(threshold - np.sqrt(2) * norm.ppf(auroc))
    return np.asarray(hits / (hits + (1 - share) * norm.sf(threshold)))


def simulate(cell: tuple[str, float, float, float, int, int], runs: int) -> dict[str, object]:
    """Return how often there is a threshold, and how often it breaks what it was chosen by."""
    rule, value, auroc, share, patients, rows = cell
    generator = np.random.default_rng([CELLS.index(cell), 1])
    thresholds = np.empty((runs, 2))
    for run in range(runs):
        label, score, patient = sample(generator, auroc, share, patients, rows)
        for place, confidence in enumerate((CONFIDENCE, "none")):
            rules = {rule: [value], "confidence": confidence}
            (thresholds[run, place],) = choose_thresholds(label, score, rules, patient).values()
    reached = true_value(rule, thresholds, auroc, share)
    broken = reached < value
    given = ~np.isnan(thresholds[:, 0])
    return {
        **dict(zip(("rule", "value", "auroc", "share", "patients", "rows"), cell, strict=True)),
        "runs": runs,
        "given": given.mean(),
        "broken": broken[:, 0].mean(),
        "broken_of_given": broken[given, 0].mean() if given.any() else np.nan,
        "median_unpromised": np.nanmedian(reached[:, 1]),
        "broken_unpromised": broken[:, 1].mean(),
        "monte_carlo_error": np.sqrt(max(broken[:, 0].mean(), 1 / runs) / runs),
    }


def main() -> None:
    """Simulate every cell and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--table", type=Path, help="CSV to write")
    options = parser.parse_args()
    logging.disable()  # of every threshold that cannot be promised
    table = pd.DataFrame([simulate(cell, options.runs) for cell in CELLS]).round(4)
    print(table.to_string(index=False))
    if options.table:
        table.to_csv(options.table, index=False)
    sys.exit(bool((table["broken"] > BAR + 2 * table["monte_carlo_error"]).any()))


if __name__ == "__main__":
    main()
