"""Numbers and estimates as people read them."""

import math

import pytest

from rlsr.statistics import Estimate
from rlsr.statistics.estimate import FEWEST_UNITS
from rlsr.statistics.in_words import interval, mean_with_interval, number, percent, too_few

NAN = math.nan


@pytest.mark.parametrize(
    ("value", "sign", "expected"),
    [
        (0.25, False, "0.25"),
        (0.25, True, "+0.25"),
        (-0.25, True, "-0.25"),
        (0.0, False, "0.00"),
        (NAN, True, "\N{EN DASH}"),
        (math.inf, False, "\N{EN DASH}"),
        (None, False, "\N{EN DASH}"),
    ],
)
def test_what_is_missing_is_a_dash_and_not_a_zero(
    value: float | None, sign: bool, expected: str
) -> None:
    assert number(value, 2, sign=sign) == expected


def test_a_missing_interval_is_left_out() -> None:
    assert interval(Estimate(0.5, -0.25, 0.75, 9), 1, sign=True) == "[-0.2, +0.8]"
    assert interval(Estimate(0.5, NAN, NAN, 1), 1) == ""


@pytest.mark.parametrize(
    ("estimate", "sign", "expected"),
    [
        (Estimate(0.5, 0.25, 0.75, 9), False, "0.50 [0.25, 0.75]"),
        (Estimate(0.5, -0.25, 0.75, 9), True, "+0.50 [-0.25, +0.75]"),
        (Estimate(0.5, NAN, NAN, 1), False, "0.50 (no interval)"),
        (Estimate(NAN, NAN, NAN, 0), True, "not scored"),
    ],
)
def test_an_estimate_in_words(estimate: Estimate, sign: bool, expected: str) -> None:
    assert mean_with_interval(estimate, 2, sign=sign) == expected


@pytest.mark.parametrize(("level", "expected"), [(0.95, "95%"), (1 - 0.05 / 3, "98.33%")])
def test_a_level_has_no_more_digits_than_it_needs(level: float, expected: str) -> None:
    assert percent(level) == expected


@pytest.mark.parametrize(
    ("num", "beginning"),
    [
        (0, "0 prompts are too few"),
        (1, "1 prompt is too few"),
        (FEWEST_UNITS - 1, f"{FEWEST_UNITS - 1} prompts are too few"),
        (FEWEST_UNITS, ""),
    ],
)
def test_too_few_say_how_many_are_enough(num: int, beginning: str) -> None:
    found = too_few(num, "prompts")
    assert found.startswith(beginning)
    assert found == "" or found.endswith(f"which take at least {FEWEST_UNITS}")
