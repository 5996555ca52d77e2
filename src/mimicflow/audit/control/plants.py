"""Plant leaks: each function returns what a check is called with, one file of it exchanged.

Nothing of the run itself is changed: what is exchanged lies in a folder of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from mimicflow.arrest.slopes import slope_names
from mimicflow.arrest.vital_features import vital_features, vital_ranges
from mimicflow.audit.control.small import Given, write
from mimicflow.audit.duplicates import LEAST_CODES
from mimicflow.concepts import static_features
from mimicflow.errors import CohortError
from mimicflow.hrv.measures import MEASURES
from mimicflow.learning.checkpoints import load_checkpoint, save_checkpoint
from mimicflow.learning.fitted_on import FITTED_ON, patients_of
from mimicflow.learning.preprocessing import Scaler
from mimicflow.mortality.sequences import VisitSequences

Plant = Callable[[Given, Path], Given]
_OTHER_GAIN, _NOISE_MV = 1.1, 0.01
_ENOUGH = 10
"""Patients of either outcome of whom even a perfect score says something."""


def two_sides(given: Given, folder: Path) -> Given:
    """Give a tested patient one more stay, on which models train."""
    name, path = next(iter(given["spines"].items()))
    spine = pd.read_parquet(path)
    again = _one_tested(spine, path).assign(split="train", stay_id=_free(spine["stay_id"]))
    planted = write(pd.concat([spine, again], ignore_index=True), folder / "spine.parquet")
    return {**given, "spines": {**given["spines"], name: planted}}


def tested_in_training(given: Given, folder: Path) -> Given:
    """Let a model say that its training patients and a tested one are behind its weights."""
    name, (path, spine, *features) = next(iter(given["models"].items()))
    stays = pd.read_parquet(spine)
    learned = pd.concat([stays[stays["split"] == "train"], _one_tested(stays, spine)])
    record = {"training": patients_of(learned["subject_id"])}

    def planted(content: dict[str, Any]) -> dict[str, Any]:
        return {**content, FITTED_ON: {**content.get(FITTED_ON, {}), **record}}

    return {**given, "models": {name: [_exchanged(path, planted, folder), spine, *features]}}


def tested_in_scales(given: Given, folder: Path) -> Given:
    """Scale what a model reads by a tested patient too; its record does not say so."""
    if given.get("bags"):
        return _tested_in_bag(given, folder)
    name, (path, spine) = next(iter(given["models"].items()))
    static = pd.read_parquet(given["inputs"][0]).set_index("stay_id")
    reference = static_features()
    numeric = reference.loc[reference["kind"] == "numeric", "name"].tolist()
    scaler = Scaler.fit(static.loc[_fitted(spine), numeric].to_numpy(np.float64))

    def planted(content: dict[str, Any]) -> dict[str, Any]:
        state = content["preprocessor"]
        return {**content, "preprocessor": {**state, "static_scaler": scaler.state()}}

    return {**given, "models": {name: [_exchanged(path, planted, folder), spine]}}


def _tested_in_bag(given: Given, folder: Path) -> Given:
    name, (path, spine, sequences) = next(iter(given["bags"].items()))
    vectors = VisitSequences.read(sequences)
    rows = vectors.rows_of(np.sort(_fitted(spine)), sequences)
    mean = torch.from_numpy(vectors.means()[rows].astype(np.float64).mean(axis=0))

    def planted(content: dict[str, Any]) -> dict[str, Any]:
        fitted = content["fitted"]
        return {**content, "fitted": {**fitted, "scaler": {**fitted["scaler"], "mean": mean}}}

    return {**given, "bags": {name: [_exchanged(path, planted, folder), spine, sequences]}}


def same_ecg(given: Given, folder: Path) -> Given:
    """Put the first waveform of a small store in the place of the last, another patient's."""
    return _copied(given, folder, lambda waveform: waveform)


def near_ecg(given: Given, folder: Path) -> Given:
    """Do the same with another gain and a little noise."""
    noise = np.random.default_rng(0).normal

    def nearly(waveform: np.ndarray) -> np.ndarray:
        return waveform * _OTHER_GAIN + noise(0, _NOISE_MV, waveform.shape)

    return _copied(given, folder, nearly)


