"""JSON inside of texts, and whether it fits a schema."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

JsonPlace = Literal["whole", "fenced", "any"]

_FENCE = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)^[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE)
_NOT_SCHEMAS = {"const", "enum", "default", "examples"}
_TRIED: tuple[Any, ...] = (None, True, 0, "", [], {}, [{}], {"": {}})


class NoJson(ValueError):
    """A text holds no JSON."""


def find_json(text: str, place: JsonPlace) -> Any:
    """Read the JSON of a text.

    Args:
        text: Any text.
        place: ``whole``: the text is JSON. ``fenced``: its last block between lines of three backticks is. ``any``: the last
            block where there is one, else the whole.

    Raises:
        NoJson: There is no block, it is not JSON, is nested too deeply, repeats a name in an object, or has a number beyond all floats.
    """
    blocks = _FENCE.findall(text) if place != "whole" else []
    if not blocks and place == "fenced":
        raise NoJson("no block between lines of three backticks")
    try:
        return json.loads(
            blocks[-1] if blocks else text,
            parse_constant=_no_number,
            parse_float=_finite,
            object_pairs_hook=_object,
        )
    except (ValueError, RecursionError) as error:
        raise NoJson(str(error)) from error


def fits_schema(text: str, place: JsonPlace, schema: Any) -> bool | None:
    """Say whether the JSON of a text fits a schema.

    Args:
        text: Any text.
        place: As in ``find_json``.
        schema: One without mistakes, as ``schema_mistake`` says.

    Returns:
        Whether it does; None where there is no JSON.
    """
    try:
        value = find_json(text, place)
    except NoJson:
        return None
    return bool(_validator(schema).is_valid(value))


def schema_mistake(schema: Any) -> str | None:
    """Say what is wrong with a schema.

    Args:
        schema: Anything.

    Returns:
        A phrase with the place; None where it can be used. It is held against the metaschema that its ``$schema`` names, by
        default that of draft 2020-12; references must lead into itself, and somewhere.
    """
    if not isinstance(schema, dict | bool):
        return f"must be an object, or true or false, got {type(schema).__name__}"
    return _against_metaschema(schema) or _outside(schema) or _where_used(schema)


def _against_metaschema(schema: Any) -> str | None:
    import jsonschema

    named = schema.get("$schema") if isinstance(schema, dict) else None
    if named is not None and not isinstance(named, str):
        return f"$schema: must be a text, got {named!r}"
    draft = _draft(schema)
    if named is not None and draft.META_SCHEMA["$schema"].rstrip("#") != named.rstrip("#"):
        return f"$schema: must be a draft that is known, got {named!r}"
    try:
        draft.check_schema(schema)
    except jsonschema.SchemaError as error:
        place = "/".join(map(str, error.absolute_path)) or "its top"
        return f"{place}: {error.message}"
    except RecursionError:
        return "must not be nested so deeply"
    return None


def _outside(schema: Any) -> str | None:
    outside = [one for one in _references(schema) if not one.startswith("#")]
    if not outside:
        return None
    return f"$ref: must lead into the schema itself, as in #/$defs/name, got {outside[0]!r}; nothing is fetched"


def _where_used(schema: Any) -> str | None:
    """Find what shows only when something is held against a schema."""
    from referencing.exceptions import Unresolvable

    try:
        for value in _TRIED:
            _validator(schema).is_valid(value)
        for reference in _references(schema):
            _resolver(schema).lookup(reference)
    except Unresolvable as error:
        return f"$ref: leads nowhere: {error.ref!r}"
    except RecursionError:
        return "$ref: leads back to itself without end"
    except re.error as error:
        return f"pattern: {error.pattern!r} is no regular expression: {error}"
    return None


def _draft(schema: Any) -> Any:
    from jsonschema.validators import Draft202012Validator, validator_for

    return validator_for(schema, default=Draft202012Validator)


def _validator(schema: Any) -> Any:
    from referencing import Registry

    # With a registry of its own nothing is fetched.
    registry: Registry[Any] = Registry()
    return _draft(schema)(schema, registry=registry)


def _resolver(schema: Any) -> Any:
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT202012

    resource = Resource.from_contents(schema, default_specification=DRAFT202012)
    uri = resource.id() or ""
    registry: Registry[Any] = Registry().with_resource(uri, resource)
    return registry.resolver(uri)


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for part in schema:
            yield from _references(part)
    if isinstance(schema, Mapping):
        for name, part in schema.items():
            if name in {"$ref", "$dynamicRef", "$recursiveRef"} and isinstance(part, str):
                yield part
            elif name not in _NOT_SCHEMAS:
                yield from _references(part)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite(number: str) -> float:
    found = float(number)
    if math.isinf(found):
        raise ValueError(f"{number} is larger than any number that is kept")
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice in an object")
    return found
