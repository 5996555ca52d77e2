"""config.yaml and its schema: each value stands once, and each model gets its own."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from mimicflow.errors import ConfigError
from mimicflow.running.configuration import SCHEMA, complete, read_config

MODELS = """
name                      stays  unfreeze  gru  static  dropout  decay  weights  calibration  batch  epochs  patience
all_stays_ECGonly         all    layer4    256  256     0.3      0.9    none     temperature  32     20      3
multi_stays_ECGonly       multi  layer4    256  256     0.3      0.9    none     temperature  32     20      3
all_stays_model           all    layer4    128  256     0.3      0.9    none     temperature  32     20      5
multiple_ECG_stays_model  multi  layer4    128  256     0.3      0.9    none     temperature  32     20      5
"""  # noqa: E501
KEYS = (
    *("stays", "unfreeze", "gru_hidden", "static_hidden", "dropout", "learning_rate_decay"),
    *("pos_weight", "calibration", "batch_size", "epochs", "patience"),
)
PARTS = ("head", "adapter", "layer4", "layer3", "layer2", "layer1", "stem")
SEES = {
    "all_stays_ECGonly": ["ecg"],
    "multi_stays_ECGonly": ["ecg"],
    "all_stays_model": ["ecg", "vitals", "static"],
    "multiple_ECG_stays_model": ["ecg", "vitals", "static"],
}
RATES = {
    1: dict(zip(PARTS, (3e-4, 3e-4, 1e-4, 5e-5, 2.5e-5, 1.25e-5, 6.25e-6), strict=True)),
    3: dict(zip(PARTS, (3e-4, 1e-4, 5e-5, 2.5e-5, 1.25e-5, 6.25e-6, 3.125e-6), strict=True)),
}
"""By the number of branches."""


@pytest.fixture
def schema(repository):
    return yaml.safe_load((repository / SCHEMA).read_text())


def laid_over(repository, overlay: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration under an overlay as Snakemake has it, the overlay's keys first."""
    config = copy.deepcopy(overlay)
    update_config(config, load_configfile(repository / "config.yaml"))
    update_config(config, overlay)
    return complete(config, repository / SCHEMA)


def test_each_model_has_the_values_that_are_written_here(repository):
    _, *rows = (line.split() for line in MODELS.strip().splitlines())

    models = laid_over(repository, {})["models"]

    assert list(models) == list(SEES) == [row[0] for row in rows]
    for name, *values in rows:
        written = dict(zip(KEYS, map(yaml.safe_load, values), strict=True))
        expected = written | {"branches": SEES[name], "weight_decay": 0.0001}
        assert models[name] == expected | {"learning_rate": RATES[len(SEES[name])]}, name


def test_blocks_have_their_keys_in_the_order_of_the_schema(repository, schema):
    """A report shows them so, and a parameter in another order would rerun its rule."""
    config = laid_over(repository, {"models": {"all_stays_ECGonly": {"unfreeze": "all"}}})
    for model in config["models"].values():
        assert list(model) == list(schema["$defs"]["model"]["properties"])
        assert tuple(model["learning_rate"]) == PARTS
    for network in config["mortality"]["networks"].values():
        assert list(network) == ["cell", "bidirectional", "hidden", "dropout"]


def test_each_network_has_the_values_that_are_written_here(repository):
    shape = {"hidden": 64, "dropout": 0.3}
    assert laid_over(repository, {})["mortality"]["networks"] == {
        "lstm": {"cell": "lstm", "bidirectional": False, **shape},
        "gru": {"cell": "gru", "bidirectional": False, **shape},
        "bilstm": {"cell": "lstm", "bidirectional": True, **shape},
    }


def test_a_default_changes_the_models_that_do_not_say_otherwise(repository):
    defaults = {"patience": 9, "learning_rate": {"head": 1}}

    models = laid_over(repository, {"model_defaults": defaults})["models"]

    assert {name: model["patience"] for name, model in models.items()} == {
        "all_stays_ECGonly": 3,
        "multi_stays_ECGonly": 3,
        "all_stays_model": 9,
        "multiple_ECG_stays_model": 9,
    }
    rates = [model["learning_rate"] for model in models.values()]
    assert [rate["head"] for rate in rates] == [1] * 4
    assert [rate["adapter"] for rate in rates] == [3e-4, 3e-4, 1e-4, 1e-4]


@pytest.mark.parametrize("name", SEES)
def test_a_key_of_one_model_changes_no_other(repository, name):
    """Also where two blocks of config.yaml are written as one."""
    before = laid_over(repository, {})
    overlay = {"models": {name: {"epochs": 3, "learning_rate": {"layer4": 1.0}}}}

    after = laid_over(repository, overlay)

    changed = after["models"].pop(name)
    assert changed["epochs"] == 3
    assert changed["learning_rate"]["layer4"] == 1.0
    del before["models"][name]
    assert after == before


