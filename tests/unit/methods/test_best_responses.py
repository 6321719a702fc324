"""The best response of a group has its highest reward, and groups that do not differ have none."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config.method import AdvantageConfig
from rlsr.methods import group_advantages
from rlsr.methods.best_responses import best_responses

REWARD = st.one_of(st.just(float("nan")), st.integers(-3, 3).map(float))


@given(st.integers(2, 5).flatmap(lambda size: st.lists(st.lists(REWARD, min_size=size, max_size=size), min_size=1, max_size=4)))  # fmt: skip
def test_one_of_each_group_that_differs(groups: list[list[float]]) -> None:
    rewards = np.array(groups).reshape(-1)
    size = len(groups[0])
    found = best_responses(rewards, size, group_advantages(rewards, size, AdvantageConfig()))
    for group, selected in zip(groups, found.reshape(-1, size), strict=True):
        scored = [reward for reward in group if not np.isnan(reward)]
        if len(set(scored)) < 2:
            assert not selected.any()
        else:
            assert np.flatnonzero(selected).tolist() == [group.index(max(scored))]
