"""The baseline of prefixes: its formula on any groups, and that it leaves the mean of the gradient as it is."""

import statistics
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rlsr.config.method import AdvantageConfig
from rlsr.methods.advantages import group_advantages
from rlsr.methods.prefix_baseline import prefix_baselines, prefix_weights

SCORES = st.one_of(st.floats(-1, 1), st.just(float("nan")))


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, AdvantageConfig]:
    size, groups, prefixes = draw(st.integers(1, 4)), draw(st.integers(1, 3)), draw(st.integers(0, 4))  # fmt: skip
    scores = draw(arrays(np.float64, (size * groups, prefixes), elements=SCORES))
    spreads = draw(arrays(np.float64, groups, elements=st.one_of(st.floats(0, 1), st.just(float("nan")))))  # fmt: skip
    scale, floor = draw(st.sampled_from(["group_std", "none"])), draw(st.sampled_from([0.0, 0.02, 0.5]))  # fmt: skip
    weights = draw(arrays(np.float64, prefixes, elements=st.floats(0, 1)))
    return scores, spreads, weights, AdvantageConfig(scale=scale, std_floor=floor)


@given(tables())
def test_each_lead_is_over_the_scored_ones_of_its_group(
    drawn: tuple[np.ndarray, np.ndarray, np.ndarray, AdvantageConfig],
) -> None:
    scores, spreads, weights, config = drawn
    found = prefix_baselines(scores, spreads, weights, config)
    size = len(scores) // len(spreads)
    for row, column in product(*map(range, scores.shape)):
        first = row // size * size
        group = [scores[one, column] for one in range(first, first + size)]
        scored = [score for score in group if not np.isnan(score)]
        expected = 0.0
        if not np.isnan(scores[row, column]):
            expected = weights[column] * (scores[row, column] - statistics.fmean(scored))
        if config.scale == "group_std" and expected:
            spread = statistics.stdev(scored) if len(scored) > 1 else 0.0
            # On which side of the threshold a spread lies may hang on its rounding.
            assume(abs(spread - config.min_std) > 1e-12)
            expected = expected / max(spread, config.std_floor) if spread > config.min_std else 0.0
            if spreads[row // size] < config.std_floor:
                expected *= spreads[row // size] / config.std_floor
            elif np.isnan(spreads[row // size]) and config.std_floor:
                expected = 0.0
        assert found[row, column] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_equal_scores_whose_mean_is_rounded_are_no_lead() -> None:
    scores = np.full((3, 1), 0.2007198198798798)
    assert scores.sum() / 3 != scores[0, 0]
    config = AdvantageConfig(std_floor=0.0)
    assert not prefix_baselines(scores, np.array([0.0]), np.array([1.0]), config).any()


@given(st.floats(0.5, 1000), st.lists(st.floats(0, 1000), min_size=2, max_size=5))
def test_weights_grow_from_nothing_to_one(mean_length: float, positions: list[float]) -> None:
    found = prefix_weights(np.array([0.0, *sorted(positions)]), mean_length)
    assert found[0] == 0
    assert (np.diff(found) >= 0).all()
    assert (found <= 1).all()


@pytest.mark.parametrize("config", [AdvantageConfig(scale="none"), AdvantageConfig(std_floor=0)], ids=["plain", "scaled"])  # fmt: skip
def test_the_gradient_keeps_its_mean_and_loses_variance(config: AdvantageConfig) -> None:
    """A policy over texts of four letters of three kinds, in groups of two: every group there is, by its probability."""
    rng = np.random.default_rng(0)
    texts = list(product(range(3), repeat=4))
    states = {text[:length]: None for text in texts for length in range(4)}
    policy = {state: rng.dirichlet([3.0] * 3) for state in states}
    # Every letter adds something to what a text is worth, as the words of an answer do.
    added = rng.uniform(0, 1, (4, 3))
    worth = {text: np.cumsum(added[range(4), text]) for text in texts}
    chance = {
        text: float(np.prod([policy[text[:place]][letter] for place, letter in enumerate(text)]))
        for text in texts
    }
    # (text, place, weight): the gradient of a letter's log-probability by the logits of all states.
    slopes = {text: np.zeros((4, len(states), 3)) for text in texts}
    for text, place in product(texts, range(4)):
        state = text[:place]
        own = np.eye(3)[text[place]] - policy[state]
        slopes[text][place, list(states).index(state)] = own
    flat = {text: table.reshape(4, -1) for text, table in slopes.items()}

    moments = {}
    for name, weights in {"group": np.zeros(3), "prefix": prefix_weights(np.arange(1.0, 4), 4.0)}.items():  # fmt: skip
        first, second = np.zeros(3 * len(states)), 0.0
        for group in product(texts, repeat=2):
            scores = np.array([worth[text] for text in group])
            advantages = group_advantages(scores[:, -1], 2, config)
            taken = prefix_baselines(scores[:, :-1], advantages.group_std, weights, config)
            rows = advantages.advantages[:, None] - np.pad(taken, ((0, 0), (1, 0)))
            whole = rows[0] @ flat[group[0]] + rows[1] @ flat[group[1]]
            weight = chance[group[0]] * chance[group[1]]
            first += weight * whole
            second += weight * float(whole @ whole)
        moments[name] = first, second - float(first @ first)
    np.testing.assert_allclose(moments["prefix"][0], moments["group"][0], atol=1e-12)
    assert np.abs(moments["group"][0]).max() > 0.001
    if config.scale == "none":
        assert moments["prefix"][1] < 0.8 * moments["group"][1]
