"""Commands write to the terminal through a console."""

from rich.console import Console

PIPED_WIDTH = 120
"""Columns where no terminal says how many there are; the tables fit."""


def open_console(*, quiet: bool = False) -> Console:
    """Open a console that neither colours nor breaks what it prints; a quiet one prints nothing."""
    console = Console(highlight=False, soft_wrap=True, quiet=quiet)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console
