"""What holds for the subset of largest variance of any rewards."""

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsr.config.method import AdvantageConfig
from rlsr.methods import group_advantages, max_variance_subset

NAN = math.nan

# Steps of 1e-3: two subsets have equal variances, or variances that differ by more than rounding.
scores = st.integers(-1000, 1000).map(lambda number: number / 1000)
few_scores = st.sampled_from([-1.0, 0.0, 0.5, 1.0])


@st.composite
def groups(draw: st.DrawFn, max_size: int = 10) -> tuple[list[float], int]:
    """One group, often with equal rewards, and the size of the subset."""
    values = draw(st.sampled_from([scores, few_scores, scores | few_scores | st.just(NAN)]))
    rewards = draw(st.lists(values, min_size=2, max_size=max_size))
    return rewards, draw(st.integers(2, len(rewards)))


def selected(rewards: list[float], size: int) -> list[bool]:
    found: list[bool] = max_variance_subset(np.array(rewards), len(rewards), size).tolist()
    return found


def chosen(rewards: list[float], size: int) -> list[float]:
    return [reward for reward, on in zip(rewards, selected(rewards, size), strict=True) if on]


def scored(rewards: list[float]) -> list[float]:
    return [reward for reward in rewards if not math.isnan(reward)]


@settings(max_examples=300)
@given(groups())
def test_no_subset_of_the_size_has_a_larger_variance(group: tuple[list[float], int]) -> None:
    rewards, size = group
    found = chosen(rewards, size)
    if len(scored(rewards)) <= size:
        assert found == scored(rewards)
        return
    assert len(found) == size
    best = max(map(statistics.pvariance, itertools.combinations(scored(rewards), size)))
    assert statistics.pvariance(found) == pytest.approx(best, rel=1e-8, abs=1e-15)


@settings(max_examples=200)
@given(groups(max_size=40))
def test_some_of_the_highest_and_some_of_the_lowest_are_selected(
    group: tuple[list[float], int],
) -> None:
    rewards, size = group
    found, all_scored = sorted(chosen(rewards, size)), sorted(scored(rewards))
    size = len(found)
    assert any(
        found == all_scored[:lowest] + all_scored[len(all_scored) - size + lowest :]
        for lowest in range(size + 1)
    )


@settings(max_examples=300)
@given(groups(), st.floats(-10, 10), st.floats(0.1, 100))
def test_shift_and_scale_of_the_rewards_do_not_matter(
    group: tuple[list[float], int], shift: float, factor: float
) -> None:
    rewards, size = group
    moved = [reward * factor + shift for reward in rewards]
    assert selected(moved, size) == selected(rewards, size)


@settings(max_examples=200)
@given(st.lists(groups(), min_size=1, max_size=4), st.integers(2, 10))
def test_groups_do_not_know_of_each_other(
    several: list[tuple[list[float], int]], size: int
) -> None:
    padded = [(rewards + [NAN] * 10)[:10] for rewards, _ in several]
    found = max_variance_subset(np.array(padded).reshape(-1), 10, size)
    assert found.tolist() == [flag for rewards in padded for flag in selected(rewards, size)]


@settings(max_examples=200)
@given(groups())
def test_a_group_with_signal_never_loses_it(group: tuple[list[float], int]) -> None:
    rewards, size = group
    values, config = np.array(rewards), AdvantageConfig(min_std=1e-4)
    whole = group_advantages(values, len(values), config)
    kept = max_variance_subset(values, len(values), size)
    part = group_advantages(np.where(kept, values, NAN), len(values), config)
    if whole.has_signal[0]:
        assert part.has_signal[0]
        assert part.group_std[0] >= whole.group_std[0] * (1 - 1e-9)
    assert not part.learnable[~kept].any()
    assert part.advantages.sum() == pytest.approx(0, abs=1e-9)
