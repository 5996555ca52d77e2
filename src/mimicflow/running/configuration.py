"""Check the configuration before any job: one sentence for each misspelt key or wrong value."""

from __future__ import annotations

import copy
import difflib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from mimicflow.errors import ConfigError

SCHEMA = "workflow/schemas/config.schema.yaml"
"""Closed: what it does not know is refused."""

Schema = Mapping[str, Any]
Place = tuple[object, ...]
"""Keys from the top of the configuration down to a value."""
_MAX_SHOWN = 60  # characters of a value


def _is_integer(_: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# JSON knows no difference between 2.0 and 2; range() and seeds do.
_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def read_config(*files: str | Path) -> dict[str, Any]:
    """Return the configuration of these files, each laid over those before, checked.

    Parameters
    ----------
    *files : path-like
        YAML, from the folder of the repository.

    Raises
    ------
    ConfigError
        A file that is missing or no YAML, an unknown key, a value that is not allowed.
    """
    config: dict[str, Any] = {}
    for file in files:
        try:
            content = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(
                f"cannot be read ({error})",
                file=file,
                remedy="name a YAML file, from the folder of the repository",
            ) from error
        if not isinstance(content, Mapping):
            found = "empty" if content is None else type(content).__name__
            raise ConfigError(
                f"is {found}, not a mapping of keys to values",
                file=file,
                remedy=f"write it as YAML; all keys are described in {SCHEMA}",
            )
        _lay_over(config, content)
    check_keys(config, SCHEMA)
    check_values(config, SCHEMA)
    schema = yaml.safe_load(Path(SCHEMA).read_text(encoding="utf-8"))
    _fill(config, schema, schema)
    return config


def _fill(config: dict[str, Any], schema: Schema, root: Schema) -> None:
    """Add the defaults of the schema, as Snakemake's ``validate`` does."""
    schema = _resolve(schema, root)
    properties = schema.get("properties", {})
    for key, inner in properties.items():
        if "default" in inner:
            config.setdefault(key, copy.deepcopy(inner["default"]))
    others = schema.get("additionalProperties")
    for key, value in config.items():
        inner = properties.get(key, others)
        if isinstance(value, dict) and isinstance(inner, Mapping):
            _fill(value, inner, root)


def _lay_over(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(below.get(key), dict):
            _lay_over(below[key], value)
        else:
            below[key] = value


def check_keys(config: Mapping[str, Any], schema_file: str | Path) -> None:
    """Stop at keys that the schema does not know.

    Snakemake's own ``validate`` finds them too, but neither says where they are nor what was meant.

    Parameters
    ----------
    config : mapping
        The configuration as read.
    schema_file : path-like
        Closed JSON Schema in YAML.

    Raises
    ------
    ConfigError
        Names each unknown key with its path and the nearest valid key.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(
            f"is {type(config).__name__}, not a mapping of keys to values",
            file="configuration",
            remedy=f"write it as YAML; all keys are described in {schema_file}",
        )
    schema = yaml.safe_load(Path(schema_file).read_text(encoding="utf-8"))
    problems = [
        f"unknown key '{'.'.join(map(str, (*parents, key)))}'{_nearest(key, valid)}"
        for parents, key, valid in _unknown_keys(config, schema, schema, ())
    ]
    if problems:
        raise ConfigError(
            "; ".join(problems),
            file="configuration",
            remedy=f"correct the key; all keys are described in {schema_file}",
        )


def _unknown_keys(
    config: Mapping[str, Any], schema: Schema, root: Schema, parents: tuple[object, ...]
) -> Iterator[tuple[tuple[object, ...], object, list[str]]]:
    """Yield (parents, key, valid keys) of every key outside the schema."""
    schema = _resolve(schema, root)
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for key, value in config.items():
        if key in properties:
            inner = properties[key]
        elif isinstance(others, Mapping):
            inner = others
        elif others is False:
            yield parents, key, list(properties)
            continue
        else:
            continue
        if isinstance(value, Mapping):
            yield from _unknown_keys(value, inner, root, (*parents, key))


def _resolve(schema: Schema, root: Schema) -> Schema:
    """Follow one ``#/a/b`` reference."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    target: Any = root
    for part in reference.removeprefix("#/").split("/"):
        target = target[part]
    return target


def _nearest(key: object, valid: list[str]) -> str:
    close = difflib.get_close_matches(str(key), valid, n=1, cutoff=0.5)
    return f", did you mean '{close[0]}'?" if close else f" (valid here: {', '.join(valid)})"


def check_values(config: Mapping[str, Any], schema_file: str | Path) -> None:
    """Stop at values that the schema does not allow, and at numbers that are not finite.

    Snakemake's own ``validate`` finds the former, too, but writes the whole schema below it, and
    takes ``.nan`` and ``.inf`` for numbers: a limit of ``.nan`` is one that nothing exceeds.

    Parameters
    ----------
    config : mapping
        The configuration as read; its keys are known (`check_keys`).
    schema_file : path-like
        Closed JSON Schema in YAML.

    Raises
    ------
    ConfigError
        Names each key with its path, what is wrong and what the key means.
    """
    schema = yaml.safe_load(Path(schema_file).read_text(encoding="utf-8"))
    problems = [
        f"'{'.'.join(map(str, path))}' is {value}, not a finite number"
        for path, value in _not_finite(config, ())
    ]
    for error in _Validator(schema).iter_errors(config):
        if not _has_default(error):
            problems.append(_said(error))
    if problems:
        raise ConfigError(
            "; ".join(problems),
            file="configuration",
            remedy=f"correct the value; all keys are described in {schema_file}",
        )


def _not_finite(value: object, path: Place) -> Iterator[tuple[Place, float]]:
    """Yield (path, number) of every NaN and infinity."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _not_finite(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _not_finite(inner, (*path, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, value


def _has_default(error: jsonschema.ValidationError) -> bool:
    """Return whether a key is missed for which the schema has a default, filled in afterwards."""
    if error.validator != "required":
        return False
    known = error.schema.get("properties", {})
    missed = [key for key in error.validator_value if key not in error.instance]
    return all("default" in known.get(key, {}) for key in missed)


def _said(error: jsonschema.ValidationError) -> str:
    """Return one sentence: the key, what is wrong with its value, what it means."""
    message = error.message.replace(repr(error.instance), _short(error.instance), 1)
    meaning = error.schema.get("description", "") if isinstance(error.schema, Mapping) else ""
    place = ".".join(map(str, error.absolute_path))
    return f"{f'{place!r}: ' if place else ''}{message}{f' ({meaning})' if meaning else ''}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
