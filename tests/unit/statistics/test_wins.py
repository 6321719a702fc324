"""Wins and ties over seeds and prompts."""

import numpy as np
import pytest

from bootstrap_oracle import NAN
from rlsr.statistics.wins import win_shares


def test_wins_ties_and_losses_count_every_seed_and_prompt() -> None:
    base = np.array([[0.5, 0.5, 0.5, 0.5, NAN]])
    scores = np.array([[0.6, 0.505, 0.495, 0.4, 0.9], [0.6, 0.6, NAN, 0.5, 0.9]])
    found = win_shares(scores, base, 0.01)
    assert (found.win, found.tie, found.loss) == pytest.approx((3 / 7, 3 / 7, 1 / 7))
    assert found.margin == 0.01
    swapped = win_shares(base, scores, 0.01)
    assert (swapped.win, swapped.loss) == (found.loss, found.win)


def test_a_difference_of_just_the_margin_is_a_tie() -> None:
    assert win_shares(np.array([[1.0, 3.0]]), np.array([[0.0, 4.0]]), 1.0).tie == 1


def test_wins_of_nothing_are_not_scored() -> None:
    found = win_shares(np.array([[NAN]]), np.array([[1.0]]), 0.0)
    assert np.isnan([found.win, found.tie, found.loss]).all()
