"""Adapters as one operation give what PEFT gives, forward and backward, and step aside where they cannot."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from families import VOCABULARY, make_policy, with_lora
from rlsr.forward.fused_adapters import _AdaptedLinear, can_be_fused, fused_adapters

TOKENS = torch.arange(24).view(2, 12) % VOCABULARY


def scores_and_gradients(model: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    logits = model(input_ids=TOKENS, use_cache=False).logits
    model.zero_grad()
    (logits * torch.linspace(-1, 2, logits.numel()).view_as(logits)).sum().backward()
    found = {
        name: weight.grad.clone()
        for name, weight in model.named_parameters()
        if weight.grad is not None
    }
    model.zero_grad()
    return logits.detach(), found


def fused_layers(model: Any) -> int:
    return sum("forward" in vars(module) for module in model.modules())


def assert_same(model: Any, *, num_fused: int) -> None:
    plain, their_gradients = scores_and_gradients(model)
    with fused_adapters(model):
        assert fused_layers(model) == num_fused
        ours, our_gradients = scores_and_gradients(model)
    assert fused_layers(model) == 0
    torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-5)
    assert our_gradients.keys() == their_gradients.keys()
    for name, gradient in our_gradients.items():
        other = their_gradients[name]
        error = (gradient - other).norm() / other.norm().clamp_min(1e-6)
        assert error < 1e-5, f"{name}: {error:.1e}"


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3"])
def test_outputs_and_gradients_are_those_of_peft(family: str) -> None:
    model = with_lora(make_policy(family, {"head_dim": 8} if family == "qwen3" else {}))
    assert_same(model, num_fused=14)


def test_trained_base_weights_get_their_gradient_too() -> None:
    model = with_lora(make_policy("qwen2", {}))
    for name, weight in model.named_parameters():
        if "base_layer" in name:
            weight.requires_grad_(True)
    assert_same(model, num_fused=14)


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_gradient_checkpointing(use_reentrant: bool) -> None:
    model = with_lora(make_policy("llama", {}))
    model.enable_input_require_grads()
    model.gradient_checkpointing_enable({"use_reentrant": use_reentrant})
    model.train()
    assert_same(model, num_fused=14)


@pytest.mark.parametrize("bias", [False, True])
def test_the_operation_passes_a_numerical_check(bias: bool) -> None:
    torch.manual_seed(0)
    shapes = [(2, 3, 5), (4, 5), (4,), (2, 5), (4, 2)]
    tensors = [torch.randn(shape, dtype=torch.double, requires_grad=True) for shape in shapes]
    rows, weight, offset, down, up = tensors
    inputs = (rows, weight, offset if bias else None, down, up, 1.7)
    assert torch.autograd.gradcheck(_AdaptedLinear.apply, inputs)
    wanted = rows @ weight.T + 1.7 * (rows @ down.T) @ up.T + (offset if bias else 0)
    torch.testing.assert_close(_AdaptedLinear.apply(*inputs), wanted)


def two_active(model: Any) -> Any:
    from peft import LoraConfig

    model.add_adapter("other", LoraConfig(target_modules="all-linear"))
    model.base_model.set_adapter(["default", "other"])
    return model


LEFT_ALONE: dict[str, Callable[[], Any]] = {
    "dropout": lambda: with_lora(make_policy("llama", {}), lora_dropout=0.1),
    "DoRA": lambda: with_lora(make_policy("llama", {}), use_dora=True),
    "a bias of the adapter": lambda: with_lora(
        make_policy("qwen2", {}), lora_bias=True, target_modules=["q_proj"]
    ),
    "two active adapters": lambda: two_active(with_lora(make_policy("llama", {}))),
}


@pytest.mark.parametrize("variant", LEFT_ALONE)
def test_other_adapters_are_left_alone(variant: str) -> None:
    model = LEFT_ALONE[variant]()
    with fused_adapters(model):
        assert fused_layers(model) == 0


def test_adapters_of_another_type_are_left_alone() -> None:
    model = with_lora(make_policy("llama", {}))
    for name, weight in model.named_parameters():
        if "lora_" in name:
            weight.data = weight.data.double()
    assert not any(can_be_fused(module) for module in model.modules())


def test_disabled_adapters_stay_disabled() -> None:
    model = with_lora(make_policy("llama", {}))
    with model.disable_adapter(), torch.no_grad():
        plain = model(input_ids=TOKENS).logits
        with fused_adapters(model):
            assert torch.equal(model(input_ids=TOKENS).logits, plain)


def test_adapters_can_be_switched_inside() -> None:
    """A reference policy is the policy without its adapters, or with a copy of them."""
    from peft import LoraConfig

    model = with_lora(make_policy("llama", {}))
    model.add_adapter("ref", LoraConfig(r=2, target_modules=["q_proj"]))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if ".ref." in name:
                weight.fill_(0.1)
        base = model.base_model

        def three_policies() -> list[torch.Tensor]:
            found = [model(input_ids=TOKENS).logits]
            base.disable_adapter_layers()
            found.append(model(input_ids=TOKENS).logits)
            base.enable_adapter_layers()
            base.set_adapter("ref")
            found.append(model(input_ids=TOKENS).logits)
            base.set_adapter("default")
            return found

        plain = three_policies()
        with fused_adapters(model):
            ours = three_policies()
    torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(plain[0], plain[1])
    assert not torch.allclose(plain[1], plain[2])


def test_autocast_is_left_to_peft() -> None:
    model = with_lora(make_policy("llama", {}))
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        plain = model(input_ids=TOKENS).logits
        with fused_adapters(model):
            assert torch.equal(model(input_ids=TOKENS).logits, plain)


def test_layers_are_given_back_after_an_error() -> None:
    model = with_lora(make_policy("llama", {}))
    with pytest.raises(ZeroDivisionError), fused_adapters(model):
        raise ZeroDivisionError
    assert fused_layers(model) == 0


def test_bfloat16_is_no_further_from_float32_than_peft() -> None:
    exact = with_lora(make_policy("llama", {}))
    model = with_lora(make_policy("llama", {}).bfloat16(), dtype=torch.bfloat16)
    for rounded, weight in zip(model.parameters(), exact.parameters(), strict=True):
        weight.data = rounded.data.float()
    truth, true_gradients = scores_and_gradients(exact)
    plain, their_gradients = scores_and_gradients(model)
    with fused_adapters(model):
        ours, our_gradients = scores_and_gradients(model)
    assert (ours - truth).norm() <= 1.1 * (plain - truth).norm()
    errors = [
        sum(
            float((found[name].float() - true).norm() ** 2) for name, true in true_gradients.items()
        )
        for found in (our_gradients, their_gradients)
    ]
    assert errors[0] <= 1.2 * errors[1]
