"""The presets of the published pipeline, resolved as Snakemake does, are what the page says."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from mimicflow.admission import protocols
from mimicflow.running.configuration import SCHEMA, complete, merged
from mimicflow.running.scenarios import Scenarios, leaves

PUBLISHED, SEED = "published", "seed"
ECG_ONLY = ("all_stays_ECGonly", "multi_stays_ECGonly")
MULTIMODAL = ("all_stays_model", "multiple_ECG_stays_model")
ABSENT = "\N{EN DASH}"


def preset(repository: Path, name: str) -> dict[str, Any]:
    return yaml.safe_load((repository / f"presets/{name}.yaml").read_text())


def resolved(repository: Path, *names: str) -> dict[str, Any]:
    """Return the values by dotted key of `configured`."""
    return leaves(configured(repository, *names))


def configured(repository: Path, *names: str) -> dict[str, Any]:
    """Return the configuration of ``--configfile presets/...``, with complete models."""
    overlays: dict[str, Any] = {}
    for name in names:
        update_config(overlays, preset(repository, name))
    config = yaml.safe_load((repository / "config.yaml").read_text())
    update_config(config, overlays)
    return complete(config, repository / SCHEMA)


def set_by(repository: Path, name: str) -> dict[str, Any]:
    """Return what a preset sets by dotted key, the defaults of the models for each of them."""
    keys = preset(repository, name)
    defaults, blocks = keys.pop("model_defaults", {}), keys.pop("models", {})
    keys["models"] = {
        model: merged(defaults, blocks.get(model, {})) for model in ECG_ONLY + MULTIMODAL
    }
    return leaves(keys)


def table(repository: Path, first_column: str) -> list[list[str]]:
    """Return the rows of the table of the page whose header starts so."""
    text = (repository / "docs/defects.md").read_text()
    block = re.search(rf"^\| {first_column} \|.*\n\|[-|]+\n((?:\|.*\n?)+)", text, re.M)
    assert block, first_column
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in block[1].splitlines()
    ]


def of_models(key: str, models: tuple[str, ...] = ECG_ONLY + MULTIMODAL) -> list[str]:
    return [key.replace("*", model) for model in models] if "*" in key else [key]


def claims(repository: Path) -> dict[str, dict[str, Any]]:
    """Return what the tables of sizes say: by release, dotted key -> value."""
    said: dict[str, dict[str, Any]] = {PUBLISHED: {}, SEED: {}}
    for key, *values in table(repository, "key"):
        for release, value in zip(said, values, strict=True):
            said[release][key.strip("`")] = yaml.safe_load(value.removesuffix(", a fold"))
    columns = [(r, models) for r in said for models in (ECG_ONLY, MULTIMODAL)]
    for key, *values in table(repository, "key of each model"):
        for (release, models), value in zip(columns, values, strict=True):
            if value != ABSENT:
                for one in of_models(f"models.*.{key.strip('`')}", models):
                    said[release][one] = yaml.safe_load(value)
    return said


def switched(repository: Path) -> dict[str, Any]:
    """Return the keys that the rows of defects say, with their old values."""
    cells = [row[-1] for row in table(repository, "row")]
    found = [pair for cell in cells for pair in re.findall(r"`([\w.*]+): ([^`]+)`", cell)]
    return {one: yaml.safe_load(value) for key, value in found for one in of_models(key)}


@pytest.mark.parametrize("stack", [(PUBLISHED,), (PUBLISHED, SEED)], ids="+".join)
def test_a_stack_resolves_to_what_the_page_says(repository: Path, stack: tuple[str, ...]) -> None:
    config, said = resolved(repository, *stack), claims(repository)[stack[-1]]
    assert len(said) > 70
    assert {key: config.get(key) for key in said} == said


def test_every_row_with_a_key_is_switched_by_one_of_the_presets(repository: Path) -> None:
    old = switched(repository)
    published, seed = (set_by(repository, name) for name in (PUBLISHED, SEED))
    assert len(old) > 30
    for key, value in old.items():
        assert value in (published.get(key), seed.get(key)), f"{key}: no preset sets {value}"


def test_the_first_release_changes_no_row_that_its_table_does_not_name(repository: Path) -> None:
    config = resolved(repository, PUBLISHED, SEED)
    old = {**switched(repository), **claims(repository)[SEED]}
    assert {key: config[key] for key in old} == old


def test_what_the_presets_set_is_on_the_page(repository: Path) -> None:
    """But for what is the default anyway."""
    default = resolved(repository)
    old, said = switched(repository), claims(repository)
    for name in (PUBLISHED, SEED):
        for key, value in set_by(repository, name).items():
            assert key in old or key in said[name] or default[key] == value, f"{name}: {key}"


def test_other_sizes_come_from_an_overlay_after_them(repository: Path) -> None:
    config, tiny = resolved(repository, PUBLISHED, SEED, "tiny"), set_by(repository, "tiny")
    networks = {"mortality.network_defaults.hidden": 8}
    assert {key: config[key] for key in tiny if key not in networks} | networks == tiny
    assert config["encoder.stem"] == "forgotten"


def test_folders_come_from_an_overlay_before_them(repository: Path) -> None:
    config = resolved(repository, "mimic-iv", PUBLISHED, SEED)
    said = claims(repository)[SEED]
    assert {key: config[key] for key in said} == said
    assert config["data.ed"] == preset(repository, "mimic-iv")["data"]["ed"]


def test_nested_folds_stay_nested_under_the_presets(repository: Path) -> None:
    """A table that is not marked optimistic must not be: validation patients stop the training."""
    for names in ((), (PUBLISHED,), (PUBLISHED, SEED)):
        config = configured(repository, *names)
        scenarios = Scenarios(config, protocols.scenarios(config))
        for name in protocols.folds("nested", config):
            split = scenarios.config(name)["split"]
            assert (split["stopping"], split["multi"]) == ("validation", "shared")
        for name in [*protocols.folds("published", config), "seed"]:
            split = scenarios.config(name)["split"]
            assert (split["stopping"], split["multi"]) == ("test", "own")
