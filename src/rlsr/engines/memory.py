"""What a run holds in memory, and how many tokens of a pass that leaves room for."""

import gc
import math
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from rlsr.config.run import RunConfig

BASE_GB = 0.8
"""Python with torch, transformers, TRL and a small encoder loaded."""

NUMBERS_PER_UNIT = 40
"""Numbers kept for the backward pass of one layer, per token and unit of the policy's width; 23 to 44 were
measured (docs/log.md)."""

CONTAINER = Path("/sys/fs/cgroup")
"""Where Linux says how much memory a container has."""

SHARE_OF_FREE = 0.85
"""Part of the free memory that a run may plan with; the estimate is not exact."""


@dataclass(frozen=True)
class PolicySize:
    """What decides how much memory a policy takes."""

    num_parameters: int
    """Weights, embeddings counted once where they are tied."""
    hidden_size: int
    """Width."""
    num_layers: int
    """Depth."""
    vocab_size: int
    """Size of its vocabulary."""
    key_width: int
    """Width of all key heads together."""
    bytes_per_weight: int
    """2 or 4."""
    translator_gb: float = 0.0
    """Weights of the reward's translator, which lie beside the policy's, in gigabytes."""


@dataclass(frozen=True)
class RolloutSize:
    """How long the texts of a rollout are, in tokens."""

    longest_prompt: int
    """The longest prompt of the training data."""
    response_tokens: int
    """The longest response, or those that must stand in one pass together."""
    num_generations: int
    """Responses of a prompt that are sampled; 0 where none are."""
    num_prompts: int
    """Prompts of a step."""

    @property
    def row_tokens(self) -> int:
        """Tokens of the longest response with its prompt."""
        return self.longest_prompt + self.response_tokens


@dataclass(frozen=True)
class StepCut:
    """The pieces that a step is computed in."""

    tokens_per_pass: int
    """Tokens of one forward and backward pass."""
    rows_at_a_time: int | None = None
    """Responses written side by side in a rollout; None is all."""


@dataclass(frozen=True)
class MemoryPlan:
    """What a run needs of memory."""

    cut: StepCut
    """The pieces of a step, so that it fits."""
    peak_gb: float
    """Estimated peak in gigabytes (10^9 bytes)."""
    notices: tuple[str, ...]
    """What was made smaller, or will not fit."""


def plan_memory(
    config: RunConfig, policy: PolicySize, rollout: RolloutSize, *, device: str, free_gb: float
) -> MemoryPlan:
    """Choose the tokens of a pass and the rows of a rollout.

    Args:
        config: The resolved config.
        policy: The policy.
        rollout: The texts.
        device: Where the run will be.
        free_gb: Free memory there, in gigabytes.

    Returns:
        ``training.tokens_per_pass`` or, by default, what keeps the device busy; less where that does not fit.
    """
    room = SHARE_OF_FREE * free_gb - held_gb(config, policy)
    wanted = config.training.tokens_per_pass or default_tokens(rollout, device)
    fitting = math.floor(room * 1e9 / token_bytes(config, policy))
    notices = []
    tokens = wanted
    if fitting < wanted:
        tokens = min(wanted, max(fitting, rollout.row_tokens))
        notices.append(
            f"passes of {wanted:,} tokens would need about {_peak(config, policy, wanted):.1f} GB, and {_usable(free_gb)}: "
            f"training.tokens_per_pass is lowered to {tokens:,}, with the same result"
        )
    if fitting < rollout.row_tokens:
        notices = [
            f"passes of a single response need about {_peak(config, policy, rollout.row_tokens):.1f} GB, and {_usable(free_gb)}: "
            f"the run may end for lack of memory; {', '.join(_ways_out(config))}, or take a smaller policy"
        ]
        tokens = min(wanted, rollout.row_tokens)
    rows = _rows_at_a_time(policy, rollout, room)
    written = rollout_gb(policy, rollout, rows)
    if written > room and fitting >= rollout.row_tokens:
        notices = [
            f"to write the {rollout.num_generations:,} responses to a single prompt needs about "
            f"{held_gb(config, policy) + written:.1f} GB, and {_usable(free_gb)}: the run may end for lack of memory; lower "
            "method.num_generations or method.max_response_tokens, or take a smaller policy"
        ]
    # A response longer than a pass has one of its own.
    longest_pass = max(tokens, rollout.row_tokens)
    peak = held_gb(config, policy) + max(longest_pass * token_bytes(config, policy) / 1e9, written)
    return MemoryPlan(StepCut(tokens, rows), peak, tuple(notices))


def default_tokens(rollout: RolloutSize, device: str) -> int:
    """Choose the tokens of a pass where memory sets no limit.

    Args:
        rollout: The texts.
        device: Where the run will be.

    Returns:
        Enough for a device to be busy, and for any single response. On a CPU longer passes are no faster (docs/log.md):
        the longest prompt and 768 tokens of responses, so that it is read again for a long group alone.
    """
    busy = 768 if device == "cpu" else 16384
    return rollout.longest_prompt + max(busy, rollout.response_tokens)


