"""How likely references are to a policy."""

from collections.abc import Iterator, Sequence
from typing import Any

from rlsr.data.record import PromptRecord
from rlsr.models.chat import prompt_ids, response_ids
from rlsr.models.generate import takes_groups
from rlsr.models.load import Policy

Tokens = Sequence[int]


def reference_nlls(
    policy: Policy,
    records: Sequence[PromptRecord],
    *,
    max_response_tokens: int,
    tokens_per_pass: int,
) -> list[tuple[float, int]]:
    """Ask a policy for the negative log-likelihood of references, as supervised training has it.

    Args:
        policy: The policy; put into evaluation mode for the while.
        records: Prompts with at least one reference each.
        max_response_tokens: Longest reference, end of sequence included; a longer one is cut there.
        tokens_per_pass: Tokens of one forward pass; a prompt whose references make it longer has a pass of its own.

    Returns:
        For each prompt the sum over the tokens of its references, in nats, and how many tokens these are.
    """
    import torch

    asked = [
        (
            prompt_ids(policy.tokenizer, record.messages),
            [
                response_ids(policy.tokenizer, text, max_response_tokens=max_response_tokens)
                for text in record.references
            ],
        )
        for record in records
    ]
    ask = _in_groups if takes_groups(policy.model) else _one_by_one
    was_training = policy.model.training
    policy.model.eval()
    try:
        with torch.inference_mode():
            sums = [
                nll for part in _passes(asked, tokens_per_pass) for nll in ask(policy.model, part)
            ]
    finally:
        policy.model.train(was_training)
    counts = [sum(map(len, references)) for _, references in asked]
    return list(zip(sums, counts, strict=True))


Asked = tuple[Tokens, Sequence[Tokens]]
"""A prompt with its references."""


def _passes(asked: Sequence[Asked], tokens_per_pass: int) -> Iterator[list[Asked]]:
    part: list[Asked] = []
    size = 0
    for prompt, references in asked:
        own = len(prompt) + sum(map(len, references))
        if part and size + own > tokens_per_pass:
            yield part
            part, size = [], 0
        part.append((prompt, references))
        size += own
    if part:
        yield part


def _in_groups(model: Any, part: Sequence[Asked]) -> list[float]:
    from rlsr.forward.packed import packed_log_probs

    owners = [place for place, (_, references) in enumerate(part) for _ in references]
    scores = packed_log_probs(
        model,
        [prompt for prompt, _ in part],
        [text for _, references in part for text in references],
        owners,
        temperature=1.0,
        with_entropy=False,
    )
    sums = [0.0] * len(part)
    for owner, value in zip(owners, scores.log_probs.sum(dim=1).tolist(), strict=True):
        sums[owner] -= value
    return sums


def _one_by_one(model: Any, part: Sequence[Asked]) -> list[float]:
    """Ask for a reference at a time, without padding, for policies that the grouped way does not know."""
    import torch

    from rlsr.forward.token_scores import selected_log_probs

    def nll(prompt: Tokens, text: Tokens) -> float:
        ids = torch.tensor([[*prompt, *text]], device=model.device)
        output = model(input_ids=ids, logits_to_keep=len(text) + 1, use_cache=False)
        log_probs, _ = selected_log_probs(
            output.logits[0, :-1], ids[0, -len(text) :], temperature=1.0, with_entropy=False
        )
        return -float(log_probs.sum())

    return [sum(nll(prompt, text) for text in references) for prompt, references in part]
