"""Check the configuration before any job: one sentence for each misspelt key or wrong value."""

from __future__ import annotations

import copy
import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from mimicflow.errors import ConfigError
from mimicflow.running.allowed_values import Schema, allowed, resolved, said

SCHEMA = "workflow/schemas/config.schema.yaml"
"""Closed: what it does not know is refused."""

Place = tuple[object, ...]
"""Keys from the top of the configuration down to a value."""
_MAX_DEPTH = 20  # no key lies a third as deep; what YAML lets contain itself has no end
_MAX_PLACES = 3  # of a key elsewhere; those with more, such as epochs, are of no help


def _is_integer(_: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# JSON knows no difference between 2.0 and 2; range() and seeds do.
_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def read_config(*overlays: str | Path, repository: str | Path = ".") -> dict[str, Any]:
    """Return the configuration of the repository under these files, checked and complete.

    Parameters
    ----------
    *overlays : path-like
        YAML; each is laid over ``config.yaml`` and those before.
    repository : path-like
        The folder of ``config.yaml``.

    Raises
    ------
    ConfigError
        A file that is missing or no YAML, an unknown key, a value that is not allowed.
    """
    config: dict[str, Any] = {}
    for file in (Path(repository, "config.yaml"), *overlays):
        config = merged(config, read_overlay(file))
    return complete(config, Path(repository, SCHEMA))


def read_overlay(file: str | Path) -> Mapping[str, Any]:
    """Return the keys of one file of configuration as they are written there.

    Parameters
    ----------
    file : path-like
        YAML, such as ``presets/tiny.yaml``.

    Raises
    ------
    ConfigError
        A file that is missing or no YAML.
    """
    content = read_yaml(file, "name a YAML file, from the folder of the repository")
    if not isinstance(content, Mapping):
        found = "empty" if content is None else type(content).__name__
        raise ConfigError(
            f"is {found}, not a mapping of keys to values",
            file=file,
            remedy=f"write it as YAML; all keys are described in {SCHEMA}",
        )
    return content


def read_yaml(file: str | Path, remedy: str) -> Any:
    """Return what a YAML file of a user holds.

    Parameters
    ----------
    file : path-like
        The file.
    remedy : str
        What to do where it cannot be read.

    Raises
    ------
    ConfigError
        It is missing or no YAML; says in one sentence where.
    """
    try:
        return yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}: " if mark else ""
        why = f"{line}{error.problem or error.context}"
    except OSError as error:
        why = str(error.strerror)
    except (ValueError, yaml.YAMLError) as error:  # the former of a day that there is not
        why = str(error).splitlines()[0]
    raise ConfigError(f"cannot be read ({why})", file=file, remedy=remedy)


@cache
def _read_schema(file: str | Path) -> Schema:
    content: Schema = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    return content


