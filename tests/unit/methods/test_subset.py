"""The subset of largest variance of a few rewards, worked out by hand."""

import numpy as np
import pytest

from rlsr.methods import max_variance_subset

NAN = float("nan")


@pytest.mark.parametrize(
    ("rewards", "size", "expected"),
    [
        pytest.param([0.1, 0.9, 0.5, 0.4], 2, "++--", id="the lowest and the highest"),
        pytest.param([0.0, 1.0, 0.9, 0.95], 3, "++-+", id="one far from the others, and the two farthest from it"),
        pytest.param([0.0, 0.1, 0.05, 1.0], 3, "+-++", id="the same upside down"),
        pytest.param([1.0, 0.0, 1.0, 0.0, 1.0, 0.0], 4, "-+++" + "+-", id="of equal rewards the outermost places"),
        pytest.param([0.0, 0.5, 1.0, 0.5], 3, "++" + "+-", id="a tie goes to fewer of the highest"),
        pytest.param([0.5, 0.5, 0.5, 0.5], 2, "++--", id="all equal"),
        pytest.param([0.1, NAN, 0.9, 0.5], 2, "+-+-", id="unscored"),
        pytest.param([0.1, NAN, 0.9, NAN], 3, "+-+-", id="fewer scored than the size"),
        pytest.param([NAN, NAN, NAN, NAN], 2, "----", id="nothing scored"),
        pytest.param([0.3, 0.2, 0.3, 0.1], 4, "++++", id="the whole group"),
        pytest.param([0.7, 0.7 + 1e-16, 0.7 - 1e-16, 0.7], 2, None, id="equal but for rounding"),
    ],
)  # fmt: skip
def test_one_group_by_hand(rewards: list[float], size: int, expected: str | None) -> None:
    found = max_variance_subset(np.array(rewards), len(rewards), size)
    assert expected is None or "".join("-+"[int(flag)] for flag in found) == expected
    assert found.sum() <= size


def test_groups_stand_next_to_each_other() -> None:
    found = max_variance_subset(np.array([0.1, 0.2, 0.9, 0.9, 0.2, 0.1]), 3, 2)
    assert found.tolist() == [True, False, True, True, False, True]


def test_rewards_that_are_no_groups_are_refused() -> None:
    with pytest.raises(AssertionError, match="3 rewards are no groups of 2"):
        max_variance_subset(np.array([0.1, 0.2, 0.3]), 2, 2)
