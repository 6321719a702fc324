"""Greedy responses of a policy to held-out prompts."""

from collections.abc import Callable, Sequence

from rlsr.data.record import PromptRecord
from rlsr.models import Policy, prompt_ids


def greedy_responses(
    policy: Policy,
    records: Sequence[PromptRecord],
    *,
    max_response_tokens: int,
    batch_size: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[list[str], list[bool]]:
    """Answer prompts with the policy's most likely tokens.

    Prompts of like length share a batch, so that little is padded and a batch ends soon after its last answer.

    Args:
        policy: The policy; put into evaluation mode for the while.
        records: The prompts.
        max_response_tokens: Longest answer; a longer one is cut.
        batch_size: Prompts answered at a time.
        on_progress: Told how many are done, of how many.

    Returns:
        The answers as text, and whether each was cut at the maximum, in the order of the records.
    """
    import torch

    prompts = [prompt_ids(policy.tokenizer, record.messages) for record in records]
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    texts, cut = [""] * len(prompts), [False] * len(prompts)
    was_training = policy.model.training
    policy.model.eval()
    try:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            with torch.no_grad():
                answers = _generate(policy, [prompts[row] for row in rows], max_response_tokens)
            for row, (text, ended) in zip(rows, answers, strict=True):
                texts[row], cut[row] = text, not ended
            if on_progress is not None:
                on_progress(start + len(rows), len(order))
    finally:
        policy.model.train(was_training)
    return texts, cut


def _generate(
    policy: Policy, prompts: Sequence[Sequence[int]], max_response_tokens: int
) -> list[tuple[str, bool]]:
    """Answer one batch: text, and whether the answer came to its end."""
    from transformers import GenerationConfig

    tokenizer = policy.tokenizer
    stops = _stop_ids(policy)
    batch = tokenizer.pad({"input_ids": [list(ids) for ids in prompts]}, return_tensors="pt")
    output = policy.model.generate(
        **batch.to(policy.model.device),
        generation_config=GenerationConfig(
            max_new_tokens=max_response_tokens,
            do_sample=False,
            eos_token_id=stops,
            pad_token_id=tokenizer.pad_token_id,
        ),
    )
    answers = output[:, batch["input_ids"].shape[1] :].tolist()
    texts = tokenizer.batch_decode(answers, skip_special_tokens=True)
    return [
        (text, any(token in stops for token in ids))
        for text, ids in zip(texts, answers, strict=True)
    ]


def _stop_ids(policy: Policy) -> list[int]:
    """List the tokens that end an answer: the tokenizer's and those that the model declares."""
    declared = policy.model.generation_config.eos_token_id
    declared = [declared] if isinstance(declared, int) else list(declared or [])
    return sorted({policy.tokenizer.eos_token_id, *declared} - {None})
