"""What this machine can do: products of the policy's own shapes, and memory bandwidth."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from floor_counts import PolicyShape

READ_BYTES = 512_000_000
"""What is read to measure bandwidth: far more than any cache holds."""
UPDATE_ROWS = 2048
"""Rows of the products of prefill, reference and update."""
_NUM_LAYERS = 4
"""Different layers in turn, so that weights come from memory as they do in a policy."""
_SECONDS = 0.5
_NUM_READS = 5


def measure_rates(shape: PolicyShape, decode_rows: int, device: str) -> dict[str, float]:
    """Measure products in all shapes of a policy.

    Args:
        shape: The policy.
        decode_rows: Responses that are sampled side by side.
        device: ``cpu`` or ``cuda``.

    Returns:
        Operations a second by the names of ``floor_counts.RATES``.
    """
    rates = {}
    layer = shape.linear_shapes
    head = ((shape.hidden, shape.vocabulary),)
    for suffix, shapes in (("", layer * _NUM_LAYERS), ("_head", head)):
        rates[f"decode{suffix}"] = _rate("forward", shapes, decode_rows, shape, device)
        for kind in ("forward", "input_gradient", "weight_gradient"):
            rates[f"{kind}{suffix}"] = _rate(kind, shapes, UPDATE_ROWS, shape, device)
    return rates


def measure_bandwidth(device: str) -> float:
    """Measure reading 512 MB.

    Args:
        device: ``cpu`` or ``cuda``.

    Returns:
        Bytes a second, the best of several tries.
    """
    import torch

    values = torch.ones(READ_BYTES // 4, dtype=torch.float32, device=device)
    seconds = [_seconds(values.sum, device) for _ in range(_NUM_READS)]
    return READ_BYTES / min(seconds)


def _rate(
    kind: str, shapes: Sequence[tuple[int, int]], rows: int, shape: PolicyShape, device: str
) -> float:
    import torch

    dtype = torch.bfloat16 if shape.bytes_per_weight == 2 else torch.float32

    def some(*size: int) -> Any:
        return torch.randn(*size, dtype=dtype, device=device)

    # A linear layer keeps its weights as (outputs, inputs).
    weights = [some(outputs, inputs) for inputs, outputs in shapes]
    inputs = {size: some(rows, size) for size in {size for size, _ in shapes}}
    gradients = {size: some(rows, size) for size in {size for _, size in shapes}}

    def once() -> None:
        for weight, (size, outputs) in zip(weights, shapes, strict=True):
            if kind == "forward":
                product(inputs[size], weight)
            elif kind == "input_gradient":
                gradients[outputs] @ weight
            else:
                gradients[outputs].T @ inputs[size]

    def packed(rows: Any, weight: Any) -> Any:
        return torch.ops.mkldnn._linear_pointwise(rows, weight, None, "none", [], "")

    tries: list[float] = []
    product = torch.nn.functional.linear
    tries += _tries(once, device)
    if kind == "forward" and device == "cpu" and dtype == torch.bfloat16:
        # The layout that rollouts use is faster for few rows; a floor is the faster of the two.
        weights = [torch.ops.mkldnn._reorder_linear_weight(weight, rows) for weight in weights]
        product = packed
        tries += _tries(once, device)
    operations = 2.0 * rows * sum(one * other for one, other in shapes)
    # The best try, not the mean: others on the machine do not lower a floor.
    return operations / min(tries)


def _tries(function: Callable[[], None], device: str) -> list[float]:
    function()
    tries: list[float] = []
    while sum(tries) < _SECONDS or len(tries) < 2:
        tries.append(_seconds(function, device))
    return tries


def _seconds(function: Callable[[], Any], device: str) -> float:
    import torch

    started = time.perf_counter()
    with torch.no_grad():
        function()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started
