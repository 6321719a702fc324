"""Pairs as a scorer reads them, and what it says of them."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch

from rlsr.data.record import PromptRecord
from rlsr.forward.micro_batches import padded_micro_batches
from rlsr.models.chat import answered_ids, prompt_ids
from rlsr.models.load import Policy


class ScoredPair(NamedTuple):
    """What a scorer reads of a pair."""

    chosen: list[int]
    """The prompt with the better answer."""
    rejected: list[int]
    """The prompt with the worse one."""


def encode_pair(tokenizer: Any, record: PromptRecord, *, max_response_tokens: int) -> ScoredPair:
    """Encode a prompt with its better and its worse answer.

    Args:
        tokenizer: The scorer's, with a chat template.
        record: With a rejected answer.
        max_response_tokens: Longest answer, with what the template writes behind it; a longer one is cut.
    """
    assert record.rejected is not None, "pairs are complete before they are encoded"
    limit = len(prompt_ids(tokenizer, record.messages)) + max_response_tokens
    better, worse = (
        answered_ids(tokenizer, record.messages, answer)[:limit]
        for answer in (record.reference, record.rejected)
    )
    return ScoredPair(better, worse)


def score_rows(model: Any, rows: Sequence[Sequence[int]], pad_token_id: int) -> torch.Tensor:
    """Score texts in one pass.

    Args:
        model: A classifier with one label.
        rows: Token ids of each text.
        pad_token_id: Fills the places behind shorter ones.

    Returns:
        (text,): scores, with gradient where the model has one.
    """
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), pad_token_id, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
    given = {"input_ids": ids.to(model.device), "attention_mask": mask.to(model.device)}
    scores: torch.Tensor = model(**given, use_cache=False).logits.squeeze(-1)
    return scores


def pairs_of_passes(pairs: Sequence[ScoredPair], *, tokens_per_pass: int) -> list[list[int]]:
    """Split pairs into passes, the two answers of a pair always in the same one.

    Args:
        pairs: At least one.
        tokens_per_pass: Tokens of a pass, padding included; a single pair may have more.

    Returns:
        Numbers of the pairs of each pass.
    """
    longest = [max(len(pair.chosen), len(pair.rejected)) for pair in pairs]
    return padded_micro_batches([0] * len(pairs), longest, tokens_per_pass=tokens_per_pass // 2)


def score_pairs(
    scorer: Policy,
    records: Sequence[PromptRecord],
    *,
    max_response_tokens: int,
    tokens_per_pass: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[tuple[float, float]]:
    """Score the better and the worse answer of pairs, without a gradient.

    Args:
        scorer: A classifier with one label.
        records: With rejected answers.
        max_response_tokens: As for ``encode_pair``.
        tokens_per_pass: As for ``pairs_of_passes``.
        on_progress: Told how many pairs are scored, of how many.

    Returns:
        The two scores of each pair, in the order of the records.
    """
    tokenizer, model = scorer.tokenizer, scorer.model
    pairs = [
        encode_pair(tokenizer, record, max_response_tokens=max_response_tokens)
        for record in records
    ]
    found: dict[int, tuple[float, float]] = {}
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for part in pairs_of_passes(pairs, tokens_per_pass=tokens_per_pass):
            rows = [*(pairs[row].chosen for row in part), *(pairs[row].rejected for row in part)]
            better, worse = score_rows(model, rows, tokenizer.pad_token_id).chunk(2)
            found |= dict(zip(part, zip(better.tolist(), worse.tolist(), strict=True), strict=True))
            if on_progress is not None:
                on_progress(len(found), len(pairs))
    model.train(was_training)
    return [found[row] for row in range(len(pairs))]
