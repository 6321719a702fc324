"""What a run of the paper would take: an estimate from published formulas, which nobody has measured here.

Every number below has its source; the shares of the hardware's peak that a run reaches are assumptions, and hours may be off by a factor of
two in either direction.
"""

import math
from dataclasses import dataclass

from rlsr.config.run import RunConfig
from rlsr.config.stages import StagedConfig

BYTES_PER_TRAINED_WEIGHT = 16
"""Weight and gradient in 16 bits, and a 32-bit copy with AdamW's two moments: ZeRO, arXiv 1910.02054, section 3.1."""
BYTES_PER_WEIGHT = 2
OPERATIONS_FORWARD = 2
"""Floating-point operations of a weight and token: scaling laws, arXiv 2001.08361, section 2.1; attention over the context is left out."""
OPERATIONS_UPDATE = 8
"""Forward, backward (twice as much), and the forward pass again that checkpointing of activations asks for: arXiv 2205.05198."""
BYTES_PER_CHECKPOINT = 2
"""Of a token, layer and unit of the width: the input of each layer is all that is kept, arXiv 2205.05198, section 5."""
BYTES_PER_LOGIT = 10
"""Of a token and vocabulary entry: the 16-bit logits, and 32-bit log-probabilities with their gradient."""


@dataclass(frozen=True)
class Accelerator:
    """One GPU."""

    name: str
    memory_gb: float
    tera_operations: float
    """Dense, in bfloat16, each second."""
    tera_bytes: float
    """Read from memory each second."""


H100 = Accelerator("H100 80 GB", 80, 989, 3.35)
"""NVIDIA's data sheet of the H100 SXM, without sparsity."""

UTILISATION = 0.4
"""Share of the peak that training reaches; 38 to 43 % is what Llama 3 reports of its own (arXiv 2407.21783, section 3.3)."""
READING = 0.6
"""Share of the memory's bandwidth that writing responses reaches: an assumption."""
USABLE = 0.85
"""Share of the memory that can be planned with: an assumption."""
TOKENS_AT_ONCE = 16_384
"""Tokens of a forward and backward pass on one GPU: an assumption."""
SIDE_BY_SIDE = 128
"""Responses that one copy of the policy writes at a time: an assumption."""
MEAN_PROMPT, MEAN_RESPONSE = 300, 500
"""Tokens: assumptions; the paper says nothing of lengths but their bound of 4,096 together."""


@dataclass(frozen=True)
class PolicyShape:
    """What decides the cost of a policy; from its ``config.json`` on the hub."""

    weights: float
    layers: int
    width: int
    key_width: int
    """Of all key heads together."""
    vocabulary: int
    active: float | None = None
    """Weights that a token passes through, where experts share the others; None is all of them."""

    @property
    def passed(self) -> float:
        """Weights that a token passes through."""
        return self.weights if self.active is None else self.active


SHAPES = {
    "meta-llama/Llama-3.1-8B-Instruct": PolicyShape(8.03e9, 32, 4096, 1024, 128_256),
    "Qwen/Qwen2.5-7B": PolicyShape(7.62e9, 28, 3584, 512, 152_064),
    "Qwen/Qwen2.5-32B": PolicyShape(32.8e9, 64, 5120, 1024, 152_064),
}
ENCODER_WEIGHTS = {
    "sentence-transformers/all-MiniLM-L6-v2": 22.7e6,
    "Qwen/Qwen3-Embedding-0.6B": 0.6e9,
}


@dataclass(frozen=True)
class Estimate:
    """What a run would take."""

    gpus: int
    """The fewest whose memory suffices: 1, 2, 4, or a multiple of 8."""
    gb_each: float
    """Peak on each, in gigabytes (10^9 bytes)."""
    hours: float
    """Of one epoch of each stage on so many."""


def estimate(config: StagedConfig, gpu: Accelerator = H100) -> Estimate:
    """Estimate a run.

    Args:
        config: Of a preset; its policy and encoder are among those whose sizes stand above.
        gpu: The accelerator.

    Returns:
        Memory, count and hours; all stages on the GPUs that the largest needs.
    """
    counts = [1, 2, 4, *range(8, 1025, 8)]
    stages = config.configs
    fits = (
        count
        for count in counts
        if max(gb_each(one, count) for one in stages) <= USABLE * gpu.memory_gb
    )
    count = next(fits)
    hours = sum(epoch_seconds(one, count, gpu) for one in stages) / 3600
    return Estimate(count, max(gb_each(one, count) for one in stages), hours)


