"""How results show themselves in a notebook: small tables that take their colours from the page around them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

_QUIET = "opacity: .7; font-size: .9em"
# Neither ink nor paper: the notebook has its own, be it light or dark.
_CELL = "padding: .2em 1em .2em 0; border: 0; border-top: 1px solid rgba(128, 128, 128, .4); background: none"


@dataclass(frozen=True)
class ShownTable:
    """A table with what stands around it; every text is plain, and escaped where it becomes HTML."""

    title: str
    """Says what it is, on top."""
    headings: Sequence[str]
    """Of the columns."""
    rows: Sequence[Sequence[str]]
    """As many cells each as there are headings."""
    num_words: int = 1
    """Columns from the left that hold words; the others hold numbers and stand to the right."""
    notes: Sequence[str] = ()
    """Sentences below."""

    @property
    def html(self) -> str:
        """For a notebook."""
        head = self._row("th", self.headings) if self.rows else ""
        body = "".join(self._row("td", row) for row in self.rows)
        table = (
            f'<table style="border-collapse: collapse; color: inherit">{head}{body}</table>'
            if body
            else ""
        )
        notes = "".join(f'<div style="{_QUIET}">{_lines(note)}</div>' for note in self.notes)
        return f"<div><div><strong>{_lines(self.title)}</strong></div>{table}{notes}</div>"

    def _row(self, tag: str, cells: Sequence[str]) -> str:
        shown = (
            f'<{tag} style="text-align: {"left" if place < self.num_words else "right"}; {_CELL}">{_lines(cell)}</{tag}>'
            for place, cell in enumerate(cells)
        )
        return f"<tr>{''.join(shown)}</tr>"

    @property
    def text(self) -> str:
        """For a terminal."""
        table = [self.headings, *self.rows] if self.rows else []
        return "\n".join([self.title, *_columns(table, self.num_words), *self.notes])


def _columns(table: Sequence[Sequence[str]], num_words: int) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (
            cell.ljust(width) if place < num_words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield f"  {'  '.join(cells)}".rstrip()


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")
