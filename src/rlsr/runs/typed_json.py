"""Dataclasses as JSON and back.

The keys are the names of the fields. JSON has no NaN: a number that was not scored is written as null, never as 0, and
null is read by the type of its field, as NaN where a number is expected, and as None where it may be missing.
"""

import dataclasses
import math
from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError

T = TypeVar("T")


def to_table(value: Any) -> Any:
    """Turn a value into what JSON can hold.

    Args:
        value: A dataclass, a config, a mapping, a list or a tuple, with anything of this kind inside.

    Returns:
        Tables and lists; None for what is no finite number.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {key: to_table(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_table(item) for item in value]
    if isinstance(value, float):
        # float() drops numpy's own number types, which compare equal but are no plain data.
        return float(value) if math.isfinite(value) else None
    return value


def from_table(kind: type[T], table: Any) -> T:
    """Read a value that :func:`to_table` has written.

    Args:
        kind: Its type: a dataclass, a tuple or a mapping, with such types inside.
        table: As JSON has it.

    Returns:
        The same value; infinities, which JSON does not have, come back as NaN.

    Raises:
        ValueError: Something is missing or of another type; the message names the first such place in one line.
    """
    known: Any = kind  # mypy does not know that types can be hashed
    try:
        value: T = _adapter(known).validate_python(_with_nan(kind, table))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        message = first["msg"][:1].lower() + first["msg"][1:]
        raise ValueError(f"{place}: {message}" if place else message) from error
    return value


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@cache
def _field_types(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind) if dataclasses.is_dataclass(kind) else {}


def _with_nan(kind: Any, value: Any) -> Any:
    """Put NaN where null stands for a number; what does not fit the type is left for the check to name."""
    if value is None:
        return math.nan if kind is float else None
    inside = [found for found in get_args(kind) if found not in {type(None), ...}]
    if get_origin(kind) in {Union, UnionType}:
        return _with_nan(inside[0], value) if len(inside) == 1 else value
    if isinstance(value, Mapping):
        fields, other = _field_types(kind), inside[-1] if inside else Any
        return {key: _with_nan(fields.get(key, other), item) for key, item in value.items()}
    if isinstance(value, list) and inside:
        return [_with_nan(inside[0], item) for item in value]
    return value
