"""Turn plain configuration dictionaries into typed dataclasses, with messages a user can act on."""

from __future__ import annotations

import dataclasses
import difflib
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from mimicflow.errors import ConfigError

Config = TypeVar("Config")


def parse(kind: type[Config], values: Mapping[str, Any], where: str) -> Config:
    """Build a configuration dataclass from a dictionary.

    Parameters
    ----------
    kind : type
        A dataclass whose fields are numbers, text, ``Literal`` choices, tuples or dictionaries.
    values : mapping
        The configuration subtree.
    where : str
        Its place in the configuration, for messages.

    Raises
    ------
    ConfigError
        An unknown or missing key, or a value of the wrong kind.
    """
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, n=1)
            remedy = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(fields)}"
            raise ConfigError(f"{where}.{key} is not a known key", remedy=remedy)
    hints = get_type_hints(kind)
    parsed = {key: _check(value, hints[key], f"{where}.{key}") for key, value in values.items()}
    missing = [
        name
        for name, field in fields.items()
        if name not in parsed
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where} lacks {', '.join(missing)}", remedy="see config.yaml")
    return kind(**parsed)


def _check(value: Any, hint: Any, where: str) -> Any:
    """Return the value as the annotated type, or say what would be accepted."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        if value not in arguments:
            choices = ", ".join(str(choice) for choice in arguments)
            raise ConfigError(f"{where} is {value!r}", remedy=f"choose one of: {choices}")
        return value
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _check(value, next(a for a in arguments if a is not type(None)), where)
    if origin is tuple:
        if not isinstance(value, list | tuple) or not value:
            raise ConfigError(f"{where} is {value!r}", remedy="give a list")
        return tuple(_check(item, arguments[0], where) for item in value)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} is {value!r}", remedy="give keys with values")
        return {str(key): _check(item, arguments[1], where) for key, item in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigError(f"{where} is {value!r}", remedy=f"give a value of type {hint.__name__}")
    return value
