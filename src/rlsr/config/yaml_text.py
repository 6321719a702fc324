"""YAML as configs use it: files and ``dotted.key=value`` arguments to tables, with every mistake named."""

import json
import re
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from rlsr.errors import ConfigError
from rlsr.paths import similar_files, why_unreadable

Table = dict[str, Any]

MAX_BYTES = 200_000
"""Of a config file; ten times as much as anybody writes."""
MAX_VALUES = 100_000
"""Keys and values of a config, each counted as often as aliases repeat it: nine lines of aliases can stand for a billion."""

CONFIG_ENDINGS = frozenset({".yaml", ".yml", ".json"})
"""Suffixes of config files; ``config.json`` is what a run has kept of its own."""


def read_yaml(file: Path) -> Table:
    """Read a config file.

    Args:
        file: A YAML file that holds a table, or nothing; with the suffix ``.json`` a table in JSON, as a run keeps its config.

    Returns:
        The table as written.

    Raises:
        ConfigError: It is not there, cannot be read, or holds something else.
    """
    text = _read_text(file)
    table = _load_json(text, file) if file.suffix == ".json" else _load_yaml(text, str(file))
    if table is None:
        return {}
    if not isinstance(table, dict):
        raise ConfigError(
            f"{file}: a config is a table of `key: value` lines, got {type(table).__name__}"
        )
    return table


def parse_override(argument: str) -> Table:
    """Read an argument such as ``method.num_generations=4``.

    Args:
        argument: Keys with dots between them, an equals sign, and a value that is YAML.

    Returns:
        The tables that the keys name, one in another, around the value.

    Raises:
        ConfigError: It has another form, its value is no YAML, or there is none.
    """
    key, equals, value = argument.partition("=")
    if not equals or not all(key.split(".")):
        raise ConfigError(
            f"{argument!r}: an override is written dotted.key=value, as in method.num_generations=4"
        )
    parsed = _load_yaml(value, argument)
    if parsed is None and not _NULL.fullmatch(value.strip()):
        raise ConfigError(
            f"{argument!r}: no value stands behind the equals sign; give one, or write {key}=null where none is meant"
        )
    for part in reversed(key.split(".")):
        parsed = {part: parsed}
    table: Table = parsed
    return table


_PLAIN = re.compile(r"[A-Za-z_./~][\w./:+~@#-]*", re.ASCII)
"""A text that may stand without quotes, if it is nothing else in YAML."""


def quoted(text: str) -> str:
    """Put a text in quotes as JSON does, which YAML reads, too; but JSON makes two halves of an emoji, which stays whole here."""
    inside = (letter if letter > "\uffff" else json.dumps(letter)[1:-1] for letter in text)
    return f'"{"".join(inside)}"'


def written(value: Any) -> str:
    """Write a value on one line, so that a config reads it back as it is.

    Args:
        value: Text, number, truth value, None, or tables and lists of these.
    """
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and not value.endswith(":")
        return (
            value
            if is_plain and parse_override(f"key={value}") == {"key": value}
            else quoted(value)
        )
    if isinstance(value, dict):
        return f"{{{', '.join(f'{written(key)}: {written(held)}' for key, held in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    text = json.dumps(value)
    # Other readers of YAML want a dot in a number with an exponent.
    return (
        text.replace("e", ".0e")
        if isinstance(value, float) and "e" in text and "." not in text
        else text
    )


_NULL = re.compile(r"~|null|Null|NULL")
"""YAML takes an empty value for null, too; behind an equals sign it is more often an empty variable of the shell."""


def _read_text(file: Path) -> str:
    reason = why_unreadable(file)
    if reason is not None:
        raise ConfigError(f"{file}: {reason}")
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: there is no such config file{_similar_file(file)}") from error
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(
            f"{file}: a config has at most {MAX_BYTES:,} bytes, got more; data are named by data.path"
        )
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{file}: must be UTF-8 text, got byte 0x{content[error.start]:02x} at place {error.start + 1}; save it as UTF-8"
        ) from error


class _ConfigLoader(yaml.SafeLoader):
    """SafeLoader without surprises: a key written twice, 1e-4 read as a text, 2026-01-01 as a date, 1:30 as 90, 010 as 8.

    YAML would silently keep the last of equal keys; PyYAML wants a dot in every number with an exponent. Aliases may neither
    hold themselves nor stand for more than anybody writes.
    """

    def get_single_node(self) -> yaml.Node | None:
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            self._count_values(node, {})
        return node

    def _count_values(self, node: yaml.Node, counted: dict[int, int | None]) -> int:
        """Count what a node stands for with all aliases written out; ``counted`` holds None for those that are being counted."""
        if isinstance(node, yaml.ScalarNode):
            return 1
        if id(node) not in counted:
            counted[id(node)] = None
            is_table = isinstance(node, yaml.MappingNode)
            parts = chain.from_iterable(node.value) if is_table else node.value
            counted[id(node)] = 1 + sum(self._count_values(part, counted) for part in parts)
        number = counted[id(node)]
        if number is None:
            raise ConfigError(
                f"{self._place(node)}: an alias stands inside of what it is an alias of"
            )
        if number > MAX_VALUES:
            raise ConfigError(
                f"{self._place(node)}: a config has at most {MAX_VALUES:,} keys and values, got more with all aliases written out"
            )
        return number

    def _place(self, node: yaml.Node) -> str:
        return f"{self.name}:{node.start_mark.line + 1}"

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
                    f"{self._place(key_node)}: the key {key!r} is written twice; keep one of them"
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_OTHERWISE = ("timestamp", "int", "float")
_ConfigLoader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag.rpartition(":")[2] not in _OTHERWISE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_NUMBERS = {
    "float": r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?$|[-+]?[0-9]+[eE][-+]?[0-9]+$|[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$",
    "int": r"[-+]?(?:0|[1-9][0-9_]*|0b[01_]+|0x[0-9a-fA-F_]+)$",
}
"""As in YAML 1.1, but without numbers of base 60 and, with a 0 before them, of base 8."""
for _kind, _pattern in _NUMBERS.items():
    _ConfigLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(_pattern), list("-+.0123456789")
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
    except RecursionError as error:
        raise ConfigError(f"{name}: not valid YAML: it is nested too deeply") from error


def _load_json(text: str, file: Path) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ConfigError(f"{file}: not valid JSON: it is nested too deeply") from error
    except ValueError as error:
        raise ConfigError(f"{file}: not valid JSON: {error}") from error


def _similar_file(file: Path) -> str:
    if not file.parent.is_dir():
        return f"; the directory {file.parent} does not exist either"
    close = similar_files(file, CONFIG_ENDINGS)
    return f"; did you mean {close[0]}?" if close else ""
