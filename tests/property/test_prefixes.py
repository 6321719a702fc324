"""Prefixes of references, and what their tokens count."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from rlsr.engines.trl.prefixes import prefix_of
from rlsr.methods.prefix_loss import trust_region_weights

references = st.lists(st.integers(0, 9), min_size=1, max_size=30)
ratios = st.floats(0, 1)


@given(references, ratios)
def test_a_prefix_is_the_share_of_a_reference_from_its_beginning(
    reference: list[int], ratio: float
) -> None:
    found = prefix_of(reference, ratio)
    assert found == reference[: len(found)]
    if ratio < 1:
        assert len(found) < len(reference), "its end is left to the policy"
        assert abs(len(found) - ratio * len(reference)) <= 1
    else:
        assert found == reference
    assert prefix_of(reference, 0) == []


@given(references, ratios, ratios)
def test_a_larger_share_is_no_shorter(reference: list[int], first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert len(prefix_of(reference, low)) <= len(prefix_of(reference, high))


@given(st.lists(st.floats(-8, 8), min_size=2, max_size=5), st.floats(0.01, 1))
def test_the_gradient_is_that_of_the_probability_over_at_least_the_floor(
    values: list[float], floor: float
) -> None:
    logits = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    log_probs = logits.log_softmax(0)
    (ours,) = torch.autograd.grad(
        (trust_region_weights(log_probs, floor) * log_probs)[0], logits, retain_graph=True
    )
    probability = log_probs.exp()[0]
    (slope,) = torch.autograd.grad(probability, logits)
    expected = slope / max(float(probability.detach()), floor)
    torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-15)
