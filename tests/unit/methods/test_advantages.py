"""Advantages of a few rewards, worked out by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from rlsr.config.method import AdvantageConfig
from rlsr.methods import GroupAdvantages, count_cut, group_advantages

NAN = float("nan")
PLAIN = AdvantageConfig(scale="none")


def advantages(
    rewards: list[float], size: int, config: AdvantageConfig | None = None
) -> GroupAdvantages:
    return group_advantages(np.array(rewards), size, config or AdvantageConfig())


def flags(array: NDArray[np.bool_]) -> str:
    return "".join("-+"[int(flag)] for flag in array)


def test_two_groups_by_hand() -> None:
    found = advantages([0.1, 0.3, 0.5, 0.9, 0.9, 0.3], 3)
    # Standard deviations with n - 1: 0.2 and sqrt(0.12).
    assert found.group_std == pytest.approx([0.2, 0.12**0.5])
    assert found.advantages == pytest.approx(
        [-1, 0, 1, 0.2 / 0.12**0.5, 0.2 / 0.12**0.5, -0.4 / 0.12**0.5]
    )
    assert flags(found.learnable) == "++++++"
    assert flags(found.has_signal) == "++"


def test_a_tight_group_is_divided_by_the_floor() -> None:
    found = advantages([0.700, 0.702, 0.704], 3)
    assert found.group_std == pytest.approx([0.002])
    assert found.advantages == pytest.approx([-0.1, 0, 0.1])


def test_without_a_floor_a_tight_group_is_blown_up() -> None:
    found = advantages([0.700, 0.702, 0.704], 3, AdvantageConfig(std_floor=0))
    assert found.advantages == pytest.approx([-1, 0, 1])


def test_without_scaling_only_the_mean_is_subtracted() -> None:
    found = advantages([0.1, 0.3, 0.5, -1, 1, 0], 3, PLAIN)
    assert found.advantages == pytest.approx([-0.2, 0, 0.2, -1, 1, 0])
    assert found.group_std == pytest.approx([0.2, 1])


@pytest.mark.parametrize("config", [AdvantageConfig(), PLAIN], ids=["scaled", "plain"])
def test_a_group_without_signal_teaches_nothing(config: AdvantageConfig) -> None:
    found = advantages([0.4] * 4 + [0.4, 0.4, 0.4, 0.4 + 1e-7] + [-1, -1, -1, 0.5], 4, config)
    assert flags(found.has_signal) == "--+"
    assert flags(found.learnable) == "--------++++"
    assert found.advantages[:8].tolist() == [0.0] * 8


@pytest.mark.parametrize(
    ("min_std", "signal"), [(1e-9, "+"), (0.0099, "+"), (0.0101, "-"), (1.0, "-")]
)
def test_from_where_on_a_group_has_no_signal(min_std: float, signal: str) -> None:
    found = advantages([0.49, 0.50, 0.51], 3, AdvantageConfig(min_std=min_std))
    assert flags(found.has_signal) == signal


def test_unscored_responses_are_left_out_of_mean_and_deviation() -> None:
    found = advantages([0.1, NAN, 0.5, NAN], 4, AdvantageConfig(std_floor=0))
    assert found.group_std == pytest.approx([0.08**0.5])
    assert found.advantages == pytest.approx([-0.2 / 0.08**0.5, 0, 0.2 / 0.08**0.5, 0])
    assert flags(found.learnable) == "+-+-"


@pytest.mark.parametrize("rewards", [[NAN, NAN, NAN], [NAN, 0.7, NAN]], ids=["none", "one"])
@pytest.mark.parametrize("config", [AdvantageConfig(), PLAIN], ids=["scaled", "plain"])
def test_fewer_than_two_scored_responses_teach_nothing(
    rewards: list[float], config: AdvantageConfig
) -> None:
    found = advantages([*rewards, 0.0, 0.5, 1.0], 3, config)
    assert np.isnan(found.group_std[0])
    assert flags(found.has_signal) == "-+"
    assert flags(found.learnable) == "---+++"
    assert found.advantages[:3].tolist() == [0.0] * 3


def test_no_rewards_are_no_groups() -> None:
    found = advantages([], 4)
    assert found.advantages.shape == found.learnable.shape == (0,)
    assert found.group_std.shape == found.has_signal.shape == (0,)


def test_rewards_that_do_not_fill_their_groups_are_a_broken_invariant() -> None:
    with pytest.raises(AssertionError, match="5 rewards are no groups of 4"):
        advantages([0.0] * 5, 4)


def test_the_rewards_are_left_as_they_were() -> None:
    rewards = np.array([0.1, NAN, 0.5, 0.7])
    group_advantages(rewards, 2, AdvantageConfig())
    assert np.array_equal(rewards, [0.1, NAN, 0.5, 0.7], equal_nan=True)


def test_equal_rewards_teach_nothing_under_any_allowed_config() -> None:
    found = advantages([0.1] * 3, 3, AdvantageConfig(min_std=1e-9, std_floor=0))
    assert found.advantages.tolist() == [0.0] * 3


def test_what_was_cut_counts_as_the_lowest_of_its_group() -> None:
    rewards = np.array([0.9, 0.2, 0.5, NAN, 0.7, 0.8, NAN, NAN, NAN])
    ended = [False, True, None, False, False, True, False, True, False]
    found = count_cut(rewards, ended, 3, "lowest")
    assert found == pytest.approx([0.2, 0.2, 0.5, NAN, 0.7, 0.8, NAN, NAN, NAN], nan_ok=True)
    assert rewards[0] == 0.9, "what was given stays as it is"


def test_what_was_cut_counts_as_no_more_than_the_mean_of_its_group() -> None:
    rewards = np.array([0.9, 0.2, 0.4, 0.1, 0.7, 0.5, 0.6, 0.8, NAN, 0.5, 0.4, 0.1])
    ended = [False, True, None, False, True, True, False, False, True, False, True, False]
    found = count_cut(rewards, ended, 3, "at_most_mean")
    # Above the mean of .2 and .4; below anyway; none that was scored ended; above the mean of .4 and .1, at which it stands then.
    expected = [0.3, 0.2, 0.4, 0.1, 0.7, 0.5, 0.6, 0.6, NAN, 0.25, 0.4, 0.1]
    assert found == pytest.approx(expected, nan_ok=True)
    assert rewards[0] == 0.9, "what was given stays as it is"


def test_what_was_cut_counts_as_scored_where_nothing_else_is_asked() -> None:
    assert count_cut(np.array([0.9, 0.2]), [False, True], 2, "as_scored").tolist() == [0.9, 0.2]
