"""What a setting may be, in words, from what its JSON schema says."""

import json
from typing import Any

Schema = dict[str, Any]

_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
}
_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
}
_MOST_SHOWN = 100
"""Characters of a default."""


def kind_in_words(schema: Schema) -> str:
    """Say what a value may be.

    Args:
        schema: Of a setting, as pydantic writes it.

    Returns:
        As in ``a whole number, at least 2, or null``.
    """
    options = _options(schema)
    if len(options) > 1:
        return _any_of(options)
    if _values(schema):
        return _one_of(_values(schema))
    if schema.get("type") == "array":
        return _list(schema)
    if "$ref" in schema or schema.get("type") == "object":
        return _table(schema)
    name = _TYPES.get(schema.get("type", ""), "anything")
    bounds = [words.format(_number(schema[key])) for key, words in _BOUNDS.items() if key in schema]
    if schema.get("minLength"):
        bounds.append("not empty")
    return ", ".join([name, *bounds])


def _any_of(options: list[Schema]) -> str:
    values = [value for one in options for value in _values(one)]
    words = [_one_of(values)] if values else []
    words += [kind_in_words(one) for one in options if not _values(one)]
    *others, last = dict.fromkeys(words)
    if not others:
        return last
    comma = "," if any("," in other for other in others) else ""
    return f"{', '.join(others)}{comma} or {last}"


def _options(schema: Schema) -> list[Schema]:
    """List what a value may be, without the levels that types of types make."""
    inner = schema.get("anyOf") or schema.get("oneOf")
    return [schema] if inner is None else [one for part in inner for one in _options(part)]


def _values(schema: Schema) -> list[Any]:
    """List the values that are allowed, where they are named one by one."""
    values: list[Any] = [schema["const"]] if "const" in schema else schema.get("enum", [])
    return values


def _one_of(values: list[Any]) -> str:
    shown = [value if isinstance(value, str) else json.dumps(value) for value in values]
    return shown[0] if len(shown) == 1 else f"one of {', '.join(shown)}"


def _list(schema: Schema) -> str:
    if "prefixItems" in schema:
        return f"a list of {len(schema['prefixItems'])}, each {kind_in_words(schema['prefixItems'][0])}"
    fewest = f", at least {schema['minItems']} long" if "minItems" in schema else ""
    each = kind_in_words(schema.get("items", {}))
    return f"a list{fewest}, each {each}" if each != "anything" else f"a list{fewest}"


def _table(schema: Schema) -> str:
    held = schema.get("additionalProperties")
    if not isinstance(held, dict):
        return "a table"
    each = kind_in_words(held)
    return "tables by name" if each == "a table" else f"a table, each value {each}"


def _number(value: float) -> str:
    return f"{int(value):,}" if value == int(value) else f"{value:g}"


def default_in_words(schema: Schema) -> str:
    """Write the default of a setting as YAML has it.

    Args:
        schema: Of a setting that has one, as pydantic writes it.

    Returns:
        Of what is long the beginning; empty for a table, whose settings have their own.
    """
    default = schema.get("default")
    if "default" not in schema or isinstance(default, dict):
        return ""
    shown = default if isinstance(default, str) and default else json.dumps(default)
    flat = " ".join(shown.split())
    return flat if len(flat) <= _MOST_SHOWN else f"{flat[:_MOST_SHOWN]} ..."
