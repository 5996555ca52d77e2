"""How near the models come to the best possible scores, which only synthetic patients have.

python benchmarks/synthetic_scores.py                    default size and permuted labels
python benchmarks/synthetic_scores.py --patients 30000   ten times the patients
python benchmarks/synthetic_scores.py --results results --table truth.csv   of a run that is there
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import pandas as pd
import yaml
from _runs import copy_repository, show, snakemake, verdict
from sklearn.metrics import roc_auc_score

from mimicflow.evaluation.predictions import read_predictions
from mimicflow.evaluation.statistics.clusters import rarer
from mimicflow.evaluation.statistics.jackknife import estimate, jackknife
from mimicflow.report.scored import add_truth

EVERYTHING = "all_stays_model"
OTHERS = ("all_stays_ECGonly", "random_forest_all", "lightgbm_all")
ARREST = ("hrv", "clinical", "both")
SEQUENCES, BAGS = ("lstm", "gru", "bilstm"), ("logistic_regression", "lightgbm")
# Sequences know the codes, the oracle the hidden course behind them.
MORTALITY_GAP = 0.10
# Five minutes of RR intervals know less than the hidden state that they come from.
ARREST_GAP = 0.10
# With permuted labels nothing would be accepted otherwise, and there would be no model.
PERMUTED = {"arrest": {"selection": {"shadow": "epoch"}}}


def run(folder: Path, synthetic: dict[str, object], **others: object) -> Path:
    """Run the whole workflow on a synthetic hospital and return its results folder."""
    copy_repository(folder)
    (folder / "overlay.yaml").write_text(yaml.safe_dump({"synthetic": synthetic, **others}))
    done = snakemake(folder, "--configfile", "overlay.yaml")
    show("whole workflow", done.took, 2, f"no other side; {done.memory_gib:.1f} GiB")
    return folder / "results"


def predictions(
    results: Path, model: str, folder: str = "admission", key: str = "stay_id"
) -> pd.DataFrame:
    """Return the predictions for the test patients of a model."""
    return read_predictions(results / f"{folder}/{model}/predictions.parquet", key=key)


def oracle(results: Path, system: str) -> pd.DataFrame:
    """Return the test rows of a system with what is known of them, as ``truth``.

    It is the probability from which each outcome was drawn; for epochs at the bedside the hidden
    state at their ends.
    """
    folder, model, key = {
        "admission": ("admission", EVERYTHING, "stay_id"),
        "admission, at least two ECGs": ("admission", "multiple_ECG_stays_model", "stay_id"),
        "mortality": ("mortality/audited", "lstm", "stay_id"),
        "arrest": ("arrest", "hrv", "epoch_id"),
    }[system]
    return add_truth(predictions(results, model, folder, key), system.partition(",")[0], results)


def truth_of(results: Path) -> pd.DataFrame:
    """Return how well the truth itself does on the test rows of each system."""
    rows = []
    for system in ("admission", "admission, at least two ECGs", "mortality", "arrest"):
        table = oracle(results, system)
        counts = {"n": len(table), "patients": table["subject_id"].nunique()}
        counts["events"] = int(table["label"].sum())
        auroc = roc_auc_score(table["label"], table["truth"])
        rows.append({"system": system, **counts, "auroc": auroc, "data": "synthetic"})
    return pd.DataFrame(rows)


def beside_the_oracle(results: Path, gap: float) -> list[bool]:
    """Compare every model with the true probabilities of the same test stays."""
    truth = pd.read_parquet(results / "synthetic/truth.parquet").set_index("stay_id")
    scores = {}
    for model in (EVERYTHING, *OTHERS):
        table = predictions(results, model)
        scores[model] = roc_auc_score(table["label"], table["probability"])
    true = truth.loc[table["stay_id"]]
    for column in ("p_everything", "p_ecg", "p_tables"):
        print(f"oracle {column:<14} {roc_auc_score(table['label'], true[column]):.4f}")
    best = roc_auc_score(table["label"], true["p_everything"])
    for model, score in scores.items():
        print(f"{model:<24} {score:.4f}  ratio to the oracle {score / best:.3f}")
    met = [verdict("oracle AUROC less that of everything", best - scores[EVERYTHING], gap)]
    met += [
        verdict(f"AUROC of {other} less that of everything", scores[other] - scores[EVERYTHING], 0)
        for other in OTHERS
    ]
    return met


def order_beside_bags(results: Path) -> list[bool]:
    """Compare sequence models with bags of codes and with the true probabilities of death."""
    scores = {}
    for model in (*SEQUENCES, *BAGS):
        table = predictions(results, model, "mortality/audited")
        scores[model] = roc_auc_score(table["label"], table["probability"])
        print(f"mortality {model:<24} {scores[model]:.4f}")
    known = oracle(results, "mortality")
    best = roc_auc_score(known["label"], known["truth"])
    print(f"mortality oracle                   {best:.4f}")
    best_bag = max(scores[bag] for bag in BAGS)
    worst = min(scores[model] for model in SEQUENCES)
    return [
        verdict("oracle AUROC less that of the worst sequence model", best - worst, MORTALITY_GAP),
        verdict("best bag of codes less the worst sequence model", best_bag - worst, -0.1),
    ]


def hrv_beside_vital_signs(results: Path) -> list[bool]:
    """Compare the models of arrest with the hidden state at the end of the same epochs."""
    scores = {}
    for model in ARREST:
        table = predictions(results, model, "arrest", key="epoch_id")
        scores[model] = roc_auc_score(table["label"], table["probability"])
        print(f"arrest {model:<12} {scores[model]:.4f}")
    known = oracle(results, "arrest")
    best = roc_auc_score(known["label"], known["truth"])
    print(f"arrest oracle       {best:.4f}")
    return [
        verdict("oracle AUROC less that of HRV", best - scores["hrv"], ARREST_GAP),
        verdict("AUROC of the vital signs less that of HRV", scores["clinical"] - scores["hrv"], 0),
        verdict("AUROC of HRV less that of the oracle", scores["hrv"] - best, 0),
    ]


def permuted(results: Path) -> list[bool]:
    """Look for 0.5 inside every model's 99 % interval."""
    met = []
    systems = ("admission", "mortality/audited", "arrest")
    models = [model for system in systems for model in sorted((results / system).iterdir())]
    for folder in models:
        if not (folder / "predictions.parquet").exists():
            continue
        key = "epoch_id" if folder.name in ARREST else "stay_id"
        table = read_predictions(folder / "predictions.parquet", key=key)
        label, patient = table["label"], table["subject_id"]
        found = jackknife(label, table["probability"], patient)["auroc"]
        _, low, high = estimate("auroc", found, rarer(label, patient), level=0.99)
        inside = bool(low <= 0.5 <= high)
        print(
            f"{folder.name:<28} 99 % interval {low:.3f}-{high:.3f}  {'met' if inside else 'MISSED'}"
        )
        met.append(inside)
    return met


def main() -> None:
    """Run the workflow and print the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=3000)
    parser.add_argument("--gap", type=float, help="allowed distance to the oracle's AUROC")
    parser.add_argument("--results", type=Path, help="score this run, and no other")
    parser.add_argument("--table", type=Path, help="CSV to write: the truth beside each system")
    arguments = parser.parse_args()
    gap = arguments.gap or (0.05 if arguments.patients < 30000 else 0.02)
    with tempfile.TemporaryDirectory(prefix="mimicflow-bench-") as name:
        ran = arguments.results
        results = ran or run(Path(name) / "a", {"n_patients": arguments.patients})
        if arguments.table:
            truth_of(results).to_csv(arguments.table, index=False)
        met = beside_the_oracle(results, gap) + order_beside_bags(results)
        met += hrv_beside_vital_signs(results)
        if not ran and arguments.patients <= 3000:
            met += permuted(run(Path(name) / "b", {"permute_labels": True}, **PERMUTED))
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
