"""What a line is that somebody writes in a chat: a question, or a command."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rlsr.errors import ConfigError


@dataclass(frozen=True)
class Command:
    """Something else than a question."""

    takes: Literal["", "TEXT", "[TEXT]"]
    """What stands behind it; in brackets what may be left out."""
    does: str
    """What comes of it, in words."""


COMMANDS: Mapping[str, Command] = {
    "reference": Command(
        "TEXT", "what the reward says of the last answers, against this reference"
    ),
    "system": Command("[TEXT]", "another system prompt, or none, in a new conversation"),
    "new": Command("", "a new conversation"),
    "help": Command("", "these commands"),
    "quit": Command("", "leave, as Ctrl-D does"),
}
"""By the name that stands behind the slash."""


@dataclass(frozen=True)
class Line:
    """What somebody has written."""

    command: str | None
    """A key of ``COMMANDS``; None for a question."""
    text: str
    """The question, or what stands behind the command; may be empty behind a command."""


def read_line(line: str) -> Line | None:
    """Tell questions from commands.

    Args:
        line: As written.

    Returns:
        What it is; None of one without content. A question that begins with a slash is written with two.

    Raises:
        ConfigError: There is no such command, it lacks its text, or has one too many; or the line is no text.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in line):
        raise ConfigError(
            "a line must be text in UTF-8, got bytes that are none; set the terminal to UTF-8, or PYTHONUTF8=1"
        )
    line = line.strip()
    if not line:
        return None
    if line.startswith("//") or not line.startswith("/"):
        return Line(None, line.removeprefix("/") if line.startswith("//") else line)
    word, _, text = line[1:].partition(" ")
    name, text = word.lower(), text.strip()
    if name not in COMMANDS:
        raise ConfigError(
            f"/{word}: a command is one of {', '.join('/' + known for known in COMMANDS)}; a question that begins with a slash "
            "is written with two"
        )
    takes = COMMANDS[name].takes
    if text and not takes:
        raise ConfigError(f"/{name}: stands alone on its line, got {text!r} behind it")
    if not text and takes == "TEXT":
        raise ConfigError(f"/{name}: needs a text, as in `/{name} Paris is the capital of France.`")
    return Line(name, text)
