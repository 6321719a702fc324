"""Forward passes over responses: by groups, which read each prompt once, or plainly, one row a response."""

import logging
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch

from rlsr.config.engine import TrlEngine
from rlsr.engines.trl.padded import Responses
from rlsr.forward.micro_batches import grouped_micro_batches, padded_micro_batches
from rlsr.forward.packed import packed_log_probs
from rlsr.forward.support import check_support
from rlsr.forward.token_scores import TokenScores, selected_log_probs
from rlsr.forward.ways import wants_groups

logger = logging.getLogger(__name__)


def takes_groups(engine: TrlEngine, model: Any) -> bool:
    """Decide whether passes go by groups.

    Args:
        engine: The engine's settings.
        model: The policy.

    Returns:
        True for ``passes: grouped`` or, with ``auto``, on a CPU or CUDA, unless the policy's attention does not allow it.
    """
    if not wants_groups(engine.passes, model.device.type):
        return False
    reason = check_support(model)
    if reason is not None:
        logger.warning("engine.passes: %s", reason)
    return reason is None


def score_groups(model: Any, rows: Responses, **settings: Any) -> TokenScores:
    """Score responses with each prompt read once for its group; settings as for ``packed_log_probs``."""
    return packed_log_probs(model, *packed_rows(rows), **settings)


def packed_rows(
    rows: Responses,
) -> tuple[list[tuple[int, ...]], list[list[int]], list[int]]:
    """List each prompt once, the responses, and the place of the prompt of each."""
    numbers = {group: number for number, group in enumerate(dict.fromkeys(rows.groups))}
    prompts = dict(zip(rows.groups, rows.prompts, strict=True))
    return (
        [prompts[group] for group in numbers],
        rows.responses,
        [numbers[group] for group in rows.groups],
    )


def score_padded(
    model: Any, rows: Responses, *, temperature: float, with_entropy: bool
) -> TokenScores:
    """Score responses in rows of their own; tables are as wide as the longest response.

    TRL's fused head saves GPU memory by recomputing the logits tile by tile; away from a GPU it does so for prompt
    positions too, and takes twice as long as asking the model for the logits of the response positions only.

    Args:
        model: A causal language model.
        rows: What to score; none of the responses is empty.
        temperature: Divides the logits, as in sampling.
        with_entropy: Whether to measure the entropy too.

    Returns:
        Log-probabilities with gradient, and entropies; 0 where there is no token.
    """
    logits, targets, shown = padded_logits(model, rows)
    chosen, measured = selected_log_probs(
        logits,
        targets,
        temperature=temperature,
        with_entropy=with_entropy,
    )
    log_probs = torch.zeros(shown.shape, device=shown.device).masked_scatter(shown, chosen)
    if measured is None:
        return TokenScores(log_probs, None)
    return TokenScores(log_probs, torch.zeros_like(log_probs).masked_scatter(shown, measured))


def padded_logits(model: Any, rows: Responses) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pass responses in rows of their own.

    Args:
        model: A causal language model.
        rows: None of the responses is empty.

    Returns:
        (target, vocabulary) logits of every response token, (target,) the tokens, and (row, token): where there is one.
    """
    ids, mask = padded_rows(rows, model.device)
    num_tokens = max(rows.response_lengths)
    output = model(
        input_ids=ids, attention_mask=mask, logits_to_keep=num_tokens + 1, use_cache=False
    )
    shown = mask[:, -num_tokens:].bool()
    return output.logits[:, :-1][shown], ids[:, -num_tokens:][shown], shown


def padded_rows(rows: Responses, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Write prompts, padded on the left, and responses, padded on the right, as tables of token ids and their mask."""
    width, num_tokens = max(rows.prompt_lengths), max(rows.response_lengths)
    ids = torch.zeros(len(rows.responses), width + num_tokens, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, (prompt, response) in enumerate(zip(rows.prompts, rows.responses, strict=True)):
        place = slice(width - len(prompt), width + len(response))
        ids[row, place] = torch.tensor([*prompt, *response])
        mask[row, place] = 1
    return ids.to(device), mask.to(device)


def micro_batches(rows: Responses, *, tokens_per_pass: int, by_groups: bool) -> list[list[int]]:
    """Split responses into passes, as their numbers; empty responses are in none."""
    prompts, responses = rows.prompt_lengths, rows.response_lengths
    if by_groups:
        return grouped_micro_batches(
            rows.groups, prompts, responses, tokens_per_pass=tokens_per_pass
        )
    return padded_micro_batches(prompts, responses, tokens_per_pass=tokens_per_pass)


def whole_groups(prompts: Sequence[Sequence[int]], num_generations: int) -> list[Sequence[int]]:
    """List each prompt once, where prompts stand once for every response, equal ones next to each other."""
    found = []
    for start in range(0, len(prompts), num_generations):
        group = prompts[start : start + num_generations]
        assert len(list(groupby(group))) == 1, "responses to a prompt stand next to each other"
        found.append(group[0])
    return found
