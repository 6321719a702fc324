"""Log-probabilities of chosen tokens from logits, without a float32 copy of the logits."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

NUMBERS_AT_A_TIME = {"cpu": 2**20, "cuda": 2**25}
"""Logits that are float32 at one time. On a CPU 4 MB, which the allocator hands out again and again and caches hold: with three
times as much a pass over the logits takes two to four times as long (docs/log.md)."""


class TokenScores(NamedTuple):
    """What the policy thought of each token of each response."""

    log_probs: torch.Tensor
    """(response, token), 0 where there is no token."""
    entropy: torch.Tensor | None
    """(response, token) in nats, 0 where there is no token, without gradient; None if not asked for."""
    aux_loss: torch.Tensor | None = None
    """Loss by which a mixture of experts spreads its load; None where it has none or the pass does not ask for it."""


class _SelectedLogProbs(torch.autograd.Function):
    """Log-softmax at one column a row; forward and backward go over the rows in small parts.

    With x the row's logits over temperature t and y the chosen column, log p = log_softmax(x)_y, and the gradient by the
    logits is (onehot(y) - softmax(x)) / t. The softmax is computed again in the backward pass from the logits, which
    the language model head keeps anyway.
    """

    @staticmethod
    def forward(
        ctx: Any,
        logits: torch.Tensor,
        targets: torch.Tensor,
        temperature: float,
        with_entropy: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = torch.empty(len(logits), device=logits.device)
        entropy = torch.zeros(len(logits) if with_entropy else 0, device=logits.device)
        for part, scaled, log_probs in _parts(logits, temperature):
            torch.log_softmax(scaled, dim=-1, out=log_probs)
            chosen[part] = log_probs.gather(1, targets[part, None]).squeeze(1)
            if with_entropy:
                probabilities = log_probs.exp()
                # A token that cannot be drawn adds 0, and not 0 times infinity.
                log_probs.clamp_(min=torch.finfo(log_probs.dtype).min)
                entropy[part] = -torch.linalg.vecdot(probabilities, log_probs)
        ctx.save_for_backward(logits, targets)
        ctx.temperature = temperature
        ctx.mark_non_differentiable(entropy)
        return chosen, entropy

    @staticmethod
    def backward(
        ctx: Any, gradient: torch.Tensor, _: torch.Tensor
    ) -> tuple[torch.Tensor, None, None, None]:
        logits, targets = ctx.saved_tensors
        by_logits = torch.empty_like(logits)
        scale = gradient / ctx.temperature
        for part, scaled, softmax in _parts(logits, ctx.temperature):
            torch.softmax(scaled, dim=-1, out=softmax)
            softmax.mul_(-scale[part, None])
            softmax.scatter_add_(1, targets[part, None], scale[part, None])
            by_logits[part] = softmax
        return by_logits, None, None, None


def _parts(
    logits: torch.Tensor, temperature: float
) -> Iterator[tuple[slice, torch.Tensor, torch.Tensor]]:
    """Go over the rows: some of them, their logits over temperature in float32, and as much space; both are used again."""
    numbers = NUMBERS_AT_A_TIME.get(logits.device.type, max(NUMBERS_AT_A_TIME.values()))
    size = max(1, numbers // logits.shape[1])
    scaled, space = torch.empty(
        2, min(size, len(logits)), logits.shape[1], dtype=torch.float32, device=logits.device
    )
    for start in range(0, len(logits), size):
        part = slice(start, start + size)
        num_rows = len(logits[part])
        scaled[:num_rows].copy_(logits[part])
        if temperature != 1:
            scaled /= temperature
        yield part, scaled[:num_rows], space[:num_rows]


def selected_log_probs(
    logits: torch.Tensor, targets: torch.Tensor, *, temperature: float, with_entropy: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Score one token a row.

    Args:
        logits: (row, vocabulary), of any floating type.
        targets: (row,): token ids.
        temperature: Divides the logits, as in sampling.
        with_entropy: Whether to measure the entropy of each row too.

    Returns:
        (row,) log-probabilities in float32, with gradient; (row,) entropies in nats without gradient, or None.
    """
    log_probs, entropy = _SelectedLogProbs.apply(logits, targets, temperature, with_entropy)
    return log_probs, entropy if with_entropy else None
