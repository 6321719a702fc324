"""The tables of the config that come in several types: the encoders, the reward and its translator, the method, the engine, the trackers.

Installed packages add types of the reward, of the method and of the trackers. Their settings are imported when a config names them; that
config is then of a subclass of :class:`RunConfig`, whose tables take the added types like its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

from pydantic import Field, create_model

from rlsr.config.base import ConfigTable
from rlsr.config.combined import CombinedReward, Member
from rlsr.config.method_base import MethodTable
from rlsr.config.reward import OwnReward
from rlsr.config.run import RunConfig
from rlsr.config.tracking import TrackerTable
from rlsr.errors import ConfigError
from rlsr.plugins import Group, find_plugins, load_plugin, plugin_origins

MEMBER = "reward.members.*.reward"
"""Where the rewards stand that are combined to one; the star is the name that the user gives one."""

_TRACKER = "tracking.*"
"""Where the trackers stand; the star is the place in their list."""

_GROUPS: Mapping[str, Group] = {
    "reward": "rlsr.rewards",
    "method": "rlsr.methods",
    MEMBER: "rlsr.rewards",
    _TRACKER: "rlsr.trackers",
}
"""Tables that installed packages add types of."""

_BASES: Mapping[Group, type[ConfigTable]] = {
    "rlsr.rewards": ConfigTable,
    "rlsr.methods": MethodTable,
    "rlsr.trackers": TrackerTable,
}
"""What the settings of an added type are a subclass of."""

_WITHOUT_SETTINGS: Mapping[Group, type[ConfigTable]] = {"rlsr.rewards": OwnReward}
"""What an added type has that brings no settings of its own, where that is possible."""


@dataclass(frozen=True)
class TaggedUnion:
    """A table of which there are several types; its key ``type`` says which."""

    tables: Mapping[str, type[ConfigTable]]
    """The settings of each type of our own, in the order of the config."""
    default: str
    """The type where none is named."""
    group: Group | None = None
    """Where installed packages add further types; None where they cannot."""
    may_be_a_name: bool = False
    """Whether a text may stand in the place of the table."""

    @property
    def installed(self) -> list[str]:
        """The types that installed packages add."""
        return [] if self.group is None else list(find_plugins(self.group))

    def table(self, type_: object) -> type[ConfigTable] | None:
        """Find the settings of a type; those of a package are imported.

        Args:
            type_: The type, as written.

        Returns:
            Its table; None where there is no such type.

        Raises:
            ConfigError: Two packages add the type, or what one adds cannot be imported or has no settings.
        """
        if isinstance(type_, str) and type_ not in self.tables and type_ in self.installed:
            assert self.group is not None, "nothing is installed otherwise"
            return _added_table(self.group, type_)
        return self.tables.get(type_) if isinstance(type_, str) else None

    def settings(self, type_: object) -> set[str]:
        """List the settings of a type.

        Args:
            type_: The type; one that does not exist has none.

        Returns:
            Names, ``type`` among them.
        """
        table = self.table(type_)
        return set() if table is None else set(table.model_fields)

    @property
    def shared_settings(self) -> set[str]:
        """The settings that every type of our own has."""
        return set.intersection(*map(self.settings, self.tables))

    def owners(self, setting: str) -> list[str]:
        """List the types of our own that have a setting.

        Args:
            setting: Its name.

        Returns:
            Types, in the order of the config.
        """
        return [type_ for type_ in self.tables if setting in self.settings(type_)]


@cache
def _added_table(group: Group, name: str) -> type[ConfigTable]:
    """Find the settings of what a package adds: those that it brings, else none but options."""
    added = load_plugin(group, name)
    table = getattr(added, "config", None)
    base = _BASES[group]
    if isinstance(table, type) and issubclass(table, base):
        field = table.model_fields.get("type")
        if field is None or get_args(field.annotation) != (name,) or field.default != name:
            raise ConfigError(
                f"{group}: the settings {table.__name__} of {name!r}, which {plugin_origins(group, name)} adds, must have a "
                f'field `type: Literal["{name}"] = "{name}"`; mend or uninstall that package'
            )
        return table
    if table is None and callable(added) and group in _WITHOUT_SETTINGS:
        type_: Any = (Literal[name], name)
        return create_model(name, __base__=_WITHOUT_SETTINGS[group], type=type_)
    raise ConfigError(
        f"{group}: {name!r}, which {plugin_origins(group, name)} adds, must have an attribute `config`, a subclass of "
        f"{base.__module__}.{base.__name__} with its settings, got {table!r}; mend or uninstall that package"
    )


class Unions(Mapping[str, TaggedUnion]):
    """Tables that come in several types, by their key in the config.

    Args:
        tables: By key, dotted where a table stands in another; a star stands for any name that the user gives.
    """

    def __init__(self, tables: Mapping[str, TaggedUnion]) -> None:
        self._tables = tables

    def __getitem__(self, key: str) -> TaggedUnion:
        if key in self._tables:
            return self._tables[key]
        parts = key.split(".")
        for pattern, union in self._tables.items():
            wanted = pattern.split(".")
            if len(wanted) == len(parts) and all(
                one in {"*", part} for one, part in zip(wanted, parts, strict=True)
            ):
                return union
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)


@cache
def find_unions(config: type[RunConfig]) -> Unions:
    """Find the tables that come in several types.

    Args:
        config: The class of a config.

    Returns:
        By the key in the config.
    """
    return Unions(_find_unions(config, ""))


def _find_unions(table: type[ConfigTable], place: str) -> dict[str, TaggedUnion]:
    found: dict[str, TaggedUnion] = {}
    for name, field in table.model_fields.items():
        element = element_of(field.annotation)
        members = list(members_of(field.annotation if element is None else element))
        key = f"{place}{name}" if element is None else f"{place}{name}.*"
        for one in members:
            if get_origin(one) is Mapping and is_table(get_args(one)[1]):
                found |= _find_unions(get_args(one)[1], f"{key}.*.")
        tables = [one for one in members if _has_type(one)]
        if not tables:
            for one in filter(is_table, members):
                found |= _find_unions(one, f"{key}.")
            continue
        types = {one.model_fields["type"].default: one for one in tables}
        default = getattr(field.default, "type", next(iter(types)))
        found[key] = TaggedUnion(
            types, default=default, group=_GROUPS.get(key), may_be_a_name=str in members
        )
        for one in tables:
            found |= _find_unions(one, f"{key}.")
    return found


def element_of(annotation: Any) -> Any:
    """Say what a list is a list of; None of what is no list."""
    parts = get_args(annotation)
    return parts[0] if get_origin(annotation) is tuple and parts[1:] == (...,) else None


def members_of(annotation: Any) -> Iterator[Any]:
    """List what a field may be, as its annotation says."""
    if get_origin(annotation) is Annotated:
        yield from members_of(get_args(annotation)[0])
    elif get_origin(annotation) in {Union, UnionType}:
        for one in get_args(annotation):
            yield from members_of(one)
    else:
        yield annotation


def is_table(member: Any) -> TypeGuard[type[ConfigTable]]:
    """Tell a table of settings from anything else that a field may be."""
    return isinstance(member, type) and issubclass(member, ConfigTable)


def _has_type(member: Any) -> TypeGuard[type[ConfigTable]]:
    return is_table(member) and "type" in member.model_fields


UNIONS = find_unions(RunConfig)
"""Those of configs that name nothing of another package."""


def type_of(key: str, table: Mapping[str, Any]) -> Any:
    """Say which type a table of a union is of.

    Args:
        key: Its key in the config, as in ``method`` or ``reward``.
        table: As written, with or without a ``type``.

    Returns:
        The type, which may be one that does not exist.
    """
    return table.get("type", UNIONS[key].default)


def config_class(table: Mapping[str, Any]) -> type[RunConfig]:
    """Choose the class of a config.

    Args:
        table: Settings, short forms written out.

    Returns:
        ``RunConfig``, or a subclass of it where the config names what an installed package adds.

    Raises:
        ConfigError: What is named cannot be imported, or two have its name.
    """
    reward, method = table.get("reward"), table.get("method")
    added = {"reward": _added("reward", reward), "method": _added("method", method)}
    members = reward.get("members") if isinstance(reward, Mapping) else None
    if isinstance(members, Mapping):
        written = [one.get("reward") for one in members.values() if isinstance(one, Mapping)]
        of_packages = _all_added(MEMBER, written)
        added["reward"] = _combined(of_packages) if of_packages else added["reward"]
    named: dict[str, tuple[type[ConfigTable], ...]] = {}
    named |= {key: (found,) for key, found in added.items() if found is not None}
    trackers = table.get("tracking")
    if isinstance(trackers, list | tuple) and (of_packages := _all_added(_TRACKER, trackers)):
        named[_TRACKER] = of_packages
    return _extended(tuple(named.items())) if named else RunConfig


def _all_added(key: str, written: Iterable[object]) -> tuple[type[ConfigTable], ...]:
    """Find the settings of what tables name, where installed packages add it."""
    tables = dict.fromkeys(_added(key, one) for one in written)
    return tuple(one for one in tables if one is not None)


def _added(key: str, written: object) -> type[ConfigTable] | None:
    """Find the settings of what a table names, if an installed package adds it."""
    union = UNIONS[key]
    type_ = written.get("type", union.default) if isinstance(written, Mapping) else None
    if isinstance(type_, str) and type_ in union.tables and type_ in union.installed:
        group = _GROUPS[key]
        raise ConfigError(
            f"{group}: {type_!r} is rlsr's own, and {plugin_origins(group, type_)} adds another; uninstall that package, or "
            "give what it adds another name"
        )
    found = union.table(type_)
    return None if found in union.tables.values() else found


@cache
def _combined(added: tuple[type[ConfigTable], ...]) -> type[CombinedReward]:
    """Make the settings of a combined reward whose members may be of these types, too."""
    rewards: Any = reduce(or_, [*UNIONS[MEMBER].tables.values(), *added])
    field: Any = (Annotated[rewards, Field(discriminator="type")], ...)
    member = create_model(Member.__name__, __base__=Member, reward=field)
    members: Any = (Mapping[str, member], Field(min_length=1))
    return create_model(CombinedReward.__name__, __base__=CombinedReward, members=members)


class _ExtendedConfig(RunConfig):
    """A config whose class is made when it is read; it is pickled as its settings."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_settings, (self.model_dump(mode="json"),)


def _from_settings(settings: dict[str, Any]) -> RunConfig:
    return config_class(settings).model_validate(settings)


@cache
def _extended(added: tuple[tuple[str, tuple[type[ConfigTable], ...]], ...]) -> type[RunConfig]:
    fields: dict[str, Any] = {}
    for key, tables in added:
        name = key.partition(".")[0]
        one: Any = Annotated[reduce(or_, _with(UNIONS[key], tables)), Field(discriminator="type")]
        annotation: Any = tuple[one, ...] if key == _TRACKER else one
        fields[name] = (annotation, RunConfig.model_fields[name].default)
    return create_model(RunConfig.__name__, __base__=_ExtendedConfig, **fields)


def _with(union: TaggedUnion, added: Iterable[type[ConfigTable]]) -> list[Any]:
    """Add the settings of types, in place of those that rlsr has for one itself."""
    of_added = {table.model_fields["type"].default: table for table in added}
    return [*{**union.tables, **of_added}.values()]
