"""The scenarios of the admission system: cross-validations, defects brought back, ablations."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pandas as pd

from mimicflow.reference import reference
from mimicflow.running.configuration import merged
from mimicflow.running.scenarios import Scenario

EVERYTHING = "all_stays_model"
"""The model with all branches: it is explained, and trained without each of them."""
PRICED = (EVERYTHING, "random_forest_all")
"""The models under which defects are priced: one that sees all, one that sees tables only."""
PUBLISHED_MODELS = {
    "": {"all": EVERYTHING, "multi": "multiple_ECG_stays_model"},
    "outputs/gru/": {"all": "all_stays_ECGonly", "multi": "multi_stays_ECGonly"},
}
"""The folders of published result files, before "{subset}_performance", and whose they are."""
PUBLISHED = "published"
SINGLE = "single"
OPTIMISTIC = frozenset({PUBLISHED, "seed"})
"""Protocols in which the reported patients stop the training, whatever the configuration."""


@cache
def defects() -> pd.DataFrame:
    """Return ``reference/defects.csv``: row, defect, ours, published, both overlays, note.

    The overlays are mappings; empty where the default already is that side.
    """
    table = pd.read_csv(reference("defects.csv"), keep_default_na=False)
    for column in ("ours_overlay", "published_overlay"):
        table[column] = [json.loads(text) if text else {} for text in table[column]]
    return table


def switched_rows() -> list[int]:
    """Return the rows of `defects` that can be switched."""
    table = defects()
    switched = table["ours_overlay"].astype(bool) | table["published_overlay"].astype(bool)
    return [int(row) for row in table.loc[switched, "row"]]


def priced_rows(config: Mapping[str, Any]) -> list[int]:
    """Return the `switched_rows` whose price is asked for."""
    asked = config["evaluation"]["priced_rows"]
    return [row for row in switched_rows() if asked == "all" or row in asked]


def sides(row: int) -> dict[str, str]:
    """Return the scenario of either side of a defect; empty where the default is that side."""
    entry = defects().set_index("row").loc[row]
    return {
        side: f"row_{row:02d}_{side}" if entry[f"{side}_overlay"] else ""
        for side in ("ours", "published")
    }


def optimistic(config: Mapping[str, Any]) -> frozenset[str]:
    """Return the protocols in which the reported patients have also stopped the training."""
    own = {SINGLE} if config["split"]["stopping"] == "test" else set()
    return OPTIMISTIC | own


def folds(protocol: str, config: Mapping[str, Any]) -> list[str]:
    """Return the scenarios whose test patients together are those of a protocol.

    Those of the single split are of the configuration itself, which has no name.
    """
    if protocol == SINGLE:
        return [""]
    if protocol == "seed":
        return ["seed"]
    return [f"{protocol}_{fold}" for fold in range(config["split"]["folds"])]


def ablations(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the scenario without each branch, by the branch that is removed."""
    branches = config["models"].get(EVERYTHING, {}).get("branches", [])
    return {branch: f"without_{branch}" for branch in branches if len(branches) > 1}


def scenarios(config: Mapping[str, Any]) -> Iterator[Scenario]:
    """Yield every scenario of a configuration, parents first."""
    reported_stop = stopped_by_reported(config)
    for fold, name in enumerate(folds("nested", config)):
        # Also where the configuration is that of the published pipeline.
        yield Scenario(name, {"split": {"fold": fold, "stopping": "validation", "multi": "shared"}})
    for parent, name in zip(folds("nested", config), folds(PUBLISHED, config), strict=True):
        yield Scenario(name, reported_stop, parent)
    single = {"fold": "none", "test": 0.1, "test_from": "none", "stratified": False}
    yield Scenario("seed", merged(reported_stop, {"split": single}))
    for branch, name in ablations(config).items():
        kept = [other for other in config["models"][EVERYTHING]["branches"] if other != branch]
        yield Scenario(name, {"models": {EVERYTHING: {"branches": kept}}})
    for _, entry in defects().iterrows():
        for side, name in sides(entry["row"]).items():
            if name:
                yield Scenario(name, _every_model(entry[f"{side}_overlay"], config))


def stopped_by_reported(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a split the published one: the reported patients stop the training.

    Hence nothing is recalibrated; and stays with several ECGs are split by themselves.
    """
    split = {"stopping": "test", "multi": "own"}
    return _every_model({"split": split, "models": {"*": {"calibration": "none"}}}, config)


def _every_model(overlay: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the name ``*`` under ``models`` by that of every configured model."""
    models = overlay.get("models", {})
    if "*" not in models:
        return dict(overlay)
    return {**overlay, "models": {name: dict(models["*"]) for name in config["models"]}}
