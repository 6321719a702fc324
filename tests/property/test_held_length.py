"""The term that holds the mean length, against what it is the gradient of."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsr.methods.held_length import (
    FARTHEST,
    SMOOTHING,
    LengthLevel,
    hold_length,
    log_length_ratios,
    longest_writable,
)

RATIOS = st.lists(st.floats(-FARTHEST, FARTHEST), min_size=2, max_size=6)


@given(RATIOS, st.lists(st.floats(-2, 2), min_size=6, max_size=6), st.floats(0, 3))
def test_in_expectation_it_is_the_gradient_of_the_square_of_the_mean(
    ratios: list[float], logits: list[float], strength: float
) -> None:
    """Of a policy that draws one of a few responses: the score-function gradient, by hand, against differences."""
    lengths = np.array(ratios)

    def probabilities(weights: np.ndarray) -> np.ndarray:
        grown = np.exp(weights - weights.max())
        found: np.ndarray = grown / grown.sum()
        return found

    def objective(weights: np.ndarray) -> float:
        return float(-strength / 2 * (probabilities(weights) @ lengths) ** 2)

    weights = np.array(logits[: len(lengths)])
    drawn, own = probabilities(weights), np.linspace(0, 1, len(lengths))
    mean = float(drawn @ lengths)
    held = hold_length(own, lengths, len(lengths), level=mean, strength=strength) - own
    gradient = drawn * (held - drawn @ held)
    small = 1e-5
    differences = [
        (objective(weights + small * unit) - objective(weights - small * unit)) / (2 * small)
        for unit in np.eye(len(weights))
    ]
    np.testing.assert_allclose(gradient, differences, rtol=0, atol=1e-6)


@given(st.lists(RATIOS, min_size=1, max_size=30))
def test_the_level_is_a_mean_of_the_steps_that_forgets(steps: list[list[float]]) -> None:
    level = LengthLevel()
    for ratios in steps:
        level = level.after(np.array(ratios))
    weights = SMOOTHING ** np.arange(len(steps))[::-1]
    means = [np.mean(ratios) for ratios in steps]
    assert level.value == pytest.approx(np.average(means, weights=weights), abs=1e-9)


@given(RATIOS, st.floats(-2, 2), st.floats(0, 3))
def test_rewards_stay_where_nothing_is_to_be_held_and_unscored_stays_unscored(
    ratios: list[float], level: float, strength: float
) -> None:
    rewards = np.linspace(-1, 1, len(ratios))
    rewards[0] = np.nan
    lengths = np.array(ratios)
    size = len(ratios)
    for nothing in ({"level": 0.0, "strength": strength}, {"level": level, "strength": 0.0}):
        np.testing.assert_array_equal(hold_length(rewards, lengths, size, **nothing), rewards)
    held = hold_length(rewards, lengths, size, level=level, strength=strength)
    assert np.isnan(held).tolist() == np.isnan(rewards).tolist()


@given(RATIOS, st.floats(-2, 2), st.floats(0, 3), st.floats(-1, 1))
def test_a_group_of_equal_rewards_still_teaches_nothing(
    ratios: list[float], level: float, strength: float, reward: float
) -> None:
    size = len(ratios)
    rewards = np.array([reward] * size + [np.nan] * size + [0.5] * (size - 1) + [0.25])
    held = hold_length(rewards, np.tile(ratios, 3), size, level=level, strength=strength)
    np.testing.assert_array_equal(held[: 2 * size], rewards[: 2 * size])
    expected = rewards[2 * size :] - strength * level * np.array(ratios)
    np.testing.assert_allclose(held[2 * size :], expected, rtol=0, atol=1e-12)


@given(
    st.text(),
    st.lists(st.text(), min_size=1, max_size=3),
    st.floats(0, 30) | st.just(float("inf")),
)
def test_ratios_are_of_characters_and_bounded(
    response: str, references: list[str], longest: float
) -> None:
    (ratio,) = log_length_ratios([response], [references], longest=longest)
    length = max(min(sum(map(len, references)) / len(references), longest), 1)
    assert ratio == pytest.approx(
        min(max(np.log(max(len(response), 1) / length), -FARTHEST), FARTHEST)
    )


def test_too_long_a_mean_costs_long_responses_and_too_short_a_one_short_responses() -> None:
    rewards, ratios = np.array([0.5, 0.4]), np.array([1.0, -0.5])
    long = hold_length(rewards, ratios, 2, level=0.2, strength=0.6)
    short = hold_length(rewards, ratios, 2, level=-0.2, strength=0.6)
    assert long.tolist() == pytest.approx([0.38, 0.46])
    assert short.tolist() == pytest.approx([0.62, 0.34])


def test_a_response_can_have_as_many_characters_as_its_tokens_have() -> None:
    assert longest_writable(["four", "sixsix"], [2, 3], 80) == 160
    assert longest_writable([""], [0], 80) == 0
    references = [["x" * 400]]
    (ratio,) = log_length_ratios(["y" * 160], references, longest=160)
    assert ratio == 0, "what cannot be written is not asked for"


def test_before_the_first_step_nothing_is_known() -> None:
    assert LengthLevel().value == 0.0
