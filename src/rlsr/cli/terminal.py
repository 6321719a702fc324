"""The terminal that commands write to."""

from rich.console import Console

PIPED_WIDTH = 120
"""Columns where no terminal says how many there are; the tables fit."""


def open_console(*, quiet: bool = False) -> Console:
    """Open the terminal for a command.

    Args:
        quiet: Whether nothing is printed.

    Returns:
        A console that neither colours nor breaks what it prints.
    """
    console = Console(highlight=False, soft_wrap=True, quiet=quiet)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console