def held_gb(config: RunConfig, policy: PolicySize) -> float:
    """Add up what is held all the time: weights, reference policy, gradients, optimiser, the mean of the weights.

    Args:
        config: The resolved config.
        policy: The policy.

    Returns:
        Gigabytes (10^9 bytes).
    """
    weights = policy.num_parameters * policy.bytes_per_weight
    # Two moments in float32, and float32 copies of bfloat16 weights.
    optimizer = 12 if policy.bytes_per_weight == 2 else 8
    # Their mean in float32, and its copy in the weights' type while it is measured.
    mean = 0 if config.training.average_power is None else 4 + policy.bytes_per_weight
    trained_bytes = policy.bytes_per_weight + optimizer + mean
    lora = config.model.lora
    if lora is None:
        reference = weights if config.method.needs_reference_policy else 0
        trained = reference + policy.num_parameters * trained_bytes
    else:
        # A pair of rank-r matrices for each of about seven linear layers of a block.
        adapters = policy.num_layers * 7 * 2 * lora.rank * 2 * policy.hidden_size
        trained = adapters * (policy.bytes_per_weight + trained_bytes)
    return BASE_GB + policy.translator_gb + (weights + trained) / 1e9


def token_bytes(config: RunConfig, policy: PolicySize) -> float:
    """Estimate what a pass holds for its backward pass.

    Args:
        config: The resolved config.
        policy: The policy.

    Returns:
        Bytes a token.
    """
    per_unit = policy.num_layers * NUMBERS_PER_UNIT
    if config.training.gradient_checkpointing:
        # What every layer was given, and all of the layer that runs again.
        per_unit = policy.num_layers + 2 * NUMBERS_PER_UNIT
    activations = per_unit * policy.hidden_size
    # The logits and their gradient.
    return policy.bytes_per_weight * (activations + 2 * policy.vocab_size)


def rollout_gb(policy: PolicySize, rollout: RolloutSize, rows: int | None) -> float:
    """Estimate what a rollout holds: a copy of the weights, keys and values.

    Args:
        policy: The policy.
        rollout: The texts.
        rows: Responses written side by side; None is all.

    Returns:
        Gigabytes (10^9 bytes).
    """
    if rollout.num_generations == 0:
        return 0.0
    num_rows = rollout.num_prompts * rollout.num_generations if rows is None else rows
    copy = policy.num_parameters * policy.bytes_per_weight
    # float32 logits, probabilities and their sums of the tokens that are drawn.
    logits = num_rows * policy.vocab_size * 4 * 3
    return (copy + logits + num_rows * _row_bytes(policy, rollout)) / 1e9


def _row_bytes(policy: PolicySize, rollout: RolloutSize) -> float:
    """Keys and values of a response, in tables that grow by a quarter, and of its prompt: a copy or a share of it."""
    from rlsr.forward.group_cache import LONGEST_COPY

    copied = min(rollout.longest_prompt, LONGEST_COPY)
    shared = rollout.longest_prompt / rollout.num_generations
    tokens = 1.25 * (copied + rollout.response_tokens) + 64 + shared
    return 2 * policy.num_layers * policy.key_width * policy.bytes_per_weight * tokens


def _rows_at_a_time(policy: PolicySize, rollout: RolloutSize, room_gb: float) -> int | None:
    if rollout_gb(policy, rollout, None) <= room_gb:
        return None
    groups = bisect_right(
        range(1, rollout.num_prompts),
        room_gb,
        key=lambda number: rollout_gb(policy, rollout, number * rollout.num_generations),
    )
    return max(groups, 1) * rollout.num_generations


def _peak(config: RunConfig, policy: PolicySize, tokens: int) -> float:
    return held_gb(config, policy) + tokens * token_bytes(config, policy) / 1e9


def _usable(free_gb: float) -> str:
    return f"{SHARE_OF_FREE * free_gb:.1f} of the {free_gb:.1f} GB that are free can be counted on"


def _ways_out(config: RunConfig) -> list[str]:
    """Say what would save memory, as far as it is not done yet."""
    ways = ["lower method.max_response_tokens"]
    if not config.training.gradient_checkpointing:
        ways.append("set training.gradient_checkpointing=true")
    if config.model.lora is None:
        ways.append("train adapters (model.lora.rank=16)")
    return ways


def free_memory_gb(device: str) -> float:
    """Ask how much memory is free.

    Args:
        device: Whose.

    Returns:
        Gigabytes (10^9 bytes); on a CPU no more than the limit of the container.
    """
    if device == "cuda":
        import torch

        return float(torch.cuda.mem_get_info()[0]) / 1e9
    import psutil

    free = float(psutil.virtual_memory().available)
    limit, used = (_read_number(CONTAINER / name) for name in ("memory.max", "memory.current"))
    if limit is not None and used is not None:
        free = min(free, limit - used + _file_cache())
    return free / 1e9


def total_memory_gb(device: str) -> float:
    """Ask how much memory there is, in use or not.

    Args:
        device: Whose.

    Returns:
        Gigabytes (10^9 bytes); on a CPU no more than the limit of the container.
    """
    if device == "cuda":
        import torch

        return float(torch.cuda.mem_get_info()[1]) / 1e9
    import psutil

    limit = _read_number(CONTAINER / "memory.max")
    return min(float(psutil.virtual_memory().total), limit or math.inf) / 1e9


def free_memory() -> None:
    """Let go of what nobody uses any more; a trainer and its policy hold one another."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _file_cache() -> float:
    """Count what a container keeps of files and gives back when memory is asked for; its use includes that."""
    try:
        lines = (CONTAINER / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    sizes = dict(line.split(maxsplit=1) for line in lines)
    return float(sizes.get("inactive_file", 0))


def _read_number(path: Path) -> float | None:
    """Read a file of the kernel; it says "max" where there is no limit, and is not there on other systems."""
    try:
        return float(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
