"""From when on a curve stays ahead of another."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bootstrap_oracle import scores_by_seed
from rlsr.statistics.crossed import crossed_mean, crossed_means
from rlsr.statistics.crossing import Crossing, Direction, crossing, last_not_ahead
from rlsr.statistics.estimate import FEWEST_UNITS
from rlsr.statistics.resamples import Floats

NAN = float("nan")
TIMES = np.array([0.0, 100.0, 250.0, 300.0, 600.0])
directions = st.sampled_from(["higher", "lower", "near_one"])
# Whole numbers, so that a mean is never ahead by what rounding leaves.
curves = arrays(np.float64, (2, 3, len(TIMES)), elements=st.integers(-4, 6).map(float))


def enough(scores: Floats) -> Floats:
    """The same prompts so often that there is an interval; the means stay."""
    return np.tile(scores, (1, -(-FEWEST_UNITS // scores.shape[1]), 1))


def found(ours: Floats, theirs: Floats, better: Direction = "higher") -> Crossing:
    crossed = crossing(enough(ours), enough(theirs), TIMES, better, num_resamples=100)
    assert crossed is not None
    return crossed


def is_ahead(one: float, other: float, better: Direction) -> bool:
    if better == "near_one":
        return abs(one - 1) < abs(other - 1)
    return one > other if better == "higher" else one < other


@given(curves, curves, directions)
def test_it_is_what_going_back_from_the_end_finds_with_fractions(
    ours: Floats, theirs: Floats, better: Direction
) -> None:
    seconds = found(ours, theirs, better).seconds
    expected = walked_back(ours, theirs, better)
    if expected is None:
        assert seconds is None
    else:
        assert seconds == pytest.approx(float(expected), abs=1e-9)


def walked_back(ours: Floats, theirs: Floats, better: Direction) -> Fraction | None:
    """An oracle in exact numbers: go back from the end, from one place where something may change to the one before."""
    one, other = (
        [
            Fraction(int(side[:, :, at].sum()), side.shape[0] * side.shape[1])
            for at in range(len(TIMES))
        ]
        for side in (ours, theirs)
    )
    times = [Fraction(int(time)) for time in TIMES]
    places = {*times}
    for segment in range(len(times) - 1):
        ends = [(one[at], other[at]) for at in (segment, segment + 1)]
        # Equal, or as far from 1 on either side.
        for left, right in ([a - b for a, b in ends], [a + b - 2 for a, b in ends]):
            if left * right < 0:
                share = left / (left - right)
                places.add(times[segment] + share * (times[segment + 1] - times[segment]))
    ordered = sorted(places)

    def ahead(time: Fraction) -> bool:
        at = min(max(i for i, known in enumerate(times) if known <= time), len(times) - 2)
        share = (time - times[at]) / (times[at + 1] - times[at])
        a, b = (side[at] + share * (side[at + 1] - side[at]) for side in (one, other))
        if better == "near_one":
            return abs(a - 1) < abs(b - 1)
        return a > b if better == "higher" else a < b

    if not ahead(ordered[-1]):
        return None
    for before, after in zip(ordered[-2::-1], ordered[:0:-1], strict=True):
        if not ahead((before + after) / 2):
            return after
        if not ahead(before):
            return before
    return ordered[0]


@given(curves, curves, directions)
def test_from_there_on_it_is_ahead_and_just_before_it_is_not(
    ours: Floats, theirs: Floats, better: Direction
) -> None:
    seconds = found(ours, theirs, better).seconds
    means = [side.mean(axis=(0, 1)) for side in (ours, theirs)]
    if seconds is None:
        assert not is_ahead(means[0][-1], means[1][-1], better) or np.isclose(
            abs(means[0][-1] - 1), abs(means[1][-1] - 1)
        )
        return
    for time in np.linspace(seconds, TIMES[-1], 50)[1:]:
        one, other = (float(np.interp(time, TIMES, mean)) for mean in means)
        assert is_ahead(one, other, better) or gap(one, other, better) < 1e-9
    if seconds > 0:
        one, other = (float(np.interp(seconds, TIMES, mean)) for mean in means)
        assert gap(one, other, better) < 1e-9


def gap(one: float, other: float, better: Direction) -> float:
    return abs(abs(one - 1) - abs(other - 1)) if better == "near_one" else abs(one - other)


@given(curves, curves)
def test_lower_is_higher_turned_round(ours: Floats, theirs: Floats) -> None:
    assert found(ours, theirs, "lower") == found(-ours, -theirs, "higher")


@given(curves, directions)
def test_nothing_passes_itself(values: Floats, better: Direction) -> None:
    same = found(values, values, better)
    assert (same.seconds, same.low, same.high, same.share) == (None, None, None, 0)


@given(curves, curves, directions)
def test_only_one_of_two_is_ahead_at_the_end(
    ours: Floats, theirs: Floats, better: Direction
) -> None:
    one, other = found(ours, theirs, better), found(theirs, ours, better)
    assert one.seconds is None or other.seconds is None
    assert one.share + other.share <= 1 + 1e-9


@given(curves, curves, st.floats(0.01, 100))
def test_another_unit_of_time_moves_it_and_its_interval(
    ours: Floats, theirs: Floats, unit: float
) -> None:
    one = found(ours, theirs)
    other = crossing(enough(ours), enough(theirs), TIMES * unit, "higher", num_resamples=100)
    assert other is not None
    for seconds, scaled in (
        (one.seconds, other.seconds),
        (one.low, other.low),
        (one.high, other.high),
    ):
        assert (seconds is None) == (scaled is None)
        if seconds is not None:
            assert scaled == pytest.approx(seconds * unit, abs=1e-6)


@given(curves, curves, directions)
def test_the_ends_of_the_interval_are_in_order(
    ours: Floats, theirs: Floats, better: Direction
) -> None:
    crossed = found(ours, theirs, better)
    if crossed.low is None:
        assert crossed.high is None
    elif crossed.high is not None:
        assert 0 <= crossed.low <= crossed.high <= crossed.until


def rising(slopes: list[float], late: float = 0.0) -> Floats:
    """Straight lines from ``-late``, one a prompt, of one seed."""
    return np.array([[[slope * time - late for time in TIMES] for slope in slopes]])


def test_two_lines_cross_where_they_meet() -> None:
    flat = np.full((1, 4, len(TIMES)), 0.0)
    crossed = found(rising([0.01] * 4, late=1.5), flat)
    for end in (crossed.seconds, crossed.low, crossed.high):
        assert end == pytest.approx(150)
    assert (crossed.until, crossed.share) == (600, 1)


def test_ahead_from_the_beginning_though_both_begin_alike() -> None:
    crossed = found(rising([0.01, 0.02]), rising([0.0, 0.0]))
    assert (crossed.seconds, crossed.low, crossed.high) == (0, 0, 0)


def test_a_lead_that_is_lost_is_none() -> None:
    ours = np.array([[[0.0, 2, 2, 2, -1]] * 3])
    assert found(ours, np.zeros_like(ours)).seconds is None


def test_what_is_between_unscored_times_is_not_ahead() -> None:
    ours = np.array([[[0.0, 1, NAN, 1, 1]] * 3])
    assert found(ours, np.zeros_like(ours)).seconds == 0, "the line goes on over what nobody scored"
    assert crossing(ours * NAN, ours, TIMES, "higher") is None


def test_too_few_prompts_have_no_interval() -> None:
    slopes = [0.01] * (FEWEST_UNITS - 1)
    ours = rising(slopes, late=1)
    crossed = crossing(ours, np.zeros_like(ours), TIMES, "higher", num_resamples=100)
    assert crossed is not None
    assert crossed.seconds == pytest.approx(100)
    assert (crossed.low, crossed.high) == (None, None)
    assert np.isnan(crossed.share)


def test_an_untrained_policy_stands_beside_every_seed() -> None:
    ours = scores_by_seed(3, 8, seed=1)[:, :, None] + np.linspace(-1, 1, len(TIMES))
    base = scores_by_seed(1, 8, seed=2)[:, :, None] + np.zeros(len(TIMES))
    repeated = np.repeat(base, 3, axis=0)
    assert found(ours, base) == found(ours, repeated)


def test_the_interval_is_that_of_a_plain_bootstrap() -> None:
    """An oracle that draws seeds and prompts one resample at a time and looks for the crossing second by second."""
    rng = np.random.default_rng(3)
    lines = np.linspace(-0.6, 0.6, len(TIMES))
    ours = 0.3 * rng.normal(size=(3, 32, 1)) + 0.1 * rng.normal(size=(3, 32, len(TIMES))) + lines
    theirs = np.zeros_like(ours)
    crossed = crossing(ours, theirs, TIMES, "higher", num_resamples=4000)
    assert crossed is not None
    grid = np.linspace(0, 600, 1201)
    drawn = []
    for _ in range(1500):
        seeds, prompts = rng.integers(3, size=3), rng.integers(32, size=32)
        mean = ours[seeds][:, prompts].mean(axis=(0, 1))
        behind = np.flatnonzero(np.interp(grid, TIMES, mean) <= 0)
        last = 0.0 if not behind.size else grid[behind[-1]]
        drawn.append(np.inf if last == grid[-1] else last)
    low, high = np.quantile(drawn, [0.025, 0.975], method="inverted_cdf")
    assert crossed.low == pytest.approx(low, abs=0.08 * (high - low))
    assert crossed.high == pytest.approx(high, abs=0.08 * (high - low))
    assert crossed.share == pytest.approx(np.isfinite(drawn).mean(), abs=0.02)


def test_a_doubtful_lead_has_an_open_interval() -> None:
    rng = np.random.default_rng(5)
    ours = rng.normal(0.0, 1, size=(1, 40, 1)) + np.linspace(0, 0.1, len(TIMES))
    ours += 0.05 - ours[:, :, -1].mean()
    crossed = found(ours, np.zeros_like(ours))
    assert crossed.seconds is not None
    assert crossed.high is None
    assert 0.5 < crossed.share < 0.95


def test_a_factor_that_is_not_a_number_gives_none() -> None:
    factor = np.array([[-1.0, NAN, 1.0], [-1.0, 0.0, 1.0]])
    np.testing.assert_array_equal(last_not_ahead(np.array([0.0, 1, 2]), [factor]), [NAN, 1])


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_several_means_at_once_are_each_the_one_mean(missing: float) -> None:
    scores = np.stack(
        [scores_by_seed(3, 40, seed=seed, missing=missing) for seed in range(3)]
        + [np.full((3, 40), NAN)],
        axis=-1,
    )
    scores[:, 1:, 2] = NAN
    several = crossed_means(scores, num_resamples=500)
    for place, estimate in enumerate(several):
        alone = crossed_mean(scores[:, :, place], num_resamples=500)
        assert estimate.num == alone.num
        for one, other in zip(
            (estimate.mean, estimate.low, estimate.high),
            (alone.mean, alone.low, alone.high),
            strict=True,
        ):
            assert one == pytest.approx(other, nan_ok=True, abs=1e-12)


@given(curves)
def test_equal_numbers_have_an_interval_of_no_width(values: Floats) -> None:
    assume(values.size)
    (estimate,) = crossed_means(np.full((2, FEWEST_UNITS, 1), values.flat[0]), num_resamples=100)
    assert estimate.low == estimate.mean == estimate.high
