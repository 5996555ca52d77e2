import pytest
import yaml

from mimicflow.configuration import check_keys
from mimicflow.errors import ConfigError


@pytest.fixture
def schema(repository):
    return repository / "workflow/schemas/config.schema.yaml"


@pytest.fixture
def config(repository):
    return yaml.safe_load((repository / "config.yaml").read_text())


def test_the_shipped_configuration_has_only_known_keys(config, schema):
    check_keys(config, schema)


def test_every_key_of_the_schema_is_in_config_yaml_and_described(config, schema):
    root = yaml.safe_load(schema.read_text())

    def walk(node, value, path):
        for key, inner in node.get("properties", {}).items():
            assert key in value, f"{path}.{key} is not in config.yaml"
            if "$ref" not in inner or inner["$ref"].startswith("#/$defs/learning_rate"):
                assert "description" in inner or "properties" in inner, f"{path}.{key}"
            walk(inner, value[key], f"{path}.{key}")

    walk(root, config, "config")
    for name, model in config["models"].items():
        walk(root["$defs"]["model"], model, name)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("seeed",), "'seeed', did you mean 'seed'?"),
        (("cohort", "max_ecg"), "'cohort.max_ecg', did you mean 'max_ecgs'?"),
        (
            ("models", "all_stays_model", "epoch"),
            "'models.all_stays_model.epoch', did you mean 'epochs'?",
        ),
        (
            ("evaluation", "zzz"),
            "'evaluation.zzz' (valid here: threshold, bootstrap",
        ),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_valid_one(config, schema, path, expected):
    place = config
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = 1

    with pytest.raises(ConfigError) as error:
        check_keys(config, schema)

    assert expected in str(error.value)
    assert "What to do" in str(error.value)


@pytest.mark.parametrize("preset", ["tiny", "demo", "mimic-iv", "published", "seed"])
def test_presets_use_known_keys(repository, schema, preset):
    check_keys(yaml.safe_load((repository / f"presets/{preset}.yaml").read_text()), schema)
