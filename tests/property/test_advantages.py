"""What holds for the advantages of any rewards."""

import itertools
import math
import random as randoms
import statistics

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rlsr.config.method import AdvantageConfig
from rlsr.methods import GroupAdvantages, group_advantages

Groups = list[list[float]]

# Steps of 1e-4: apart from equal ones, rewards differ by more than rounding.
rewards = st.integers(-10_000, 10_000).map(lambda number: number / 10_000) | st.just(math.nan)
configs = st.builds(
    AdvantageConfig,
    scale=st.sampled_from(["group_std", "none"]),
    std_floor=st.sampled_from([0.0, 0.02, 0.5]),
    min_std=st.sampled_from([1e-6, 0.01, 0.1]),
)


@st.composite
def batches(draw: st.DrawFn) -> Groups:
    size = draw(st.integers(2, 6))
    return draw(st.lists(st.lists(rewards, min_size=size, max_size=size), min_size=1, max_size=5))


def advantages(groups: Groups, config: AdvantageConfig) -> GroupAdvantages:
    return group_advantages(np.array(groups).reshape(-1), len(groups[0]), config)


def by_group(found: GroupAdvantages, groups: Groups) -> NDArray[np.float64]:
    return found.advantages.reshape(len(groups), -1)


def oracle(group: list[float], config: AdvantageConfig) -> tuple[list[float], list[bool]]:
    """One group in plain Python: advantages, and which responses take part."""
    scored = [reward for reward in group if not math.isnan(reward)]
    spread = statistics.stdev(scored) if len(scored) > 1 else 0.0
    if spread <= config.min_std:
        return [0.0] * len(group), [False] * len(group)
    mean = statistics.fmean(scored)
    divisor = max(spread, config.std_floor) if config.scale == "group_std" else 1.0
    part = [not math.isnan(reward) for reward in group]
    return [
        (reward - mean) / divisor if on else 0.0 for reward, on in zip(group, part, strict=True)
    ], part


def near_a_border(groups: Groups, config: AdvantageConfig) -> bool:
    """Whether rounding may decide that a group has signal."""
    spreads = [
        statistics.stdev(scored)
        for group in groups
        if len(scored := [reward for reward in group if not math.isnan(reward)]) > 1
    ]
    return any(math.isclose(spread, config.min_std, rel_tol=1e-6) for spread in spreads)


@settings(deadline=None, max_examples=300)
@given(batches(), configs)
def test_advantages_are_those_of_plain_python(groups: Groups, config: AdvantageConfig) -> None:
    assume(not near_a_border(groups, config))
    found = advantages(groups, config)
    expected = [oracle(group, config) for group in groups]
    values = [value for group, _ in expected for value in group]
    part = [flag for _, group in expected for flag in group]
    assert found.advantages == pytest.approx(values, abs=1e-9)
    assert found.learnable.tolist() == part
    assert found.has_signal.tolist() == [any(group) for _, group in expected]


@settings(deadline=None, max_examples=200)
@given(batches(), configs)
def test_advantages_of_a_group_sum_to_zero_and_are_finite(
    groups: Groups, config: AdvantageConfig
) -> None:
    found = advantages(groups, config)
    assert np.isfinite(found.advantages).all()
    assert by_group(found, groups).sum(axis=1) == pytest.approx(np.zeros(len(groups)), abs=1e-9)
    assert (found.advantages[~found.learnable] == 0).all()


@settings(deadline=None, max_examples=200)
@given(batches(), configs, st.floats(-10, 10))
def test_a_shift_of_all_rewards_of_a_group_changes_nothing(
    groups: Groups, config: AdvantageConfig, shift: float
) -> None:
    assume(not near_a_border(groups, config))
    shifted = [[reward + shift for reward in groups[0]], *groups[1:]]
    found, other = advantages(groups, config), advantages(shifted, config)
    assert other.advantages == pytest.approx(found.advantages, abs=1e-6)
    assert other.learnable.tolist() == found.learnable.tolist()


@settings(deadline=None, max_examples=200)
@given(batches(), st.floats(1, 100))
def test_above_the_floor_the_scale_of_the_rewards_does_not_matter(
    groups: Groups, factor: float
) -> None:
    config = AdvantageConfig(std_floor=0.02)
    found = advantages(groups, config)
    above = found.has_signal & (found.group_std > config.std_floor)
    scaled = [[reward * factor for reward in group] for group in groups]
    assert by_group(advantages(scaled, config), groups)[above] == pytest.approx(
        by_group(found, groups)[above], abs=1e-6
    )


@settings(deadline=None, max_examples=200)
@given(batches(), st.floats(0.01, 1))
def test_below_the_floor_and_without_scaling_advantages_shrink_with_the_rewards(
    groups: Groups, factor: float
) -> None:
    scaled = [[reward * factor for reward in group] for group in groups]
    # Rewards lie in [-1, 1], so that no standard deviation exceeds a floor of 2.
    for config in (
        AdvantageConfig(std_floor=2, min_std=1e-9),
        AdvantageConfig(scale="none", min_std=1e-9),
    ):
        found = advantages(groups, config)
        assert advantages(scaled, config).advantages == pytest.approx(
            found.advantages * factor, abs=1e-9
        )


@settings(deadline=None, max_examples=200)
@given(batches(), configs, st.randoms(use_true_random=False))
def test_groups_do_not_know_of_each_other_and_responses_have_no_order(
    groups: Groups, config: AdvantageConfig, random: randoms.Random
) -> None:
    assume(not near_a_border(groups, config))
    found = by_group(advantages(groups, config), groups)
    order = list(range(len(groups)))
    random.shuffle(order)
    places = list(range(len(groups[0])))
    random.shuffle(places)
    moved = [[groups[row][place] for place in places] for row in order]
    assert by_group(advantages(moved, config), groups) == pytest.approx(
        found[np.ix_(order, places)], abs=1e-9
    )


@settings(deadline=None, max_examples=200)
@given(batches(), configs)
def test_a_better_response_never_gets_a_smaller_advantage(
    groups: Groups, config: AdvantageConfig
) -> None:
    found = by_group(advantages(groups, config), groups)
    for group, values in zip(groups, found, strict=True):
        ranked = sorted(
            (reward, value)
            for reward, value in zip(group, values, strict=True)
            if not math.isnan(reward)
        )
        assert all(one[1] <= two[1] + 1e-12 for one, two in itertools.pairwise(ranked))
