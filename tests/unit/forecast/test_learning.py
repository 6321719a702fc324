"""Whether SFT is seen to learn still."""

import numpy as np
import pytest

from rlsr.forecast.learning import change_of_line, sft_learning
from rlsr.runs.rows import StepRow
from rlsr.runs.step_metrics import NLL, VALIDATION_REWARD


def steps(values: list[float], name: str = NLL) -> list[StepRow]:
    return [{"step": place, name: value} for place, value in enumerate(values, start=1)]


def noisy(start: float, slope: float, count: int = 60) -> list[float]:
    noise = np.random.default_rng(0).normal(0, 0.02, count)
    return [start + slope * place + float(noise[place]) for place in range(count)]


def test_a_falling_likelihood_is_learning() -> None:
    found = sft_learning(steps(noisy(3, -0.02)))
    assert found is not None
    assert (found.metric, found.better, found.change.num) == (NLL, "lower", 20)
    assert found.change.mean == pytest.approx(-0.02 * 19, abs=0.05)
    assert found.goes_on


@pytest.mark.parametrize("slope", [0.0, 0.02])
def test_a_level_or_rising_one_is_not(slope: float) -> None:
    found = sft_learning(steps(noisy(3, slope)))
    assert found is not None
    assert not found.goes_on


def test_only_the_last_third_counts() -> None:
    found = sft_learning(steps([*noisy(5, -0.1, 40), *noisy(1, 0.0, 20)]))
    assert found is not None
    assert not found.goes_on


def test_prompts_that_were_set_aside_are_asked_first() -> None:
    rows = steps(noisy(3, -0.02))
    rewards = dict.fromkeys((44, 49, 54, 59), 0.5)
    rows = [
        {**row, VALIDATION_REWARD: rewards.get(place, np.nan)} for place, row in enumerate(rows)
    ]
    found = sft_learning(rows)
    assert found is not None
    assert (found.metric, found.change.num) == (VALIDATION_REWARD, 4)
    assert not found.goes_on


def test_too_few_steps_say_nothing() -> None:
    assert sft_learning(steps([3, 2, 1, 1, 1, 1, 1, 1])) is None
    assert sft_learning([]) is None
    assert sft_learning(steps([1.0] * 30, "optim/loss")) is None


def test_the_interval_is_that_of_least_squares() -> None:
    # Worked by hand: slope 1, residuals (1, -2, 1)/6 * ... of y = 0, 1.5, 2 over x = 0, 1, 2.
    found = change_of_line([(0, 0), (1, 1.5), (2, 2)])
    residual_variance = 1 / 6  # sum of squares over n - 2 = 1
    half = 12.706204736 * np.sqrt(residual_variance / 2) * 2
    assert found.mean == pytest.approx(2)
    assert (found.high - found.low) / 2 == pytest.approx(half)
