"""Drawing tokens from logits."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen."""

    temperature: float = 1.0
    """Divides the logits; 0 takes the most likely token."""
    top_p: float = 1.0
    """Only the most likely tokens whose probabilities add up to this are drawn from; 1 draws from all."""


GREEDY = Sampling(temperature=0.0)
"""The most likely token, always."""


def draw_tokens(logits: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Draw one token a row.

    One uniform number a row is looked up in the cumulative distribution: no random number for each of the vocabulary's
    tokens, and no sorting unless a nucleus is asked for.

    Args:
        logits: (row, vocabulary).
        sampling: How to draw.

    Returns:
        (row,) token ids.
    """
    if sampling.temperature == 0:
        return logits.argmax(dim=-1)
    probabilities = torch.softmax(logits.float() / sampling.temperature, dim=-1)
    if sampling.top_p < 1:
        probabilities = _nucleus(probabilities, sampling.top_p)
    cumulative = probabilities.cumsum(dim=-1)
    total = cumulative[:, -1:]
    # Rounding must not lift a draw to the total itself, behind the last token.
    below_total = torch.nextafter(total, torch.zeros_like(total))
    drawn = torch.rand(len(logits), 1, device=logits.device) * total
    # The first token whose cumulative probability exceeds the draw: its own probability is above 0.
    found = torch.searchsorted(cumulative, torch.minimum(drawn, below_total), right=True)
    return found.squeeze(1)


def _nucleus(probabilities: torch.Tensor, top_p: float) -> torch.Tensor:
    """Keep the most likely tokens until they add up to ``top_p``; the one that crosses it is kept."""
    ordered, order = probabilities.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered
    kept = ordered.masked_fill(before >= top_p, 0.0)
    # The most likely token stays even where rounding would drop all.
    kept[:, 0] = ordered[:, 0]
    return torch.zeros_like(probabilities).scatter_(1, order, kept)
