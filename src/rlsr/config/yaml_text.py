"""YAML as configs use it: files and ``dotted.key=value`` arguments to tables, with every mistake named."""

import difflib
import re
from pathlib import Path
from typing import Any

import yaml

from rlsr.errors import ConfigError

Table = dict[str, Any]


def read_yaml(file: Path) -> Table:
    """Read a config file.

    Args:
        file: A YAML file that holds a table, or nothing.

    Returns:
        The table as written.

    Raises:
        ConfigError: It is not there, cannot be read, or holds something else.
    """
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


def parse_override(argument: str) -> Table:
    """Read an argument such as ``method.num_generations=4``.

    Args:
        argument: Keys with dots between them, an equals sign, and a value that is YAML.

    Returns:
        The tables that the keys name, one in another, around the value.

    Raises:
        ConfigError: It has another form, or its value is no YAML.
    """
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
    except RecursionError as error:
        raise ConfigError(f"{name}: not valid YAML: it is nested too deeply") from error


def _similar_file(file: Path) -> str:
    if not file.parent.is_dir():
        return f"; the directory {file.parent} does not exist either"
    names = [entry.name for entry in file.parent.iterdir() if entry.suffix in {".yaml", ".yml"}]
    close = difflib.get_close_matches(file.name, names, n=1)
    return f"; did you mean {file.parent / close[0]}?" if close else ""
