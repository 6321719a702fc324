"""The tables of the config that come in several types: the embedding, the reward and its translator, the method."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType
from typing import Any, get_args

from rlsr.config.base import ConfigTable
from rlsr.config.run import RunConfig


@dataclass(frozen=True)
class TaggedUnion:
    """A table of which there are several types; its key ``type`` says which."""

    tables: Mapping[str, type[ConfigTable]]
    """The settings of each type, in the order of the config."""
    default: str
    """The type where none is named."""

    def settings(self, type_: object) -> set[str]:
        """List the settings of a type.

        Args:
            type_: The type; one that does not exist has none.

        Returns:
            Names, ``type`` among them.
        """
        table = self.tables.get(type_) if isinstance(type_, str) else None
        return set() if table is None else set(table.model_fields)

    @property
    def shared_settings(self) -> set[str]:
        """The settings that every type has."""
        return set.intersection(*map(self.settings, self.tables))

    def owners(self, setting: str) -> list[str]:
        """List the types that have a setting.

        Args:
            setting: Its name.

        Returns:
            Types, in the order of the config.
        """
        return [type_ for type_ in self.tables if setting in self.settings(type_)]


def _find_unions(table: type[ConfigTable], place: str = "") -> dict[str, TaggedUnion]:
    found: dict[str, TaggedUnion] = {}
    for key, field in table.model_fields.items():
        if field.discriminator is None:
            continue
        tables = [one for one in get_args(field.annotation) if one is not NoneType]
        types = {one.model_fields["type"].default: one for one in tables}
        default = next(iter(types)) if field.default is None else field.default.type
        found[place + key] = TaggedUnion(types, default=default)
        for one in tables:
            found |= _find_unions(one, f"{place}{key}.")
    return found


UNIONS: Mapping[str, TaggedUnion] = _find_unions(RunConfig)
"""By the key in the config, dotted where the table stands in another."""


def type_of(key: str, table: Mapping[str, Any]) -> Any:
    """Say which type a table of a union is of.

    Args:
        key: Its key in the config, as in ``method`` or ``reward.translator``.
        table: As written, with or without a ``type``.

    Returns:
        The type, which may be one that does not exist.
    """
    return table.get("type", UNIONS[key].default)
