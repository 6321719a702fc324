"""The weights of linear layers as a rollout likes them: adapters merged, and laid out for products with few rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.functional import linear

ROWS_HINT = 32
"""Rows for which oneDNN lays weights out; other numbers of rows work too."""


@contextmanager
def rollout_weights(model: Any) -> Iterator[None]:
    """Let linear layers compute from weights of their own that hold for this while.

    - A LoRA layer computes with base + adapter in one weight, instead of three products a token. The model's weights
      are not touched, so that nothing has to be undone.
    - In bfloat16 on a CPU the weights are kept in oneDNN's own layout; otherwise it would rearrange each at every
      token, which takes as long as the product itself.

    Both cost a copy of the weights for the while. Weights must not change inside.

    Args:
        model: The policy, in evaluation mode.

    Yields:
        Nothing.
    """
    replaced: list[nn.Module] = []
    try:
        for module in _linear_layers(model):
            forward = _rollout_forward(module)
            if forward is not None:
                # An attribute of the object hides the method of its class.
                module.forward = forward
                replaced.append(module)
        yield
    finally:
        for module in replaced:
            del module.forward


def _linear_layers(module: nn.Module) -> Iterator[nn.Module]:
    """Walk down to plain linear layers and to linear layers with adapters, and no further."""
    if type(module) is nn.Linear or hasattr(module, "base_layer"):
        yield module
        return
    for child in module.children():
        yield from _linear_layers(child)


def _rollout_forward(module: Any) -> Callable[[torch.Tensor], torch.Tensor] | None:
    if "forward" in vars(module):
        return None
    has_adapters = hasattr(module, "base_layer")
    if has_adapters and not _can_be_merged(module):
        return None
    base = module.base_layer if has_adapters else module
    packs = _oneDNN_packs(base.weight)
    if not has_adapters and not packs:
        return None
    weight = _merged(module) if has_adapters else base.weight
    if not packs:
        return partial(linear, weight=weight, bias=base.bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), ROWS_HINT)
    return partial(_packed_linear, weight=packed, bias=base.bias)


def _can_be_merged(module: Any) -> bool:
    """Plain LoRA on a plain linear layer, switched on."""
    return (
        type(module.base_layer) is nn.Linear
        and hasattr(module, "lora_A")
        and not module.disable_adapters
        and not module.merged
        # DoRA and its like scale the weight; a bias of the adapter is no part of the product.
        and not module.lora_variant
        and not any(module.lora_bias.values())
    )


def _merged(module: Any) -> torch.Tensor:
    """Add up in float32, round once."""
    weight = module.base_layer.weight.detach()
    # An active adapter may leave this layer out.
    names = [name for name in module.active_adapters if name in module.lora_A]
    delta = sum(module.get_delta_weight(name).detach().float() for name in names)
    return (weight.float() + delta).to(weight.dtype)


def _oneDNN_packs(weight: torch.Tensor) -> bool:
    # The operations that PyTorch's own compiler uses for frozen weights.
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.bfloat16
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def _packed_linear(
    rows: torch.Tensor, *, weight: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    return torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
