"""Advantages of a rollout with the references of its prompts, against the group with one more response."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config.method import AdvantageConfig
from rlsr.methods import group_advantages
from rlsr.methods.reference_advantages import advantages_with_references

NAN = float("nan")
reward = st.floats(-1, 1) | st.just(NAN)
groups = st.lists(st.tuples(st.lists(reward, min_size=3, max_size=3), reward), min_size=1, max_size=4)  # fmt: skip
configs = st.builds(AdvantageConfig, scale=st.sampled_from(["group_std", "none"]))


@given(groups, configs)
def test_a_reference_is_one_more_response(
    rows: list[tuple[list[float], float]], config: AdvantageConfig
) -> None:
    rewards = np.array([reward for row, _ in rows for reward in row])
    references = np.array([reward for _, reward in rows])
    found = advantages_with_references(rewards, references, 3, config)
    for place, (row, reference) in enumerate(rows):
        alone = group_advantages(np.array([*row, reference]), 4, config)
        own = slice(3 * place, 3 * place + 3)
        np.testing.assert_array_equal(found.responses.advantages[own], alone.advantages[:3])
        np.testing.assert_array_equal(found.responses.learnable[own], alone.learnable[:3])
        assert found.references[place] == alone.advantages[3]
        assert found.responses.has_signal[place] == alone.has_signal[0]
        np.testing.assert_allclose(
            found.responses.advantages[own].sum() + found.references[place], 0, atol=1e-9
        )


@given(groups, configs)
def test_without_a_score_the_reference_changes_nothing(
    rows: list[tuple[list[float], float]], config: AdvantageConfig
) -> None:
    rewards = np.array([reward for row, _ in rows for reward in row])
    found = advantages_with_references(rewards, np.full(len(rows), NAN), 3, config)
    plain = group_advantages(rewards, 3, config)
    np.testing.assert_allclose(found.responses.advantages, plain.advantages, atol=1e-12)
    np.testing.assert_array_equal(found.responses.learnable, plain.learnable)
    assert not found.references.any()


@given(st.lists(st.floats(-1, 0.9), min_size=3, max_size=3), configs)
def test_the_best_response_is_pushed(row: list[float], config: AdvantageConfig) -> None:
    found = advantages_with_references(np.array(row), np.array([1.0]), 3, config)
    assert found.references[0] > 0
    assert found.references[0] >= found.responses.advantages.max()
