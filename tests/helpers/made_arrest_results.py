"""The files of the system arrest in a folder of results, with invented figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from html_pages import Element, read_page
from made_protocol_results import (
    Cast,
    write_competing_events,
    write_csv,
    write_missing,
    write_protocol,
    write_sample_size,
)

from mimicflow.evaluation.study import Study
from mimicflow.report import SharedFiles, build_report, sort_files

ARREST = Cast(
    models={
        "hrv": ("Heart-rate variability", "all", 0.881, 0.104),
        "clinical": ("Vital signs", "all", 0.735, np.nan),
    },
    sizes={"all": (19812, 83, 541)},
    aurocs={"Heart-rate variability": 0.8614, "Vital signs": 0.7531},
    judged="single",
    optimism=0.0,
    folds=1,
    groups={
        "sex": ["Female", "Male"],
        "age_band": ["18–44", "45–64", "65–79", "80 and over"],
        "icu": ["MICU", "SICU"],
        "monitor": ["IntelliVue", "Solar8000M"],
    },
)
HORIZONS = [24, 18, 12, 6, 3, 1]
# By horizon: epochs before an arrest, and the stays that have them.
EVENTS = {24: (541, 21), 18: (430, 21), 12: (322, 20), 6: (181, 19), 3: (90, 17), 1: (13, 8)}
WITHIN = (0.6512, 0.5533, 0.7421)  # AUROC within event stays, and its interval
SILENCES = [0, 30, 60, 120]
THRESHOLDS = np.geomspace(0.6, 0.004, 40)
MEASURES = ["TINN", "HTI", "IALS", "MeanNN", "SDNN", "LF"]
UNITS = {"TINN": "ms", "MeanNN": "ms", "SDNN": "ms", "LF": "Hz"}
PUBLISHED_RANKS = {"TINN": 1, "HTI": 2, "IALS": 3}
FEATURES = {
    "hrv": [*MEASURES, "MinNN", "pNN50", "CSI"],
    "clinical": ["hr_max_2h", "shock_index", "mbp_min_2h", "spo2", "rr_sd_2h"],
}
SHARES = ("event_sensitivity", "event_sensitivity_chance", "control_stays_alarmed")
CONTROLS = 62  # stays without an arrest
SHARED = {"data": "synthetic"}


def write_arrest_files(results: Path, real: bool) -> None:
    """Write them under ``results``; with ``real``, some counts are under ten, as before masking."""
    draw = np.random.default_rng(2)
    root = results / "arrest"
    write_protocol(root / "single", "single", draw, ARREST)
    _write_cohort(root, real)
    _write_epochs(root / "epochs.csv", real)
    write_csv([_compared(hours, model, real) for hours, model in _pairs()], root / "comparison.csv")
    for model in ARREST.models:
        folder = root / model
        write_csv(_metrics(model, real), folder / "metrics.csv")
        write_csv(_alarms(model), folder / "alarms.csv")
        write_csv(_bins(model), folder / "calibration.csv")
        write_csv(_populations(model), folder / "populations.csv")
        write_csv(_shap(model), folder / "shap.csv")
        write_csv(_selected(model), folder / "selected_features.csv")
    write_csv(_matched_alarms(), root / "matched_alarms.csv")
    _write_over_time(root / "hrv_over_time.csv", real)
    _write_doubtful(root, real)
    write_competing_events(root / "competing_events.csv", real)
    write_sample_size(root / "sample_size.csv", real)
    write_missing(root / "missing.csv", real)
    _write_gaps(root / "gaps.csv")


def build_arrest(folder: Path, results: Path, *names: str, synthetic: bool = True) -> Element:
    """Return the page of these files of arrest alone."""
    systems, _ = sort_files([results / "arrest" / name for name in names], results)
    output = folder / "page.html"
    build_report("T", systems, SharedFiles(), output, Study(synthetic=synthetic))
    return read_page(output.read_text(encoding="utf-8"))


def auroc(model: str, hours: float) -> float:
    """Return the invented AUROC of a model, the higher the nearer the arrest."""
    return ARREST.auroc(model, "single") + 0.0017 * (24 - hours)


def _write_cohort(root: Path, real: bool) -> None:
    few = 4 if real else 12
    steps = [
        ("listed", "All ICU stays of stays.csv", 612, 520, 480),
        ("adults", "Stays at the age of arrest.cohort.min_age or more", 590, 500, 462),
        ("icus", "Stays in the kinds of ICU of arrest.cohort.icus", 560, 471, 440),
        ("with_epochs", "Stays with ECG for at least one epoch", 540, 471 - few - 25, 440 - few),
    ]
    rows = [
        {"step": step, "description": text, "recordings": n, "stays": stays, "patients": patients}
        for step, text, n, stays, patients in steps
    ]
    for place, row in enumerate(rows):
        row["dropped"] = rows[place - 1]["patients"] - row["patients"] if place else 0
    write_csv(rows, root / "attrition.csv")
    reasons = [
        ("age_unknown", "Age not recorded", few, few, 15),
        ("too_young", "Younger than arrest.cohort.min_age", 16, 15, 19),
        ("other_icu", "Kind of ICU not among arrest.cohort.icus", 29, 22, 30),
        ("no_recording", "No recording of the stay", 0, 0, 0),
        ("low_rate", "Sampling rate under 100 Hz", 15, few, 15),
    ]
    rows = [
        {"reason": reason, "description": text, "stays": stays, "patients": patients}
        | {"recordings": recordings}
        for reason, text, stays, patients, recordings in reasons
    ]
    write_csv(rows, root / "exclusions.csv")
    table = [
        {"variable": variable, "level": level, "overall": overall, "control": "62.9"}
        | {"event": "<10" if real else "66.2", "missing": "0", "smd": "0.21"}
        | {"data": "real" if real else "synthetic"}
        for variable, level, overall in (
            ("Stays, n", "", "425"),
            ("Age (years), median (IQR)", "", "63.0 (52.0–74.0)"),
            ("Monitor, n (%)", "IntelliVue", "301 (70.8)"),
        )
    ]
    write_csv(table, root / "table_one.csv")


def _write_epochs(path: Path, real: bool) -> None:
    reasons = [
        ("event", "kept", "kept", 2710, 105, 103),
        ("event", "flat", "nothing but a line for seconds: lead off", 41, 6 if real else 16, 16),
        ("event", "low_quality", "too small a share of beats close to the mean beat", 260, 70, 70),
        ("event", "gaps", "a run of missing samples that may hide a beat", 100, 40, 40),
        ("control", "kept", "kept", 89310, 320, 310),
        ("control", "asystole", "no beat for four seconds", 310, 71, 70),
    ]
    rows = [
        {"stays": stays, "reason": reason, "description": text, "epochs": epochs}
        | {"stays_with": of, "patients": 6 if real and of == 6 else patients}
        for stays, reason, text, epochs, of, patients in reasons
    ]
    write_csv(rows, path)


def _pairs() -> list[tuple[int, str]]:
    return [(hours, model) for hours in HORIZONS for model in ARREST.models]


def _sizes(hours: int, hidden: bool) -> dict:
    n, patients, _ = ARREST.sizes["all"]
    events, stays = EVENTS[hours]
    row = {"patients": patients, "stays": 85, "event_stays": None if hidden else stays}
    return row | {"n": n, "events": None if hidden else events}


def _scores(model: str, hours: int) -> dict[str, tuple[float, float]]:
    """Return value and half of the interval of each score."""
    at = auroc(model, hours)
    names = ("sensitivity", "specificity", "precision", "accuracy", "f1")
    operating = dict(zip(names, (at - 0.1, 0.8031, 0.1012, 0.8044, 0.1812), strict=True))
    scores = {"auroc": at, "auprc": (at - 0.5) * EVENTS[hours][0] / 1000, **operating}
    return {score: (value, 0.0213) for score, value in scores.items()}


def _known(model: str, hours: int) -> dict[str, float]:
    _, _, area, precision = ARREST.models[model]
    if hours != 24:
        return {}
    return {"auroc": area, "auprc": precision} | ({"f1": 0.1} if model == "hrv" else {})


def _compared(hours: int, model: str, real: bool) -> dict:
    hidden = real and hours == 1
    row = {"horizon_h": hours, "model": model, "title": ARREST.models[model][0]}
    row |= _sizes(hours, hidden) | {"threshold": 0.0412}
    if real and EVENTS[hours][1] == 20:  # one less than at 18 h
        row["event_stays"] = None
    for score, (value, half) in _scores(model, hours).items():
        numbers = (np.nan,) * 3 if hidden else (value, value - half, value + half)
        row |= dict(zip((f"{score}{end}" for end in ("", "_low", "_high")), numbers, strict=True))
    for score in _scores(model, hours):
        row[f"published_{score}"] = _known(model, hours).get(score, np.nan)
    gap = auroc("hrv", hours) - auroc("clinical", hours)
    found = {"auroc_difference": gap, "auroc_difference_low": gap - 0.13}
    found |= {"auroc_difference_high": gap + 0.13, "p": 0.0931, "p_holm": 0.5586}
    found |= {"auprc_difference": 0.0512, "auprc_difference_low": 0.0121}
    found |= {"auprc_difference_high": 0.0911}
    found["compared_with"] = "clinical"
    if hidden or model != "hrv":
        found = dict.fromkeys(found, np.nan)
    within = dict(zip(("", "_low", "_high"), (np.nan,) * 3 if hours == 24 else WITHIN, strict=True))
    found |= {f"auroc_within{end}": value for end, value in within.items()}
    found["auroc_within_stays"] = 0 if hours == 24 else EVENTS[hours][1] - 1
    if hidden:
        found |= dict.fromkeys((name for name in found if "within" in name), np.nan)
    return {**row, **found, "suppressed": hidden, **SHARED}


def _metrics(model: str, real: bool) -> list[dict]:
    rows = []
    for hours in HORIZONS:
        hidden = real and hours == 1
        head = {"model": model, "title": ARREST.models[model][0], "horizon_h": hours}
        head |= _sizes(hours, hidden) | {"threshold": 0.0412 - 0.001 * hours}
        for score, (value, half) in _scores(model, hours).items():
            numbers = (np.nan,) * 3 if hidden else (value, value - half, value + half)
            row = dict(zip(("value", "lower", "upper"), numbers, strict=True))
            known = _known(model, hours).get(score, np.nan)
            rows.append(
                {**head, "score": score, **row, "published": known, "suppressed": hidden, **SHARED}
            )
    return rows


def _alarms(model: str) -> list[dict]:
    rows = []
    gain = 1.0 if model == "hrv" else 0.55
    chosen = 0.0431 if model == "hrv" else 0.0377
    for silence in SILENCES:
        for rule, threshold in (
            ("specificity_0.8", chosen),
            *(("sweep", value) for value in THRESHOLDS),
        ):
            # From hardly any epoch that is called to all of them.
            share = np.clip(np.log(0.6 / threshold) / np.log(0.6 / 0.004), 0, 1)
            called = 57.3 * share**2
            values = {
                "event_sensitivity": (1 - (1 - share) ** (1 + 3 * gain), "", 21),
                "event_sensitivity_chance": (share, "", 21),
                "lead_time_q25": (3.1, "h", 18),
                "lead_time_median": (11.4 + gain, "h", 18),
                "lead_time_q75": (19.2, "h", 18),
                "alarms_per_event_stay": (called * gain / (1 + silence / 60), "", 21),
                "false_alarms_per_day": (called / (1 + silence / 30), "1/day", CONTROLS),
                "control_stays_alarmed": (share, "", CONTROLS),
            }
            for measure, (value, unit, stays) in values.items():
                spread = 0.05 if "lead" not in measure else 1.5
                most = 1.0 if measure in SHARES else np.inf
                rows.append(
                    {"model": model, "title": ARREST.models[model][0], "silence_min": silence}
                    | {"rule": rule, "threshold": threshold, "measure": measure, "unit": unit}
                    | {"stays": stays, "patients": stays, "days": 57.25, "value": value}
                    | {"lower": max(value - spread, 0), "upper": min(value + spread, most)}
                    | {"suppressed": False, **SHARED}
                )
    return rows


def _matched_alarms() -> list[dict]:
    rows = []
    head = {"silence_min": 60, "rule": "specificity_0.8", "development_event_stays": 84}
    head |= {"development_event_sensitivity": 64 / 84, "event_stays": 21, "event_patients": 21}
    head |= {"control_stays": CONTROLS, "control_patients": CONTROLS, "control_days": 57.2}
    for model, threshold, sensitivity, rate in (
        ("hrv", 0.0502, 0.7143, 4.2),
        ("clinical", 0.0311, 0.6667, 9.7),
    ):
        row = {"model": model, "title": ARREST.models[model][0], "threshold": threshold}
        row["compared_with"] = np.nan if model == "hrv" else "hrv"
        for score, value, half, gap in (
            ("event_sensitivity", sensitivity, 0.2, -0.0476),
            ("false_alarms_per_day", rate, 2.0, 5.5),
        ):
            gap, wide = (np.nan, np.nan) if model == "hrv" else (gap, 2 * half)
            row |= {score: value, f"{score}_low": value - half, f"{score}_high": value + half}
            row |= {f"{score}_difference": gap, f"{score}_difference_low": gap - wide}
            row[f"{score}_difference_high"] = gap + wide
        rows.append({**head, **row, "suppressed": False, **SHARED})
    return rows


def _bins(model: str) -> list[dict]:
    rows = []
    for place in range(1, 11):
        predicted = 0.0011 * place**2
        rows.append(
            {"model": model, "title": ARREST.models[model][0], "bin": place, "n": 1981}
            | {"events": 6 * place, "patients": 7 if place == 1 else 61 + place}
            | {"predicted": predicted, "observed": 0.9 * predicted, "low": 0.4 * predicted}
            | {"high": 1.7 * predicted, **SHARED}
        )
    return rows


def _populations(model: str) -> list[dict]:
    """Return the scores that follow the share of epochs before an arrest, invented but alike."""
    n, patients, events = ARREST.sizes["all"]
    rows = []
    for population, size in {"sample": n, "planned": 1.1 * n, "monitored": 9.3 * n}.items():
        share = events / size
        values = {"prevalence": share, "mean_probability": events / n}
        values |= {"mean_probability_moved": 1.02 * share, "calibration_slope": 0.91}
        values |= {"calibration_intercept": np.log(share * n / events)}
        values |= {"calibration_intercept_moved": 0.03, "sensitivity": 0.71, "specificity": 0.8}
        for score, value in (values | {"precision": 3 * share}).items():
            rows.append(
                {"model": model, "title": ARREST.models[model][0], "population": population}
                | {"patients": patients, "stays": 85, "n": n, "stands_for": size}
                | {"threshold": 0.0412, "score": score, "value": value, "lower": value - 0.001}
                | {"upper": value + 0.001, "suppressed": False, **SHARED}
            )
    return rows


def _write_gaps(path: Path) -> None:
    rows = []
    for hours, model in _pairs():
        for gap in (0.0, 1.0):
            for score in ("auroc", "auprc", "sensitivity", "specificity"):
                value, less = 0.801 - 0.012 * gap, np.nan if gap == 0 else -0.012
                rows.append(
                    {"model": model, "title": ARREST.models[model][0], "horizon_h": hours}
                    | {"gap_h": gap, "patients": 83, "event_stays": 21, "n": 19812}
                    | {"events": int(541 - 30 * gap), "score": score, "value": value}
                    | {"lower": value - 0.02, "upper": value + 0.02, "difference": less}
                    | {"difference_lower": less - 0.006, "difference_upper": less + 0.006}
                    | {"suppressed": False, "data": "synthetic"}
                )
    write_csv(rows, path)


def _write_doubtful(root: Path, real: bool) -> None:
    """Write the doubtful controls of a hospital that does not record limits of treatment."""
    counts = {
        "controls": ("All controls with a planned epoch", 320, "yes"),
        "death": ("Died in the stay without an arrest", 31, "yes"),
        "death_near": ("Of these: within a day after a planned epoch", 4 if real else 12, "yes"),
        "limits": ("Treatment limited in the stay", np.nan, "no"),
        "arrest_time_unknown": ("Arrest whose time is unknown: left out", 14, "yes"),
    }
    rows = []
    for reason, (text, number, known) in counts.items():
        small = real and number < 10
        shown = {"stays": np.nan if small else number, "patients": np.nan if small else number}
        rows.append({"reason": reason, "description": text, "known": known, **shown, **SHARED})
        rows[-1]["suppressed"] = small
    write_csv(rows, root / "doubtful_controls.csv")
    rows = []
    for hours, model in _pairs():
        head = {"model": model, "title": ARREST.models[model][0], "horizon_h": hours}
        for place, excluded in enumerate(("none", "death", "limits")):
            known = excluded != "limits"
            sizes = dict.fromkeys(("patients", "stays", "n", "events"), np.nan)
            sizes = _sizes(hours, False) if known else sizes
            sizes = {name: sizes[name] for name in ("patients", "stays", "n", "events")}
            for score, (value, half) in _scores(model, hours).items():
                ends = (value + 0.01 * place, value - half, value + half)
                ends = ends if known else (np.nan,) * 3
                rows.append(
                    head | {"excluded": excluded, "known": "yes" if known else "no", **sizes}
                    | {"threshold": 0.04, "score": score, "suppressed": False, **SHARED}
                    | dict(zip(("value", "lower", "upper"), ends, strict=True))
                )  # fmt: skip
    write_csv(rows, root / "sensitivity.csv")


def _shap(model: str) -> list[dict]:
    features = [name for name in FEATURES[model] if name not in ("MinNN", "CSI")]
    rows = []
    for rank, feature in enumerate(features, start=1):
        size = 0.61 / rank
        published = PUBLISHED_RANKS.get(feature)
        rows.append(
            {"model": model, "title": ARREST.models[model][0], "feature": feature}
            | {"unit": UNITS.get(feature, ""), "rank": rank, "mean_abs_shap": size}
            | {"lower": 0.8 * size, "upper": 1.2 * size}
            | {"direction": np.nan if rank == len(features) else 0.7 * (-1) ** rank}
            | {"known_share": 0.998, "n": 19812, "events": 541, "patients": 83}
            | {"published_rank": published, **SHARED}
        )
    return rows


def _selected(model: str) -> list[dict]:
    decisions = {"MinNN": "tentative", "CSI": "rejected"}
    return [
        {"feature": feature, "importance": 0.31 / (1 + place), "shadow": 0.0431}
        | {"hits": 20 - place, "rounds": 20, "decision": decisions.get(feature, "accepted")}
        for place, feature in enumerate(FEATURES[model])
    ]


def _write_over_time(path: Path, real: bool) -> None:
    rows = []
    for rank, measure in enumerate(MEASURES, start=1):
        size = {"TINN": 180.0, "HTI": 9.0, "MeanNN": 720.0, "SDNN": 45.0}.get(measure, 0.4)
        falls = -1 if measure == "IALS" else 1
        control = {"control_median": 1.1 * size, "control_q25": 0.9 * size}
        control |= {"control_q75": 1.3 * size, "control_stays": 320}
        trend = {"tau": 0.213 * falls, "tau_lower": 0.213 * falls - 0.1}
        trend |= {"tau_upper": 0.213 * falls + 0.1, "p": 1e-6, "p_holm": 0.0042}
        trend |= {"tau_n": 1911, "tau_stays": 105}
        for hour in range(23, -1, -1):
            hidden = real and hour == 0
            mean = size * (1 - falls * 0.25 * (1 - hour / 24) ** 2)
            numbers = (np.nan,) * 3 if hidden else (mean, mean - 0.06 * size, mean + 0.06 * size)
            stays = None if hidden else 80 + hour
            rows.append(
                {"measure": measure, "unit": UNITS.get(measure, ""), "rank": rank}
                | {"decision": "accepted"}
                | {"hours_from": hour + 1, "hours_to": hour, "stays": stays, "patients": stays}
                | dict(zip(("mean", "lower", "upper"), numbers, strict=True))
                | {"suppressed": hidden, **control, **trend}
                | {"split": "development and held-out", **SHARED}
            )
    write_csv(rows, path)
