"""The tables of the config that come in several types: the embedding, the reward, the method."""

from collections.abc import Mapping
from dataclasses import dataclass
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


def _find_unions() -> dict[str, TaggedUnion]:
    found: dict[str, TaggedUnion] = {}
    for key, field in RunConfig.model_fields.items():
        if field.discriminator is None:
            continue
        tables = get_args(field.annotation)
        types = {table.model_fields["type"].default: table for table in tables}
        found[key] = TaggedUnion(types, default=field.default.type)
    return found


UNIONS: Mapping[str, TaggedUnion] = _find_unions()
"""By the key in the config."""


def type_of(key: str, table: Mapping[str, Any]) -> Any:
    """Say which type a table of a union is of.

    Args:
        key: Its key in the config, as in ``method``.
        table: As written, with or without a ``type``.

    Returns:
        The type, which may be one that does not exist.
    """
    return table.get("type", UNIONS[key].default)
