"""Every setting with its kind, bounds, default and meaning, as the classes of the config say it.

What explains a setting, completes its name or lists it on a page reads this, so that each is said in one place: the docstring of
its field.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, get_args, get_origin

from rlsr.config.base import ConfigTable
from rlsr.config.kinds import default_in_words, kind_in_words
from rlsr.config.layers import SHORTHANDS
from rlsr.config.recipes import RECIPES
from rlsr.config.run import RunConfig
from rlsr.config.schema import STAGES, in_plain_words
from rlsr.config.unions import MEMBER, UNIONS, element_of, is_table, members_of
from rlsr.errors import ConfigError

Types = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Setting:
    """One setting of the config, or a table of them."""

    key: str
    """Dotted, with a star where the user gives a name, as in ``monitors.*.action``."""
    types: Types
    """Where it may stand: by the table that comes in several types those that have it; empty where every config has it."""
    kind: str
    """What it may be, with its bounds, as in ``a whole number, at least 2``."""
    default: str
    """As YAML has it; empty where one must be given, and for tables."""
    is_required: bool
    """Whether its table needs it."""
    meaning: str
    """What it does, on one line."""
    is_table: bool
    """Whether it is a table, or may be one."""

    @property
    def where(self) -> str:
        """Which types have it, in words, as in ``method: rlsr, sgrpo``; empty where every config has it."""
        return "; ".join(f"{key}: {', '.join(types)}" for key, types in self.types.items())

    @property
    def value(self) -> str:
        """What it may be and what it is where nobody says, in words."""
        if self.is_required:
            return f"{self.kind}; must be given"
        return f"{self.kind}; default {self.default}" if self.default else self.kind


@cache
def list_settings() -> tuple[Setting, ...]:
    """List every setting of our own, in the order of the config.

    Returns:
        A setting that is not the same in all types that have it comes once for each way in which it differs. What a member of a
        combined reward may be stands once, under ``reward``.
    """
    found: dict[tuple[Any, ...], Setting] = {}
    for setting in _settings_of(RunConfig, "", {}):
        # Types of the innermost table that have the same setting are listed together.
        *outer, (union, (own,)) = [*setting.types.items()] or [("", ("",))]
        facts = (setting.key, setting.value, setting.meaning, union, *outer)
        before = found.setdefault(facts, setting)
        if own not in before.types.get(union, (own,)):
            together = {**before.types, union: (*before.types[union], own)}
            found[facts] = replace(before, types=together)
    kind = "a list of tables, tables by place, or null"
    stages = Setting("stages", {}, kind, "", is_required=False, meaning=STAGES, is_table=True)
    return (*map(_without_the_obvious, found.values()), stages)


def _without_the_obvious(setting: Setting) -> Setting:
    """Leave out what is said of a setting that all types have."""
    types = {
        union: own for union, own in setting.types.items() if set(own) != set(UNIONS[union].tables)
    }
    return replace(setting, types=types)


def _settings_of(table: type[ConfigTable], place: str, types: Types) -> Iterator[Setting]:
    schemas = table.model_json_schema()["properties"]
    for name, field in table.model_fields.items():
        key, below = f"{place}{name}", _tables_below(field.annotation)
        # A list of tables is a union under a star, which stands for the place in it.
        union = next((one for one in (key, f"{key}.*") if one in UNIONS), None)
        if name == "type" and place.removesuffix(".") in UNIONS:
            continue
        yield Setting(
            key=key,
            types=types,
            kind=_kind(key, schemas[name]),
            default="" if field.is_required() else default_in_words(schemas[name]),
            is_required=field.is_required(),
            meaning=in_plain_words(field.description or ""),
            is_table=bool(below),
        )
        if union is not None and key != MEMBER:
            yield _type_setting(union, types)
        for at, one in below if key != MEMBER else ():
            inner = types
            if union is not None:
                inner = {**types, union: (one.model_fields["type"].default,)}
            yield from _settings_of(one, f"{key}{at}.", inner)


def _tables_below(annotation: Any) -> list[tuple[str, type[ConfigTable]]]:
    """List the tables that a setting may be, and those that it may hold under names of the user's, which a star stands for."""
    found = []
    element = element_of(annotation)
    if element is not None:
        return [(".*", one) for one in members_of(element) if is_table(one)]
    for one in members_of(annotation):
        held = get_args(one)[1] if get_origin(one) is Mapping else None
        if is_table(one):
            found.append(("", one))
        elif is_table(held):
            found.append((".*", held))
    return found


