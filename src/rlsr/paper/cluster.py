"""A step of one of the paper's runs on a cluster, stage by stage: nobody has measured it, and every assumption stands here or beside ``estimate``."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rlsr.paper.estimate import (
    BYTES_PER_TRAINED_WEIGHT,
    BYTES_PER_WEIGHT,
    H100,
    MEAN_PROMPT,
    MEAN_RESPONSE,
    OPERATIONS_FORWARD,
    OPERATIONS_UPDATE,
    READING,
    SIDE_BY_SIDE,
    TOKENS_AT_ONCE,
    USABLE,
    UTILISATION,
    Accelerator,
    PolicyShape,
    cache_bytes,
)
from rlsr.paper.pipeline import Stage, gather_seconds, step_seconds, streamed_seconds

NETWORK = 50e9
"""Bytes that a GPU receives from other machines each second: a port of 400 Gb/s for each, NVIDIA's data sheet of the DGX H100."""
BESIDE = 450e9
"""Bytes from GPUs of its own machine, one direction of NVLink: the same data sheet."""
PER_MACHINE = 8
LONGEST = 2048
"""Tokens of the longest response of a step, which the step waits for: the bound of the presets; an assumption that one reaches it."""
MESSAGE = 20e-6
"""Seconds until the GPUs of one copy have added up a layer's result, twice a layer and token: an assumption."""
PARTS = 16
"""Parts in which responses come to a reward that stands apart: an assumption."""


@dataclass(frozen=True)
class Encoder:
    """What encodes responses; references are encoded once and kept."""

    weights: float
    cores: int = 0
    """Processor cores apart from the GPUs; 0 has it on the policy's GPUs, after writing."""
    core_seconds: float = 0.0
    """Of one core for one response, as measured."""


@dataclass(frozen=True)
class Step:
    """Seconds of one on-policy step."""

    generate: float
    reward: float
    """On its own; where it stands apart, most of it passes while responses are written."""
    update: float
    step: float

    @property
    def longest(self) -> str:
        """The part that takes most."""
        parts = {"generate": self.generate, "reward": self.reward, "update": self.update}
        return max(parts, key=lambda name: parts[name])


def one_step(
    shape: PolicyShape,
    encoder: Encoder,
    gpus: int,
    responses: int,
    *,
    writers: int = 0,
    gpu: Accelerator = H100,
) -> Step:
    """Predict a step.

    Args:
        shape: Of the policy.
        encoder: Of the reward, and where it stands.
        gpus: In machines of eight.
        responses: Of the step.
        writers: GPUs that only write, while the others learn from the step before; 0 lets all write, and then all learn.
        gpu: The accelerator.

    Returns:
        The parts, and the step; with ``writers`` off-policy by one step, which neither engine of rlsr does.
    """
    writing = writing_stage(shape, writers or gpus, gpu).seconds(responses)
    rewarding = reward_stage(encoder, gpus - writers, gpu).seconds(responses)
    updating = update_stage(shape, gpus - writers, gpu).seconds(responses)
    if writers:
        step = step_seconds([writing, rewarding, updating], behind=1)
    else:
        parts = PARTS if encoder.cores else 1
        step = step_seconds([streamed_seconds(writing, rewarding, parts), updating])
    return Step(writing, rewarding, updating, step)


