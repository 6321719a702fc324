"""Linear layers with adapters as one operation: fewer passes over their inputs and outputs, forward and backward."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.functional import linear


@contextmanager
def fused_adapters(model: Any) -> Iterator[None]:
    """Let each linear layer with one LoRA adapter compute x W^T + s (x A^T) B^T in place, and its gradients so, too.

    PEFT writes the scaled product and the sum as tensors of their own, and PyTorch the same of their gradients, which on a
    small policy is 4 % of a pass (docs/log.md). Layers with anything else, as dropout, DoRA, several adapters
    or weights of different types, are left as they are. With gradient checkpointing the backward pass must happen
    inside, since it runs the layers again.

    Args:
        model: A policy, with adapters or without.

    Yields:
        Nothing.
    """
    replaced: list[nn.Module] = []
    try:
        for module in model.modules():
            if "forward" not in vars(module) and can_be_fused(module):
                # An attribute of the object hides the method of its class.
                module.forward = partial(_forward, module)
                replaced.append(module)
        yield
    finally:
        for module in replaced:
            del module.forward


def is_plain_lora(module: Any) -> bool:
    """Say whether a module is a plain linear layer with plain LoRA, switched on.

    Args:
        module: Any module.

    Returns:
        True where its output is that of base + scaled product of the active adapters' two matrices.
    """
    return (
        type(getattr(module, "base_layer", None)) is nn.Linear
        and hasattr(module, "lora_A")
        and not module.disable_adapters
        and not module.merged
        # DoRA and its like scale the weight; a bias of the adapter is no part of the product.
        and not module.lora_variant
        and not any(module.lora_bias.values())
    )


def active_names(layer: Any) -> list[str]:
    """List the active adapters of a layer; an active adapter may leave a layer out.

    Args:
        layer: A layer with LoRA.
    """
    return [name for name in layer.active_adapters if name in layer.lora_A]


def can_be_fused(module: Any) -> bool:
    """Say whether a module's forward pass can be one operation.

    Args:
        module: Any module.

    Returns:
        True for plain LoRA with one active adapter, without dropout, all of one type.
    """
    if not is_plain_lora(module):
        return False
    names = active_names(module)
    if len(names) != 1 or type(module.lora_dropout[names[0]]) is not nn.Identity:
        return False
    types = {
        module.base_layer.weight.dtype,
        module.lora_A[names[0]].weight.dtype,
        module.lora_B[names[0]].weight.dtype,
    }
    return len(types) == 1


def _forward(module: Any, rows: torch.Tensor, *others: Any, **named: Any) -> Any:
    # Adapters may have been switched since.
    is_fused = can_be_fused(module) and not torch.is_autocast_enabled(rows.device.type)
    if others or named or not is_fused:
        return type(module).forward(module, rows, *others, **named)
    (name,) = active_names(module)
    base = module.base_layer
    down, up = module.lora_A[name].weight, module.lora_B[name].weight
    return _AdaptedLinear.apply(rows, base.weight, base.bias, down, up, module.scaling[name])


class _AdaptedLinear(torch.autograd.Function):
    """With h = x A^T: y = x W^T + b + s h B^T; dx = dy W + s (dy B) A, dA = s (dy B)^T x, dB = s dy^T h."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        down: torch.Tensor,
        up: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        rows = inputs.flatten(0, -2)
        hidden = rows @ down.T
        output = linear(rows, weight, bias).addmm_(hidden, up.T, alpha=scaling)
        ctx.save_for_backward(rows, hidden, weight, down, up)
        ctx.scaling = scaling
        return output.unflatten(0, inputs.shape[:-1])

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[Any, ...]:
        rows, hidden, weight, down, up = ctx.saved_tensors
        wants_inputs, wants_weight, wants_bias, wants_down, wants_up, _ = ctx.needs_input_grad
        by_output = gradient.flatten(0, -2)
        by_hidden = by_output @ up
        by_inputs = None
        if wants_inputs:
            by_inputs = (by_output @ weight).addmm_(by_hidden, down, alpha=ctx.scaling)
            by_inputs = by_inputs.unflatten(0, gradient.shape[:-1])
        return (
            by_inputs,
            by_output.T @ rows if wants_weight else None,
            by_output.sum(dim=0) if wants_bias else None,
            (by_hidden.T @ rows).mul_(ctx.scaling) if wants_down else None,
            (by_output.T @ hidden).mul_(ctx.scaling) if wants_up else None,
            None,
        )
