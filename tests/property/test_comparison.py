"""What holds for all scores: order of prompts and seeds, units, sides, what is unscored."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from rlsr.statistics.against_baseline import Verdict, compare_metric, paired
from rlsr.statistics.crossed import crossed_mean
from rlsr.statistics.estimate import FEWEST_UNITS
from rlsr.statistics.wins import win_shares

Floats = NDArray[np.float64]

few_scores = st.tuples(st.integers(1, 4), st.integers(2, 8)).flatmap(
    lambda shape: arrays(
        np.float64, shape, elements=st.one_of(st.just(float("nan")), st.floats(-100, 100))
    )
)
# Mostly enough for an interval, by saying them again.
scores = few_scores.map(lambda values: np.tile(values, -(-FEWEST_UNITS // values.shape[1]) + 1))
shifts = st.floats(-100, 100)


@given(scores)
def test_the_mean_is_of_what_is_scored_and_the_interval_around_it(values: Floats) -> None:
    found = crossed_mean(values, num_resamples=100)
    known = values[~np.isnan(values)]
    assert found.num == known.size
    if known.size:
        assert found.mean == pytest.approx(known.mean(), abs=1e-9)
    if not np.isnan(found.low):
        assert known.min() - 1e-9 <= found.low <= found.high <= known.max() + 1e-9


@given(scores, shifts)
def test_a_shift_moves_mean_and_interval(values: Floats, shift: float) -> None:
    found, moved = (crossed_mean(some, num_resamples=100) for some in (values, values + shift))
    expected = np.array([found.mean, found.low, found.high]) + shift
    np.testing.assert_allclose([moved.mean, moved.low, moved.high], expected, atol=1e-6)


@given(scores, st.floats(0.01, 100))
def test_a_unit_scales_mean_and_interval(values: Floats, unit: float) -> None:
    found, scaled = (crossed_mean(some, num_resamples=100) for some in (values, values * unit))
    expected = np.array([found.mean, found.low, found.high]) * unit
    np.testing.assert_allclose(
        [scaled.mean, scaled.low, scaled.high], expected, rtol=1e-6, atol=1e-6
    )


@given(scores, st.randoms(use_true_random=False))
def test_the_order_of_prompts_and_seeds_changes_no_mean_and_no_share(
    values: Floats, random: Random
) -> None:
    rows, columns = (list(range(size)) for size in values.shape)
    random.shuffle(rows)
    random.shuffle(columns)
    mixed = values[rows][:, columns]
    base = np.zeros_like(values)
    assert crossed_mean(mixed, num_resamples=100).mean == pytest.approx(
        crossed_mean(values, num_resamples=100).mean, nan_ok=True
    )
    found, same = win_shares(mixed, base, 1.0), win_shares(values, base, 1.0)
    assert (found.win, found.tie, found.loss) == pytest.approx(
        (same.win, same.tie, same.loss), nan_ok=True
    )


@given(scores, st.integers(0, 2**32 - 1))
def test_swapping_the_sides_turns_the_sign(values: Floats, seed: int) -> None:
    other = np.random.default_rng(seed).normal(size=values.shape)
    one_way = compare_metric({"a": values, "b": other}, "b", num_resamples=2000)["a"]
    other_way = compare_metric({"a": values, "b": other}, "a", num_resamples=2000)["b"]
    assert one_way.difference is not None
    assert other_way.difference is not None
    assert other_way.difference.mean == pytest.approx(-one_way.difference.mean, nan_ok=True)
    turned: dict[Verdict | None, Verdict | None] = {"higher": "lower", "lower": "higher"}
    # The same resamples on both sides: the quantiles mirror each other.
    assert other_way.verdict == turned.get(one_way.verdict, one_way.verdict)
    np.testing.assert_allclose(
        [other_way.difference.low, other_way.difference.high],
        [-one_way.difference.high, -one_way.difference.low],
        atol=1e-9,
    )


@given(few_scores | scores)
def test_a_recipe_does_not_differ_from_itself(values: Floats) -> None:
    found = compare_metric({"a": values, "b": values}, "a", num_resamples=100)["b"]
    is_enough = np.count_nonzero(~np.isnan(values).all(axis=0)) >= FEWEST_UNITS
    assert found.verdict == ("no difference shown" if is_enough else None)
    shares = win_shares(values, values, 0.0)
    assert np.isnan(values).all() or shares.tie == 1


@given(scores, st.floats(0, 10))
def test_shares_add_up(values: Floats, margin: float) -> None:
    shares = win_shares(values, np.zeros((1, values.shape[1])), margin)
    if not np.isnan(shares.win):
        assert shares.win + shares.tie + shares.loss == pytest.approx(1)
        assert min(shares.win, shares.tie, shares.loss) >= -1e-12


@given(scores)
def test_one_row_stands_beside_every_seed(values: Floats) -> None:
    base = np.arange(values.shape[1], dtype=np.float64)[None]
    repeated = np.repeat(base, len(values), axis=0)
    np.testing.assert_array_equal(paired(values, base), paired(values, repeated))
