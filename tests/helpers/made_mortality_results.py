"""The files of the system mortality in a folder of results, with invented figures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from html_pages import Element, read_page
from made_protocol_results import Cast, interval, write_csv, write_protocol

from mimicflow.evaluation.study import Study
from mimicflow.report import SharedFiles, build_report, sort_files

MORTALITY = Cast(
    models={
        "lstm": ("LSTM", "all", np.nan, np.nan),
        "gru": ("GRU", "all", np.nan, np.nan),
        "bilstm": ("Bidirectional LSTM", "all", np.nan, np.nan),
        "logistic_regression": ("Logistic regression (bag of codes)", "all", np.nan, np.nan),
        "lightgbm": ("LightGBM (bag of codes, age, sex, visits)", "all", np.nan, np.nan),
    },
    sizes={"all": (8412, 8412, 1530)},
    aurocs={
        "LSTM": 0.8214,
        "GRU": 0.8241,
        "Bidirectional LSTM": 0.8227,
        "Logistic regression (bag of codes)": 0.7962,
        "LightGBM (bag of codes, age, sex, visits)": 0.8316,
    },
    judged="audited",
    optimism=0.0533,
    folds=1,
)
NETWORKS = {"lstm": 42305, "gru": 31745, "bilstm": 84609}
KEPT = 6  # the best of ten epochs
CODES = {
    "ICD10:I10": ("Essential (primary) hypertension", 10233),
    "ICD9:4019": ("Unspecified essential hypertension", 9120),
    "DRUG:furosemide": ("", 8004),
    "PROC10:5A1955Z": ("Respiratory ventilation, greater than 96 consecutive hours", 720),
    "ICD10:N186": ("End stage renal disease", 412),
    "ICD10:E8342": ("Hypomagnesemia", 8),
}
# Patients by number of visits; the last are single patients of a long history.
VISITS = [4210, 1702, 903, 488, 260, 141, 80, 43, 21, 12, 9, 6, 3, 1, 1]


def write_mortality_files(results: Path, real: bool) -> None:
    """Write them under ``results``; with ``real``, some counts are under ten, as before masking."""
    draw = np.random.default_rng(1)
    root = results / "mortality"
    for protocol in ("audited", "published"):
        folder = root / protocol
        write_protocol(folder, protocol, draw, MORTALITY)
        _write_cohort(folder, protocol, real)
        _write_neighbours(folder / "neighbours.csv", draw)
        for model in MORTALITY.models:
            _write_confusion(folder / model, protocol, real and model == "gru")
        for model in NETWORKS:
            _write_history(folder / model / "history.csv", protocol, draw)
    _write_comparison(root / "comparison.csv")
    _write_times(results / "benchmarks/mortality/times.csv")
    _write_leak(root / "leak.csv")
    _write_manifest(root / "manifest.json", results / "manifest.json")


def build_mortality(folder: Path, results: Path, *names: str, synthetic: bool = True) -> Element:
    """Return the page of these files of mortality alone."""
    systems, _ = sort_files([results / "mortality" / name for name in names], results)
    output = folder / "page.html"
    build_report("T", systems, SharedFiles(), output, Study(synthetic=synthetic))
    return read_page(output.read_text(encoding="utf-8"))


def _write_comparison(path: Path) -> None:
    rows = []
    n, patients, events = MORTALITY.sizes["all"]
    for protocol in ("audited", "published"):
        base = MORTALITY.auroc("lstm", protocol)
        for model, (title, *_) in MORTALITY.models.items():
            at = MORTALITY.auroc(model, protocol)
            means = {"auroc": at, "auprc": at - 0.031, "test_loss": 0.9 - 0.6 * at}
            row = {"protocol": protocol, "model": model, "title": title}
            row |= {"parameters": NETWORKS.get(model, 101 if "log" in model else np.nan)}
            row |= {"repeats": 3, "patients": patients, "n": n, "events": events}
            row |= {"brier": 0.3 - 0.2 * at}
            for score, mean in means.items():
                row |= {score: mean, f"{score}_low": mean - 0.004, f"{score}_high": mean + 0.004}
                row |= {f"{score}_mean": mean - 0.0011, f"{score}_sd": 0.0023}
            first = model == "lstm"
            gap = np.nan if first else at - base
            row |= {"f1": 0.41, "delong_difference": gap, "delong_low": gap - 0.0052}
            row |= {"delong_high": gap + 0.0052}
            row |= {"p": np.nan if first else 0.0312, "p_holm": np.nan if first else 0.0624}
            rows.append({**row, "optimistic": protocol == "published", "data": "synthetic"})
    write_csv(rows, path)


def _write_times(path: Path) -> None:
    rows = [
        {"protocol": protocol, "model": model, "repeat": repeat, "train_seconds": seconds}
        for protocol in ("audited", "published")
        for model in MORTALITY.models
        for repeat, seconds in ((1, 41.27 if model in NETWORKS else 1.3), (2, 99.0))
    ]
    write_csv(rows, path)


def _write_leak(path: Path) -> None:
    rows = []
    lines = [("all", model) for model in MORTALITY.models] + [("visits", "lstm")]
    for leak, model in lines:
        ours, theirs = (MORTALITY.auroc(model, name) for name in ("audited", "published"))
        for score, scale, shift in (("auroc", 1, 0), ("auprc", 1, -0.031), ("log_loss", -0.6, 0.9)):
            a, b = scale * ours + shift, scale * theirs + shift
            gap = interval(b - a, 0.0091)
            row = {"leak": leak, "model": model, "score": score, "published": b, "audited": a}
            rows.append(row | {"difference": gap["value"], "low": gap["low"], "high": gap["high"]})
    write_csv(rows, path)


def _write_cohort(folder: Path, protocol: str, real: bool) -> None:
    later = 4 if protocol == "published" and real else 0  # patients whom only this one keeps
    steps = [
        ("all_admissions", "All hospital admissions", 431231, 73181, 180733),
        ("adult_icustays", "ICU stays of admissions at the age of 18 or more", 66239, 73181, 50920),
        ("first_icustay", "First ICU stay of each patient", 50920, 50920, 50920),
        ("survived", "Patients who left that admission alive", 45300, 45300, 45300),
        ("recorded", "End of the ICU stay recorded", *[45300 - 5 * real] * 3),
        ("cohort", "Not dead on or before the day of the index", *[42060 + later] * 3),
    ]
    rows = [
        {"step": step, "description": text, "rows": n, "stays": stays, "patients": patients}
        for step, text, n, stays, patients in steps
    ]
    lost = -pd.Series([row["patients"] for row in rows]).diff()
    for row, dropped in zip(rows, lost.fillna(0), strict=True):
        row["dropped"] = int(dropped)
    for step, text, n in (
        ("lost_day", "Lost: died on that day", 3),
        ("of", "Of the cohort: died", 7650),
    ):
        beside = {
            "step": step,
            "description": text,
            **dict.fromkeys(("rows", "stays", "patients"), n),
        }
        rows.append({**beside, "dropped": np.nan})
    write_csv(rows, folder / "attrition.csv")
    table = [
        {"variable": variable, "level": level, "overall": overall, "alive": "63.1", "died": "74.9"}
        | {"missing": "0", "smd": "0.42", "data": "real" if real else "synthetic"}
        for variable, level, overall in (
            ("Patients, n", "", "42060"),
            ("Age (years), median (IQR)", "", "66.0 (53.0–78.0)"),
            ("Sex, n (%)", "Female", "18300 (43.5)"),
            ("Sex, n (%)", "Male", "23760 (56.5)"),
        )
    ]
    write_csv(table, folder / "table_one.csv")
    _write_visits(folder, 2 * (protocol == "published"))


def _write_visits(folder: Path, more: int) -> None:
    """Write the visits of each patient; under the published protocol they are more."""
    patients = pd.Series(VISITS, index=range(1, len(VISITS) + 1))
    rows = [{"n_visits": n + more * (n > 1), "patients": m} for n, m in patients.items()]
    write_csv(rows, folder / "visits.csv")
    each = np.repeat([row["n_visits"] for row in rows], VISITS)
    values = {"patients": len(each), "min": each.min(), "median": np.median(each)}
    values |= {"mean": each.mean(), "max": each.max()}
    summary = [{"statistic": name, "value": value} for name, value in values.items()]
    write_csv(summary, folder / "visits_summary.csv")


def _write_neighbours(path: Path, draw: np.random.Generator) -> None:
    rows = []
    for code, (title, visits) in CODES.items():
        others = [other for other in CODES if other != code]
        alike = sorted(draw.uniform(0.3, 0.95, len(others)), reverse=True)
        for rank, (other, similarity) in enumerate(zip(others, alike, strict=True), start=1):
            rows.append(
                {"code": code, "title": title, "visits": visits, "rank": rank, "neighbour": other}
                | {"neighbour_title": CODES[other][0], "similarity": similarity}
            )
    write_csv(rows, path)


def _write_history(path: Path, protocol: str, draw: np.random.Generator) -> None:
    rows = []
    kept = KEPT if protocol == "audited" else 10
    for epoch in range(1, 11):
        learned = 1 - 0.6**epoch
        row: dict[str, float] = {"epoch": epoch}
        for part, slope in (("train", 0.012 * epoch), ("val", -0.006 * max(epoch - KEPT, 0))):
            auc = 0.6 + 0.22 * learned + slope + draw.normal() * 0.001
            row |= {f"{part}_loss": 1.1 - auc, f"{part}_auc": auc, f"{part}_ap": auc - 0.34}
        rows.append({**row, "is_best": epoch in (2, kept)})  # the last of the best was kept
    write_csv(rows, path)


def _write_confusion(folder: Path, protocol: str, small: bool) -> None:
    n, _, events = MORTALITY.sizes["all"]
    alive = n - events
    rows, report = [], []
    rules = {"fixed": 0.5, "youden": 0.4377} if protocol == "audited" else {"fixed": 0.5}
    for rule, threshold in rules.items():
        tp = events - 7 if small and rule == "youden" else int(events * (1.2 - threshold))
        tn = int(alive * (0.3 + threshold))
        counts = {"tn": tn, "fp": alive - tn, "fn": events - tp, "tp": tp}
        head = {"threshold_rule": rule, "threshold": threshold}
        rows.append({**head, **counts})
        for name, right, wrong, support in (
            ("Alive", tn, counts["fn"], alive),
            ("Died within a year", tp, counts["fp"], events),
        ):
            precision, recall = right / (right + wrong), right / support
            f1 = 2 * precision * recall / (precision + recall)
            scores = {"precision": precision, "recall": recall, "f1": f1, "support": support}
            report.append({**head, "class": name, **scores})
    write_csv(rows, folder / "confusion.csv")
    write_csv(report, folder / "classification_report.csv")


def _write_manifest(path: Path, of_all: Path) -> None:
    """Write the manifest of the tables that mortality reads; one of them is read by all."""
    manifest = json.loads(of_all.read_text(encoding="utf-8"))
    shared = manifest["tables"]["hosp/labevents"]
    icu = shared | {"table": "icu/icustays", "file": "icustays.csv.gz", "rows": 73181}
    manifest |= {"tables": {"hosp/labevents": shared, "icu/icustays": icu}, "references": []}
    path.write_text(json.dumps(manifest | {"warnings": []}), encoding="utf-8")
