"""The weights of IFT, against its loss written out token by token."""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config.supervised import IftMethod
from rlsr.methods.ift import ift_weights, relation_weights

# A probability of 1 is a loss of 0.
losses = st.just(0.0) | st.floats(0.001, 12)
references = st.lists(st.lists(losses, min_size=1, max_size=8), min_size=1, max_size=4)
discounts = st.sampled_from([0.0, 0.5, 0.95, 1.0])


def tables(rows: list[list[float]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses and where there are tokens, padded."""
    width = max(map(len, rows)) + 1
    table = torch.zeros(len(rows), width, dtype=torch.float64)
    is_token = torch.zeros(len(rows), width, dtype=torch.bool)
    for place, row in enumerate(rows):
        table[place, : len(row)] = torch.tensor(row, dtype=torch.float64)
        is_token[place, : len(row)] = True
    return table, is_token


def weights_by_loops(row: list[float], discount: float) -> list[float]:
    if discount == 0:
        return [1.0] * len(row)
    sums, before = [], 0.0
    for loss in row:
        before = loss / len(row) + discount * before
        sums.append(before)
    smallest = min((value for value in sums if value > 0), default=1.0)
    inverse = [1 / (value + smallest) for value in sums]
    return [value * len(row) / sum(inverse) for value in inverse]


def loss_by_loops(row: list[float], discount: float) -> float:
    return sum(
        weight * loss for weight, loss in zip(weights_by_loops(row, discount), row, strict=True)
    )


@given(references, discounts)
def test_a_token_counts_less_the_more_was_lost_before_it(
    rows: list[list[float]], discount: float
) -> None:
    found = relation_weights(*tables(rows), discount)
    for weights, row in zip(found.tolist(), rows, strict=True):
        assert np.allclose(weights[: len(row)], weights_by_loops(row, discount))
        assert not any(weights[len(row) :])
        assert math.isclose(sum(weights), len(row), rel_tol=1e-9)


@given(references, discounts)
def test_value_and_gradient_are_those_of_the_loss(rows: list[list[float]], discount: float) -> None:
    table, is_token = tables(rows)
    found = ift_weights(IftMethod(discount=discount), -table, is_token)
    assert not found.requires_grad
    for weights, row in zip(found.tolist(), rows, strict=True):
        value = sum(weight * loss for weight, loss in zip(weights, row, strict=False))
        assert math.isclose(value, loss_by_loops(row, discount), rel_tol=1e-8, abs_tol=1e-12)
        sums = sorted({value for value in running(row, discount) if value > 0})
        at_a_corner = 0.0 in row or (len(sums) > 1 and sums[1] - sums[0] < 1e-4)
        for place in range(len(row) if not at_a_corner else 0):
            step = 1e-6 * max(row[place], 1e-2)
            up, down = ([*row[:place], row[place] + by, *row[place + 1 :]] for by in (step, -step))
            slope = (loss_by_loops(up, discount) - loss_by_loops(down, discount)) / (2 * step)
            assert math.isclose(weights[place], slope, rel_tol=1e-3, abs_tol=1e-3)


def running(row: list[float], discount: float) -> list[float]:
    found = [0.0]
    for loss in row:
        found.append(loss / len(row) + discount * found[-1])
    return found[1:]


@given(references, discounts, st.floats(0.1, 10))
def test_losses_of_another_unit_have_the_same_weights(
    rows: list[list[float]], discount: float, factor: float
) -> None:
    table, is_token = tables(rows)
    one, other = (
        ift_weights(IftMethod(discount=discount), -table * by, is_token) for by in (1.0, factor)
    )
    torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)


@given(references, discounts)
def test_a_reference_is_weighed_alone(rows: list[list[float]], discount: float) -> None:
    method = IftMethod(discount=discount)
    together = ift_weights(method, -tables(rows)[0], tables(rows)[1])
    for place, row in enumerate(rows):
        table, is_token = tables([row])
        alone = ift_weights(method, -table, is_token)
        torch.testing.assert_close(together[place, : len(row)], alone[0, : len(row)])
