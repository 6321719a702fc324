"""pass@k against counting all sets of answers, and against what it estimates."""

import math
from fractions import Fraction
from itertools import combinations
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.statistics.pass_at_k import pass_at_k

draws = st.lists(st.booleans(), min_size=1, max_size=10)


@given(draws, st.integers(1, 10))
def test_it_is_the_share_of_the_sets_of_k_answers_with_a_right_one(
    right: list[bool], k: int
) -> None:
    found = pass_at_k(len(right), sum(right), k)
    if k > len(right):
        assert math.isnan(found)
        return
    sets = [any(chosen) for chosen in combinations(right, k)]
    assert found == pytest.approx(sum(sets) / len(sets))


@settings(max_examples=30)
@given(st.integers(1, 9), st.integers(1, 9), st.fractions(0, 1, max_denominator=9))
def test_its_mean_over_draws_is_the_chance_of_a_right_one_among_k(
    number: int, k: int, chance: Fraction
) -> None:
    k = min(k, number)
    mean = sum(
        comb(number, count)
        * chance**count
        * (1 - chance) ** (number - count)
        * Fraction(pass_at_k(number, count, k)).limit_denominator(10**6)
        for count in range(number + 1)
    )
    assert mean == 1 - (1 - chance) ** k


@settings(max_examples=30)
@given(st.integers(1, 100), st.data())
def test_more_right_answers_and_more_tries_are_never_worse(
    number: int, data: st.DataObject
) -> None:
    right = data.draw(st.integers(0, number))
    values = [pass_at_k(number, right, k) for k in range(1, number + 1)]
    assert values == sorted(values)
    assert values[0] == 1 - (number - right) / number
    assert values[-1] == float(right > 0)
    if right < number:
        assert pass_at_k(number, right + 1, 1) > values[0]
