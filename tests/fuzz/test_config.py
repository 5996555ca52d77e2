"""Damaged configurations: taken, or refused by one of the three that read them."""

import copy
import io
import math

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config
from snakemake_interface_common.exceptions import WorkflowError

from mimicflow.admission.agreement import disagreements as of_admission
from mimicflow.arrest.agreement import disagreements as of_arrest
from mimicflow.errors import ConfigError
from mimicflow.mortality.agreement import disagreements as of_mortality
from mimicflow.running.agreement import check_agreement
from mimicflow.running.configuration import check_keys, check_values, complete

from .damaged_files import attempt, damage_bytes, damage_encoding, is_refused, run_cases

VALUES = (
    None, True, "", "１２", "a\0b", "../..", -1, 0, 2**70, 1e308, float("inf"), float("nan"),
    [], {}, [[]], {"a": 1}, {1: 2}, {None: 1}, {"seed": 0}, "9999-12-31", ["x"] * 50,
)  # fmt: skip

SYSTEMS = (of_admission, of_mortality, of_arrest)


@pytest.fixture(scope="module")
def files(repository):
    schema = repository / "workflow/schemas/config.schema.yaml"
    return schema, yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def validator(files):
    # As JSON, but that 1e308 is no integer.
    plain = jsonschema.Draft202012Validator
    integers = plain.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    strict = jsonschema.validators.extend(plain, type_checker=integers)
    return strict(yaml.safe_load(files[0].read_text(encoding="utf-8")))


def check(config, schema, validator) -> bool:
    """Return whether a configuration is taken: it fits the schema, is finite, and agrees."""
    refused = attempt(check_keys, config, schema)
    if is_refused(refused):
        assert isinstance(refused, ConfigError)
        assert next(validator.iter_errors(config), None) is not None
        return False
    wrong = attempt(check_values, config, schema)
    fits = next(validator.iter_errors(config), None) is None and all(map(finite, leaves(config)))
    if is_refused(wrong):
        assert isinstance(wrong, ConfigError)
        assert not fits
        assert len(str(wrong)) < 2_000 * str(wrong).count("; ") + 2_000
        return False
    assert fits
    completed = attempt(complete, config, schema)
    if is_refused(completed):
        assert isinstance(completed, ConfigError)
        assert " lacks " in str(completed)
        return False
    contrary = attempt(check_agreement, completed, *SYSTEMS)
    assert not is_refused(contrary) or isinstance(contrary, ConfigError)
    return not is_refused(contrary)


def leaves(value):
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


def finite(value) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def places(config, path=()):
    for key, value in config.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from places(value, (*path, key))


def test_damaged_values(files, validator):
    schema, base = files
    paths = list(places(base))

    def case(draw):
        config = copy.deepcopy(base)
        *parents, key = paths[draw.integers(len(paths))]
        place = config
        for parent in parents:
            place = place[parent]
        value = VALUES[draw.integers(len(VALUES))]
        match int(draw.integers(4)):
            case 0:
                place[[f"{key}x", 5, None, "", "\u00e9", 1.5, True][draw.integers(7)]] = value
            case 1:
                del place[key]
            case _:
                place[key] = value
        check(config, schema, validator)

    run_cases("config_values", case)


def test_damaged_text(files, validator, tmp_path):
    schema, base = files
    text = yaml.safe_dump({"seed": 3, "cohort": base["cohort"], "evaluation": base["evaluation"]})
    file = tmp_path / "more.yaml"

    def case(draw):
        file.write_bytes(
            damage_encoding(text, draw)
            if draw.integers(3) == 0
            else damage_bytes(text.encode(), draw)
        )
        try:
            overlay = load_configfile(file)
        except (WorkflowError, yaml.YAMLError, UnicodeDecodeError):  # Snakemake's own, before ours
            return
        config = copy.deepcopy(base)
        update_config(config, overlay)
        check(config, schema, validator)

    run_cases("config_text", case)


def test_the_shipped_configuration_is_taken(files, validator):
    assert check(files[1], files[0], validator)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.none(), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, derandomize=True, deadline=None)
@given(data=st.data())
def test_any_tree_in_any_place(files, validator, data):
    schema, base = files
    config = copy.deepcopy(base)
    config[data.draw(st.sampled_from(sorted(base)))] = data.draw(TREES)
    check(config, schema, validator)


def test_references_that_repeat_or_contain_themselves(files, validator):
    schema, base = files
    lines = [
        "a0: &a0 {x: 1}",
        *(f"a{i}: &a{i} {{l: *a{i - 1}, r: *a{i - 1}}}" for i in range(1, 60)),
    ]
    texts = (
        "models: &m {gru: *m}",
        "\n".join([*lines, "cohort: *a59"]),
        "scenarios: &s {a: *s}",
        "scenarios: {a: &a {cohort: *a}}",
        "cohort: &c [*c]",
        "\n".join([*lines, "scenarios: {a: *a59}"]),
    )
    for text in texts:
        config = copy.deepcopy(base) | yaml.safe_load(io.StringIO(text))
        assert is_refused(attempt(check_keys, config, schema)), text
        refused = attempt(complete, config, schema)
        assert isinstance(refused, ConfigError) and len(str(refused)) < 500, text


@pytest.mark.parametrize("config", [None, [], "text", 5])
def test_what_is_no_configuration(files, config):
    assert is_refused(attempt(check_keys, config, files[0]))
