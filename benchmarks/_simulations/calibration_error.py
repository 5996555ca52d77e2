"""Which expected calibration error is near the truth, of calibrated models and of others.

Models of known miscalibration are drawn again and again: the mean of each estimator less the
true error (of the tenths, absolute or root mean square as the estimator has it), and how often
the error of a calibrated model lies within what `calibration_errors` says of calibrated ones.
`calibration_error.csv` is the table of 200 runs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from mimicflow.evaluation.statistics.calibrated import calibration_errors
from mimicflow.evaluation.statistics.calibration import quantile_bins

ROWS = (100, 300, 1000, 3000, 10_000)
BAR = 0.05
# What is true -> base of the log odds, shift and slope of the true log odds on them.
MODELS = {
    "calibrated": (-0.5, 0.0, 1.0),
    "calibrated, 7 % events": (-3.5, 0.0, 1.0),
    "slope 0.85": (-0.5, 0.0, 0.85),
    "slope 0.6": (-0.5, 0.0, 0.6),
    "0.3 too low": (-0.5, 0.3, 1.0),
    "1 too low": (-0.5, 1.0, 1.0),
    "0.7 too low, 13 % events": (-3.5, 0.7, 1.0),
}


def gaps(label: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return distance, observed share and rows of each tenth."""
    tenth = quantile_bins(probability)
    n = np.bincount(tenth)
    distance, observed = (np.bincount(tenth, of) / n for of in (label - probability, label))
    return distance, observed, n


def estimates(label: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Return the error by the plain estimator and those of the literature."""
    distance, observed, n = gaps(label, probability)
    share, size = n / n.sum(), np.abs(distance)
    spread = np.maximum(np.sqrt(observed * (1 - observed) / n), 1e-12)
    # Mean of |x| where x is normal around the distance: what sampling once more would make of it.
    again = size * (2 * norm.cdf(size / spread) - 1) + 2 * spread * norm.pdf(size / spread)
    square = distance**2 - observed * (1 - observed) / np.maximum(n - 1, 1)
    return {
        "plain": float(share @ size),
        "l1, debiased (Kumar 2019)": float(share @ (2 * size - again)),
        "sweep (Roelofs 2022)": _sweep(label, probability),
        "rms, binomial noise off (Bröcker 2012)": float(np.sqrt(max(share @ square, 0))),
    }


def _sweep(label: np.ndarray, probability: np.ndarray) -> float:
    """Return the error over as many equal bins as leave the observed shares rising."""
    order, found = np.argsort(probability), 0.0
    label, probability = label[order], probability[order]
    for bins in range(1, len(label) + 1):
        edges = np.arange(bins) * len(label) // bins
        n = np.diff(np.append(edges, len(label)))
        observed, predicted = (np.add.reduceat(of, edges) / n for of in (label, probability))
        if (np.diff(observed) < 0).any():
            break
        found = float(n @ np.abs(observed - predicted) / len(label))
    return found


def simulate(name: str, rows: int, runs: int) -> dict[str, object]:
    """Return the bias of each estimator, and the share of models within the band."""
    base, shift, slope = MODELS[name]
    generator = np.random.default_rng([rows, list(MODELS).index(name)])
    everyone = base + 1.3 * norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    distance, _, n = gaps(expit(shift + slope * everyone), expit(everyone))
    true, true_square = n @ np.abs(distance) / n.sum(), np.sqrt(n @ distance**2 / n.sum())
    found = []
    for run in range(runs):
        log_odds = base + 1.3 * generator.normal(size=rows)
        label = (generator.random(rows) < expit(shift + slope * log_odds)).astype(float)
        ours = calibration_errors(label, expit(log_odds), np.arange(rows), 200, run, errors=["ece"])
        value, up_to = ours["ece"]
        of_run = estimates(label, expit(log_odds))
        found.append(of_run | {"rms, drawn noise off (ours)": value, "inside": value <= up_to})
    means = pd.DataFrame(found).astype(float).mean()
    bias = {
        estimator: mean - (true_square if estimator.startswith("rms") else true)
        for estimator, mean in means.drop("inside").items()
    }
    return {"model": name, "rows": rows, "true": true, "true_rms": true_square, **bias,
            "inside": means["inside"]}  # fmt: skip


def main() -> None:
    """Simulate all models at all sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--table", type=Path, help="CSV to write")
    options = parser.parse_args()
    cells = [(name, rows) for name in MODELS for rows in ROWS]
    table = pd.DataFrame([simulate(*cell, options.runs) for cell in cells]).round(4)
    print(table.to_string(index=False))
    if options.table:
        table.to_csv(options.table, index=False)
    calibrated = table.loc[table["true"] == 0, "inside"]
    sys.exit(bool((calibrated - 0.95).abs().max() > BAR))


if __name__ == "__main__":
    main()
