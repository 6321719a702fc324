"""From YAML files and ``dotted.key=value`` arguments to a checked config.

Later layers win: defaults, then the files from left to right, then the overrides. Two traps of tagged unions are
handled here: pydantic wants the tag even where it is the default, and keys of the old type must not linger when a
later layer changes the type.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rlsr.config.embedding import SentenceTransformersEmbedding, default_embedding_type
from rlsr.config.reward import LogicReward, SimilarityReward
from rlsr.config.run import RunConfig
from rlsr.errors import ConfigError

Table = dict[str, Any]

SHORTHANDS = {
    "model": "name",
    "data": "path",
    "embedding": "model",
    "reward": "type",
    "method": "type",
}
"""Tables that may be written as one string, and the key that the string stands for."""

_RENAMED = {
    "training.micro_batch": "training.tokens_per_pass counts the tokens of a pass instead, and null chooses them"
}
"""Settings of earlier versions, and what to do now."""

_REWARDS: dict[str, Table] = {
    reward.type: reward.model_dump() for reward in (SimilarityReward(), LogicReward())
}
"""The defaults of every reward by its type."""


def load_config(files: Sequence[Path] = (), overrides: Sequence[str] = ()) -> RunConfig:
    """Read, merge and check a config.

    Args:
        files: YAML files; later ones win.
        overrides: Arguments such as ``method.num_generations=4``; the value is YAML. They win over the files.

    Returns:
        The frozen config with every default filled in.

    Raises:
        ConfigError: A file cannot be read, or a key or value breaks a rule. All of them are listed at once.
    """
    merged: Table = {}
    for file in files:
        merged = _merge(merged, _expand(_read_yaml(file)))
    for override in overrides:
        merged = _merge(merged, _expand(_parse_override(override)))
    return config_from_table(merged)


def config_from_table(table: Table) -> RunConfig:
    """Check a config that is a plain dictionary, as read from ``config.json``.

    Args:
        table: Nested settings; what is missing gets its default.

    Returns:
        The frozen config.

    Raises:
        ConfigError: A key or value breaks a rule.
    """
    try:
        return RunConfig.model_validate(_with_type_tags(_expand(table)))
    except ValidationError as error:
        lines = [_describe(detail) for detail in error.errors(include_url=False)]
        raise ConfigError("\n".join(lines)) from error


class _ConfigLoader(yaml.SafeLoader):
    """SafeLoader without three surprises: a key written twice, 1e-4 read as a text, 2026-01-01 read as a date.

    YAML would silently keep the last of equal keys; PyYAML wants a dot in every number with an exponent.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool | None):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a plain word", key_node.start_mark
                )
            if key in seen:
                raise ConfigError(
                    f"{self.name}:{key_node.start_mark.line + 1}: the key {key!r} is written twice; keep one of them"
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_ConfigLoader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_ConfigLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def _load_yaml(text: str, name: str) -> Any:
    """Read YAML; ``name`` says where errors are."""
    try:
        loader = _ConfigLoader(text)
        loader.name = name
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not valid YAML: {error}") from error


def _read_yaml(file: Path) -> Table:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: there is no such config file{_similar_file(file)}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read as UTF-8 text: {error}") from error
    table = _load_yaml(text, str(file))
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise ConfigError(
            f"{file}: a config is a table of `key: value` lines, got {type(table).__name__}"
        )
    return table


def _similar_file(file: Path) -> str:
    if not file.parent.is_dir():
        return f"; the directory {file.parent} does not exist either"
    names = [entry.name for entry in file.parent.iterdir() if entry.suffix in {".yaml", ".yml"}]
    close = difflib.get_close_matches(file.name, names, n=1)
    return f"; did you mean {file.parent / close[0]}?" if close else ""


def _parse_override(argument: str) -> Table:
    key, equals, value = argument.partition("=")
    if not equals or not all(key.split(".")):
        raise ConfigError(
            f"{argument!r}: an override is written dotted.key=value, as in method.num_generations=4"
        )
    parsed = _load_yaml(value, argument)
    for part in reversed(key.split(".")):
        parsed = {part: parsed}
    table: Table = parsed
    return table


def _expand(table: Table) -> Table:
    """Write out the tables that were given as one string, and the kind of encoder that a model name implies."""
    expanded = {
        key: {SHORTHANDS[key]: value} if key in SHORTHANDS and isinstance(value, str) else value
        for key, value in table.items()
    }
    embedding = expanded.get("embedding")
    if isinstance(embedding, dict) and "model" in embedding and "type" not in embedding:
        expanded["embedding"] = {"type": default_embedding_type(embedding["model"]), **embedding}
    return expanded


def _merge(old: Table, new: Table) -> Table:
    """Lay one table over another; a table whose type changes starts anew."""
    merged = dict(old)
    for key, value in new.items():
        before = merged.get(key)
        if (
            isinstance(before, dict)
            and isinstance(value, dict)
            and not _changes_type(before, value)
        ):
            merged[key] = _merge(before, value)
        else:
            merged[key] = value
    return merged


def _changes_type(before: Table, after: Table) -> bool:
    return "type" in after and "type" in before and before["type"] != after["type"]


def _with_type_tags(table: Table) -> Table:
    """Give an encoder without a model, and a reward without a type, the default's tag."""
    tags = {"embedding": default_embedding_type(None), "reward": SimilarityReward().type}
    tagged = dict(table)
    for key, tag in tags.items():
        union = table.get(key)
        if isinstance(union, dict) and "type" not in union:
            tagged[key] = {"type": tag, **union}
    return tagged


def _describe(detail: ErrorDetails) -> str:
    """Say where, what the rule is, what was got and the way out, in one line."""
    place = [str(part) for part in detail["loc"]]
    tag = None
    if place[:1] in (["embedding"], ["reward"]):
        # A union puts its tag into the place; the user never wrote it there.
        tag = place.pop(1) if len(place) > 1 else None
    key = ".".join(place)
    if detail["type"] == "extra_forbidden":
        return f"{key}: {_unknown_setting(place, tag)}"
    if detail["type"] == "value_error":
        message = detail["msg"].removeprefix("Value error, ")
        return f"{key}: {message}" if key else message
    if detail["type"] == "union_tag_invalid":
        return f"{key}.type: must be {detail['ctx']['expected_tags']}, got {detail['ctx']['tag']!r}"
    if detail["type"] == "missing":
        return f"{key}: is missing"
    rule = detail["msg"]
    rule = f"must {rule[13:]}" if rule.startswith("Input should ") else rule
    return f"{key}: {rule}, got {detail['input']!r}"


def _unknown_setting(place: Sequence[str], tag: str | None) -> str:
    """Say whose setting it is, or which one is spelt like it."""
    table, name = list(place[:-1]), place[-1]
    if table == ["embedding"] and _is_encoder_setting(name):
        return (
            "a setting of transformer encoders, and the encoder is builtin:wordllama, which is none; "
            "name one as well, as in embedding.model=builtin:minilm"
        )
    owners = [type_ for type_, settings in _REWARDS.items() if name in settings]
    if table == ["reward"] and owners:
        return (
            f"a setting of the reward {owners[0]}, and the reward is {tag}; "
            f"name it as well, as in reward.type={owners[0]}"
        )
    renamed = _RENAMED.get(".".join(place))
    return f"unknown setting{f'; {renamed}' if renamed else _similar_key(place, tag)}"


def _similar_key(place: Sequence[str], tag: str | None) -> str:
    names = _keys_at(place[:-1], tag)
    close = difflib.get_close_matches(place[-1], names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {'.'.join([*place[:-1], close[0]])}?"
    return f"; the settings here are {', '.join(names)}" if names else ""


def _is_encoder_setting(name: str) -> bool:
    return name in SentenceTransformersEmbedding.model_fields


def _keys_at(place: Sequence[str], tag: str | None) -> list[str]:
    """List the settings of the table at a place, by walking the defaults."""
    if list(place) == ["embedding"]:
        # Two kinds of encoders: the settings of this one include those of the other.
        return sorted(SentenceTransformersEmbedding.model_fields)
    table: Any = RunConfig().model_dump()
    if place[:1] == ["reward"] and tag in _REWARDS:
        table["reward"] = _REWARDS[tag]
    for part in place:
        table = table.get(part) if isinstance(table, Mapping) else None
    return sorted(table) if isinstance(table, Mapping) else []
