"""Commands write to the terminal through a console."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from rlsr.printable import printable

PIPED_WIDTH = 120
"""Columns where no terminal says how many there are; the tables fit."""


class PlainTextConsole(Console):
    """A console that takes text for text: no markup, no emoji codes, and no character in it steers the terminal."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Spell out what would steer the terminal, wherever the text stands: in a line, a table or a live panel.

        Args:
            renderable: What is printed.
            options: Of the console, if they are not the usual ones.

        Yields:
            Its pieces.
        """
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))


def open_console(*, quiet: bool = False, stderr: bool = False) -> Console:
    """Open a console that neither colours nor breaks what it prints; a quiet one prints nothing."""
    console = PlainTextConsole(
        highlight=False, soft_wrap=True, markup=False, emoji=False, quiet=quiet, stderr=stderr
    )
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console