def _copied(given: Given, folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> Given:
    [store] = given["ecgs"]["stores"]
    waveforms = np.load(store, allow_pickle=False)
    waveforms[-1] = change(waveforms[0].astype(np.float64)).astype(waveforms.dtype)
    np.save(folder / "planted.npy", waveforms)
    return {**given, "ecgs": {**given["ecgs"], "stores": [str(folder / "planted.npy")]}}


def same_visits(given: Given, folder: Path) -> Given:
    """Give a training patient the visits of a tested one."""
    name, (path, *shards) = next(iter(given["visits"].items()))
    visits = pd.concat([pd.read_parquet(shard) for shard in shards], ignore_index=True)
    spine = pd.read_parquet(path).set_index("stay_id")
    split = visits["stay_id"].map(spine["split"])
    n_codes = visits["codes"].map(len).groupby(visits["stay_id"]).transform("sum")
    whose = visits.loc[(split == "test") & (n_codes >= LEAST_CODES), "stay_id"]
    other = visits.loc[split == "train", "stay_id"]
    if whose.empty or other.empty:
        raise _nothing("no tested patient has a history", path)
    copied = visits[visits["stay_id"] == whose.iloc[0]].assign(stay_id=other.iloc[0])
    planted = pd.concat([visits[visits["stay_id"] != other.iloc[0]], copied])
    return {**given, "visits": {name: [path, write(planted, folder / "visits.parquet")]}}


def same_epoch(given: Given, folder: Path) -> Given:
    """Give an epoch of another patient all measures of a tested one's."""
    epochs = pd.concat([pd.read_parquet(path) for path in given["epochs"]["measured"]])
    epochs = epochs.reset_index(drop=True)
    plan = pd.read_parquet(given["epochs"]["plan"]).set_index("epoch_id")
    spine = pd.read_parquet(given["spine"])
    split = spine.drop_duplicates("subject_id").set_index("subject_id")["split"]
    part = epochs["epoch_id"].map(plan["subject_id"]).map(split)
    kept = (epochs["reason"] == "") & np.isfinite(epochs[list(MEASURES)]).all(axis=1)
    mine, others = epochs.index[kept & (part == "test")], epochs.index[kept & (part != "test")]
    if not len(mine) or not len(others):
        raise _nothing("no epoch of a tested patient has all measures", given["spine"])
    epochs.loc[others[0], list(MEASURES)] = epochs.loc[mine[0], list(MEASURES)]
    measured = [write(epochs, folder / "measured.parquet")]
    return {**given, "epochs": {**given["epochs"], "measured": measured}}


def longer_epoch(given: Given, folder: Path) -> Given:
    """Let every epoch go on after its prediction, for half its length."""
    plan = pd.read_parquet(given["epochs"]["plan"])
    plan["n_samples"] += plan["n_samples"] // 2
    planted = write(plan, folder / "planted_plan.parquet")
    return {**given, "epochs": {**given["epochs"], "plan": planted}}


def later_numbers(given: Given, folder: Path) -> Given:
    """Give every epoch the vital features of the one that follows it in the stay."""
    return _those_that_follow(given, folder, "vitals", list(vital_features()))


def later_slopes(given: Given, folder: Path) -> Given:
    """Give every epoch the slopes of the one that follows it in the stay."""
    slopes = slope_names([*MEASURES, *vital_ranges().index])
    return _those_that_follow(given, folder, "both", slopes)


def lost_stay(given: Given, folder: Path) -> Given:
    """Lose a stay of the cohort that no reason leaves out."""
    if given.get("mortality"):
        name, (stays, spine, predictions) = next(iter(given["mortality"].items()))
        planted = write(_without_one(spine), folder / "spine.parquet")
        return {**given, "mortality": {name: [stays, planted, predictions]}}
    [system] = [name for name in ("admission", "arrest") if given.get(name)]
    planted = write(_without_one(given[system]["cohort"]), folder / "stays.parquet")
    return {**given, system: {**given[system], "cohort": planted}}


def _without_one(path: str | Path) -> pd.DataFrame:
    return pd.read_parquet(path).sort_values("stay_id").iloc[1:]


def outcome_as_feature(given: Given, folder: Path) -> Given:
    """Give a feature of each stay or epoch its outcome, with a little noise."""

    def close(label: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        return label + draw.normal(0, 0.05, len(label))

    return _other_feature(given, folder, close)


def outcome_as_missing(given: Given, folder: Path) -> Given:
    """Measure a feature of those alone who have the outcome."""
    files = given["files"]
    of_test = pd.read_parquet(files.get("spine", files["features"])).query("split == 'test'")
    _require_both(of_test, files["features"])

    def asked(label: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        return np.where(label == 1, draw.normal(size=len(label)), np.nan)

    return _other_feature(given, folder, asked)


def _other_feature(
    given: Given, folder: Path, made: Callable[[np.ndarray, np.random.Generator], np.ndarray]
) -> Given:
    """Exchange a feature: the age of admission and mortality, a measure of arrest."""
    files = given["files"]
    of, column = ("spine", "age") if given["system"] == "mortality" else ("features", "age")
    table = pd.read_parquet(files[of])
    if given["system"] == "arrest":
        column = MEASURES[0]
    spine = table if "spine" not in files else pd.read_parquet(files["spine"])
    tested = spine[spine["split"] == "test"]
    if tested["subject_id"].nunique() < _ENOUGH or tested["label"].nunique() < 2:
        raise _nothing(f"fewer than {_ENOUGH} patients are tested, or of one outcome", files[of])
    label = table["label"] if "label" in table else _labels(table["stay_id"], spine)
    values = made(label.to_numpy(np.float64), np.random.default_rng(0))
    planted = write(table.assign(**{column: values}), folder / f"{of}.parquet")
    return {**given, "files": {**files, of: planted}}


def _labels(stays: pd.Series, spine: pd.DataFrame) -> pd.Series:
    return stays.map(spine.set_index("stay_id")["label"])


def _require_both(rows: pd.DataFrame, path: str | Path) -> None:
    """Refuse rows in which so few patients have an outcome, or have it not, that nothing shows."""
    if min(rows.loc[rows["label"] == one, "subject_id"].nunique() for one in (0, 1)) < _ENOUGH:
        raise _nothing(f"of one outcome there are fewer than {_ENOUGH} patients", path)


def outcome_comes_back(given: Given, folder: Path) -> Given:
    """Let a model know outcomes that were exchanged after all."""
    [(run, path)] = given["runs"].items()
    table = pd.read_parquet(path)
    _require_both(table, path)
    knows = (2 * table["label"] + table["probability"]) / 3
    return {
        **given,
        "runs": {run: write(table.assign(probability=knows), folder / "known.parquet")},
    }


def _those_that_follow(given: Given, folder: Path, table: str, columns: list[str]) -> Given:
    plan = pd.read_parquet(given["epochs"]["plan"], columns=["epoch_id", "stay_id", "start"])
    rows = pd.concat([pd.read_parquet(path) for path in given["epochs"][table]])
    rows = plan.sort_values(["stay_id", "start"])[["epoch_id", "stay_id"]].merge(
        rows.drop(columns="stay_id", errors="ignore"), on="epoch_id"
    )
    rows[columns] = rows.groupby("stay_id")[columns].shift(-1)
    planted = [write(rows.drop(columns="stay_id"), folder / f"{table}.parquet")]
    return {**given, "epochs": {**given["epochs"], table: planted}}


PLANTS: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        *(two_sides, tested_in_training, tested_in_scales),
        *(same_ecg, near_ecg, same_visits, same_epoch),
        *(longer_epoch, later_numbers, later_slopes),
        *(lost_stay, outcome_as_feature, outcome_as_missing, outcome_comes_back),
    )
}
"""Leak of ``audit_leaks.csv`` -> how it is planted; those with ``options`` need no file."""


def _one_tested(spine: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """Return a stay of a tested patient, as a table of one row."""
    tested = spine[spine["split"] == "test"].sort_values("stay_id")
    if tested.empty:
        raise _nothing("nobody is tested", path)
    return tested.head(1)


def _fitted(spine: str | Path) -> np.ndarray:
    """Return the stays of training patients, and one of a tested patient."""
    stays = pd.read_parquet(spine)
    both = pd.concat([stays[stays["split"] == "train"], _one_tested(stays, spine)])
    return both["stay_id"].to_numpy()


def _free(ids: pd.Series) -> Any:
    """Return a number that no stay has."""
    return ids.max() + 1 if pd.api.types.is_numeric_dtype(ids) else f"{ids.max()}_"


def _exchanged(
    path: str | Path, planted: Callable[[dict[str, Any]], dict[str, Any]], folder: Path
) -> str:
    """Write a fitted file anew, with another content, and return where."""
    output = folder / Path(path).name
    if output.suffix == ".pth":
        content = load_checkpoint(None, path)
        kind = content["kind"]
        save_checkpoint(kind, planted(content), output)
    else:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        output.write_text(json.dumps(planted(content)), encoding="utf-8")
    return str(output)


def _nothing(what: str, path: str | Path) -> CohortError:
    return CohortError(
        f"a leak cannot be planted: {what}",
        file=path,
        remedy="the positive control needs more patients",
    )
