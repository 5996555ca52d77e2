"""A folder of results with invented figures, as the report reads them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from made_arrest_results import write_arrest_files
from made_mortality_results import write_mortality_files
from made_protocol_results import ADMISSION, GROUPS, interval, write_csv, write_protocol
from matplotlib.figure import Figure

FEATURES = ["Hours from arrival to prediction", "Age", "Triage acuity (ESI)", "Troponin T, peak"]
FEATURES += ["ECGs so far", "Lactate, first", "Oxygen saturation", "Creatinine, first"]
FEATURES += [f"Medication class {i}" for i in range(1, 25)]
DEFECTS = {
    1: ("Best epoch chosen on the fold that is reported", "inner split", "reported fold"),
    2: ("ECGs after the prediction are counted", "until_prediction", "whole_stay"),
    6: ("Laboratory results used before they were stored", "storetime", "charttime"),
    10: ("Acuity median from all rows", "training", "all"),
    17: ("Weighted loss without recalibration", "none", "balanced"),
    22: ("Mains filter at the wrong frequency", "60", "50"),
    35: ("Pretraining on ECGs of test patients", "without_test", "all"),
}


def write_report_files(folder: Path, real: bool = False) -> Path:
    """Write every file that the report can show under ``folder``/results and return that folder.

    With ``real``, some counts are under ten, as before masking.
    """
    draw = np.random.default_rng(0)
    results = folder / "results"
    for protocol in ("nested", "published", "seed"):
        write_protocol(results / "admission" / protocol, protocol, draw, ADMISSION)
    _write_cohort(results, draw, real)
    _write_explanations(results / "admission" / "explanations", draw)
    _write_defects(results / "admission" / "price_of_defects.csv", draw)
    _write_run(results, real)
    write_mortality_files(results, real)
    write_arrest_files(results, real)
    return results


def _write_cohort(results: Path, draw: np.random.Generator, real: bool) -> None:
    steps = ["All emergency department stays", "ECGs recorded between arrival and departure"]
    steps += ["Stays with a triage row", "Chief complaint names a cardiac complaint", "The cohort"]
    sizes = [425087, 160200, 158900, 42110, 30421]
    rows = [
        {"step": f"step_{i}", "description": text, "rows": n * 2, "stays": n, "patients": n // 2}
        for i, (text, n) in enumerate(zip(steps, sizes, strict=True))
    ]
    rows.append({"step": "shared", "description": "ECGs in more than one stay"})
    rows[-1] |= {"rows": 7 if real else 12, "stays": 14, "patients": 16}
    rows.append({"step": "lost", "description": "ECGs of a patient without a row"})
    rows[-1] |= {"rows": 40, "stays": 40, "patients": 11}
    write_csv(rows, results / "cohort" / "attrition.csv")
    flow: list[dict[str, object]] = []
    for i, (text, n) in enumerate(zip(steps, sizes, strict=True)):
        if i:
            lost = f"{sizes[i - 1] - n:,}"
            flow += [{"kind": "left_out", "text": why, "stays": lost} for why in ("", f"No {i}")]
        flow.append({"kind": "box", "text": text, "stays": f"{n:,}", "patients": f"{n // 2:,}"})
    for fold in range(1, 6):
        flow.append({"kind": "part", "text": f"Fold {fold}", "stays": "6,084", "patients": "3,042"})
        flow.append({"kind": "outcome", "text": "Admitted", "stays": "2,600"})
    write_csv(flow, results / "cohort" / "flow.csv")
    titled = {f"{group.capitalize()}, n (%)": levels for group, levels in GROUPS.items()}
    table = [
        {"variable": variable, "level": level, "overall": "13150 (43.2)", "home": "8231 (47.1)"}
        | {"admitted": f"{draw.integers(1000, 9000)} (38.0)", "missing": "" if place else "0"}
        | {"smd": "" if place else f"{draw.uniform():.2f}", "data": "real" if real else "synthetic"}
        for variable, levels in (("Age (years), median (IQR)", [""]), *titled.items())
        for place, level in enumerate(levels)
    ]
    write_csv(table, results / "admission" / "table_one.csv")


def _write_explanations(folder: Path, draw: np.random.Generator) -> None:
    importance, attributions, ablation = [], [], []
    group = ["static", "vitals"]
    for model in ("random_forest_all", "lightgbm_all"):
        for measure in ("permutation", "shap"):
            for i, feature in enumerate(FEATURES):
                importance.append(
                    {"model": model, "title": ADMISSION.models[model][0], "feature": feature}
                    | {"group": group[i % 2], "measure": measure, "mean": 0.09 / (1 + i)}
                    | {"sd": 0.004 / (1 + i), "rank": i + 1}
                )
    for model in ("all_stays_model", "multiple_ECG_stays_model"):
        for i, feature in enumerate(FEATURES):
            attributions.append(
                {"model": model, "feature": feature, "group": "static", "mean_abs": 0.4 / (1 + i)}
                | {"mean": draw.normal() / 10, "rank": i + 1}
            )
        for removed, loss in (("ecg", 0.021), ("vitals", 0.0009), ("static", 0.048)):
            title, stays, *_ = ADMISSION.models[model]
            n, patients, events = ADMISSION.sizes[stays]
            full = ADMISSION.auroc(model, "nested")
            for score, at in (("auroc", full), ("auprc", full - 0.03), ("brier", 0.12)):
                sign = -1 if score != "brier" else 1
                low, high = sign * loss - 0.003, sign * loss + 0.003
                ablation.append(
                    {"model": model, "title": title, "removed": removed, "patients": patients}
                    | {"n": n, "events": events, "score": score}
                    | interval(at + sign * loss, 0.004)
                    | {"full_value": at, "difference": sign * loss}
                    | {"difference_low": low, "difference_high": high}
                )
    write_csv(importance, folder / "importance.csv")
    write_csv(attributions, folder / "attributions.csv")
    write_csv(ablation, folder / "ablation.csv")
    for kind in ("true_positive", "false_positive", "true_negative", "false_negative"):
        _draw_ecg(folder / f"ecg_{kind}.png", draw)


def _draw_ecg(path: Path, draw: np.random.Generator) -> None:
    figure = Figure(figsize=(10, 5), dpi=170)
    axes = figure.subplots()
    t = np.linspace(0, 10, 4000)
    for row in range(4):
        beat = np.exp(-(((t * 1.2) % 1 - 0.5) ** 2) / 0.0004) + draw.normal(0, 0.02, len(t))
        axes.plot(t, beat - 2 * row, color="#222", linewidth=0.7)
        axes.scatter(t[::9], (beat - 2 * row)[::9], c=draw.uniform(size=len(t[::9])), s=3)
    axes.grid(color="#f0b8b8")
    figure.savefig(path)


SIDES = ("ours", "published")


def _write_defects(path: Path, draw: np.random.Generator) -> None:
    rows = []
    for row, (defect, ours, published) in reversed(DEFECTS.items()):
        for score, base in (("auroc", 0.91), ("auprc", 0.88), ("brier", 0.12), ("ece", 0.03)):
            gap = draw.normal() * 0.006
            rows.append(
                {"row": row, "defect": defect, "key": f"row_{row}", "ours": ours}
                | {"published": published, "model": "all_stays_model"}
                | {"title": "ECG, vital signs and static", "score": score, "ours_value": base}
                | {"ours_low": base - 0.004, "ours_high": base + 0.004}
                | {"published_value": base - gap, "published_low": base - gap - 0.004}
                | {"published_high": base - gap + 0.004, "difference": gap}
                | {"difference_low": gap - 0.003, "difference_high": gap + 0.003}
                | {f"{side}_calibrated_up_to": 0.03 if score == "ece" else np.nan for side in SIDES}
                | {"n_ours": 30421, "n_published": 30421 - row, "paired": row != 2}
                | {"note": "other stays" if row == 2 else np.nan, "data": "synthetic"}
            )
    write_csv(rows, path)


def _write_run(results: Path, real: bool) -> None:
    few = 3 if real else 12
    tables = {
        name: {"table": name, "file": f"{name.partition('/')[2]}.csv.gz", "release": "2.2"}
        | {"rows": 10000, "rows_kept": 10000 - few, "rows_rejected": few, "rows_duplicate": 0}
        | {"columns_missing": [], "bytes": 12_500_000, "sha256": f"{i:064x}"}
        | {"sha256_verified": True, "warnings": []}
        for i, name in enumerate(("ed/edstays", "ed/triage", "hosp/labevents", "ecg/record_list"))
    }
    orphans = {"table": "ed/triage", "column": "stay_id", "references": "ed/edstays"}
    manifest = {
        "releases": {"ed": ["2.2"]},
        "tables": tables,
        "references": [orphans | {"rows": 9997, "orphans": few}],
        "warnings": [f"ed/triage: {few} of 9997 rows have a stay_id that ed/edstays lacks"],
    }
    _json(manifest, results / "manifest.json")
    reasons = ["signal_truncated"] * 31 + ["missing_file"] * few
    excluded = [
        {"study_id": 40000000 + i, "subject_id": 10000000 + i, "path": f"files/p{i}"}
        | {"reason": reason, "detail": "1666 of 5000 samples"}
        for i, reason in enumerate(reasons)
    ]
    write_csv(excluded, results / "ecg" / "excluded.csv")
    rules = [
        {"rule": rule, "jobs": jobs, "seconds": 61.5 * jobs, "cpu_seconds": 88.25 * jobs}
        | {"max_memory_mb": 812.4}
        for rule, jobs in (("train_model", 40), ("ingest_table", 12), ("build_cohort", 1))
    ]
    run = {
        "code": {"version": "0.3.0", "commit": "0123456789abcdef", "changed": False}
        | {"python": "3.11.7"},
        "packages": {"duckdb": "2.0.0", "numpy": "2.4.0", "torch": "2.13.0"},
        "machine": {"system": "Linux x86_64", "processor": "Some processor", "cores": 16}
        | {"memory_gb": 128.0, "gpus": []},
        "seed": {"hospital": 0, "split": 0, "weights": 0},
        "config": {"seed": 0, "data": {"hosp": "…/hosp"}, "models": {"a": {"dropout": 0.3}}},
        "rules": rules,
    }
    _json(run, results / "run.json")


def _json(content: dict, path: Path) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
