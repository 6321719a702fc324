"""Curves in characters."""

import math

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rlsr.watch.drawing import draw_blocks, draw_line, thinned

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)


def dots(lines: list[str]) -> set[tuple[int, int]]:
    """The dots of a drawing as column and row, by the numbers that Unicode gives them: 1 to 3 and 7 on the left, 4 to 6 and 8 on the right."""
    places = {0: (0, 0), 1: (0, 1), 2: (0, 2), 3: (1, 0), 4: (1, 1), 5: (1, 2), 6: (0, 3), 7: (1, 3)}  # fmt: skip
    return {
        (2 * column + places[bit][0], 4 * row + places[bit][1])
        for row, line in enumerate(lines)
        for column, letter in enumerate(line)
        for bit in range(8)
        if (ord(letter) - 0x2800) >> bit & 1
    }


def test_a_rising_line_goes_from_corner_to_corner() -> None:
    lines = draw_line([(0, 0), (1, 1)], columns=4, rows=2, across=(0, 1), upright=(0, 1))
    assert dots(lines) == {(place, 7 - place) for place in range(8)}
    assert lines == ["⠀⠀⡠⠊", "⡠⠊⠀⠀"]


def test_a_flat_line_stands_in_the_middle_and_a_gap_breaks_it() -> None:
    points = [(0.0, 5.0), (1.0, 5.0), (2.0, math.nan), (3.0, 5.0)]
    lines = draw_line(points, columns=4, rows=2, across=(0, 3), upright=(5, 5))
    assert dots(lines) == {(0, 3), (1, 3), (2, 3), (7, 3)}


@given(values=VALUES, columns=st.integers(1, 20), rows=st.integers(1, 6))
@settings(max_examples=60)
@example(values=[1e-300, 2e-300], columns=3, rows=1)
def test_every_point_has_its_dot_and_the_line_has_no_hole(
    values: list[float], columns: int, rows: int
) -> None:
    low, high = min(values), max(values)
    points = [(float(place), value) for place, value in enumerate(values)]
    lines = draw_line(points, columns=columns, rows=rows, across=(0, len(values) - 1), upright=(low, high))  # fmt: skip
    assert [len(line) for line in lines] == [columns] * rows
    drawn = dots(lines)
    width, height = 2 * columns, 4 * rows

    def place(x: float, y: float) -> tuple[int, int]:
        across = round(x / (len(values) - 1) * (width - 1)) if len(values) > 1 else width // 2
        up = round((y - low) / (high - low) * (height - 1)) if high > low else height // 2
        return across, height - 1 - up

    assert {place(*point) for point in points} <= drawn
    if len(values) > 1:
        assert {column for column, _ in drawn} == set(range(width))


@given(values=VALUES, most=st.integers(1, 40))
@settings(max_examples=60)
def test_thinning_takes_means_and_keeps_the_end(values: list[float], most: int) -> None:
    steps = [float(step) for step in range(len(values))]
    points = thinned(steps, values, most)
    assert len(points) <= most
    assert points[-1][0] == steps[-1]
    if len(values) <= most:
        assert points == list(zip(steps, values, strict=True))
    width = math.ceil(len(values) / most)
    sizes = [min(width, len(values) - start) for start in range(0, len(values), width)]
    total = math.fsum(size * value for size, (_, value) in zip(sizes, points, strict=True))
    assert math.isclose(total, math.fsum(values), abs_tol=1e-3)


def test_blocks_go_from_the_lowest_to_the_highest() -> None:
    assert draw_blocks([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert draw_blocks([3, 3]) == "▅▅"
