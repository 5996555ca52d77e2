"""A run with figures that never repeat, as model card and checklists read it."""

import itertools
import json

import numpy as np
import pandas as pd

from mimicflow.reference import reference

MODELS = {"all_stays_model": ("Multimodal", "all"), "random_forest_multi": ("Forest", "multi")}
THRESHOLD_SCORES = ("sensitivity", "specificity", "ppv", "npv", "f1", "threshold")
STEPS = pd.read_csv(reference("attrition.csv"))


class Figures:
    """Figures that never repeat, so that each can be traced to its cell."""

    def __init__(self, seed):
        draw = np.random.default_rng(seed)
        self.shares = iter(draw.permutation(np.arange(101, 999)) / 1000)
        self.counts = iter(draw.permutation(np.arange(1100, 9900)))

    def interval(self):
        return {name: next(self.shares) for name in ("value", "low", "high")}

    def sizes(self):
        return {name: next(self.counts) for name in ("patients", "n", "events")}


def scores():
    figures, rows = Figures(1), []
    for model, (title, stays) in MODELS.items():
        base = {"model": model, "title": title, "stays": stays, **figures.sizes()}
        base |= {"fold_mean": 0.5, "fold_sd": 0.01, "optimistic": False, "data": "synthetic"}
        for name, kind in (
            *(("auroc", "jackknife"), ("auroc", "delong"), ("auprc", "jackknife")),
            *(("brier", "jackknife"), ("log_loss", "jackknife")),
        ):
            published = next(figures.shares) if name in ("auroc", "auprc") else np.nan
            row = {"score": name, "threshold_rule": "", "interval": kind, "published": published}
            rows.append(base | row | figures.interval())
        for rule, name in itertools.product(("youden", "ppv_0.8"), THRESHOLD_SCORES):
            row = {"score": name, "threshold_rule": rule, "interval": "jackknife"}
            rows.append(base | row | figures.interval())
            if name == "threshold":  # chosen, not estimated
                rows[-1] |= {"interval": "", "low": np.nan, "high": np.nan}
    return pd.DataFrame(rows)


def tables():
    """Every table that the documents are written from, by name."""
    figures = Figures(2)
    calibration = [
        {"model": model, "title": title, "recalibration": kind, "score": name, **figures.interval()}
        for model, (title, _) in MODELS.items()
        for kind in ("none", "temperature")
        for name in ("brier", "calibration_intercept", "calibration_slope", "ece", "ici")
    ]
    figures = Figures(3)
    decision = []
    for model, at in itertools.product(["treat_all", *MODELS], (0.1, 0.15, 0.5)):
        found = figures.interval()
        decision.append(
            {"model": model, "title": MODELS.get(model, ("Treat all",))[0], "stays": "all"}
            | {"threshold": at, "net_benefit": found["value"]}
            | {"low": found["low"], "high": found["high"]}
        )
    figures = Figures(4)
    subgroups = []
    for model, level in itertools.product(MODELS, ("Female", "Male", "Unknown")):
        small = level == "Unknown"
        base = {"model": model, "title": MODELS[model][0], "group": "sex", "level": level}
        base |= {} if small else figures.sizes()
        subgroups += [
            base | {"score": name, "suppressed": small} | ({} if small else figures.interval())
            for name in ("auroc", "calibration_intercept", "calibration_slope")
        ]
    figures = Figures(5)
    importance = [
        {"model": "random_forest_multi", "title": "Forest", "feature": f"pmh_{100 + rank}"}
        | {"group": "pmh", "measure": "shap", "rank": rank}
        | {"mean": next(figures.shares), "sd": next(figures.shares)}
        for rank in range(1, 8)
    ]
    ablation = []
    for removed in ("ecg", "vitals"):
        without, gap = figures.interval(), figures.interval()
        ablation.append(
            {"model": "all_stays_model", "title": "Multimodal", "removed": removed}
            | {**figures.sizes(), "score": "auroc", **without, "full_value": 0.9}
            | {"difference": -gap["value"]}
            | {"difference_low": -gap["high"], "difference_high": -gap["low"]}
        )
    one = [
        ("Stays, n", "2540", "1457"),
        ("Patients, n", "1976", "1259"),
        ("Age, median", "59.1", ""),
    ]
    return {
        "scores": scores(),
        "calibration": pd.DataFrame(calibration),
        "decision": pd.DataFrame(decision),
        "subgroups": pd.DataFrame(subgroups),
        "importance": pd.DataFrame(importance),
        "ablation": pd.DataFrame(ablation),
        "comparisons": pd.DataFrame({"stays": ["all"], "p": [0.5]}),
        "table_one": pd.DataFrame(one, columns=["variable", "overall", "home"]),
        "attrition": STEPS.assign(
            rows=1,
            stays=[*range(9400, 9400 - 12 * 487, -487), *[11] * (len(STEPS) - 12)],
            patients=[*range(7303, 7303 - 12 * 311, -311), *[11] * (len(STEPS) - 12)],
        ),
    }


def manifest():
    names = ("ed/edstays", "ecg/record_list")
    return {
        "releases": {"ecg": ["unknown"], "ed": ["MIMIC-IV-ED 2.2"]},
        "tables": {
            name: {
                "file": f"{name[-5:]}.csv",
                "release": "MIMIC-IV-ED 2.2",
                "rows": 70123 + 1000 * i,
                "rows_kept": 60456 + 1000 * i,
                "rows_rejected": 31 + i,
                "sha256": f"{i + 1:064x}",
            }
            for i, name in enumerate(names)
        },
    }


RUN = {
    "code": {"version": "0.9.7", "commit": "0123456789abcdef0123", "changed": False},
    "config": {
        "seed": 0,
        "cohort": {"prediction_ecg": "last", "complaint_sob": False, "max_ecgs": 6},
        "models": {"all_stays_model": {"pos_weight": "none", "dropout": 0.3}},
    },
}


def write_run(folder):
    """Write the files of a run and its model, and return them."""
    files = {}
    for name, table in tables().items():
        files[name] = folder / f"{name}.csv"
        table.to_csv(files[name], index=False)
    for name, content in (("manifest", manifest()), ("run", RUN)):
        files[name] = folder / f"{name}.json"
        files[name].write_text(json.dumps(content))
    stays = pd.DataFrame({"stay_id": range(700), "subject_id": range(700)})
    stays["split"] = ["train"] * 500 + ["validation"] * 77 + ["test"] * 123
    stays["label"] = [1] * 211 + [0] * 289 + [1] * 33 + [0] * 44 + [1] * 56 + [0] * 67
    stays["disposition"] = stays["label"].map({0: "HOME", 1: "ADMITTED"})
    files["spine"] = folder / "spine.parquet"
    stays.to_parquet(files["spine"])
    weights = folder / "all_stays_model.pth"
    weights.write_bytes(b"weights")
    return files, [weights]
