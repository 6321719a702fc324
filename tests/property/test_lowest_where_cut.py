"""Rewards of responses that were cut, over any groups."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rlsr.methods import lowest_where_cut

REWARDS = st.one_of(st.floats(-1, 1), st.just(float("nan")))


@given(
    st.integers(2, 5).flatmap(
        lambda size: st.tuples(
            st.just(size),
            st.lists(
                st.lists(st.tuples(REWARDS, st.booleans()), min_size=size, max_size=size),
                min_size=1,
                max_size=4,
            ),
        )
    )
)
def test_only_cut_and_scored_responses_change_and_to_the_least_of_their_group(
    drawn: tuple[int, list[list[tuple[float, bool]]]],
) -> None:
    size, groups = drawn
    rewards = np.array([reward for group in groups for reward, _ in group])
    was_cut = np.array([cut for group in groups for _, cut in group])
    found = lowest_where_cut(rewards, was_cut, size)
    for place, group in enumerate(groups):
        scored = [reward for reward, _ in group if not np.isnan(reward)]
        for row, (reward, cut) in enumerate(group):
            value = found[place * size + row]
            if np.isnan(reward):
                assert np.isnan(value), "unscored stays unscored"
            else:
                assert value == (min(scored) if cut else reward)
    assert np.array_equal(lowest_where_cut(found, was_cut, size), found, equal_nan=True)
