"""The best of several answers, on hand-made rewards."""

import numpy as np
from numpy.typing import NDArray

from rlsr.forecast.selection import mean_of, of_best

NAN = float("nan")


def table(*rows: list[float]) -> NDArray[np.float64]:
    return np.array(rows, dtype=np.float64)


def test_the_value_is_that_of_the_highest_reward() -> None:
    found = of_best(table([0.1, 0.9, 0.5], [3, 2, 1]), table([1, 2, 3], [4, 5, 6]))
    assert found.tolist() == [2, 4]


def test_answers_that_share_the_highest_reward_share_the_choice() -> None:
    assert of_best(table([1, 1, 0]), table([4, 8, 100])).tolist() == [6]


def test_rewards_that_are_all_equal_choose_nothing() -> None:
    values = table([0.1, 0.7, 0.4])
    np.testing.assert_array_equal(of_best(table([0.3] * 3), values), mean_of(values))


def test_what_is_unscored_is_never_the_best() -> None:
    found = of_best(table([NAN, 0.2, NAN], [NAN] * 3), table([9, 1, 9], [1, 2, 3]))
    np.testing.assert_array_equal(found, [1, NAN])


def test_a_best_answer_without_a_value_gives_none() -> None:
    np.testing.assert_array_equal(of_best(table([0, 1]), table([5, NAN])), [NAN])
    np.testing.assert_array_equal(of_best(table([1, 1]), table([5, NAN])), [5])


def test_means_leave_out_what_is_unscored() -> None:
    np.testing.assert_array_equal(mean_of(table([1, NAN, 3], [NAN] * 3)), [2, NAN])
