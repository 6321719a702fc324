"""The log-probabilities of responses, computed in forward passes by groups or plainly (``rlsr.forward.ways``).

What the trainers of this folder score and learn from goes through here: rollouts, references, pairs and labels alike.
"""

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
        True for ``passes: grouped`` or, with ``auto``, on a CPU, unless the policy's attention does not allow it.
    """
    if not wants_groups(engine.passes, model.device.type):
        return False
    reason = check_support(model)
    if reason is not None:
        logger.warning("engine.passes: %s", reason)
    return reason is None


def score_responses(
    model: Any,
    rows: Responses,
    *,
    by_groups: bool,
    max_tokens: int,
    num_columns: int,
    temperature: float,
    with_entropy: bool,
) -> TokenScores:
    """Score the tokens of responses, in as many passes as their number asks for.

    Args:
        model: A causal language model.
        rows: What to score.
        by_groups: Whether a prompt is read once for its group, or once for each response.
        max_tokens: Tokens of a pass.
        num_columns: Width of the tables that are returned.
        temperature: Divides the logits, as in sampling.
        with_entropy: Whether to measure the entropy too.

    Returns:
        Log-probabilities with gradient, and entropies; 0 where there is no token.
    """
    shape = (len(rows.responses), num_columns)
    log_probs = torch.zeros(shape, device=model.device)
    entropy = torch.zeros(shape, device=model.device) if with_entropy else None
    score = _score_groups if by_groups else _score_padded
    for part in micro_batches(rows, max_tokens=max_tokens, by_groups=by_groups):
        scores = score(model, rows.take(part), temperature=temperature, with_entropy=with_entropy)
        place = torch.tensor(part, device=model.device)
        log_probs = _put(log_probs, place, scores.log_probs)
        if entropy is not None and scores.entropy is not None:
            entropy = _put(entropy, place, scores.entropy)
    return TokenScores(log_probs, entropy)


def _put(table: torch.Tensor, rows: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    padding = table.shape[1] - values.shape[1]
    return table.index_copy(0, rows, torch.nn.functional.pad(values, (0, padding)))


def _score_groups(model: Any, rows: Responses, **settings: Any) -> TokenScores:
    numbers = {group: number for number, group in enumerate(dict.fromkeys(rows.groups))}
    prompts = dict(zip(rows.groups, rows.prompts, strict=True))
    return packed_log_probs(
        model,
        [prompts[group] for group in numbers],
        rows.responses,
        [numbers[group] for group in rows.groups],
        **settings,
    )


def _score_padded(
    model: Any, rows: Responses, *, temperature: float, with_entropy: bool
) -> TokenScores:
    """Score the responses in rows of their own.

    TRL's fused head saves GPU memory by recomputing the logits tile by tile; away from a GPU it does so for prompt
    positions too, and takes twice as long as asking the model for the logits of the response positions only.
    """
    width, num_tokens = max(rows.prompt_lengths), max(rows.response_lengths)
    ids = torch.zeros(len(rows.responses), width + num_tokens, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, (prompt, response) in enumerate(zip(rows.prompts, rows.responses, strict=True)):
        place = slice(width - len(prompt), width + len(response))
        ids[row, place] = torch.tensor([*prompt, *response])
        mask[row, place] = 1
    ids, mask = ids.to(model.device), mask.to(model.device)
    output = model(
        input_ids=ids, attention_mask=mask, logits_to_keep=num_tokens + 1, use_cache=False
    )
    shown = mask[:, width:].bool()
    chosen, measured = selected_log_probs(
        output.logits[:, :-1][shown],
        ids[:, width:][shown],
        temperature=temperature,
        with_entropy=with_entropy,
    )
    log_probs = torch.zeros(shown.shape, device=shown.device).masked_scatter(shown, chosen)
    if measured is None:
        return TokenScores(log_probs, None)
    return TokenScores(log_probs, torch.zeros_like(log_probs).masked_scatter(shown, measured))


def micro_batches(rows: Responses, *, max_tokens: int, by_groups: bool) -> list[list[int]]:
    """Split a rollout into passes.

    Args:
        rows: Its responses.
        max_tokens: Tokens of a pass.
        by_groups: Whether a prompt stands once for its group.

    Returns:
        Numbers of the responses of each pass; none where all responses are empty.
    """
    prompts, responses = rows.prompt_lengths, rows.response_lengths
    if by_groups:
        return grouped_micro_batches(rows.groups, prompts, responses, max_tokens=max_tokens)
    return padded_micro_batches(prompts, responses, max_tokens=max_tokens)


def whole_groups(prompts: Sequence[Sequence[int]], num_generations: int) -> list[Sequence[int]]:
    """Find the prompts of a rollout that lists each prompt once for every response.

    Args:
        prompts: Token ids, equal ones next to each other.
        num_generations: Responses of a prompt.

    Returns:
        Each prompt once.
    """
    found = []
    for start in range(0, len(prompts), num_generations):
        group = prompts[start : start + num_generations]
        assert len(list(groupby(group))) == 1, "responses to a prompt stand next to each other"
        found.append(group[0])
    return found
