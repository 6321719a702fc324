"""Means with bootstrap intervals."""

import numpy as np
import pytest
from numpy.typing import NDArray

from rlsr.statistics import Estimate, bootstrap_mean, paired_difference
from rlsr.statistics.bootstrap import bca_interval
from rlsr.statistics.estimate import FEWEST_UNITS

NAN = float("nan")
Floats = NDArray[np.float64]


def percentile_interval(values: Floats, confidence: float) -> tuple[float, float]:
    """The plainest bootstrap: quantiles of the means of resamples."""
    rng = np.random.default_rng(99)
    means = rng.choice(values, size=(20_000, values.size)).mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_of_symmetric_values_it_is_the_percentile_interval(confidence: float) -> None:
    values = np.random.default_rng(1).normal(0.3, 0.2, size=100)
    found = bootstrap_mean(values, confidence=confidence)
    low, high = percentile_interval(values, confidence)
    standard_error = values.std(ddof=1) / 10
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(low, abs=0.12 * standard_error)
    assert found.high == pytest.approx(high, abs=0.12 * standard_error)
    assert found.num == 100


def test_of_skewed_values_it_leans_to_the_long_tail() -> None:
    values = np.random.default_rng(2).exponential(size=60)
    found = bootstrap_mean(values)
    low, high = percentile_interval(values, 0.95)
    assert found.low > low
    assert found.high > high


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for seed in range(200):
        found = bootstrap_mean(
            rng.normal(1.0, 2.0, size=40), confidence=0.9, num_resamples=500, seed=seed
        )
        hits += found.low <= 1.0 <= found.high
    # 180 expected, a little fewer for so small a sample; three standard deviations are 13.
    assert 160 <= hits <= 195


def test_a_higher_confidence_and_fewer_prompts_widen_it() -> None:
    values = np.random.default_rng(4).normal(size=80)
    widths = [
        found.high - found.low
        for found in (
            bootstrap_mean(values, confidence=0.8),
            bootstrap_mean(values, confidence=0.99),
            bootstrap_mean(values[:FEWEST_UNITS], confidence=0.99),
        )
    ]
    assert widths == sorted(widths)


def test_the_same_seed_gives_the_same_interval_and_another_a_close_one() -> None:
    values = np.random.default_rng(5).normal(size=50)
    first = bootstrap_mean(values, seed=1)
    assert bootstrap_mean(values, seed=1) == first
    other = bootstrap_mean(values, seed=2)
    assert other != first
    assert other.low == pytest.approx(first.low, abs=0.02)


def test_unscored_values_are_left_out_and_lower_the_count() -> None:
    values = np.array([0.1, NAN, 0.5, 0.4, NAN, 0.9])
    assert bootstrap_mean(values) == bootstrap_mean(values[~np.isnan(values)])
    assert bootstrap_mean(values).num == 4
    assert bootstrap_mean(values).mean == pytest.approx(0.475)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (NAN, NAN, NAN, 0)),
        ([NAN, NAN], (NAN, NAN, NAN, 0)),
        ([0.5], (0.5, NAN, NAN, 1)),
        ([0.5, NAN], (0.5, NAN, NAN, 1)),
        ([0.5] * (FEWEST_UNITS - 1) + [NAN], (0.5, NAN, NAN, FEWEST_UNITS - 1)),
        ([0.5] * FEWEST_UNITS + [NAN], (0.5, 0.5, 0.5, FEWEST_UNITS)),
        ([0.0] * 100, (0.0, 0.0, 0.0, 100)),
    ],
    ids=lambda value: str(value)[:40],
)
def test_too_few_and_equal_values(
    values: list[float], expected: tuple[float, float, float, int]
) -> None:
    found = bootstrap_mean(np.array(values))
    assert (found.mean, found.low, found.high, found.num) == pytest.approx(expected, nan_ok=True)
    assert not found.excludes_zero or expected[1] > 0


@pytest.mark.parametrize(
    "values",
    [[0.0, 1.0], [1.0] + [0.0] * 99, [0.5] * 99 + [0.5 + 1e-12], [1e300, -1e300, 0.0]],
    ids=["two", "one of a hundred", "all but equal", "huge"],
)
def test_awkward_values_have_an_interval_around_their_mean(values: list[float]) -> None:
    low, high = bca_interval(np.array(values), confidence=0.95, num_resamples=2000, seed=0)
    assert np.isfinite([low, high]).all()
    assert low <= np.mean(values) <= high


def test_pairing_takes_out_what_prompts_have_in_common() -> None:
    rng = np.random.default_rng(6)
    before = rng.normal(0, 5, size=100)
    after = before + rng.normal(0.2, 0.1, size=100)
    found = paired_difference(before, after)
    assert found.mean == pytest.approx(0.2, abs=0.05)
    assert found.high - found.low < 0.1
    assert found.excludes_zero
    assert found == bootstrap_mean(after - before)


def test_swapping_the_sides_turns_the_sign() -> None:
    rng = np.random.default_rng(7)
    before, after = rng.normal(size=(2, 60))
    forward, backward = paired_difference(before, after), paired_difference(after, before)
    assert backward.mean == pytest.approx(-forward.mean)
    assert backward.low == pytest.approx(-forward.high, abs=0.03)
    assert backward.high == pytest.approx(-forward.low, abs=0.03)


def test_a_prompt_unscored_on_either_side_is_left_out() -> None:
    before, after = np.array([0.1, NAN, 0.3, 0.4]), np.array([0.2, 0.9, NAN, 0.7])
    found = paired_difference(before, after)
    assert found.num == 2
    assert found.mean == pytest.approx(0.2)


def test_scores_of_different_prompts_are_a_broken_invariant() -> None:
    with pytest.raises(AssertionError, match="one value a prompt on both sides"):
        paired_difference(np.zeros(3), np.zeros(4))


@pytest.mark.parametrize(
    ("low", "high", "excludes"),
    [
        (0.1, 0.2, True),
        (-0.2, -0.1, True),
        (-0.1, 0.1, False),
        (0.0, 0.1, False),
        (NAN, NAN, False),
    ],
)
def test_an_interval_excludes_zero_when_it_lies_on_one_side(
    low: float, high: float, excludes: bool
) -> None:
    assert Estimate(0.0, low, high, 10).excludes_zero is excludes
