"""The terminal: how commands write to it, and how libraries are kept from it."""

import warnings

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


def quieten_libraries() -> None:
    """Leave the terminal to our own progress."""
    try:
        import datasets
        from transformers.utils import logging as transformers_logging
    except ImportError:  # the pipeline says what is missing and how to get it
        return
    datasets.disable_progress_bars()
    transformers_logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", message=".*pin_memory.*")
