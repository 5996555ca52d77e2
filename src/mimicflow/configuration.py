"""Misspelt configuration keys, told before any job with the nearest valid one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from mimicflow.errors import ConfigError

Schema = Mapping[str, Any]


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
