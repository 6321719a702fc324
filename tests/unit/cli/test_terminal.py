"""A console shows text as text."""

import io

import pytest
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rlsr.cli.progress import LiveObserver, PlainObserver
from rlsr.cli.terminal import PlainTextConsole, open_console

HOSTILE = "\x1b[2J\x1b]0;owned\x07 \x9b31m [red]x[/red] [/nope] :smile: \u202eb"
SHOWN = ("\\x1b[2J", "]0;owned", "\\x9b31m", "[red]x[/red] [/nope] :smile: \\u202eb")


@pytest.fixture
def console() -> Console:
    """A terminal that keeps what is written to it."""
    return PlainTextConsole(
        file=io.StringIO(), force_terminal=True, width=200, highlight=False, markup=False, emoji=False
    )  # fmt: skip


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def check(text: str) -> None:
    for part in SHOWN:
        assert part in text, text
    for raw in ("\x1b[2J", "\x1b]", "\x07", "\x9b", "\u202e"):
        assert raw not in text


def test_the_console_of_all_commands_is_such_a_one() -> None:
    assert isinstance(open_console(), PlainTextConsole)


@pytest.mark.parametrize("style", [None, "bold"])
def test_a_line(console: Console, style: str | None) -> None:
    console.print(HOSTILE, style=style)
    check(written(console))


def test_a_table(console: Console) -> None:
    table = Table(title=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE, style="red"))
    console.print(table)
    check(written(console))


def test_a_live_panel(console: Console) -> None:
    with Live(Text(HOSTILE), console=console, auto_refresh=False):
        pass
    check(written(console).replace("\x1b[?25l", "").replace("\x1b[?25h", ""))


def test_a_stage_that_is_named_by_somebody_else(console: Console) -> None:
    with LiveObserver(console) as live:
        live.on_stage(HOSTILE)
    with PlainObserver(console) as plain:
        plain.on_stage(HOSTILE)
    assert written(console).count("[red]x[/red]") == 2
    assert "\x1b]" not in written(console)
    assert "\u202e" not in written(console)
