"""What is said of a setting that breaks a rule: where, the rule, what was got, and the way out."""

import difflib
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from rlsr.config.base import TruthValue
from rlsr.config.combined import Member
from rlsr.config.monitors import MonitorRule
from rlsr.config.run import RunConfig
from rlsr.config.unions import TaggedUnion

_RENAMED = {
    "training.micro_batch": "training.tokens_per_pass counts the tokens of a pass instead, and null chooses them",
    "pipeline.sft_stop.heldout_reward": "the table validation does this for every method and keeps the best weights: "
    "validation={num_prompts: 32, every_steps: 10, patience: 2, metric: reward}",
}
"""Settings of earlier versions, and what to do now."""


_MAX_SHOWN = 200
"""Characters of what was got."""

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = _MAX_SHOWN
_SHORT.maxlist = _SHORT.maxtuple = _SHORT.maxdict = 20

_KINDS = ("bool", "int", "float", "str")

MAX_MISTAKES = 20
"""Mistakes of a config that are listed."""

Unions = Mapping[str, TaggedUnion]


def list_mistakes(mistakes: Iterable[str]) -> str:
    """Write what is wrong with a config, a line for each setting.

    Args:
        mistakes: What ``describe`` says of each.

    Returns:
        All lines; of very many the first.
    """
    lines = list(dict.fromkeys(mistakes))
    more = len(lines) - MAX_MISTAKES
    return "\n".join(lines[:MAX_MISTAKES] + ([f"... and {more:,} more"] if more > 0 else []))


def describe(detail: ErrorDetails, unions: Unions) -> str:
    """Say in one line what is wrong with a setting.

    Args:
        detail: What pydantic found.
        unions: The tables that come in several types, by key.

    Returns:
        Where, what the rule is, what was got and the way out.
    """
    loc = detail["loc"]
    if detail["type"] != "extra_forbidden" and loc[-1:] and loc[-1] in _KINDS:
        # Where a setting may be of several kinds, pydantic says of each that it is not that.
        loc = loc[:-1]
    place, tags = _without_tags(loc, unions)
    key = ".".join(place)
    if detail["type"] == "extra_forbidden":
        return f"{key}: {_unknown_setting(place, tags, unions)}"
    if detail["type"] == "value_error":
        return _of_validator(key, detail["msg"].removeprefix("Value error, "))
    if detail["type"] == "union_tag_invalid":
        return f"{key}.type: {_unknown_type(unions[key], detail['ctx']['tag'])}"
    if detail["type"] in {"missing", "union_tag_not_found"}:
        return _missing(key, detail["type"], unions)
    if isinstance(detail["input"], TruthValue):
        return f"{key}: must be a number, got {detail['input']}, which YAML also reads from yes, no, on and off"
    rule = detail["msg"]
    rule = f"must {rule[13:]}" if rule.startswith("Input should ") else rule
    way_out = "null; leave it out, and it has its default"
    return f"{key}: {rule}, got {way_out if detail['input'] is None else _shown(detail['input'])}"


def _missing(key: str, what: str, unions: Unions) -> str:
    if what == "missing" or key not in unions:
        return f"{key}: is missing"
    return f"{key}.type: is missing; it must be {', '.join(map(repr, unions[key].tables))}"


def _of_validator(key: str, message: str) -> str:
    """Put the place before what a table's own rule says; one that begins with a dot names the setting itself."""
    if message.startswith(".") or not key:
        return f"{key}{message}"
    return f"{key}: {message}"


def _shown(value: object) -> str:
    """Write what was got; of what is long, such as a whole table in the place of a number, the beginning."""
    shown = _SHORT.repr(value)
    return shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]} ..."


