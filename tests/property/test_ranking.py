"""The margin between responses in the order of their rewards, against loops over pairs and the loss of BRIO's code."""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlsr.methods.ranking import Ranking, rank

NAN = math.nan

rewards = st.integers(0, 4).map(float) | st.just(NAN)
scores = st.floats(-5, 0).map(lambda score: round(score, 3))
margins = st.floats(0, 1).map(lambda margin: round(margin, 3))


@st.composite
def groups(draw: st.DrawFn) -> tuple[list[float], list[float], int]:
    """Rewards and scores of some groups, and the size of a group."""
    size = draw(st.integers(2, 5))
    count = size * draw(st.integers(1, 3))
    return (
        draw(st.lists(rewards, min_size=count, max_size=count)),
        draw(st.lists(scores, min_size=count, max_size=count)),
        size,
    )


def ranked(group: tuple[list[float], list[float], int], margin: float) -> Ranking:
    values, of_policy, size = group
    return rank(np.array(values), np.array(of_policy), size, margin=margin)


def pairs_of(group: tuple[list[float], list[float], int]) -> list[tuple[int, int, int]]:
    """The better response, the worse one, and how many ranks lie between them."""
    values, _, size = group
    found = []
    for better in range(len(values)):
        for worse in range(len(values)):
            if better // size != worse // size or not values[better] > values[worse]:
                continue
            start = better - better % size
            between = {
                value
                for value in values[start : start + size]
                if values[worse] <= value < values[better]
            }
            found.append((better, worse, len(between)))
    return found


@given(groups(), margins)
def test_the_loss_is_the_sum_over_the_pairs(
    group: tuple[list[float], list[float], int], margin: float
) -> None:
    found = ranked(group, margin)
    _, of_policy, _ = group
    losses = np.zeros(len(of_policy))
    slopes = np.zeros(len(of_policy))
    violated = np.zeros(len(of_policy), dtype=bool)
    ordered = 0
    for better, worse, distance in pairs_of(group):
        loss = margin * distance - (of_policy[better] - of_policy[worse])
        ordered += of_policy[better] > of_policy[worse]
        if loss > 0:
            losses[[better, worse]] += loss / 2
            slopes[better] -= 1
            slopes[worse] += 1
            violated[[better, worse]] = True
    assert np.allclose(found.losses, losses)
    assert found.num_pairs == len(pairs_of(group))
    assert found.num_ordered == ordered
    # Where a pair has its margin to the last digit, rounding decides on which side it is.
    if not any(
        math.isclose(margin * distance, of_policy[better] - of_policy[worse], abs_tol=1e-9)
        for better, worse, distance in pairs_of(group)
    ):
        assert found.slopes.tolist() == slopes.tolist()
        assert found.is_violated.tolist() == violated.tolist()


@given(st.lists(scores, min_size=2, max_size=6, unique=True), margins)
def test_without_ties_it_is_the_loss_of_the_code_of_brio(
    of_policy: list[float], margin: float
) -> None:
    # The code has the best first, and adds up means over the pairs of each distance.
    count = len(of_policy)
    table = torch.tensor([of_policy], dtype=torch.float64)
    theirs = 0.0
    for distance in range(1, count):
        loss = torch.nn.MarginRankingLoss(margin * distance)
        better, worse = table[:, :-distance].flatten(), table[:, distance:].flatten()
        theirs += float(loss(better, worse, torch.ones_like(better))) * len(better)
    found = rank(np.arange(count)[::-1].astype(float), np.array(of_policy), count, margin=margin)
    assert math.isclose(found.losses.sum(), theirs, abs_tol=1e-9)


@given(groups(), margins, st.integers(0, 14))
def test_slopes_are_the_derivative_of_the_loss(
    group: tuple[list[float], list[float], int], margin: float, row: int
) -> None:
    values, of_policy, size = group
    row %= len(of_policy)
    step = 1e-7

    def loss(by: float) -> float:
        moved = [score + by * (place == row) for place, score in enumerate(of_policy)]
        return float(rank(np.array(values), np.array(moved), size, margin=margin).losses.sum())

    at_a_corner = any(
        math.isclose(margin * distance, of_policy[better] - of_policy[worse], abs_tol=1e-5)
        for better, worse, distance in pairs_of(group)
    )
    if not at_a_corner:
        slope = (loss(step) - loss(-step)) / (2 * step)
        assert math.isclose(ranked(group, margin).slopes[row], slope, abs_tol=1e-3)


@given(groups(), margins, st.floats(-3, 3))
def test_what_leaves_the_order_leaves_the_ranking(
    group: tuple[list[float], list[float], int], margin: float, shift: float
) -> None:
    values, of_policy, size = group
    found = ranked(group, margin)
    stretched = ranked(([math.exp(value) for value in values], of_policy, size), margin)
    assert np.array_equal(found.losses, stretched.losses)
    moved = ranked((values, [score + shift for score in of_policy], size), margin)
    assert np.allclose(found.losses, moved.losses)
    turned = ranked((values[::-1], of_policy[::-1], size), margin)
    assert np.allclose(found.losses, turned.losses[::-1])
    assert sum(found.slopes) == 0


def test_unscored_and_equal_rewards_teach_nothing() -> None:
    unscored = rank(np.array([NAN, 1.0, NAN]), np.array([-1.0, -2.0, -3.0]), 3, margin=1)
    equal = rank(np.array([0.5, 0.5 + 1e-7, 0.5]), np.array([-1.0, -2.0, -3.0]), 3, margin=1)
    for found in (unscored, equal):
        assert found.num_pairs == found.num_ordered == 0
        assert not found.losses.any()
        assert not found.slopes.any()
        assert not found.is_violated.any()
