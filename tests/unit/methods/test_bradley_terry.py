"""The loss of Bradley and Terry, and what is measured of pairs in training and in evaluations."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from rlsr.evaluation.metrics.pairs import pair_scores  # noqa: E402 - needs torch
from rlsr.methods.bradley_terry import (  # noqa: E402
    bradley_terry_losses,
    order_of_pairs,
    score_metrics,
)

scores = st.floats(-30, 30)
pairs = st.lists(st.tuples(scores, scores), min_size=1, max_size=6)


def two(table: list[tuple[float, float]]) -> tuple[Any, Any]:
    better, worse = torch.tensor(table, dtype=torch.float64).T
    return better, worse


@given(pairs, st.floats(0, 1))
def test_the_loss_is_the_cross_entropy_of_the_better_answer(
    table: list[tuple[float, float]], centering: float
) -> None:
    found = bradley_terry_losses(*two(table), centering=centering).tolist()
    for (better, worse), loss in zip(table, found, strict=True):
        # The probability that the better answer wins, as a share of two weights.
        highest = max(better, worse)
        weights = math.exp(better - highest), math.exp(worse - highest)
        expected = -math.log(weights[0] / sum(weights)) + centering * (better + worse) ** 2
        assert loss == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(pairs, scores)
def test_without_centering_only_differences_count(
    table: list[tuple[float, float]], shift: float
) -> None:
    moved = [(better + shift, worse + shift) for better, worse in table]
    found, other = (bradley_terry_losses(*two(rows)) for rows in (table, moved))
    torch.testing.assert_close(found, other, rtol=1e-6, atol=1e-9)


@given(scores, scores)
def test_the_gradient_pulls_the_answers_apart_by_how_wrong_the_scorer_is(
    better: float, worse: float
) -> None:
    sides = [one.requires_grad_() for one in two([(better, worse)])]
    bradley_terry_losses(*sides).sum().backward()
    wrong = 1 / (1 + math.exp(better - worse))
    assert sides[0].grad.item() == pytest.approx(-wrong, rel=1e-9)
    assert sides[1].grad.item() == pytest.approx(wrong, rel=1e-9)


def test_a_tie_counts_half() -> None:
    table = [(2.0, 1.0), (1.0, 2.0), (0.0, 0.0), (5.0, -3.0)]
    assert order_of_pairs(*two(table)).tolist() == [1, 0, 0.5, 1]
    assert score_metrics(*two(table)) == {
        "preference/accuracy": 0.625,
        "preference/margin": 2.0,
        "preference/chosen": 2.0,
        "preference/rejected": 0.0,
    }


@given(pairs)
def test_an_evaluation_measures_what_training_does(table: list[tuple[float, float]]) -> None:
    measured = pair_scores(table)
    assert measured["pair_accuracy"].tolist() == order_of_pairs(*two(table)).tolist()
    assert measured["pair_loss"].tolist() == pytest.approx(
        bradley_terry_losses(*two(table)).tolist(), rel=1e-9, abs=1e-12
    )
    mean = score_metrics(*two(table))["preference/margin"]
    assert measured["pair_margin"].mean() == pytest.approx(mean, abs=1e-9)


def test_a_pair_with_a_number_that_is_none_is_unscored() -> None:
    found = pair_scores([(math.nan, 1.0), (1.0, math.nan), (1.0, 0.0)])
    for values in found.values():
        assert np.isnan(values).tolist() == [True, True, False]
