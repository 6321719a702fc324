"""How a chat looks: side by side on a terminal, as plain text or as JSON lines in a pipe."""

import json
import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rlsr.printable import printable

if TYPE_CHECKING:
    from rlsr.chat.scoring import ScoredPart
    from rlsr.models.stream import Written

    Answers = tuple[Written, ...]

NARROW = 80
"""Columns below which answers stand below each other."""

_GAP = 2
"""Columns between answers."""

_LINES_AROUND = 3
"""Of an answer on a terminal: its title, and what stands below it."""


class TerminalView:
    """Answers side by side, or below each other where the terminal is narrow, growing token by token.

    Args:
        console: A terminal.
        titles: Of the models.
    """

    def __init__(self, console: Console, titles: Sequence[str]) -> None:
        self._console = console
        self._titles = titles

    def answers(self, question: str, answers: "Iterator[Answers]") -> None:
        """Show answers while they grow: their ends, where they are higher than the terminal, and all of them at last."""
        written: Answers = next(answers, ())
        try:
            shown = self._table(written, is_running=True)
            with Live(shown, console=self._console, transient=True, refresh_per_second=12) as live:
                for written in answers:
                    live.update(self._table(written, is_running=True))
        finally:
            # Also what there is of answers that were stopped.
            self._console.print(self._table(written, is_running=False))

    def scores(self, reference: str, parts: "Sequence[ScoredPart]") -> None:
        """Show a table of the numbers."""
        table = Table(box=box.SIMPLE)
        table.add_column("")
        for title in self._titles:
            table.add_column(Text(title), justify="right", overflow="fold")
        for part in parts:
            table.add_row(Text(part.title), *map(_number, part.values))
        self._console.print(table)

    def _table(self, written: "Answers", *, is_running: bool) -> Table:
        beside = self._console.width >= NARROW
        columns = len(self._titles) if beside else 1
        width = self._console.width // columns - _GAP
        height = self._console.height // (1 if beside else len(self._titles)) - _LINES_AROUND
        cells = [
            self._cell(title, answer, width, max(1, height) if is_running else None)
            for title, answer in zip(self._titles, written, strict=True)
        ]
        table = Table.grid(padding=(0, _GAP, 0, 0))
        for _ in range(columns):
            table.add_column(width=width)
        for start in range(0, len(cells), columns):
            if start:
                table.add_row()
            table.add_row(*cells[start : start + columns])
        return table

    def _cell(self, title: str, answer: "Written", width: int, height: int | None) -> Text:
        """Write an answer below the name of its model; of one that grows the last lines, since a terminal cannot draw again what has scrolled away."""
        lines = Text(printable(answer.text)).wrap(self._console, width)
        head = [] if len(self._titles) == 1 else [Text(title, style="bold")]
        if height is not None:
            return Text("\n").join([*head, *lines[-height:]])
        return Text("\n").join([*head, *lines, Text(how_it_ended(answer), style="dim")])


class PlainView:
    """A question with its answers as text, when they are there.

    Args:
        titles: Of the models.
    """

    def __init__(self, titles: Sequence[str]) -> None:
        self._titles = titles

    def answers(self, question: str, answers: "Iterator[Answers]") -> None:
        """Print the question behind a >, and the answers; with the models' names where there are several."""
        written = _last(answers)
        print(printable(f"> {question}"))
        for title, answer in zip(self._titles, written, strict=True):
            if len(self._titles) > 1:
                print(printable(f"[{title}]"))
            print(printable(answer.text))
            if not answer.ended:
                print(f"({how_it_ended(answer)})")
        print(flush=True)

    def scores(self, reference: str, parts: "Sequence[ScoredPart]") -> None:
        """Print a line a model."""
        for place, title in enumerate(self._titles):
            named = f"[{title}] " if len(self._titles) > 1 else ""
            numbers = ", ".join(f"{part.title} {_number(part.values[place])}" for part in parts)
            print(printable(f"{named}{numbers}"))
        print(flush=True)


class JsonView:
    """A line a question, and one for each look at the reward.

    Args:
        titles: Of the models.
    """

    def __init__(self, titles: Sequence[str]) -> None:
        self._titles = titles

    def answers(self, question: str, answers: "Iterator[Answers]") -> None:
        """Print question and answers."""
        written = _last(answers)
        self._print(
            {
                "question": question,
                "answers": [
                    {
                        "model": title,
                        "text": answer.text,
                        "tokens": answer.num_tokens,
                        "ended": answer.ended,
                    }
                    for title, answer in zip(self._titles, written, strict=True)
                ],
            }
        )

    def scores(self, reference: str, parts: "Sequence[ScoredPart]") -> None:
        """Print the reference and the numbers; what is unscored is null."""
        self._print(
            {
                "reference": reference,
                "scores": [
                    {"model": title, **{part.name: part.values[place] for part in parts}}
                    for place, title in enumerate(self._titles)
                ],
            }
        )

    @staticmethod
    def _print(table: dict[str, object]) -> None:
        from rlsr.runs.typed_json import to_table

        print(json.dumps(to_table(table)), flush=True)


def how_it_ended(answer: "Written") -> str:
    """Say of an answer how long it is, and whether it was cut."""
    tokens = f"{answer.num_tokens} token{'' if answer.num_tokens == 1 else 's'}"
    return tokens if answer.ended else f"{tokens}, not at its end"


def _last(answers: "Iterator[Answers]") -> "Answers":
    # At least one token is written.
    return deque(answers, maxlen=1)[0]


def _number(value: float) -> str:
    return "unscored" if math.isnan(value) else f"{value:.3f}"
