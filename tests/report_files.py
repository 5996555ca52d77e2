"""A folder of results with invented figures, as the report reads them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

MODELS = {
    "all_stays_ECGonly": ("ECG only", "all", 0.852, 0.813),
    "random_forest_all": ("Random forest", "all", 0.886, 0.849),
    "lightgbm_all": ("LightGBM", "all", np.nan, np.nan),
    "all_stays_model": ("ECG, vital signs and static", "all", 0.911, 0.889),
    "multi_stays_ECGonly": ("ECG only", "multi", 0.859, 0.794),
    "random_forest_multi": ("Random forest", "multi", 0.911, 0.865),
    "lightgbm_multi": ("LightGBM", "multi", np.nan, np.nan),
    "multiple_ECG_stays_model": ("ECG, vital signs and static", "multi", 0.924, 0.889),
}
STRENGTH = {"ECG only": 1.45, "Random forest": 1.75, "LightGBM": 1.8}
N = {"all": (30421, 24610, 12931), "multi": (9204, 8120, 5102)}
GROUPS = {
    "sex": ["Female", "Male"],
    "age_band": ["18–44", "45–64", "65–79", "80 and over"],
    "race": ["Asian", "Black", "Hispanic", "White", "Other", "Unknown"],
    "arrival": ["Ambulance", "Walk in", "Helicopter", "Unknown"],
    "insurance": ["Medicare", "Medicaid", "Private", "None", "Unknown"],
}
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
        _write_protocol(results / "admission" / protocol, protocol, draw)
    _write_cohort(results, draw, real)
    _write_explanations(results / "admission" / "explanations", draw)
    _write_defects(results / "admission" / "price_of_defects.csv", draw)
    _write_run(results, real)
    return results


def _csv(rows: list[dict], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, index=False)


def _interval(value: float, half: float) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def _auroc(title: str, stays: str, protocol: str) -> float:
    base = {"ECG only": 0.8507, "Random forest": 0.8857, "LightGBM": 0.8912}.get(title, 0.9104)
    return base + 0.0118 * (stays == "multi") + 0.0041 * (protocol != "nested")


def _write_protocol(folder: Path, protocol: str, draw: np.random.Generator) -> None:
    scores, folds, comparisons, groups = [], [], [], []
    for model, (title, stays, auroc, auprc) in MODELS.items():
        n, patients, events = N[stays]
        of = {"model": model, "title": title}
        size = {"patients": patients, "n": n, "events": events}
        value = _auroc(title, stays, protocol)
        half = 0.004 if stays == "all" else 0.008
        published = {"auroc": auroc, "auprc": auprc}
        values = {"auroc": value, "auprc": value - 0.031, "brier": 0.3 - 0.2 * value}
        values |= {
            "log_loss": 0.9 - 0.6 * value,
            "calibration_intercept": -0.19 + draw.normal() / 9,
        }
        values |= {"calibration_slope": 0.9 + draw.normal() / 20, "ece": 0.02, "ici": 0.0217}
        head = {"stays": stays, **size}
        tail = {"optimistic": protocol != "nested", "data": "synthetic"}
        for score, mean in values.items():
            for interval in ("delong", "bootstrap") if score == "auroc" else ("bootstrap",):
                scores.append(
                    {**of, **head, "score": score, "threshold_rule": np.nan}
                    | _interval(mean, half + 0.0003 * (interval == "delong"))
                    | {"interval": interval, "fold_mean": mean + 0.0006, "fold_sd": 0.0031}
                    | {"published": published.get(score, np.nan), **tail}
                )
        for rule in ("youden", "specificity_0.9", "ppv_0.8"):
            for score in ("threshold", "sensitivity", "specificity", "ppv", "npv", "f1"):
                scores.append(
                    {**of, **head, "score": score, "threshold_rule": rule}
                    | _interval(draw.uniform(0.4, 0.95), 0.011)
                    | {"interval": "bootstrap", "fold_mean": np.nan, "fold_sd": np.nan}
                    | {"published": np.nan, **tail}
                )
        for fold in range(5):
            for score in ("auroc", "auprc", "brier"):
                at = values[score] + draw.normal() * 0.003
                folds.append({"model": model, "fold": fold, **size, "score": score, "value": at})
        groups += _subgroups(of, value, n, draw)
    titles = list(MODELS.items())
    for i, (model_a, (title_a, stays, *_)) in enumerate(titles):
        for model_b, (title_b, other, *_) in titles[i + 1 :]:
            if stays == other:
                a, b = _auroc(title_a, stays, protocol), _auroc(title_b, stays, protocol)
                half = 0.004 if abs(a - b) > 0.006 else 0.009
                comparisons.append(
                    {"stays": stays, "model_a": model_a, "title_a": title_a, "model_b": model_b}
                    | {"title_b": title_b, "n": N[stays][0], "patients": N[stays][1]}
                    | {"auroc_a": a, "auroc_b": b, "difference": a - b}
                    | {"low": a - b - half, "high": a - b + half, "z": (a - b) / half * 1.96}
                    | {"p": 0.0 if half < 0.005 else 0.23}
                    | {"clustered_low": a - b - half * 1.1, "clustered_high": a - b + half * 1.1}
                    | {"clustered_z": 2.0, "clustered_p": 0.0002 if half < 0.005 else 0.26}
                    | {"data": "synthetic"}
                )
    _csv(scores, folder / "scores.csv")
    _csv(folds, folder / "folds.csv")
    _csv(comparisons, folder / "comparisons.csv")
    _csv(groups, folder / "subgroups.csv")
    _write_curves(folder, draw)


def _subgroups(of: dict, auroc: float, total: int, draw: np.random.Generator) -> list[dict]:
    rows = []
    for group, levels in GROUPS.items():
        for level, share in zip(levels, draw.dirichlet(np.ones(len(levels)) * 4), strict=True):
            hidden = level == "Helicopter"
            n = int(total * share)
            for score, value in (("auroc", auroc), ("calibration_slope", 0.95)):
                at = _interval(value + draw.normal() * 0.012, 0.6 / np.sqrt(n))
                size = {"patients": int(n * 0.8), "n": n, "events": int(n * 0.42)}
                size |= {"score": score, **at}
                shown = {
                    name: np.nan if hidden and name != "score" else size[name] for name in size
                }
                rows.append({**of, "group": group, "level": level, **shown, "suppressed": hidden})
    return rows


def _write_curves(folder: Path, draw: np.random.Generator) -> None:
    curves, bins, calibration, decision = [], [], [], []
    for stays in N:
        for name, at in (("treat_all", 1.0), ("treat_none", 0.0)):
            for threshold in np.arange(1, 100) / 100:
                share = N[stays][2] / N[stays][0]
                benefit = at * (share - (1 - share) * threshold / (1 - threshold))
                decision.append(
                    {"model": name, "title": name.replace("_", " ").capitalize(), "stays": stays}
                    | {
                        "threshold": threshold,
                        "net_benefit": benefit,
                        "low": np.nan,
                        "high": np.nan,
                    }
                )
    for model, (title, stays, *_) in MODELS.items():
        of = {"model": model, "title": title}
        shift = STRENGTH.get(title, 2.0) + 0.1 * (stays == "multi")
        share = N[stays][2] / N[stays][0]
        x = np.linspace(0, 1, 180)
        y = 1 - (1 - x ** (1 / (1 + shift * 2))) ** (0.9 + shift / 4)
        precision = np.where(y > 0, share * y / (share * y + (1 - share) * x + 1e-9), 1.0)
        curves += [
            {"model": model, "curve": "roc", "x": a, "y": b} for a, b in zip(x, y, strict=True)
        ]
        curves += [
            {"model": model, "curve": "pr", "x": a, "y": b}
            for a, b in sorted(zip(y, precision, strict=True))
        ]
        for kind in ("none", "temperature", "isotonic", "beta"):
            bend = 0.06 if kind == "none" else 0.01
            for i in range(10):
                predicted = 0.05 + 0.098 * i
                observed = predicted - bend * np.sin(np.pi * predicted) + draw.normal() * 0.008
                n = N[stays][0] // 10
                bins.append(
                    {**of, "recalibration": kind, "bin": i + 1, "n": n}
                    | {"events": int(n * observed), "predicted": predicted, "observed": observed}
                    | {"low": observed - 0.02, "high": observed + 0.02}
                )
            for score, at in (("brier", 0.12), ("calibration_slope", 1 - bend * 2), ("ece", bend)):
                calibration.append(
                    {**of, "recalibration": kind, "score": score, **_interval(at, 0.004)}
                )
        for threshold in np.arange(1, 100) / 100:
            benefit = share * (1 - threshold) ** (1.6 / shift) * (1 - 0.2 * threshold)
            decision.append(
                {**of, "stays": stays, "threshold": threshold, "net_benefit": benefit}
                | {"low": benefit - 0.006, "high": benefit + 0.006}
            )
    _csv(curves, folder / "curves.csv")
    _csv(bins, folder / "reliability.csv")
    _csv(calibration, folder / "calibration.csv")
    _csv(decision, folder / "decision.csv")


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
    _csv(rows, results / "cohort" / "attrition.csv")
    boxes = "".join(
        f'<rect x="60" y="{10 + 80 * i}" width="480" height="52" fill="none" stroke="#222"/>'
        f'<text x="300" y="{42 + 80 * i}" text-anchor="middle" font-size="15">{text}: {n:,}</text>'
        for i, (text, n) in enumerate(zip(steps, sizes, strict=True))
    )
    size = 'viewBox="0 0 600 400" width="600" height="400"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{boxes}</svg>'
    (results / "cohort" / "flow.svg").write_text(svg, encoding="utf-8")
    titled = {f"{group.capitalize()}, n (%)": levels for group, levels in GROUPS.items()}
    table = [
        {"variable": variable, "level": level, "overall": "13150 (43.2)", "home": "8231 (47.1)"}
        | {"admitted": f"{draw.integers(1000, 9000)} (38.0)", "missing": "" if place else "0"}
        | {"smd": "" if place else f"{draw.uniform():.2f}", "data": "real" if real else "synthetic"}
        for variable, levels in (("Age (years), median (IQR)", [""]), *titled.items())
        for place, level in enumerate(levels)
    ]
    _csv(table, results / "admission" / "table_one.csv")


def _write_explanations(folder: Path, draw: np.random.Generator) -> None:
    importance, attributions, ablation = [], [], []
    group = ["static", "vitals"]
    for model in ("random_forest_all", "lightgbm_all"):
        for measure in ("permutation", "shap"):
            for i, feature in enumerate(FEATURES):
                importance.append(
                    {"model": model, "title": MODELS[model][0], "feature": feature}
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
            title, stays, *_ = MODELS[model]
            full = _auroc(title, stays, "nested")
            for score, at in (("auroc", full), ("auprc", full - 0.03), ("brier", 0.12)):
                sign = -1 if score != "brier" else 1
                low, high = sign * loss - 0.003, sign * loss + 0.003
                ablation.append(
                    {"model": model, "title": title, "removed": removed, "patients": N[stays][1]}
                    | {"n": N[stays][0], "events": N[stays][2], "score": score}
                    | _interval(at + sign * loss, 0.004)
                    | {"full_value": at, "difference": sign * loss}
                    | {"difference_low": low, "difference_high": high}
                )
    _csv(importance, folder / "importance.csv")
    _csv(attributions, folder / "attributions.csv")
    _csv(ablation, folder / "ablation.csv")
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
                | {"n_ours": 30421, "n_published": 30421 - row, "paired": row != 2}
                | {"note": "other stays" if row == 2 else np.nan, "data": "synthetic"}
            )
    _csv(rows, path)


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
    _csv(excluded, results / "ecg" / "excluded.csv")
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
        "seed": 0,
        "config": {"seed": 0, "data": {"hosp": "…/hosp"}, "models": {"a": {"dropout": 0.3}}},
        "rules": rules,
    }
    _json(run, results / "run.json")


def _json(content: dict, path: Path) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")