def _without_tags(loc: Sequence[object], unions: Unions) -> tuple[list[str], dict[str, str]]:
    """Take the tags that unions put into a place out of it; the user never wrote them there."""
    place: list[str] = []
    tags: dict[str, str] = {}
    parts = iter(map(str, loc))
    for part in parts:
        place.append(part)
        key = ".".join(place)
        # Where there is one type alone, pydantic puts no tag.
        has_tag = key in unions and (len(unions[key].tables) > 1 or unions[key].may_be_a_name)
        tag = next(parts, None) if has_tag else None
        if tag is not None:
            tags[key] = tag
    return place, tags


def _unknown_type(union: TaggedUnion, type_: str) -> str:
    known, installed = list(union.tables), union.installed
    close = difflib.get_close_matches(type_, [*known, *installed], n=1)
    added = f", or of an installed package {', '.join(map(repr, installed))}" if installed else ""
    rule = f"must be {', '.join(map(repr, known))}{added}, got {type_!r}"
    return f"{rule}; did you mean {close[0]}?" if close else rule


def _unknown_setting(place: Sequence[str], tags: Mapping[str, str], unions: Unions) -> str:
    """Say whose setting it is, or which one is spelt like it."""
    *table, name = place
    key = ".".join(table)
    owners = unions[key].owners(name) if key in unions else []
    if owners:
        return _setting_of_others(key, tags.get(key), owners)
    renamed = _RENAMED.get(".".join(place))
    return f"unknown setting{f'; {renamed}' if renamed else _similar_key(place, tags, unions)}"


def _setting_of_others(key: str, tag: str | None, owners: Sequence[str]) -> str:
    if key == "embedding" and tag == "static" and "sentence-transformers" in owners:
        return (
            "a setting of transformer encoders, and the encoder is builtin:wordllama, which is none; "
            "name one as well, as in embedding.model=builtin:minilm"
        )
    names = owners[0] if len(owners) == 1 else f"{', '.join(owners[:-1])} and {owners[-1]}"
    noun = key.rpartition(".")[2]
    if noun.isdecimal():
        return (
            f"a setting of {names}, and this is {tag}; it goes into a table with that type, or out"
        )
    return (
        f"a setting of the {noun}{'s' if len(owners) > 1 else ''} {names}, and the {noun} is {tag}; "
        f"name it as well, as in {key}.type={owners[0]}"
    )


def _similar_key(place: Sequence[str], tags: Mapping[str, str], unions: Unions) -> str:
    *table, name = place
    names = _keys_at(table, tags, unions)
    others = _keys_of_all_types(".".join(table), unions)
    # The table's own settings first: another type's would only be the next mistake.
    close = [*_close(name, names), *_close(name, others)]
    if close:
        return f"; did you mean {'.'.join([*table, close[0]])}?"
    return f"; the settings here are {', '.join(names)}" if names else ""


def _close(name: str, names: Sequence[str]) -> list[str]:
    return difflib.get_close_matches(name, names, n=1, cutoff=0.6)


def _keys_of_all_types(key: str, unions: Unions) -> list[str]:
    if key not in unions:
        return []
    union = unions[key]
    return sorted(set().union(*map(union.settings, union.tables)))


def _keys_at(place: Sequence[str], tags: Mapping[str, str], unions: Unions) -> list[str]:
    """List the settings of the table at a place, by walking the defaults."""
    if len(place) == 2 and place[0] == "monitors":
        # Its keys are names, of which the defaults have none.
        return sorted(MonitorRule.model_fields)
    if len(place) == 3 and place[:2] == ["reward", "members"]:
        return sorted(Member.model_fields)
    table: Any = RunConfig().model_dump()
    for depth, part in enumerate(place, start=1):
        table = table.get(part) if isinstance(table, Mapping) else None
        key = ".".join(place[:depth])
        of_type = unions[key].tables.get(tags[key]) if key in tags else None
        if of_type is not None:
            # Not every setting has a default.
            table = {
                **dict.fromkeys(of_type.model_fields),
                **of_type.model_construct().model_dump(),
            }
    return sorted(table) if isinstance(table, Mapping) else []
