"""Curves side by side, as many as the terminal is wide."""

import math
from collections.abc import Sequence

from rich.text import Text
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.geometry import Size
from textual.widget import Widget

from rlsr.printable import printable
from rlsr.watch.curves import Curve, is_of_table, written
from rlsr.watch.drawing import DOTS_PER_COLUMN, draw_line, thinned

_LEAST_COLUMNS = 37
"""Of a curve: two fit into 80 columns."""
_LABEL = 7
_LEAST_ROWS, _MOST_ROWS = 5, 10
"""Of a curve with its title; a tall terminal has room for larger ones."""


class CurvePlot(Widget):
    """One curve: its title and its newest value above a line with its lowest and highest value beside it."""

    DEFAULT_CSS = "CurvePlot { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self._curve: Curve | None = None
        self._steps = (0.0, 0.0)

    def show(self, curve: Curve, steps: tuple[float, float]) -> None:
        """Draw a curve.

        Args:
            curve: What to draw.
            steps: At the left and at the right edge.
        """
        self._curve, self._steps = curve, steps
        self.refresh()

    def render(self) -> Text:
        """Draw for the size that there is."""
        if self._curve is None:
            return Text()
        return plot(self._curve, self._steps, columns=self.size.width, rows=self.size.height)


class CurveGrid(VerticalScroll):
    """All curves of a stage."""

    DEFAULT_CSS = "CurveGrid { layout: grid; grid-size: 2; grid-rows: 5; grid-gutter: 0 2; }"

    def __init__(self) -> None:
        super().__init__()
        self._num_ours = 0

    def show(self, curves: Sequence[Curve]) -> None:
        """Draw curves; a widget is kept for each place, so that the screen does not jump.

        Args:
            curves: In their order.
        """
        plots = list(self.query(CurvePlot))
        for one in plots[len(curves) :]:
            one.remove()
        new = [CurvePlot() for _ in curves[len(plots) :]]
        if new:
            self.mount(*new)
        steps = [step for curve in curves for step in (curve.steps[0], curve.steps[-1])]
        edges = (min(steps, default=0.0), max(steps, default=0.0))
        for widget, curve in zip([*plots[: len(curves)], *new], curves, strict=True):
            widget.show(curve, edges)
        self._num_ours = sum(is_of_table(curve.name) for curve in curves)
        self._fit(self.size)

    def on_resize(self, event: Resize) -> None:
        """Use the room that there is."""
        self._fit(event.size)

    def _fit(self, size: Size) -> None:
        """Put as many side by side as fit, as tall as leaves all of ours in sight."""
        across = max(1, size.width // _LEAST_COLUMNS)
        down = max(1, math.ceil(self._num_ours / across))
        self.styles.grid_size_columns = across
        self.styles.grid_rows = str(min(max(size.height // down, _LEAST_ROWS), _MOST_ROWS))


def plot(curve: Curve, steps: tuple[float, float], *, columns: int, rows: int) -> Text:
    """Draw a curve with its numbers.

    Args:
        curve: What to draw.
        steps: At the left and at the right edge.
        columns: Width, in characters.
        rows: Height, at least 2.
    """
    last = written(curve.values[-1])
    width = max(columns - len(last) - 1, 1)
    text = Text(no_wrap=True, overflow="ellipsis")
    title = Text(printable(curve.title), style="bold")
    title.truncate(width, overflow="ellipsis", pad=True)
    text.append_text(title).append(f" {last}", style="bold cyan")
    room = max(columns - _LABEL - 2, 1)
    points = thinned(curve.steps, curve.values, DOTS_PER_COLUMN * room)
    values = [value for _, value in points]
    low, high = min(values), max(values)
    lines = draw_line(points, columns=room, rows=rows - 1, across=steps, upright=(low, high))
    labels = [""] * len(lines)
    labels[0 if low < high else len(lines) // 2] = written(high)
    if low < high:
        labels[-1] = written(low)
    for label, line in zip(labels, lines, strict=True):
        text.append(f"\n{label:>{_LABEL}} {'┤' if label else '│'}", style="dim")
        text.append(line, style="cyan")
    return text
