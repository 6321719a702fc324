"""The weights of supervised losses, against the formulas written out token by token."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlsr.config.supervised import DftMethod, IftMethod, IwSftMethod, PearMethod, SftMethod
from rlsr.methods.token_weights import WEIGHTS, ReferenceTokens, token_weights

log_prob = st.floats(-12, 0, allow_nan=False)
references = st.lists(
    st.lists(st.tuples(log_prob, log_prob), min_size=1, max_size=9), min_size=1, max_size=4
)


def tokens_of(rows: list[list[tuple[float, float]]]) -> ReferenceTokens:
    width = max(map(len, rows)) + 1
    now, before = (torch.zeros(len(rows), width, dtype=torch.float64) for _ in range(2))
    is_token = torch.zeros(len(rows), width, dtype=torch.bool)
    for place, row in enumerate(rows):
        now[place, : len(row)] = torch.tensor([pair[0] for pair in row])
        before[place, : len(row)] = torch.tensor([pair[1] for pair in row])
        is_token[place, : len(row)] = True
    return ReferenceTokens(now, before, is_token)


def assert_weights(found: torch.Tensor, expected: list[list[float]]) -> None:
    for row, weights in zip(found.tolist(), expected, strict=True):
        assert np.allclose(row[: len(weights)], weights, rtol=1e-5)


def clip(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])


@given(references)
def test_sft_and_dft(rows: list[list[tuple[float, float]]]) -> None:
    tokens = tokens_of(rows)
    assert_weights(token_weights(SftMethod(), tokens), [[1.0] * len(row) for row in rows])
    assert_weights(
        token_weights(DftMethod(), tokens), [[math.exp(now) for now, _ in row] for row in rows]
    )


@given(references, st.floats(0.1, 3), st.floats(0.5, 20))
def test_iw_sft(rows: list[list[tuple[float, float]]], temperature: float, bound: float) -> None:
    tokens = tokens_of(rows)
    method = IwSftMethod(temperature=temperature, max_weight=bound)
    expected = []
    for row in rows:
        mean = sum(now - before for now, before in row) / len(row)
        expected.append([min(math.exp(temperature * mean), bound)] * len(row))
    assert_weights(token_weights(method, tokens), expected)
    method = IwSftMethod(level="token", token_weights=(0.3, 1.4))
    assert_weights(
        token_weights(method, tokens),
        [[clip(math.exp(now - before), (0.3, 1.4)) for now, before in row] for row in rows],
    )


@given(references, st.floats(0.5, 1), st.integers(1, 5))
def test_pear(rows: list[list[tuple[float, float]]], discount: float, size: int) -> None:
    tokens = tokens_of(rows)
    bounds, log_bounds = (-0.5, 0.4), (-2.0, 1.0)
    settings = {"discount": discount, "log_ratio": bounds, "log_weight": log_bounds}
    ratios = [[clip(now - before, bounds) for now, before in row] for row in rows]

    def weight(logarithm: float) -> float:
        return math.exp(clip(logarithm, log_bounds))

    suffix = [
        [
            weight((len(row) - 1 - place) * math.log(discount) + sum(row[place + 1 :]))
            for place in range(len(row))
        ]
        for row in ratios
    ]
    assert_weights(token_weights(PearMethod(**settings), tokens), suffix)
    block = []
    for row in ratios:
        last = (len(row) - 1) // size
        block.append(
            [
                weight(
                    (last - place // size) * math.log(discount)
                    + sum(row[(place // size + 1) * size :])
                )
                for place in range(len(row))
            ]
        )
    assert_weights(
        token_weights(PearMethod(level="block", block_size=size, **settings), tokens), block
    )
    assert_weights(
        token_weights(PearMethod(level="sequence", **settings), tokens),
        [[weight(sum(row))] * len(row) for row in ratios],
    )


@given(references)
def test_a_block_of_one_token_is_a_suffix(rows: list[list[tuple[float, float]]]) -> None:
    tokens = tokens_of(rows)
    suffix = token_weights(PearMethod(), tokens)
    block = token_weights(PearMethod(level="block", block_size=1), tokens)
    torch.testing.assert_close(suffix, block)


@pytest.mark.parametrize("method", [SftMethod(), IwSftMethod(), PearMethod(discount=1)])
def test_before_the_first_step_all_weights_are_one(method: SftMethod) -> None:
    tokens = tokens_of([[(-1.0, -1.0), (-3.0, -3.0)], [(-0.1, -0.1)]])
    assert_weights(token_weights(method, tokens), [[1.0, 1.0], [1.0]])


def test_weights_carry_no_gradient_and_every_method_has_them() -> None:
    now = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    tokens = ReferenceTokens(now, torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool))
    for method in (SftMethod(), DftMethod(), IwSftMethod(), PearMethod(), IftMethod()):
        assert not token_weights(method, tokens).requires_grad
    assert set(WEIGHTS) == {"sft", "dft", "iw_sft", "pear", "ift"}