def gb_each(config: RunConfig, gpus: int) -> float:
    """Estimate the memory of one GPU.

    Args:
        config: One stage.
        gpus: Those that weights, gradients and moments are sharded over.

    Returns:
        Gigabytes: what is sharded, what a pass keeps, and with rollouts the reference policy, the sharded copy that writes and its cache.
    """
    shape = SHAPES[config.model.name]
    held = BYTES_PER_TRAINED_WEIGHT * shape.weights / gpus
    kept = TOKENS_AT_ONCE * shape.layers * shape.width * BYTES_PER_CHECKPOINT
    logits = (
        TOKENS_AT_ONCE * shape.vocabulary * BYTES_PER_LOGIT / 4
    )  # a quarter of the tokens at a time
    if config.method.learns_from != "rollouts":
        return (held + kept + logits) / 1e9
    reference = BYTES_PER_WEIGHT * shape.weights / gpus
    writer = BYTES_PER_WEIGHT * shape.weights / _gpus_per_writer(gpus)
    cache = SIDE_BY_SIDE * (MEAN_PROMPT + MEAN_RESPONSE) * cache_bytes(shape)
    encoder = BYTES_PER_WEIGHT * ENCODER_WEIGHTS[config.embedding.model]
    writing = writer + cache / _gpus_per_writer(gpus)
    # What writes sleeps while the update keeps activations, and the other way round.
    return (held + reference + encoder + max(writing, kept + logits)) / 1e9


def epoch_seconds(config: RunConfig, gpus: int, gpu: Accelerator = H100) -> float:
    """Estimate the time of one pass over the prompts.

    Args:
        config: One stage.
        gpus: How many work on it.
        gpu: The accelerator.

    Returns:
        Seconds: the update; with rollouts also writing, the old and the reference policy's probabilities, and the encoder.
    """
    shape = SHAPES[config.model.name]
    prompts = config.data.limit or 0
    per_second = gpus * gpu.tera_operations * 1e12 * UTILISATION
    if config.method.learns_from != "rollouts":
        tokens = prompts * (MEAN_PROMPT + MEAN_RESPONSE)
        return OPERATIONS_UPDATE * shape.passed * tokens / per_second
    responses = prompts * config.method.num_sampled
    tokens = responses * (MEAN_PROMPT + MEAN_RESPONSE)
    passes = OPERATIONS_UPDATE + 2 * OPERATIONS_FORWARD
    encoding = (
        OPERATIONS_FORWARD * ENCODER_WEIGHTS[config.embedding.model] * responses * MEAN_RESPONSE
    )
    computing = (passes * shape.passed * tokens + encoding) / per_second
    return computing + writing_seconds(shape, responses, gpus, gpu)


def writing_seconds(shape: PolicyShape, responses: int, gpus: int, gpu: Accelerator) -> float:
    """Estimate how long responses are written: every token reads all weights and the cache of those that are written beside it.

    Args:
        shape: Of the policy.
        responses: How many are written.
        gpus: How many write; a copy of the policy spans the fewest that hold it.
        gpu: The accelerator.

    Returns:
        Seconds, bound by memory and not by arithmetic: arXiv 2211.05102, section 2.
    """
    context = MEAN_PROMPT + MEAN_RESPONSE / 2
    read = BYTES_PER_WEIGHT * shape.weights + SIDE_BY_SIDE * context * cache_bytes(shape)
    rounds = math.ceil(responses / SIDE_BY_SIDE) * MEAN_RESPONSE
    return rounds * read / (gpus * gpu.tera_bytes * 1e12 * READING)


def _gpus_per_writer(gpus: int) -> int:
    return min(gpus, 4)


def cache_bytes(shape: PolicyShape) -> float:
    """Of one token: a key and a value in each layer."""
    return 2 * shape.layers * shape.key_width * BYTES_PER_WEIGHT
