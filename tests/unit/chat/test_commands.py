"""What a line in a chat means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.chat.commands import COMMANDS, Line, read_line
from rlsr.errors import ConfigError


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("  ", None),
        (" What is 2 + 2? \n", Line(None, "What is 2 + 2?")),
        ("/new", Line("new", "")),
        ("/QUIT ", Line("quit", "")),
        ("/reference  It is four. ", Line("reference", "It is four.")),
        ("/system", Line("system", "")),
        ("/system Be brief.", Line("system", "Be brief.")),
        ("//etc/hosts is what?", Line(None, "/etc/hosts is what?")),
    ],
)
def test_lines_are_questions_or_commands(line: str, found: Line | None) -> None:
    assert read_line(line) == found


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/foo bar", r"^/foo: a command is one of /reference, /system, /new, /help, /quit; a question that begins with a slash"),
        ("/", r"^/: a command is one of"),
        ("/new start", r"^/new: stands alone on its line, got 'start' behind it$"),
        ("caf\udce9", r"^a line must be text in UTF-8, got bytes that are none; set the terminal"),
        ("/reference", r"^/reference: needs a text, as in `/reference Paris"),
    ],
)  # fmt: skip
def test_a_command_that_is_none_is_refused(line: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_line(line)


@given(st.text())
def test_every_text_can_be_asked(text: str) -> None:
    asked = text.strip()
    found = read_line(f"/{asked}" if asked.startswith("/") else asked)
    assert found == (Line(None, asked) if asked else None)


@given(st.sampled_from(sorted(COMMANDS)), st.text())
def test_what_stands_behind_a_command_is_its_text(name: str, text: str) -> None:
    if COMMANDS[name].takes == "" or not text.strip():
        return
    assert read_line(f"/{name} {text}") == Line(name, text.strip())
