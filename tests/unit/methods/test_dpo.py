"""The loss of preference optimisation, its gradient and what is logged of it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from rlsr.methods.dpo import PairLogRatios, dpo_losses, pair_metrics  # noqa: E402 - needs torch

ratios = st.floats(-50, 50)
betas = st.floats(0.01, 2)


def pairs(*values: tuple[float, float]) -> PairLogRatios:
    chosen, rejected = (
        torch.tensor(side, dtype=torch.float64) for side in zip(*values, strict=True)
    )
    return PairLogRatios(chosen, rejected)


def test_numbers_by_hand() -> None:
    found = dpo_losses(pairs((0.0, 0.0), (3.0, 1.0), (1.0, 3.0)), beta=0.5)
    expected = [math.log(2), math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))]
    assert found.tolist() == pytest.approx(expected, rel=1e-12)


def test_metrics_by_hand() -> None:
    found = pair_metrics(pairs((2.0, 1.0), (-1.0, 0.0), (0.0, 0.0), (4.0, -2.0)), beta=0.1)
    assert found == {
        # A pair that has not moved is not preferred.
        "preference/accuracy": 0.5,
        "preference/margin": pytest.approx(0.1 * (1 - 1 + 0 + 6) / 4),
        "preference/chosen": pytest.approx(0.1 * 5 / 4),
        "preference/rejected": pytest.approx(0.1 * -1 / 4),
    }


@given(ratios, ratios, betas)
def test_the_loss_is_the_cross_entropy_of_the_better_answer(
    chosen: float, rejected: float, beta: float
) -> None:
    (loss,) = dpo_losses(pairs((chosen, rejected)), beta=beta).tolist()
    # The Bradley-Terry probability that the chosen answer wins, as a share of two weights.
    weights = (beta * chosen, beta * rejected)
    highest = max(weights)
    share = math.exp(weights[0] - highest) / sum(math.exp(weight - highest) for weight in weights)
    assert loss == pytest.approx(-math.log(share), rel=1e-9, abs=1e-12)


@given(ratios, ratios, betas)
def test_the_gradient_pulls_the_answers_apart_by_how_wrong_the_policy_is(
    chosen: float, rejected: float, beta: float
) -> None:
    pair = pairs((chosen, rejected))
    for side in (pair.chosen, pair.rejected):
        side.requires_grad_()
    dpo_losses(pair, beta=beta).sum().backward()
    wrong = 1 / (1 + math.exp(beta * (chosen - rejected)))
    assert pair.chosen.grad.item() == pytest.approx(-beta * wrong, rel=1e-9)
    assert pair.rejected.grad.item() == pytest.approx(beta * wrong, rel=1e-9)


def test_no_size_of_a_ratio_overflows() -> None:
    loss = dpo_losses(pairs((1e4, -1e4), (-1e4, 1e4)), beta=2.0)
    assert loss.tolist() == [0.0, 4e4]