def _kind(key: str, schema: dict[str, Any]) -> str:
    short = SHORTHANDS.get(key)
    if key == "method":
        return "the name of a method or recipe, a table, or a list of these: stages"
    if short is not None:
        return f"a table, or its `{short}` alone"
    return kind_in_words(schema)


def _type_setting(key: str, types: Types) -> Setting:
    union = UNIONS[key]
    names = [*union.tables, *(RECIPES if key == "method" else ())]
    return Setting(
        key=f"{key}.type",
        types=types,
        kind=f"one of {', '.join(names)}" if len(names) > 1 else names[0],
        default=union.default,
        is_required=False,
        meaning="Which of them; installed packages may add others."
        if union.group
        else "Which of them.",
        is_table=False,
    )


def settings_at(key: str) -> tuple[Setting, ...]:
    """Find what is known of a setting.

    Args:
        key: Dotted; a stage's (``stages.1.training.steps``) and a member's (``reward.members.NAME.reward.pattern``) are those of the
            config and of the reward.

    Returns:
        More than one where it is not the same in all types that have it.

    Raises:
        ConfigError: There is none; the message names the one that is spelt like it.
    """
    wanted = _general(key)
    found = tuple(one for one in list_settings() if _matches(one.key, wanted))
    if found:
        return found
    raise ConfigError(f"{key}: unknown setting{_similar(wanted)}")


def settings_below(key: str) -> tuple[Setting, ...]:
    """List the settings of a table, without those of the tables in it.

    Args:
        key: Of the table; empty for the whole config.
    """
    depth = len(_general(key)) + 1
    return tuple(
        one
        for one in list_settings()
        if len(one.key.split(".")) == depth and _matches_beginning(one.key, _general(key))
    )


def _general(key: str) -> list[str]:
    """Take a stage's key for that of the config, and that of a member's reward for that of a reward."""
    parts = key.split(".") if key else []
    if parts[:1] == ["stages"]:
        parts = parts[2:] or ["stages"]
    if parts[:2] == ["reward", "members"] and parts[3:4] == ["reward"] and len(parts) > 4:
        parts = ["reward", *parts[4:]]
    return parts


def _matches(pattern: str, parts: Sequence[str]) -> bool:
    return len(pattern.split(".")) == len(parts) and _matches_beginning(pattern, parts)


def _matches_beginning(pattern: str, parts: Sequence[str]) -> bool:
    return all(known in {"*", part} for known, part in zip(pattern.split("."), parts, strict=False))


def _similar(parts: Sequence[str]) -> str:
    """Say which setting is spelt like one that there is not: one beside it, or of the same name elsewhere."""
    *table, name = parts or [""]
    beside = [one.key.split(".")[-1] for one in settings_below(".".join(table))]
    close = difflib.get_close_matches(name, beside, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {'.'.join([*table, close[0]])}?"
    keys = list(dict.fromkeys(one.key for one in list_settings()))
    elsewhere = [key for key in keys if key.split(".")[-1] == name]
    near = elsewhere[:3] or difflib.get_close_matches(".".join(parts), keys, n=1, cutoff=0.6)
    return (
        f"; did you mean {' or '.join(near)}?"
        if near
        else "; `rlsr config explain` lists the tables"
    )
