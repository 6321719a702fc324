"""Log-probabilities of the tokens of responses, on a CPU."""

from typing import Any, NamedTuple

import torch


class TokenScores(NamedTuple):
    """What the policy thought of each token of each response."""

    log_probs: torch.Tensor
    """(response, token), 0 where masked."""
    entropy: torch.Tensor | None
    """(response, token) in nats, 0 where masked, without gradient; None if not asked for."""


def response_log_probs(
    model: Any,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    num_tokens: int,
    *,
    temperature: float,
    with_entropy: bool,
) -> TokenScores:
    """Score the last tokens of each row.

    TRL's fused head saves GPU memory by recomputing the logits tile by tile; away from a GPU it does so for prompt
    positions too, and forward and backward take twice as long as this plain way, which asks the model for the logits
    of the response positions only.

    Args:
        model: A causal language model.
        input_ids: (row, position), prompt and response.
        attention_mask: The same shape; 0 is padding.
        num_tokens: Positions of the response, at the end of the row.
        temperature: Divides the logits, as in sampling.
        with_entropy: Whether to measure the entropy too.

    Returns:
        Log-probabilities with gradient, and entropies.
    """
    output = model(
        input_ids=input_ids,
        attention_mask=attention_mask,
        logits_to_keep=num_tokens + 1,
        use_cache=False,
    )
    logits = output.logits[:, :-1].float() / temperature
    mask = attention_mask[:, -num_tokens:] == 0
    log_distribution = torch.log_softmax(logits, dim=-1)
    targets = input_ids[:, -num_tokens:, None]
    log_probs = log_distribution.gather(2, targets).squeeze(2).masked_fill(mask, 0.0)
    if not with_entropy:
        return TokenScores(log_probs, None)
    with torch.no_grad():
        rows = [-(row.exp() * row).sum(-1) for row in log_distribution.detach()]
        entropy = torch.stack(rows).masked_fill(mask, 0.0)
    return TokenScores(log_probs, entropy)