def writing_stage(shape: PolicyShape, gpus: int, gpu: Accelerator = H100) -> Stage:
    """Describe writing: every token reads all weights and the cache of the responses beside it (arXiv 2211.05102, section 2).

    Args:
        shape: Of the policy.
        gpus: That write, divided into copies of the policy.
        gpu: The accelerator.

    Returns:
        The stage; its workers are copies, and none is done before its longest response.
    """
    span = min(copy_gpus(shape, gpu), gpus)
    bandwidth = span * gpu.tera_bytes * 1e12 * READING
    messages = 2 * shape.layers * MESSAGE if span > 1 else 0.0
    token_s = BYTES_PER_WEIGHT * shape.weights / bandwidth + messages
    context = MEAN_PROMPT + MEAN_RESPONSE / 2
    each = MEAN_RESPONSE * (token_s / SIDE_BY_SIDE + context * cache_bytes(shape) / bandwidth)
    # New weights come to every copy, a part to each of its GPUs.
    renewed = BYTES_PER_WEIGHT * shape.weights / span / _receiving(gpus)
    return Stage(each, gpus // span, alone_s=LONGEST * token_s, step_s=renewed)


def reward_stage(encoder: Encoder, gpus: int, gpu: Accelerator = H100) -> Stage:
    """Describe the reward: responses are encoded; references were, once.

    Args:
        encoder: And where it stands.
        gpus: Of the policy, which encode where there are no cores for it.
        gpu: The accelerator.

    Returns:
        The stage.
    """
    if encoder.cores:
        return Stage(encoder.core_seconds, encoder.cores)
    operations = OPERATIONS_FORWARD * encoder.weights * MEAN_RESPONSE
    return Stage(operations / (gpu.tera_operations * 1e12 * UTILISATION), gpus)


def update_stage(shape: PolicyShape, gpus: int, gpu: Accelerator = H100) -> Stage:
    """Describe learning: the old and the reference policy's passes, and one update of fully sharded weights.

    Args:
        shape: Of the policy.
        gpus: That learn, each from its share of the responses.
        gpu: The accelerator.

    Returns:
        The stage. Weights are fetched while the pass before computes (an assumption), so a pass takes the longer of the two, and one
        pass of each kind is the least.
    """
    tokens = MEAN_PROMPT + MEAN_RESPONSE
    passes = OPERATIONS_UPDATE + 2 * OPERATIONS_FORWARD
    computing = passes * shape.passed * tokens / (gpu.tera_operations * 1e12 * UTILISATION)
    size = BYTES_PER_WEIGHT * shape.weights
    # Forward of both policies and of the update, backward, and gradients back: each moves all weights once.
    fetching = 5 * gather_seconds(size, gpus, _receiving(gpus))
    stepping = BYTES_PER_TRAINED_WEIGHT * shape.weights / gpus / (gpu.tera_bytes * 1e12 * READING)
    each = max(computing, fetching * tokens / TOKENS_AT_ONCE)
    return Stage(each, gpus, alone_s=max(computing, fetching), step_s=stepping)


def copy_gpus(shape: PolicyShape, gpu: Accelerator = H100) -> int:
    """Count the GPUs that hold one copy that writes: the fewest, doubled each time, whose memory is half weights and half cache.

    Args:
        shape: Of the policy.
        gpu: The accelerator.

    Returns:
        1, 2, 4 and so on.
    """
    needed = BYTES_PER_WEIGHT * shape.weights / (gpu.memory_gb * 1e9 / 2)
    return 1 << max(0, math.ceil(math.log2(needed)))


def fewest_gpus(shape: PolicyShape, gpu: Accelerator = H100) -> int:
    """Count the GPUs whose memory holds what is trained and the reference policy, activations left out.

    Args:
        shape: Of the policy.
        gpu: The accelerator.

    Returns:
        Rounded up to whole machines where it is more than one.
    """
    held = (BYTES_PER_TRAINED_WEIGHT + BYTES_PER_WEIGHT) * shape.weights
    count = math.ceil(held / (USABLE * gpu.memory_gb * 1e9))
    return count if count <= PER_MACHINE else math.ceil(count / PER_MACHINE) * PER_MACHINE


def _receiving(gpus: int) -> float:
    return BESIDE if gpus <= PER_MACHINE else NETWORK


def saturation(sizes: Sequence[int], seconds: Sequence[float], least: float = 0.5) -> int | None:
    """Find where more GPUs are mostly idle.

    Args:
        sizes: Numbers of GPUs, from few to many.
        seconds: A step with each.
        least: Share of the first size's responses a second and GPU that must be left.

    Returns:
        The first size below that; None where there is none.
    """
    first = sizes[0] * seconds[0]
    return next(
        (size for size, step in zip(sizes, seconds, strict=True) if first < least * size * step),
        None,
    )
