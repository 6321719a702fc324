"""Curves in a few characters: braille has two by four dots each, and blocks of eight heights make a line of their own."""

import math
from collections.abc import Sequence

Point = tuple[float, float]

_BLANK = 0x2800
# Unicode numbers the dots of a cell down the left column and then the right one, but the lowest row comes last.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
DOTS_PER_COLUMN, DOTS_PER_ROW = 2, 4
_BLOCKS = "▁▂▃▄▅▆▇█"


def draw_line(
    points: Sequence[Point],
    *,
    columns: int,
    rows: int,
    across: tuple[float, float],
    upright: tuple[float, float],
) -> list[str]:
    """Draw a line through points.

    Args:
        points: From left to right; a NaN or an infinity breaks the line.
        columns: Width, in characters.
        rows: Height, in characters.
        across: Values at the left and at the right edge.
        upright: Values at the lower and at the upper edge; a flat line stands in the middle of an empty range.

    Returns:
        One text a row, from the top, all ``columns`` characters long.
    """
    width, height = columns * DOTS_PER_COLUMN, rows * DOTS_PER_ROW
    cells = [[0] * columns for _ in range(rows)]
    before: tuple[int, int] | None = None
    for x, y in points:
        if not (math.isfinite(x) and math.isfinite(y)):
            before = None
            continue
        place = _place(x, across, width), height - 1 - _place(y, upright, height)
        for column, row in _between(before or place, place):
            cells[row // DOTS_PER_ROW][column // DOTS_PER_COLUMN] |= _DOTS[row % DOTS_PER_ROW][
                column % DOTS_PER_COLUMN
            ]
        before = place
    return ["".join(chr(_BLANK + cell) for cell in row) for row in cells]


def draw_blocks(values: Sequence[float]) -> str:
    """Draw one line, a block a value, from the lowest to the highest.

    Args:
        values: Not empty, none of them NaN.
    """
    edges = min(values), max(values)
    return "".join(_BLOCKS[_place(value, edges, len(_BLOCKS))] for value in values)


def thinned(steps: Sequence[float], values: Sequence[float], most: int) -> list[Point]:
    """Take means over neighbouring values, so that a long run has a line and no cloud.

    Args:
        steps: From left to right.
        values: One a step, none of them NaN.
        most: Points that there is room for, at least 1.

    Returns:
        At most so many points; each stands at the last step that it is the mean of.
    """
    width = max(1, math.ceil(len(steps) / most))
    ends = (min(start + width, len(steps)) for start in range(0, len(steps), width))
    return [
        (steps[end - 1], sum(values[start:end]) / (end - start))
        for start, end in zip(range(0, len(steps), width), ends, strict=True)
    ]


def _place(value: float, edges: tuple[float, float], dots: int) -> int:
    low, high = edges
    if high <= low:
        return dots // 2
    return min(max(round((value - low) / (high - low) * (dots - 1)), 0), dots - 1)


def _between(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """List the dots of a straight line, both ends included."""
    across, down = end[0] - start[0], end[1] - start[1]
    count = max(abs(across), abs(down), 1)
    return [
        (start[0] + round(across * part / count), start[1] + round(down * part / count))
        for part in range(count + 1)
    ]
