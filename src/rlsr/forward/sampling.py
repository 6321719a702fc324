"""Drawing tokens from logits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rlsr.errors import EngineError


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen."""

    temperature: float = 1.0
    """Divides the logits; 0 takes the most likely token."""
    top_p: float = 1.0
    """Only the most likely tokens whose probabilities add up to this are drawn from; 1 draws from all."""


GREEDY = Sampling(temperature=0.0)
"""The most likely token, always."""


Seed = Sequence[int]
"""Whole numbers from 0 on, which together say how a response is drawn."""


def uniform_numbers(seeds: Sequence[Seed], number: int) -> torch.Tensor:
    """Draw the random numbers of responses before they are written.

    A response drawn by numbers of its own is the same whatever is written beside it, in however many processes.

    Args:
        seeds: One a response.
        number: How many each response gets.

    Returns:
        (response, number), each in [0, 1).
    """
    rows = [np.random.default_rng(seed).random(number, dtype=np.float32) for seed in seeds]
    return torch.from_numpy(np.stack(rows)) if rows else torch.empty(0, number)


def draw_tokens(
    logits: torch.Tensor, sampling: Sampling, uniform: torch.Tensor | None = None
) -> torch.Tensor:
    """Draw one token a row.

    One uniform number a row is looked up in the cumulative distribution: no random number for each of the vocabulary's
    tokens, and no sorting unless a nucleus is asked for.

    Args:
        logits: (row, vocabulary).
        sampling: How to draw.
        uniform: (row,) numbers in [0, 1) to draw by; None takes them from PyTorch's generator.

    Returns:
        (row,) token ids.

    Raises:
        EngineError: Logits are NaN or infinite, so that there are no probabilities to draw by.
    """
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    if sampling.temperature != 1:
        logits = logits / sampling.temperature
    probabilities = torch.softmax(logits, dim=-1, dtype=torch.float32)
    if sampling.top_p < 1:
        probabilities = _nucleus(probabilities, sampling.top_p)
    # First the block of the vocabulary that the draw falls into, then the token in it: sums over blocks cost a fraction
    # of cumulative sums over all tokens.
    blocks = probabilities.unflatten(1, (-1, _block_size(probabilities.shape[1])))
    by_block = blocks.sum(dim=-1).cumsum(dim=-1)
    total = by_block[:, -1:]
    if not total.isfinite().all():
        raise EngineError(
            "rollout: the policy's logits must be finite, got NaN or infinity; the policy has diverged: "
            "lower training.learning_rate, or use model.dtype=float32"
        )
    if uniform is None:
        uniform = torch.rand(len(logits), device=logits.device)
    drawn = uniform[:, None] * total
    block = _first_above(by_block, drawn)
    before = torch.where(block > 0, by_block.gather(1, (block - 1).clamp(min=0)), 0.0)
    inside = blocks[torch.arange(len(logits), device=logits.device), block[:, 0]].cumsum(dim=-1)
    token = _first_above(inside, drawn - before)
    return (block * blocks.shape[2] + token).squeeze(1)


def _first_above(cumulative: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """Find the first place whose cumulative probability exceeds the draw: its own probability is above 0."""
    total = cumulative[:, -1:]
    # Rounding must not lift a draw to the total itself, behind the last place, nor below 0.
    below_total = torch.nextafter(total, torch.zeros_like(total))
    return torch.searchsorted(
        cumulative, torch.minimum(drawn, below_total).clamp(min=0), right=True
    )


def _block_size(vocabulary: int) -> int:
    """Choose the largest divisor up to 512."""
    return max(size for size in range(1, min(vocabulary, 512) + 1) if vocabulary % size == 0)


def _nucleus(probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """Keep the most likely tokens until they add up to ``top_p``; the one that crosses it is kept."""
    ordered, order = probabilities.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered
    kept = ordered.masked_fill(before >= top_p, 0.0)
    # The most likely token stays even where rounding would drop all.
    kept[:, 0] = ordered[:, 0]
    return torch.zeros_like(probabilities).scatter_(1, order, kept)
