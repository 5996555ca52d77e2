"""Say which values a key of the configuration may have, in words, from its schema alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jsonschema

Schema = Mapping[str, Any]
_MAX_SHOWN = 60  # characters of a value
_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "object": "keys with values",
    "array": "a list",
}


def resolved(schema: Schema, root: Schema) -> Schema:
    """Follow one ``#/a/b`` reference."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    target: Any = root
    for part in reference.removeprefix("#/").split("/"):
        target = target[part]
    return target


def allowed(schema: Schema, root: Schema) -> str:
    """Return the values that a schema allows, as they stand in a sentence.

    Parameters
    ----------
    schema : mapping
        JSON Schema of one key.
    root : mapping
        The whole schema, for references.

    Examples
    --------
    >>> allowed({"anyOf": [{"const": "none"}, {"type": "integer", "minimum": 0}]}, {})
    'none or a whole number of at least 0'
    """
    return _either(_choices(resolved(schema, root), root))


def _choices(schema: Schema, root: Schema) -> Iterator[str]:
    if "enum" in schema:
        yield from map(str, schema["enum"])
    elif "const" in schema:
        yield str(schema["const"])
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _choices(resolved(one, root), root)
    kinds = schema.get("type", [])
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        yield _KINDS[kind] + {
            "integer": _bounds,
            "number": _bounds,
            "array": lambda inner: _items(inner, root),
            "string": _pattern,
        }.get(kind, lambda _: "")(schema)
    if "type" not in schema and "pattern" in schema:
        yield f"text{_pattern(schema)}"


def _bounds(schema: Schema) -> str:
    """Return the bounds of a number, such as `` from 0 to 1``; above and below leave them out."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    words = {
        "minimum": "of at least",
        "exclusiveMinimum": "above",
        "maximum": "of at most",
        "exclusiveMaximum": "below",
    }
    said = [f"{word} {schema[key]}" for key, word in words.items() if key in schema]
    return f" {' and '.join(said)}" if said else ""


def _items(schema: Schema, root: Schema) -> str:
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    of = f" of {least}" if least and least == most else " of at least one" if least else ""
    each = f", each {allowed(schema['items'], root)}" if "items" in schema else ""
    once = ", none of them twice" if schema.get("uniqueItems") else ""
    among = f", {allowed(schema['contains'], root)} among them" if "contains" in schema else ""
    return of + each + once + among


def _pattern(schema: Schema) -> str:
    return f" that fits {schema['pattern']}" if "pattern" in schema else ""


def _either(choices: Iterable[str]) -> str:
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last


def said(error: jsonschema.ValidationError, root: Schema) -> str:
    """Return one sentence: the key, its value, what it may be and what it means."""
    meaning = error.schema.get("description", "") if isinstance(error.schema, Mapping) else ""
    path = ".".join(map(str, error.absolute_path))
    if "propertyNames" in error.absolute_schema_path:
        found = f"has the key {_short(error.instance)}"
    else:
        found = f"is {'empty' if error.instance is None else _short(error.instance)}"
    words = f"{path!r} {found}, not {allowed(error.schema, root)}"
    return f"{words} ({meaning})" if meaning else words


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
