"""What a run will cost, before it is started: memory from arithmetic, time from two short measurements."""

import time
from dataclasses import dataclass
from typing import Any

from rlsr.config.run import RunConfig

BASE_GB = 0.9
"""Python with torch, transformers, TRL and a small encoder loaded."""

# Measured time over matrix products alone, for the demo on two CPU cores (docs/log.md): sampling, attention and memory traffic
# come on top of the products. Other devices have other overheads, hence "to a factor of two".
GENERATE_OVERHEAD = 6.3
UPDATE_OVERHEAD = 3.4


@dataclass(frozen=True)
class Workload:
    """How much there is to compute."""

    num_parameters: int
    """Weights of the policy, embeddings counted once where they are tied."""
    hidden_size: int
    """Width of the policy."""
    num_layers: int
    """Depth of the policy."""
    vocab_size: int
    """Size of its vocabulary."""
    bytes_per_weight: int
    """2 or 4."""
    prompt_tokens: float
    """Mean length of a prompt."""
    response_tokens: int
    """Longest response; the estimate is for responses that reach it."""
    num_heldout: int
    """Prompts answered before and after."""
    num_steps: int
    """Optimiser steps."""


@dataclass(frozen=True)
class Estimate:
    """Rough cost of a run."""

    memory_gb: float
    """Peak memory in gigabytes (10^9 bytes)."""
    step_seconds: float
    """One optimiser step with responses of full length."""
    total_minutes: float
    """All steps and both evaluations."""


def estimate(config: RunConfig, work: Workload, device: str) -> Estimate:
    """Estimate memory and time of a run.

    Args:
        config: The resolved config.
        work: Sizes of policy and data.
        device: Where it will run; rates are measured there.

    Returns:
        The estimate; expect a factor of two either way, more where responses end early.
    """
    rows = config.training.prompts_per_step * config.method.num_generations
    slow, fast = (_matrix_rate(device, work, rows=count) for count in (rows, 2048))
    length = work.prompt_tokens + work.response_tokens
    # Two operations a weight and token; the backward pass costs twice the forward pass.
    forward = 2 * work.num_parameters
    generate = GENERATE_OVERHEAD * forward * rows * work.response_tokens / slow
    passes = 3 + (1 if config.method.kl_coefficient > 0 else 0)
    update = UPDATE_OVERHEAD * passes * forward * rows * length / fast
    answers = 0.0
    if config.evaluation.enabled and work.num_heldout:
        answers = 2 * GENERATE_OVERHEAD * forward * work.num_heldout * work.response_tokens / slow
    step = generate + update
    return Estimate(
        memory_gb=memory_gb(config, work),
        step_seconds=step,
        total_minutes=(step * work.num_steps + answers) / 60,
    )


def memory_gb(config: RunConfig, work: Workload) -> float:
    """Add up what is held at the peak, the backward pass of a micro-batch.

    Args:
        config: The resolved config.
        work: Sizes of policy and data.

    Returns:
        Gigabytes (10^9 bytes).
    """
    weights = work.num_parameters * work.bytes_per_weight
    lora = config.model.lora
    if lora is None:
        reference = weights if config.method.kl_coefficient > 0 else 0
        gradients = weights
        # Two moments in float32, and float32 copies of bfloat16 weights.
        optimizer = work.num_parameters * (12 if work.bytes_per_weight == 2 else 8)
        trained = reference + gradients + optimizer
    else:
        # A pair of rank-r matrices for each of about seven linear layers of a block, in float32, with gradient and
        # two moments.
        adapters = work.num_layers * 7 * 2 * lora.rank * 2 * work.hidden_size
        trained = adapters * 16
    micro = min(
        config.training.micro_batch,
        config.training.prompts_per_step * config.method.num_generations,
    )
    positions = micro * (work.prompt_tokens + work.response_tokens)
    # About forty numbers a position, layer and unit of width are kept for the backward pass, some of them in float32.
    per_layer = 40 * work.hidden_size * max(work.bytes_per_weight, 3)
    layers = 2 if config.training.gradient_checkpointing else work.num_layers
    activations = positions * per_layer * layers
    # Logits of the responses and their log-softmax in float32, with gradients.
    logits = micro * work.response_tokens * work.vocab_size * 4 * 3
    return BASE_GB + (weights + trained + activations + logits) / 1e9


def _matrix_rate(device: str, work: Workload, *, rows: int) -> float:
    """Measure operations a second of a product like those of the policy."""
    import torch

    dtype = torch.bfloat16 if work.bytes_per_weight == 2 else torch.float32
    width = min(max(work.hidden_size, 64), 2048)
    # Several matrices, so that they come from memory as the layers of a policy do, and not from the cache.
    layers = [torch.randn(width, 4 * width, dtype=dtype, device=device) for _ in range(8)]
    batch = torch.randn(rows, width, dtype=dtype, device=device)
    _multiply(batch, layers, device)
    repeats, seconds = 0, 0.0
    while seconds < 0.2:
        started = time.perf_counter()
        _multiply(batch, layers, device)
        seconds += time.perf_counter() - started
        repeats += 1
    return 2 * rows * width * 4 * width * len(layers) * repeats / seconds


def _multiply(batch: Any, layers: list[Any], device: str) -> None:
    import torch

    for layer in layers:
        batch @ layer
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()
