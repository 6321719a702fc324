"""How long a run will take, before it is started, from two short measurements."""

import math
import time
from dataclasses import dataclass
from typing import Any

from rlsr.config.run import RunConfig
from rlsr.engines.memory import PolicySize
from rlsr.forward.precision import computes_in_bfloat16

# Time over matrix products alone, set so that the dry run of the demo gives its 8.5 s a step on two CPU cores (docs/log.md):
# sampling, attention and memory traffic come on top of the products. Other devices have other overheads, hence "to a factor of two".
GENERATE_OVERHEAD = 1.9
UPDATE_OVERHEAD = 1.8


@dataclass(frozen=True)
class Workload:
    """How much there is to compute, whatever computes it."""

    prompt_tokens: float
    """Mean length of a prompt."""
    response_tokens: float
    """Tokens of a response that is learnt from; where responses are sampled, the longest, which the estimate has them reach."""
    answer_tokens: int
    """Longest answer to a held-out prompt."""
    num_heldout: int
    """Prompts answered before and after."""
    num_steps: int
    """Optimiser steps."""
    num_samples: int = 0
    """Responses that are sampled before training, to find worse ones."""
    num_validation: int = 0
    """Prompts that are measured while training."""


@dataclass(frozen=True)
class TimeEstimate:
    """Rough time of a run."""

    step_seconds: float
    """One optimiser step with responses of full length."""
    total_minutes: float
    """All steps with what is measured between them, and both evaluations."""
    validation_seconds: float = 0.0
    """One measurement on validation prompts."""
    counted_minutes: float = 0.0
    """Of all of it what budgets of time count: the steps and what is measured between them."""


def estimate(
    config: RunConfig,
    policy: PolicySize,
    work: Workload,
    *,
    device: str,
    reads_prompts_once: bool = True,
) -> TimeEstimate:
    """Estimate the time of a run.

    Args:
        config: The resolved config.
        policy: The policy.
        work: Sizes of the data.
        device: Where it will run; rates are measured there.
        reads_prompts_once: Whether a prompt passes through the policy once for all its responses.

    Returns:
        The estimate; expect a factor of two either way, more where responses end early.
    """
    method = config.method
    rows = config.training.prompts_per_step * (method.num_sampled or method.responses_per_prompt)
    slow, fast = (_matrix_rate(device, policy, rows=count) for count in (rows, 2048))
    # Two operations a weight and token; the backward pass costs twice the forward pass.
    forward = 2 * policy.num_parameters
    generate = (
        GENERATE_OVERHEAD * forward * rows * work.response_tokens / slow
        if method.num_sampled
        else 0.0
    )
    passes = 3 * method.updates_per_step + method.extra_passes
    update = (
        UPDATE_OVERHEAD * passes * forward * _update_tokens(config, work, reads_prompts_once) / fast
    )
    written = GENERATE_OVERHEAD * forward * work.answer_tokens / slow
    read = UPDATE_OVERHEAD * forward * (work.prompt_tokens + work.response_tokens) / fast
    # A scorer reads both answers of a pair.
    of_prompt = 2 * read if method.makes == "scorer" else written
    answers = 0.0
    settings = config.evaluation
    if settings.enabled and work.num_heldout:
        asked = 2 * work.num_heldout + len(settings.during) * min(
            work.num_heldout, settings.during_prompts or work.num_heldout
        )
        answers = of_prompt * asked
    pairs = written * work.num_samples
    validation = work.num_validation * (read if config.validation_metric == "nll" else of_prompt)
    step = generate + update
    # Before the first step, after every so many and after the last one.
    num_measurements = 1 + math.ceil(work.num_steps / config.validation.every_steps)
    training = step * work.num_steps + validation * num_measurements
    limits = (config.training.max_seconds, config.pipeline.max_seconds)
    training = min([training, *(limit for limit in limits if limit is not None)])
    return TimeEstimate(
        step_seconds=step,
        total_minutes=(training + answers + pairs) / 60,
        validation_seconds=validation,
        counted_minutes=training / 60,
    )


def _update_tokens(config: RunConfig, work: Workload, reads_prompts_once: bool) -> float:
    """Count the tokens that pass through the policy once for an update."""
    prompts = config.training.prompts_per_step
    responses = prompts * config.method.responses_per_prompt
    times_read = prompts if reads_prompts_once else responses
    return times_read * work.prompt_tokens + responses * work.response_tokens


def _matrix_rate(device: str, policy: PolicySize, *, rows: int) -> float:
    """Measure operations a second of a product like those of the policy."""
    import torch

    dtype = torch.bfloat16 if policy.bytes_per_weight == 2 else torch.float32
    width = min(max(policy.hidden_size, 64), 2048)
    if dtype == torch.bfloat16 and not computes_in_bfloat16(device):
        # Emulated, a large product takes seconds and is no faster for it.
        rows = min(rows, 32)
    # Several matrices, so that they come from memory as the layers of a policy do, and not from the cache.
    layers = [torch.randn(width, 4 * width, dtype=dtype, device=device) for _ in range(8)]
    batch = torch.randn(rows, width, dtype=dtype, device=device)
    _time_product(batch, layers[-1], device)
    products, seconds = 0, 0.0
    while seconds < 0.2:
        seconds += _time_product(batch, layers[products % len(layers)], device)
        products += 1
    return 2 * rows * width * 4 * width * products / seconds


def _time_product(batch: Any, layer: Any, device: str) -> float:
    import torch

    started = time.perf_counter()
    batch @ layer
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()
    return time.perf_counter() - started
