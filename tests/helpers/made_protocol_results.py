"""Invented tables that every system of a report has: scores, folds, curves and their like."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mimicflow.reference import reference


@dataclass(frozen=True)
class Cast:
    """The models of a system (name -> title, stays, published AUROC and AUPRC), and who is scored.

    ``sizes`` are rows, patients and events by subset of stays, ``aurocs`` go by title; all are
    higher by ``optimism`` under a protocol other than ``judged``. ``groups`` are the subgroups
    with their levels.
    """

    models: dict[str, tuple[str, str, float, float]]
    sizes: dict[str, tuple[int, int, int]]
    aurocs: dict[str, float]
    judged: str
    optimism: float
    folds: int = 5
    groups: dict[str, list[str]] = field(default_factory=dict)

    def auroc(self, model: str, protocol: str) -> float:
        title, stays, *_ = self.models[model]
        at = self.aurocs.get(title, 0.9104) + 0.0118 * (stays == "multi")
        return at + self.optimism * (protocol != self.judged)


GROUPS = {
    "sex": ["Female", "Male"],
    "age_band": ["18–44", "45–64", "65–79", "80 and over"],
    "race": ["Asian", "Black", "Hispanic", "White", "Other", "Unknown"],
    "arrival": ["Ambulance", "Walk in", "Helicopter", "Unknown"],
    "insurance": ["Medicare", "Medicaid", "Private", "None", "Unknown"],
}
HIDDEN_LEVELS = ("Helicopter", "Solar8000M")

ADMISSION = Cast(
    models={
        "all_stays_ECGonly": ("ECG only", "all", 0.852, 0.813),
        "random_forest_all": ("Random forest", "all", 0.886, 0.849),
        "lightgbm_all": ("LightGBM", "all", np.nan, np.nan),
        "all_stays_model": ("ECG, vital signs and static", "all", 0.911, 0.889),
        "multi_stays_ECGonly": ("ECG only", "multi", 0.859, 0.794),
        "random_forest_multi": ("Random forest", "multi", 0.911, 0.865),
        "lightgbm_multi": ("LightGBM", "multi", np.nan, np.nan),
        "multiple_ECG_stays_model": ("ECG, vital signs and static", "multi", 0.924, 0.889),
    },
    sizes={"all": (30421, 24610, 12931), "multi": (9204, 8120, 5102)},
    aurocs={"ECG only": 0.8507, "Random forest": 0.8857, "LightGBM": 0.8912},
    judged="nested",
    optimism=0.0041,
    groups=GROUPS,
)
STRENGTH = {"ECG only": 1.45, "Random forest": 1.75, "LightGBM": 1.8, "Vital signs": 1.2}


def write_csv(rows: list[dict], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(path, index=False)


def interval(value: float, half: float) -> dict[str, float]:
    return {"value": value, "low": value - half, "high": value + half}


def estimate(score: str, value: float, half: float) -> dict[str, float]:
    """Return value and interval of a score; of an error, what calibrated models do not exceed."""
    if score in ("ece", "ici"):
        return {"value": value, "low": np.nan, "high": np.nan, "calibrated_up_to": 0.03}
    return {**interval(value, half), "calibrated_up_to": np.nan}


def write_protocol(folder: Path, protocol: str, draw: np.random.Generator, cast: Cast) -> None:
    """Write the tables of a protocol; groups of patients only where there are some."""
    scores, folds, groups = [], [], []
    for model, (title, stays, *_) in cast.models.items():
        n, patients, events = cast.sizes[stays]
        of = {"model": model, "title": title}
        size = {"patients": patients, "n": n, "events": events}
        value = cast.auroc(model, protocol)
        values = {"auroc": value, "auprc": value - 0.031, "brier": 0.3 - 0.2 * value}
        values |= {
            "log_loss": 0.9 - 0.6 * value,
            "calibration_intercept": -0.19 + draw.normal() / 9,
        }
        values |= {"calibration_slope": 0.9 + draw.normal() / 20, "ece": 0.02, "ici": 0.0217}
        scores += _scores(model, cast, {**of, "stays": stays, **size}, values, protocol, draw)
        for fold in range(cast.folds):
            for score in ("auroc", "auprc", "brier"):
                at = values[score] + draw.normal() * 0.003
                folds.append({"model": model, "fold": fold, **size, "score": score, "value": at})
        groups += _subgroups(of, value, n, draw, cast.groups)
    write_csv(scores, folder / "scores.csv")
    write_csv(folds, folder / "folds.csv")
    write_csv(_pairs(protocol, cast), folder / "comparisons.csv")
    if cast.groups:
        write_csv(groups, folder / "subgroups.csv")
    _write_curves(folder, draw, cast)


def _scores(
    model: str, cast: Cast, head: dict, values: dict, protocol: str, draw: np.random.Generator
) -> list[dict]:
    _, stays, *known = cast.models[model]
    published = dict(zip(("auroc", "auprc"), known, strict=True))
    half = 0.004 if stays == "all" else 0.008
    spread = 0.0031 if cast.folds > 1 else np.nan
    tail = {"optimistic": protocol in ("published", "seed"), "data": "synthetic"}
    rows = []
    for score, mean in values.items():
        for kind in ("delong", "jackknife") if score == "auroc" else ("jackknife",):
            rows.append(
                {**head, "score": score, "threshold_rule": np.nan}
                | estimate(score, mean, half + 0.0003 * (kind == "delong"))
                | {"interval": kind, "fold_mean": mean + 0.0006, "fold_sd": spread}
                | {"published": published.get(score, np.nan), **tail}
            )
    for rule in ("youden", "specificity_0.9", "ppv_0.8"):
        for score in ("threshold", "sensitivity", "specificity", "ppv", "npv", "f1"):
            rows.append(
                {**head, "score": score, "threshold_rule": rule}
                | estimate(score, draw.uniform(0.4, 0.95), 0.011)
                | {"interval": "jackknife", "fold_mean": np.nan, "fold_sd": np.nan}
                | {"published": np.nan, **tail}
            )
    return rows


def _pairs(protocol: str, cast: Cast) -> list[dict]:
    rows = []
    models = list(cast.models.items())
    for i, (model_a, (title_a, stays, *_)) in enumerate(models):
        for model_b, (title_b, other, *_) in models[i + 1 :]:
            if stays != other:
                continue
            a, b = cast.auroc(model_a, protocol), cast.auroc(model_b, protocol)
            half = 0.004 if abs(a - b) > 0.006 else 0.009
            n, patients, _ = cast.sizes[stays]
            rows.append(
                {"stays": stays, "model_a": model_a, "title_a": title_a, "model_b": model_b}
                | {"title_b": title_b, "n": n, "patients": patients}
                | {"auroc_a": a, "auroc_b": b, "difference": a - b}
                | {"low": a - b - half, "high": a - b + half, "t": (a - b) / half * 1.96}
                | {"p": 0.0002 if half < 0.005 else 0.26}
                | {"p_holm": 0.0009 if half < 0.005 else 0.71}
                | {"data": "synthetic"}
            )
    return rows


def _subgroups(
    of: dict, auroc: float, total: int, draw: np.random.Generator, groups: dict[str, list[str]]
) -> list[dict]:
    rows = []
    for group, levels in groups.items():
        for level, share in zip(levels, draw.dirichlet(np.ones(len(levels)) * 4), strict=True):
            hidden = level in HIDDEN_LEVELS
            n = int(total * share)
            acting = [("sensitivity", 0.7), ("ppv", 0.6)]
            for score, value in (("auroc", auroc), ("calibration_slope", 0.95), *acting):
                at = interval(value + draw.normal() * 0.012, 0.6 / np.sqrt(n))
                size = {"patients": int(n * 0.8), "n": n, "events": int(n * 0.42)}
                size |= {"score": score, **at}
                shown = {
                    name: np.nan if hidden and name != "score" else size[name] for name in size
                }
                shown["threshold_rule"] = "" if (score, value) not in acting else "specificity_0.9"
                rows.append({**of, "group": group, "level": level, **shown, "suppressed": hidden})
    return rows


def _write_curves(folder: Path, draw: np.random.Generator, cast: Cast) -> None:
    curves, bins, calibration, decision = [], [], [], []
    for stays, (rows, _, events) in cast.sizes.items():
        for name, at in (("treat_all", 1.0), ("treat_none", 0.0)):
            for threshold in np.arange(1, 100) / 100:
                share = events / rows
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
    for model, (title, stays, *_) in cast.models.items():
        of = {"model": model, "title": title}
        shift = STRENGTH.get(title, 2.0) + 0.1 * (stays == "multi")
        rows, _, events = cast.sizes[stays]
        share = events / rows
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
                n = rows // 10
                bins.append(
                    {**of, "recalibration": kind, "bin": i + 1, "n": n}
                    | {"events": int(n * observed), "predicted": predicted, "observed": observed}
                    | {"low": observed - 0.02, "high": observed + 0.02}
                )
            for score, at in (("brier", 0.12), ("calibration_slope", 1 - bend * 2), ("ece", bend)):
                calibration.append(
                    {**of, "recalibration": kind, "score": score, **estimate(score, at, 0.004)}
                )
        for threshold in np.arange(1, 100) / 100:
            benefit = share * (1 - threshold) ** (1.6 / shift) * (1 - 0.2 * threshold)
            decision.append(
                {**of, "stays": stays, "threshold": threshold, "net_benefit": benefit}
                | {"low": benefit - 0.006, "high": benefit + 0.006}
            )
    write_csv(curves, folder / "curves.csv")
    write_csv(bins, folder / "reliability.csv")
    write_csv(calibration, folder / "calibration.csv")
    write_csv(decision, folder / "decision.csv")


def write_competing_events(path: Path, real: bool) -> None:
    """Write the competing events of a hospital that does not record limits of treatment."""
    counts = {
        "all": ("Stays with a planned epoch", "", 405, 85, "yes"),
        "death": ("Died without an arrest", "label 0", 8 if real else 31, 0, "yes"),
        "limits": ("Treatment limited", "label 0", np.nan, np.nan, "no"),
    }
    rows = []
    for event, (text, label, n, events, known) in counts.items():
        small = real and n < 10
        numbers = {"n": n, "patients": n, "events": events, "share": n / 405}
        if small:
            numbers = dict.fromkeys(numbers, np.nan)
        row = {"event": event, "description": text, "label": label, "known": known}
        rows.append({**row, **numbers, "suppressed": small, "data": "synthetic"})
    write_csv(rows, path)


def write_sample_size(path: Path, real: bool) -> None:
    """Write the sample size of a model that discriminates; of real patients too few are known."""
    rows = []
    for criterion in pd.read_csv(reference("sample_size.csv")).to_dict("records"):
        develops = criterion.pop("purpose") == "development"
        needed = 1480.0 if criterion["criterion"] == "shrinkage" else 212.0
        numbers = {"event_share": 0.21, "cox_snell": 0.18, "needed": needed}
        numbers |= {"had": 320.0 if develops else 90.0, "needed_events": round(needed * 0.21)}
        numbers |= {"had_events": 67.0 if develops else np.nan, "met": needed == 212 and develops}
        if real:
            numbers = dict.fromkeys(numbers, np.nan)
        names = {"purpose": "development" if develops else "evaluation"}
        names |= {"criterion": criterion["criterion"], "title": criterion["title"]}
        model = {"model": "hrv", "predictors": 50, "auroc": 0.801}
        rows.append({**names, **model, **numbers, "suppressed": real, "data": "synthetic"})
    write_csv(rows, path)


def write_missing(path: Path, real: bool) -> None:
    """Write two features, of which one lacks few patients."""
    rows = []
    for feature, n in (("sbp", 120), ("rr", 4)):
        shares = {"share": n / 540, "share_without_event": n / 600, "share_with_event": n / 400}
        hidden = real and n < 10
        numbers = (
            dict.fromkeys(("missing", *shares), np.nan) if hidden else {"missing": n, **shares}
        )
        row = {"feature": feature, "n": 540, **numbers, "handling": "read as missing by LightGBM"}
        rows.append({**row, "suppressed": hidden, "data": "synthetic"})
    write_csv(rows, path)
