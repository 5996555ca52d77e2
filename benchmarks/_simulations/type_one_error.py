"""How often the test of a difference, or of a trend, that is none gives p < 0.05.

AUROCs of two models that are equally good are compared (DeLong, clustered by patient, Student's t),
and Kendall's tau is tested in courses without a trend (jackknife by patient). Beside stands what a
test gives that takes the rows as independent. `type_one_error.csv` is the table of 2,000 runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kendalltau, norm

from mimicflow.arrest.results.over_time import kendall
from mimicflow.evaluation.statistics.delong import compare_aurocs, delong_covariance

TABLE = Path(__file__).with_suffix(".csv")
BAR = 0.07
_HOURS = 24

# Event patients, others, rows of each, AUROC of both models; whether patients have unequal rows.
MODELS = {
    "arrest, AUROC .92": (18, 54, 30, 0.92, False),
    "arrest, AUROC .74": (18, 54, 30, 0.74, False),
    "2 % of 900 patients": (18, 882, 1, 0.8, False),
    "100 patients with unequal rows": (30, 70, 10, 0.8, True),
    "admission": (180, 220, 2, 0.85, True),
    "10 event patients": (10, 54, 10, 0.8, False),
    "5 event patients": (5, 54, 10, 0.8, False),
}
# Event patients, and how much an hour keeps of the one before it.
TRENDS = {
    "72 event patients": (72, 0.9),
    "18 event patients": (18, 0.9),
    "10 event patients": (10, 0.9),
    "5 event patients": (5, 0.9),
}


def two_models(
    generator: np.random.Generator, events: int, others: int, rows: int, auroc: float, unequal: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return label, the scores of two equally good models, and patient of each row.

    Seven tenths of the variance are the patient's own; half of all of it both models share.
    """
    patients = events + others
    sizes = generator.geometric(1 / rows, patients) if unequal else np.full(patients, rows)
    patient = np.repeat(np.arange(patients), sizes)
    label = (patient < events).astype(int)

    def noise(size: int) -> np.ndarray:
        shared, own = generator.normal(size=size), generator.normal(size=(2, size))
        return np.sqrt(0.5) * (shared + own)

    scores = np.sqrt(0.7) * noise(patients)[:, patient] + np.sqrt(0.3) * noise(len(patient))
    return label, scores + np.sqrt(2) * norm.ppf(auroc) * label, patient


def course(generator: np.random.Generator, patients: int, kept: float) -> pd.DataFrame:
    """Return means of patient and hour that wander about a level of the patient's, of no trend."""
    value = generator.normal(size=(patients, _HOURS))
    for hour in range(1, _HOURS):
        value[:, hour] = kept * value[:, hour - 1] + np.sqrt(1 - kept**2) * value[:, hour]
    value += generator.normal(size=(patients, 1))
    patient, hours = (of.ravel() for of in np.indices(value.shape))
    columns = {"subject_id": patient, "stay_id": patient, "hours": hours + 0.5}
    return pd.DataFrame({**columns, "value": value.ravel()})


def of_models(generator: np.random.Generator, *cell: float) -> tuple[float, float]:
    """Return the p value by row, and ours, of two equally good models."""
    label, scores, patient = two_models(generator, *cell)
    aurocs, covariance = delong_covariance(label, scores.T)
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    by_row = 2 * norm.sf(abs(aurocs[0] - aurocs[1]) / error)
    return float(by_row), compare_aurocs(label, *scores, patient).p


def of_trend(generator: np.random.Generator, *cell: float) -> tuple[float, float]:
    """Return the p value by row, and ours, of a course without a trend."""
    means = course(generator, *cell)
    return kendalltau(means["hours"], means["value"]).pvalue, kendall(means, smallest=0)["p"]


def type_one_error(
    task: Callable[..., tuple[float, float]], cell: tuple[float, ...], runs: int, seed: int = 0
) -> tuple[float, float]:
    """Return how often p is below 0.05 where nothing differs, by row and by patient."""
    generator = np.random.default_rng(seed)
    found = np.array([task(generator, *cell) for _ in range(runs)])
    return tuple((found < 0.05).mean(axis=0))


def main() -> None:
    """Write the table and print the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", type=Path, help="CSV to write")
    options = parser.parse_args()
    rows = []
    for test, task, cells in (("AUROCs", of_models, MODELS), ("tau", of_trend, TRENDS)):
        for name, cell in cells.items():
            by_row, by_patient = type_one_error(task, cell, options.runs, options.seed)
            error = np.sqrt(max(by_patient, 1 / options.runs) * (1 - by_patient) / options.runs)
            rows.append((test, name, options.runs, by_row, by_patient, round(error, 4)))
            shares = f"by row {by_row:.3f}  by patient {by_patient:.3f} ± {error:.3f}"
            print(f"{test:<7} {name:<32} {shares}", flush=True)
    columns = ["test", "data", "runs", "by_row", "by_patient", "monte_carlo_error"]
    table = pd.DataFrame(rows, columns=columns)
    if options.table:
        table.to_csv(options.table, index=False)
    sys.exit((table["by_patient"] > BAR).any())


if __name__ == "__main__":
    main()
