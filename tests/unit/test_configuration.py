import pytest
import yaml

from mimicflow.configuration import check_keys, check_values, read_config
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


WRONG = [
    (("ecg", "max_damaged_share"), float("nan"), "'ecg.max_damaged_share' is nan, not a finite"),
    (("ingest", "max_reject_share"), float("inf"), "'ingest.max_reject_share' is inf, not a fin"),
    (("models", "all_stays_model", "epochs"), "x", "'models.all_stays_model.epochs': 'x' is not"),
    (("seed",), -1, "'seed': -1 is less than the minimum of 0 (Seed of every random draw.)"),
    (("ingest", "shards"), 2.0, "'ingest.shards': 2.0 is not of type 'integer'"),
    (("seed",), 10**23, "'seed': 100000000000000000000000 is greater than the maximum"),
    (("encoder", "depth"), [2, 2], "'encoder.depth': [2, 2] is too short (Blocks per stage.)"),
    (("cohort",), ["x" * 500], "'cohort': ['xxxxx"),
]


@pytest.mark.parametrize(("path", "value", "expected"), WRONG)
def test_a_wrong_value_is_told_in_one_short_sentence(config, schema, path, value, expected):
    place = config
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value

    with pytest.raises(ConfigError) as error:
        check_values(config, schema)

    assert expected in str(error.value)
    assert len(str(error.value)) < 350
    assert len(str(error.value).splitlines()) == 2


def test_a_key_with_a_default_may_be_left_out_and_one_without_may_not(config, schema):
    del config["cohort"]
    check_values(config, schema)

    del config["data"]["hosp"]
    with pytest.raises(ConfigError, match="'data': 'hosp' is a required property"):
        check_values(config, schema)


def test_an_empty_list_of_priced_rows_is_taken(config, schema):
    config["evaluation"]["priced_rows"] = []
    check_values(config, schema)


def test_configurations_are_laid_over_each_other_and_checked(repository, tmp_path, monkeypatch):
    monkeypatch.chdir(repository)
    (tmp_path / "mine.yaml").write_text("cohort: {max_ecgs: 2}\n")
    config = read_config("config.yaml", tmp_path / "mine.yaml")
    assert config["cohort"]["max_ecgs"] == 2
    assert config["cohort"]["positive_class"] == "ADMITTED"

    for content, message in (
        ("cohort: {max_ecgs: 99}", "99"),
        ("cohort: [", "cannot be read"),
        ("- cohort", "is list, not a mapping"),
    ):
        (tmp_path / "mine.yaml").write_text(content)
        with pytest.raises(ConfigError, match=message):
            read_config("config.yaml", tmp_path / "mine.yaml")


@pytest.mark.parametrize("preset", ["tiny", "demo", "mimic-iv", "published", "seed"])
def test_presets_use_known_keys(repository, schema, preset):
    check_keys(yaml.safe_load((repository / f"presets/{preset}.yaml").read_text()), schema)
