"""The further columns of a row: what no layout reads is kept for rewards that do, in the types of JSON."""

import math
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Final

from rlsr.data.fields import Fields
from rlsr.data.layouts import LAYOUT_COLUMNS, ResolvedLayout

_KNOWN: Final = frozenset(
    {"id", "category", "split", "system", "rejected", "history", "input"}.union(
        *LAYOUT_COLUMNS.values()
    )
)
_MOST_LEVELS: Final = 100
"""Deeper values would run over the depth that Python allows its own functions."""


def further_columns(
    fields: Fields, layout: ResolvedLayout
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Take the columns that no layout knows.

    Texts, numbers, truth values, lists, objects and null stay as they are. Dates and times become their ISO text,
    durations become seconds, decimals become floats, and NaN, which tables write for an empty cell, becomes null. What
    else JSON cannot hold, as bytes, images, infinity and half of a surrogate pair, has no such form and is left out.

    Args:
        fields: The row.
        layout: How it holds prompt and reference.

    Returns:
        The values by column, and the names of the columns that are left out.
    """
    known = (*layout.required, layout.system, layout.rejected)
    kept: dict[str, object] = {}
    left_out = []
    for name, value in fields.items():
        if name in _KNOWN or name in known:
            continue
        try:
            kept[_plain_text(name)] = _plain(value, _MOST_LEVELS)
        except ValueError:
            left_out.append(name)
    return kept, tuple(left_out)


def json_value(value: object) -> object:
    """Write a value as further columns hold it.

    Args:
        value: Of a column.

    Raises:
        ValueError: JSON cannot hold it, and it has no other form there.
    """
    return _plain(value, _MOST_LEVELS)


def type_name(value: object) -> str:
    """Name the JSON type of a value of a further column, null aside."""
    match value:
        case bool():
            return "truth value"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case _:
            return "object"


def _plain(value: object, levels: int) -> object:
    """Write a value as JSON would, and raise ValueError where it cannot."""
    if levels == 0:
        raise ValueError("too many levels")
    match value:
        case None | bool() | int():
            plain: object = value
        case str():
            plain = _plain_text(value)
        case float() | Decimal():
            plain = _plain_number(float(value))
        case date() | time():
            plain = value.isoformat()
        case timedelta():
            plain = value.total_seconds()
        case Mapping():
            plain = {_plain_text(key): _plain(held, levels - 1) for key, held in value.items()}
        case list() | tuple():
            plain = [_plain(held, levels - 1) for held in value]
        case _:
            raise ValueError("a type of its own")
    return plain


def _plain_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a name that is no text")  # noqa: TRY004 - caught with the others
    value.encode()  # half of a surrogate pair is a ValueError here
    return value


def _plain_number(value: float) -> float | None:
    if math.isinf(value):
        raise ValueError("infinity")
    return None if math.isnan(value) else value
