"""Differences between groups of prompts that are not the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.statistics import unpaired_difference
from rlsr.statistics.estimate import FEWEST_UNITS

RNG = np.random.default_rng(5)


def test_it_is_about_as_wide_as_the_standard_errors_say() -> None:
    before, after = RNG.normal(0, 1, size=200), RNG.normal(0.5, 2, size=100)
    found = unpaired_difference(before, after)
    error = np.hypot(before.std() / np.sqrt(200), after.std() / 10)
    assert found.mean == pytest.approx(after.mean() - before.mean())
    assert found.low == pytest.approx(found.mean - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(found.mean + 1.96 * error, abs=0.15 * error)
    assert found.num == 100
    wider = unpaired_difference(before, after, confidence=0.999)
    assert wider.low < found.low < found.high < wider.high


def test_unscored_prompts_are_left_out_and_too_few_have_no_interval() -> None:
    before, after = RNG.normal(size=50), RNG.normal(size=50)
    gaps = np.concatenate([after, np.full(9, np.nan)])
    assert unpaired_difference(before, gaps) == unpaired_difference(before, after)
    few = unpaired_difference(before, after[: FEWEST_UNITS - 1])
    assert few.num == FEWEST_UNITS - 1
    assert np.isnan([few.low, few.high]).all()
    assert few.mean == pytest.approx(after[: FEWEST_UNITS - 1].mean() - before.mean())
    none = unpaired_difference(before, np.full(3, np.nan))
    assert none.num == 0
    assert np.isnan(none.mean)


@given(shift=st.floats(-5, 5), swap=st.booleans())
def test_a_shift_moves_it_and_order_does_not_matter(shift: float, swap: bool) -> None:
    rng = np.random.default_rng(1)
    before, after = rng.normal(size=40), rng.normal(size=64)
    plain = unpaired_difference(before, after, num_resamples=200)
    moved = unpaired_difference(before, after + shift, num_resamples=200)
    assert moved.mean == pytest.approx(plain.mean + shift)
    assert moved.low == pytest.approx(plain.low + shift)
    if swap:
        back = unpaired_difference(after, before, num_resamples=200)
        assert back.mean == pytest.approx(-plain.mean)


def test_memory_is_bounded_without_changing_what_is_estimated() -> None:
    values = RNG.normal(size=3_000)
    found = unpaired_difference(values, values + 1, num_resamples=1_000)
    assert found.low < 1 < found.high
    assert found.mean == pytest.approx(1)
