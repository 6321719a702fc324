"""Rewards of responses that were cut, over any groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config.method import AdvantageConfig
from rlsr.methods import count_cut, group_advantages

REWARDS = st.one_of(st.floats(-1, 1), st.just(float("nan")))

Group = list[tuple[float, bool | None]]

ROLLOUTS = st.integers(2, 5).flatmap(
    lambda size: st.tuples(
        st.just(size),
        st.lists(
            st.lists(
                st.tuples(REWARDS, st.sampled_from([True, False, None])),
                min_size=size,
                max_size=size,
            ),
            min_size=1,
            max_size=4,
        ),
    )
)


def counted(size: int, groups: list[Group], rule: str) -> np.ndarray:
    rewards = np.array([reward for group in groups for reward, _ in group])
    ended = [one for group in groups for _, one in group]
    found = count_cut(rewards, ended, size, rule)  # type: ignore[arg-type]  # one of the three
    again = count_cut(found, ended, size, rule)  # type: ignore[arg-type]
    np.testing.assert_allclose(again, found, rtol=0, atol=1e-12, err_msg="once is enough")
    return found.reshape(-1, size)


@given(ROLLOUTS)
def test_the_lowest_is_the_least_of_the_group(drawn: tuple[int, list[Group]]) -> None:
    size, groups = drawn
    for group, found in zip(groups, counted(size, groups, "lowest"), strict=True):
        scored = [reward for reward, _ in group if not np.isnan(reward)]
        for (reward, ended), value in zip(group, found, strict=True):
            if np.isnan(reward):
                assert np.isnan(value), "unscored stays unscored"
            else:
                assert value == (min(scored) if ended is False else reward)


@given(ROLLOUTS)
def test_at_most_the_mean_of_the_group(drawn: tuple[int, list[Group]]) -> None:
    size, groups = drawn
    for group, found in zip(groups, counted(size, groups, "at_most_mean"), strict=True):
        mean = np.nanmean(found) if any(not np.isnan(reward) for reward, _ in group) else np.nan
        for (reward, ended), value in zip(group, found, strict=True):
            if np.isnan(reward):
                assert np.isnan(value), "unscored stays unscored"
            elif ended is False and value != reward:
                assert value < reward
                assert value == pytest.approx(mean, abs=1e-9)
            else:
                assert value == reward
                assert ended is not False or value <= mean + 1e-9


@given(ROLLOUTS)
def test_not_to_end_never_pays_by_either_rule(drawn: tuple[int, list[Group]]) -> None:
    size, groups = drawn
    ended = [one for group in groups for _, one in group]
    for rule in ("lowest", "at_most_mean"):
        rewards = counted(size, groups, rule).reshape(-1)
        found = group_advantages(rewards, size, AdvantageConfig()).advantages
        assert all(value <= 1e-9 for value, one in zip(found, ended, strict=True) if one is False)
