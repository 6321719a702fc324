"""A config as YAML with the reason beside each setting."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlsr.config.yaml_text import written
from rlsr.printable import printable

WIDTH = 100
"""Columns of a line with its reason; a longer reason stands above its setting."""

Tree = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """A setting with its reason."""

    key: str
    """Dotted."""
    value: object
    """As YAML has it."""
    why: str
    """The reason, for the comment."""
    is_guess: bool = False
    """Whether the user should look at it."""


def commented_yaml(head: Sequence[str], lines: Sequence[Line]) -> str:
    """Write a config.

    Args:
        head: Sentences on top.
        lines: In their order; settings of one table need not stand together.

    Returns:
        YAML that reads back as the settings, tables apart from one another.
    """
    tree: Tree = {}
    for line in lines:
        *tables, name = line.key.split(".")
        place = tree
        for table in tables:
            place = place.setdefault(table, {})
        place[name] = line
    blocks = ["\n".join(_comment(sentence, "") for sentence in head)]
    blocks += ["\n".join(_rendered({name: node}, "")) for name, node in tree.items()]
    return "\n\n".join(blocks) + "\n"


def _rendered(tree: Mapping[str, Any], margin: str) -> list[str]:
    lines = []
    for name, node in tree.items():
        if isinstance(node, Line):
            lines += _setting(name, node, margin)
        else:
            lines += [f"{margin}{name}:", *_rendered(node, f"{margin}  ")]
    return lines


def _setting(name: str, line: Line, margin: str) -> list[str]:
    why = _flat(f"unsure: {line.why}" if line.is_guess else line.why)
    setting = f"{margin}{name}: {written(line.value)}"
    beside = f"{setting} # {why}"
    return [beside] if len(beside) <= WIDTH else [_comment(why, margin), setting]


def _comment(text: str, margin: str) -> str:
    wrapped = textwrap.wrap(
        _flat(text), WIDTH - len(margin) - 2, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(f"{margin}# {line}" for line in wrapped)


def _flat(text: str) -> str:
    """Write a text on one line of a comment, what YAML takes in no place as escapes: names of files are not ours."""
    return " ".join(printable(text).split())


def as_table(lines: Sequence[Line]) -> Tree:
    """Give the settings as the table that their YAML reads back as."""
    table: dict[Any, Any] = {}
    for line in lines:
        *tables, name = line.key.split(".")
        place = table
        for one in tables:
            place = place.setdefault(int(one) if one.isdecimal() else one, {})
        place[name] = line.value
    return table
