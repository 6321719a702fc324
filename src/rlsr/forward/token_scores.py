"""Log-probabilities of chosen tokens from logits, without a float32 copy of the logits."""

from typing import Any, NamedTuple

import torch

ROWS_AT_A_TIME = 64
"""Rows whose logits are float32 at one time; 64 rows of a vocabulary of 49,152 are 12.6 MB."""


class TokenScores(NamedTuple):
    """What the policy thought of each token of each response."""

    log_probs: torch.Tensor
    """(response, token), 0 where there is no token."""
    entropy: torch.Tensor | None
    """(response, token) in nats, 0 where there is no token, without gradient; None if not asked for."""


class _SelectedLogProbs(torch.autograd.Function):
    """Log-softmax at one column a row; forward and backward go over the rows in small parts.

    With x the row's logits over temperature t and y the chosen column, log p = x_y - logsumexp(x), and the gradient by
    the logits is (onehot(y) - softmax(x)) / t. The softmax is computed again in the backward pass from the logits,
    which the language model head keeps anyway, and from the row's logsumexp.
    """

    @staticmethod
    def forward(
        ctx: Any,
        logits: torch.Tensor,
        targets: torch.Tensor,
        temperature: float,
        with_entropy: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        normaliser = torch.empty(len(logits), device=logits.device)
        chosen = torch.empty(len(logits), device=logits.device)
        entropy = torch.zeros(len(logits) if with_entropy else 0, device=logits.device)
        for start in range(0, len(logits), ROWS_AT_A_TIME):
            part = slice(start, start + ROWS_AT_A_TIME)
            scaled = logits[part].float() / temperature
            normaliser[part] = torch.logsumexp(scaled, dim=-1)
            chosen[part] = scaled.gather(1, targets[part, None]).squeeze(1)
            if with_entropy:
                # H = logsumexp(x) - sum p x; a token that cannot be drawn adds 0, and not 0 times infinity.
                probabilities = torch.softmax(scaled, dim=-1)
                scaled.clamp_(min=torch.finfo(scaled.dtype).min)
                mean = torch.linalg.vecdot(probabilities, scaled)
                entropy[part] = normaliser[part] - mean
        ctx.save_for_backward(logits, targets, normaliser)
        ctx.temperature = temperature
        ctx.mark_non_differentiable(entropy)
        return chosen - normaliser, entropy

    @staticmethod
    def backward(
        ctx: Any, gradient: torch.Tensor, _: torch.Tensor
    ) -> tuple[torch.Tensor, None, None, None]:
        logits, targets, normaliser = ctx.saved_tensors
        by_logits = torch.empty_like(logits)
        scale = gradient / ctx.temperature
        for start in range(0, len(logits), ROWS_AT_A_TIME):
            part = slice(start, start + ROWS_AT_A_TIME)
            scaled = logits[part].float() / ctx.temperature
            softmax = scaled.sub_(normaliser[part, None]).exp_()
            softmax.mul_(-scale[part, None])
            softmax.scatter_add_(1, targets[part, None], scale[part, None])
            by_logits[part] = softmax
        return by_logits, None, None, None


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