def test_a_model_of_ones_own_is_two_lines(repository):
    mine = {"stays": "multi", "branches": ["ecg", "static"]}

    models = laid_over(repository, {"models": {"mine": mine}})["models"]

    assert models["mine"] == models["all_stays_model"] | mine


def test_read_config_lays_overlays_as_snakemake_does(repository, tmp_path):
    overlay = {"models": {"all_stays_ECGonly": {"learning_rate": {"stem": 0}}}, "seed": 3}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(overlay))

    found = read_config(tmp_path / "mine.yaml", repository=repository)

    assert found == laid_over(repository, overlay)
    assert "model_defaults" not in found


@pytest.mark.parametrize(
    ("overlay", "seeds"),
    [
        (3, {"hospital": 3, "split": 3, "weights": 3}),
        ({"split": 3}, {"hospital": 0, "split": 3, "weights": 0}),
    ],
)
def test_one_seed_is_that_of_all_draws_and_each_can_be_said(repository, overlay, seeds):
    assert laid_over(repository, {"seed": overlay})["seed"] == seeds


def parts(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, dict]]:
    """Yield every (dotted path, schema) that describes a key; shared parts under ``$defs``."""
    for group in ("properties", "$defs"):
        for key, inner in schema.get(group, {}).items():
            place = (*path, key) if group == "properties" else (*path, group, key)
            yield ".".join(place), inner
            yield from parts(inner, place)


def test_values_stand_in_config_yaml_alone(schema):
    """So that the two cannot contradict each other."""
    assert [path for path, inner in parts(schema) if {"default", "required"} & set(inner)] == []
    assert len(list(parts(schema))) > 200


def test_every_key_is_described_or_a_section_of_keys(schema):
    assert [
        path
        for path, inner in parts(schema)
        if not {"description", "properties", "$ref"} & set(inner) and path != "$defs.learning_rate"
    ] == []


def test_each_key_of_a_section_needs_its_value_in_config_yaml(repository, schema):
    config = yaml.safe_load((repository / "config.yaml").read_text())
    sections = {key: inner.get("properties", {}) for key, inner in schema["properties"].items()}
    keys = [(section, key) for section, known in sections.items() for key in known]
    assert len(keys) > 70
    for section, key in keys:
        without = config | {section: {k: v for k, v in config[section].items() if k != key}}
        left = "mortality.networks.lstm" if key == "network_defaults" else section
        with pytest.raises(ConfigError, match=rf"'{left}' lacks "):
            complete(without, repository / SCHEMA)


UNITS = {
    "Hz": r"sampling_rate|powerline",
    "Seconds": "seconds|.*_s",
    "Milliseconds": ".*_ms",
    "Minutes": "minutes|.*_minutes|silence",
    "Hours": ".*_h|.*_hours",
    "Days": "horizon|.*_days",
    "Years": "min_age",
    "Share": ".*",  # 0 to 1
    "Probability": ".*",  # 0 to 1
    "Number of|Numbers of": ".*",  # a count, or which one
    "Number from 0 to 1": "good_index",
    "AUROC": ".*_auroc",
    "Correlation": "same_ecg",
    "Step sizes? of|Factor of": "learning_rate|.*_decay|head|adapter|layer.|stem",
    "Seeds? of": "seeds?|hospital|split|weights",
}
"""How the description of a number starts: by its unit; and the names of keys that may have it."""


def is_number(node: dict[str, Any], root: dict[str, Any]) -> bool:
    if "$ref" in node:
        return is_number(root["$defs"][node["$ref"].rpartition("/")[2]], root)
    numbers = [value for value in node.get("enum", []) if isinstance(value, int | float)]
    inner = [*node.get("anyOf", []), *([node["items"]] if "items" in node else [])]
    return node.get("type") in ("integer", "number") or bool(
        numbers or [part for part in inner if is_number(part, root)]
    )


def test_the_description_of_a_number_starts_with_its_unit(schema):
    numbers = [
        (path.rpartition(".")[2], inner["description"])
        for path, inner in parts(schema)
        if is_number(inner, schema) and path != "$defs.learning_rate"
    ]
    assert len(numbers) > 90
    assert [
        (key, description)
        for key, description in numbers
        if not any(
            re.match(rf"({unit})\b", description) and re.fullmatch(keys, key)
            for unit, keys in UNITS.items()
        )
    ] == []
    # And where the name of a key has a unit, the description has this one.
    for unit in ("Seconds", "Minutes", "Hours", "Days"):
        named = [text for key, text in numbers if re.fullmatch(UNITS[unit], key)]
        assert named and all(text.startswith(unit) for text in named), unit
