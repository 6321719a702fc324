"""The mean of the weights over the steps of a run."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rlsr.engines.trl.weight_mean import WeightMean


def make_model(dtype: Any = torch.float32) -> Any:
    """A layer that is trained, and one that is not."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 2)).to(dtype)
    model[1].requires_grad_(False)
    return model


def set_weights(model: Any, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    with torch.no_grad():
        for weight in model[0].parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator))


def walk(mean: WeightMean, model: Any, *steps: int) -> list[Any]:
    seen = []
    for step in steps:
        set_weights(model, step)
        mean.add(model)
        seen.append(model[0].weight.detach().double())
    return seen


def weights_of(model: Any) -> list[Any]:
    return [weight.detach().clone() for weight in model.parameters()]


@given(power=st.floats(0, 8), num_steps=st.integers(1, 30))
def test_a_steps_weights_count_by_a_power_of_its_number(power: float, num_steps: int) -> None:
    model, mean = make_model(), WeightMean(power)
    seen = walk(mean, model, *range(1, num_steps + 1))
    # t ** power where it is 0 or 1, and the same to a fraction of 1 / t elsewhere.
    counts = [math.exp(math.lgamma(t + power) - math.lgamma(t)) for t in range(1, num_steps + 1)]
    expected = sum(count * weight for count, weight in zip(counts, seen, strict=True)) / sum(counts)
    with mean.in_place_of_the_weights(model):
        assert torch.allclose(model[0].weight.double(), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_policy_has_the_mean_for_a_while_and_then_its_own_weights(dtype: Any) -> None:
    model, mean = make_model(dtype), WeightMean(0)
    walk(mean, model, 1, 2)
    own = weights_of(model)
    held: list[Any] = []

    def measure_and_fail() -> None:
        held.extend(weights_of(model))
        raise InterruptedError

    with pytest.raises(InterruptedError), mean.in_place_of_the_weights(model):
        measure_and_fail()
    assert all(weight.dtype == dtype for weight in held)
    assert not torch.equal(held[0], own[0])
    assert torch.equal(held[2], own[2]), "what is not trained stays"
    assert all(torch.equal(one, other) for one, other in zip(weights_of(model), own, strict=True))


def test_before_the_first_step_a_policy_keeps_its_weights() -> None:
    model = make_model()
    own = weights_of(model)
    with WeightMean(1).in_place_of_the_weights(model):
        assert all(
            torch.equal(one, other) for one, other in zip(weights_of(model), own, strict=True)
        )


def test_it_goes_on_from_a_checkpoint_to_the_last_digit(tmp_path: Path) -> None:
    model, whole, first = make_model(torch.bfloat16), WeightMean(1.5), WeightMean(1.5)
    walk(whole, model, 1, 2, 3, 4, 5)
    walk(first, model, 1, 2, 3)
    first.save(tmp_path)
    resumed = WeightMean(1.5)
    resumed.load(tmp_path, model)
    walk(resumed, model, 4, 5)
    whole.save(tmp_path)
    expected = (tmp_path / "weight_mean.tensors").read_bytes()
    resumed.save(tmp_path)
    assert (tmp_path / "weight_mean.tensors").read_bytes() == expected