def merged(config: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with the keys of an overlay changed, both left as they are."""
    result = copy.deepcopy(dict(config))
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def stop_at(problems: Sequence[str], remedy: str) -> None:
    """Stop at problems of the configuration, all of them at once; at none go on.

    Raises
    ------
    ConfigError
        A sentence for each.
    """
    if problems:
        raise ConfigError("; ".join(problems), file="configuration", remedy=remedy)


def complete(config: Mapping[str, Any], schema_file: str | Path) -> dict[str, Any]:
    """Return a configuration whose blocks are complete, or stop at what is wrong with it.

    A block under ``models`` has only the keys in which it differs from ``model_defaults``. Here it
    gets the others, and the defaults, which nothing else reads, are gone. The schema says which
    blocks are filled from which section (``filled_from``), and of which sections one value is that
    of all their keys (``one_for_all``), such as ``seed: 3``.

    Parameters
    ----------
    config : mapping
        The configuration as read.
    schema_file : path-like
        Closed JSON Schema in YAML.

    Raises
    ------
    ConfigError
        As `check_keys` and `check_values`; and a key without a value, with its path.
    """
    check_keys(config, schema_file)
    config = {key: of if key == "data" else _numbers(of) for key, of in config.items()}
    check_values(config, schema_file)
    schema = _read_schema(schema_file)
    completed = _filled(config, schema, schema)
    problems = [
        f"{_quoted(parents) + ' ' if parents else ''}lacks {', '.join(keys)}"
        for parents, keys in _missing(completed, schema, schema, ())
    ]
    stop_at(problems, f"give each key a value; all keys are described in {schema_file}")
    return completed


def _filled(config: Mapping[str, Any], schema: Schema, root: Schema) -> dict[str, Any]:
    """Return a part of the configuration with complete blocks, and without their defaults."""
    known = {
        key: resolved(inner, root)
        for key, inner in schema.get("properties", {}).items()
        if key in config
    }
    sections = {inner["filled_from"] for inner in known.values() if "filled_from" in inner}
    filled = {key: value for key, value in config.items() if key not in sections}
    for key in filled.keys() & known.keys():
        inner = known[key]
        if "filled_from" in inner:
            defaults = config.get(inner["filled_from"], {})
            blocks, others = inner.get("properties", {}), inner.get("additionalProperties")
            filled[key] = {
                name: _block(block, defaults, blocks.get(name, others), root)
                for name, block in filled[key].items()
            }
        elif inner.get("one_for_all") and not isinstance(filled[key], Mapping):
            filled[key] = dict.fromkeys(inner["properties"], filled[key])
        elif "properties" in inner:
            filled[key] = _filled(filled[key], inner, root)
    return filled


def _block(
    block: Mapping[str, Any], defaults: Mapping[str, Any], schema: Schema, root: Schema
) -> dict[str, Any]:
    """Return a block with what it does not say from its defaults, in the order of the schema."""
    filled: dict[str, Any] = {}
    for key, inner in resolved(schema, root)["properties"].items():
        if "properties" in inner:
            filled[key] = _block(block.get(key, {}), defaults.get(key, {}), inner, root)
        elif key in block or key in defaults:
            filled[key] = copy.deepcopy(block.get(key, defaults.get(key)))
    return filled


def _missing(
    config: Mapping[str, Any], schema: Schema, root: Schema, parents: Place
) -> Iterator[tuple[Place, list[str]]]:
    """Yield (parents, keys with their values) that the schema knows and the configuration lacks."""
    schema = resolved(schema, root)
    properties = schema.get("properties", {})
    defaults = {inner.get("filled_from") for inner in properties.values()}
    missing = [
        f"{key} ({allowed(inner, root)})"
        for key, inner in properties.items()
        if key not in config and key not in defaults
    ]
    if missing:
        yield parents, missing
    for key, value in config.items():
        inner = properties.get(key, schema.get("additionalProperties"))
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            yield from _missing(value, inner, root, (*parents, key))


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
    schema = _read_schema(schema_file)
    nested = list(_nested(config))
    deep = [place for place, _ in nested if len(place) == _MAX_DEPTH]
    stop_at(
        [f"{_quoted(place[:2])} is nested over {_MAX_DEPTH - 1} levels deep" for place in deep[:1]],
        "write out what its references (*name) stand for: does one contain itself?",
    )
    stop_at(
        [
            f"the key {_quoted((*place, key))} is no text"
            for place, value in nested
            if isinstance(value, Mapping)
            for key in value
            if not isinstance(key, str)
        ],
        "YAML reads it as a number, a date, or true or false: put it in quotes, or name it anew",
    )
    problems = [
        f"unknown key {_quoted((*parents, key))}{_hint(key, valid, schema)}"
        for parents, key, valid in _unknown_keys(config, schema, schema, ())
    ]
    stop_at(problems, f"correct the key; all keys are described in {schema_file}")


def _nested(config: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
    """Yield every mapping and list, each once per depth, however often YAML refers to it."""
    level: list[tuple[Place, Any]] = [((), config)]
    for _ in range(_MAX_DEPTH + 1):
        level = [(place, value) for place, value in level if isinstance(value, Mapping | list)]
        level = list({id(value): (place, value) for place, value in level}.values())
        yield from level
        level = [
            ((*place, key), inner)
            for place, value in level
            for key, inner in (value.items() if isinstance(value, Mapping) else enumerate(value))
        ]


def _unknown_keys(
    config: Mapping[str, Any], schema: Schema, root: Schema, parents: tuple[object, ...]
) -> Iterator[tuple[tuple[object, ...], object, list[str]]]:
    """Yield (parents, key, valid keys) of every key outside the schema."""
    schema = resolved(schema, root)
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


def _hint(key: object, valid: list[str], schema: Schema) -> str:
    """Return what was meant: the key in its right place, or the nearest one here."""
    places = [_quoted((*place, key)) for place in _places(key, schema, schema, ())]
    close = difflib.get_close_matches(str(key), valid, n=1, cutoff=0.5)
    if 0 < len(places) <= _MAX_PLACES:
        return f", did you mean {' or '.join(places)}?"
    return f", did you mean '{close[0]}'?" if close else f" (valid here: {', '.join(valid)})"


def _places(key: object, schema: Schema, root: Schema, parents: Place) -> Iterator[Place]:
    """Yield the parents of a key wherever the schema knows it; ``*`` is the name of a block."""
    schema = resolved(schema, root)
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    if key in properties:
        yield parents
    for name, inner in (*properties.items(), ("*", others)):
        if isinstance(inner, Mapping):
            yield from _places(key, inner, root, (*parents, name))


def _quoted(path: Place) -> str:
    return repr(".".join(map(str, path)))


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
        Names each key once, with its path, its value, what is allowed and what the key means.
    """
    schema = _read_schema(schema_file)
    problems = {
        path: f"{_quoted(path)} is {value}, not a finite number"
        for path, value in not_finite(config)
    }
    for error in _Validator(schema).iter_errors(config):
        name = ("key", error.instance) if "propertyNames" in error.absolute_schema_path else ()
        problems.setdefault((*error.absolute_path, *name), said(error, schema))
    stop_at(list(problems.values()), f"correct the value; all keys are described in {schema_file}")


def not_finite(value: object, path: Place = ()) -> Iterator[tuple[Place, float]]:
    """Yield (path, number) of every NaN and infinity; ``path`` is that of ``value``."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from not_finite(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from not_finite(inner, (*path, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, value


def _numbers(value: Any) -> Any:
    """Return numbers as numbers.

    Within braces on the command line Snakemake leaves them text, and YAML takes 1e-5 for one.
    """
    if isinstance(value, Mapping):
        return {key: _numbers(of) for key, of in value.items()}
    if isinstance(value, list):
        return [_numbers(of) for of in value]
    number = isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", value)
    if not number:
        return value
    return float(value) if "e" in value else yaml.safe_load(value)
