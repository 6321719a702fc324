"""The baseline of prefixes: its formula on any groups, and that it leaves the mean of the gradient as it is."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rlsr.config.method import AdvantageConfig
from rlsr.methods.advantages import group_advantages, group_divisors
from rlsr.methods.prefix_baseline import prefix_baselines, prefix_weights

SCORES = st.one_of(st.floats(-1, 1), st.just(float("nan")))


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, np.ndarray, np.ndarray]:
    size, groups, prefixes = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 4))  # fmt: skip
    scores = draw(arrays(np.float64, (size * groups, prefixes), elements=SCORES))
    return size, scores, draw(arrays(np.float64, prefixes, elements=st.floats(0, 1)))


@given(tables())
def test_each_lead_is_over_the_scored_ones_of_its_group(
    drawn: tuple[int, np.ndarray, np.ndarray],
) -> None:
    size, scores, weights = drawn
    found = prefix_baselines(scores, size, weights)
    for row, column in product(*map(range, scores.shape)):
        first = row // size * size
        group = [scores[one, column] for one in range(first, first + size)]
        scored = [score for score in group if not np.isnan(score)]
        own = scores[row, column]
        expected = weights[column] * (own - sum(scored) / len(scored)) if not np.isnan(own) else 0.0
        assert found[row, column] == pytest.approx(expected, abs=1e-12)


@given(st.floats(0.5, 1000), st.lists(st.floats(0, 1000), min_size=2, max_size=5))
def test_weights_grow_from_nothing_to_one(mean_length: float, positions: list[float]) -> None:
    found = prefix_weights(np.array([0.0, *sorted(positions)]), mean_length)
    assert found[0] == 0
    assert (np.diff(found) >= 0).all()
    assert (found <= 1).all()


@given(arrays(np.float64, 4, elements=SCORES), st.sampled_from(["group_std", "none"]))
def test_divisors_are_what_advantages_are_divided_by(rewards: np.ndarray, scale: str) -> None:
    config = AdvantageConfig(scale=scale)
    found = group_advantages(rewards, 4, config)
    divisor = group_divisors(found.group_std, config)[0]
    centred = rewards - np.nanmean(rewards) if (~np.isnan(rewards)).any() else rewards
    expected = np.where(found.learnable, centred / divisor, 0.0)
    np.testing.assert_allclose(found.advantages, expected, atol=1e-12)


def test_the_gradient_keeps_its_mean_and_loses_variance() -> None:
    """A policy over texts of three letters, two letters to choose from, in groups of two: every group there is, by its probability."""
    rng = np.random.default_rng(0)
    texts = list(product((0, 1), repeat=3))
    states = [text[:length] for length in range(3) for text in product((0, 1), repeat=length)]
    probability = {state: rng.uniform(0.2, 0.8) for state in states}
    worth = {text[:length]: rng.uniform(0, 1) for text in texts for length in (1, 2)}
    reward = {text: worth[text[:2]] + rng.uniform(-0.1, 0.1) for text in texts}

    def chance(text: tuple[int, ...]) -> float:
        ones = [probability[text[:place]] for place in range(3)]
        return float(np.prod([one if letter else 1 - one for one, letter in zip(ones, text, strict=True)]))  # fmt: skip

    def gradient(text: tuple[int, ...], advantages: np.ndarray) -> np.ndarray:
        """By the logit of the letter 1 in every state."""
        found = np.zeros(len(states))
        for place, letter in enumerate(text):
            state = text[:place]
            found[states.index(state)] += advantages[place] * (letter - probability[state])
        return found

    moments = {}
    for name, weights in {"group": np.zeros(2), "prefix": prefix_weights(np.array([1.0, 2.0]), 1.5)}.items():  # fmt: skip
        first, second = np.zeros(len(states)), 0.0
        for group in product(texts, repeat=2):
            rewards = np.array([reward[text] for text in group])
            of_prefixes = np.array([[worth[text[:1]], worth[text[:2]]] for text in group])
            taken = np.pad(prefix_baselines(of_prefixes, 2, weights), ((0, 0), (1, 0)))
            rows = (rewards - rewards.mean())[:, None] - taken
            both = gradient(group[0], rows[0]) + gradient(group[1], rows[1])
            weight = chance(group[0]) * chance(group[1])
            first += weight * both
            second += weight * float(both @ both)
        moments[name] = first, second - float(first @ first)
    np.testing.assert_allclose(moments["prefix"][0], moments["group"][0], atol=1e-12)
    assert moments["prefix"][1] < 0.8 * moments["group"][1]
