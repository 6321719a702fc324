"""The weights of linear layers as a rollout likes them: adapters merged, and laid out for products with few rows."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.functional import linear

from rlsr.forward.fused_adapters import active_names, is_plain_lora

Forward = Callable[[torch.Tensor], torch.Tensor]

ROWS_HINT = 32
"""Rows for which oneDNN lays weights out; other numbers of rows work too."""

TOGETHER = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
"""Names of layers that most policies ask about the same rows, one right after the other."""


@contextmanager
def rollout_weights(model: Any) -> Iterator[None]:
    """Let linear layers compute from weights of their own that hold for this while.

    - A LoRA layer computes with base + adapter in one weight, instead of three products a token. The model's weights
      are not touched, so that nothing has to be undone.
    - On a CPU, layers that read the same rows are one product.
    - In bfloat16 on a CPU the weights are kept in oneDNN's own layout; otherwise it would rearrange each at every
      token, which takes as long as the product itself.

    All cost a copy of the weights for the while. Weights must not change inside.

    Args:
        model: The policy, in evaluation mode.

    Yields:
        Nothing.
    """
    replaced: list[nn.Module] = []
    try:
        for layers in _linear_layers(model):
            for module, forward in _rollout_forwards(layers):
                # An attribute of the object hides the method of its class.
                module.forward = forward
                replaced.append(module)
        yield
    finally:
        for module in replaced:
            del module.forward


def _linear_layers(module: nn.Module) -> Iterator[list[nn.Module]]:
    """Walk down to plain linear layers and to linear layers with adapters, and no further; some stand together."""
    if _is_linear(module):
        yield [module]
        return
    children = dict(module.named_children())
    for names in TOGETHER:
        if all(name in children and _is_linear(children[name]) for name in names):
            yield [children.pop(name) for name in names]
    for child in children.values():
        yield from _linear_layers(child)


def _is_linear(module: nn.Module) -> bool:
    return type(module) is nn.Linear or hasattr(module, "base_layer")


def _rollout_forwards(layers: Sequence[Any]) -> list[tuple[nn.Module, Forward]]:
    """Choose what to compute with for the while; layers that are left out stay as they are."""
    layers = [layer for layer in layers if "forward" not in vars(layer) and _has_one_weight(layer)]
    if len(layers) > 1 and _are_one_product(layers):
        weight = torch.cat([_weight(layer) for layer in layers])
        biases = [_base(layer).bias for layer in layers]
        bias = None if biases[0] is None else torch.cat(biases).detach()
        sizes = [_base(layer).out_features for layer in layers]
        shared = _SharedProduct(_product(weight, bias), sizes)
        return [(layer, partial(shared.part, number)) for number, layer in enumerate(layers)]
    return [
        (layer, _product(_weight(layer), _base(layer).bias))
        for layer in layers
        if hasattr(layer, "base_layer") or _oneDNN_packs(layer.weight)
    ]


class _SharedProduct:
    """The product of several layers with the same rows.

    Args:
        product: Computes all of them.
        sizes: Outputs of each.
    """

    def __init__(self, product: Forward, sizes: Sequence[int]) -> None:
        self._product = product
        self._sizes = list(sizes)
        self._rows: torch.Tensor | None = None
        self._parts: Sequence[torch.Tensor] = ()

    def part(self, number: int, rows: torch.Tensor) -> torch.Tensor:
        """Give one layer's part, computed with the others' where these rows are new.

        Args:
            number: Of the layer.
            rows: Its inputs.

        Returns:
            Its outputs, a view.
        """
        if rows is not self._rows:
            self._parts = self._product(rows).split(self._sizes, dim=-1)
            self._rows = rows
        part = self._parts[number]
        if number == len(self._sizes) - 1:
            # Nobody can change the rows and ask again.
            self._rows, self._parts = None, ()
        return part


def _has_one_weight(layer: Any) -> bool:
    return not hasattr(layer, "base_layer") or is_plain_lora(layer)


def _are_one_product(layers: Sequence[Any]) -> bool:
    bases = [_base(layer) for layer in layers]
    return (
        all(base.weight.device.type == "cpu" for base in bases)
        and len({base.weight.dtype for base in bases}) == 1
        and len({base.in_features for base in bases}) == 1
        and len({base.bias is None for base in bases}) == 1
    )


def _base(layer: Any) -> nn.Linear:
    base: nn.Linear = layer.base_layer if hasattr(layer, "base_layer") else layer
    return base


def _weight(layer: Any) -> torch.Tensor:
    return _merged(layer) if hasattr(layer, "base_layer") else layer.weight.detach()


def _product(weight: torch.Tensor, bias: torch.Tensor | None) -> Forward:
    if not _oneDNN_packs(weight):
        return partial(linear, weight=weight, bias=bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS_HINT)
    return partial(_packed_linear, weight=packed, bias=bias)


def _merged(module: Any) -> torch.Tensor:
    """Add up in float32, round once."""
    weight = module.base_layer.weight.detach()
    delta = sum(module.get_delta_weight(name).detach().float() for name in active_names(module))
    return (weight.float() + delta).to(weight.dtype)


def _oneDNN_packs(weight: torch.Tensor) -> bool:
    # The operations that PyTorch's own compiler uses for frozen weights.
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.bfloat16
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        # Without AVX512 oneDNN refuses to pack bfloat16, which PyTorch's own product emulates.
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


def _packed_linear(
    rows: torch.Tensor, *, weight: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    return torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
