"""What every table of the config has in common."""

from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, model_validator


class TruthValue(str):
    """``true`` or ``false`` where a number belongs: a text, since Python, and so pydantic, would count True as 1."""

    __slots__ = ()


class ConfigTable(BaseModel):
    """A frozen table that refuses unknown keys, NaN and infinities, and truth values where numbers belong."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        validate_default=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _truth_values_are_no_numbers(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        numbers = _number_fields(cls)
        return {key: _marked(value) if key in numbers else value for key, value in table.items()}


@cache
def _number_fields(table: type[BaseModel]) -> frozenset[str]:
    """Name the settings of a table that are numbers or hold them, and no truth values."""
    kinds = {name: _kinds(field.annotation) for name, field in table.model_fields.items()}
    return frozenset(
        name for name, found in kinds.items() if found & {int, float} and bool not in found
    )


def _kinds(annotation: Any) -> set[Any]:
    """List the classes that an annotation is made of, those inside of tuples and unions among them."""
    parts = get_args(annotation)
    if not parts:
        return {annotation} if isinstance(annotation, type) else set()
    return set().union(*map(_kinds, parts))


def _marked(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_marked(part) for part in value]
    if isinstance(value, dict):
        return {key: _marked(part) for key, part in value.items()}
    return TruthValue(str(value).lower()) if isinstance(value, bool) else value
