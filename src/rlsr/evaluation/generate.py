"""Answers of a policy to the prompts that it is measured on."""

from collections.abc import Callable, Sequence

from rlsr.data.record import PromptRecord
from rlsr.models import Policy
from rlsr.models.generate import generate_responses


def answer_prompts(
    policy: Policy,
    records: Sequence[PromptRecord],
    *,
    max_response_tokens: int,
    batch_size: int,
    temperature: float = 0.0,
    seeds: Sequence[Sequence[int]] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[list[str], list[bool]]:
    """Let a policy answer each prompt once.

    Args:
        policy: The policy; put into evaluation mode for the while.
        records: The prompts.
        max_response_tokens: Longest answer; a longer one is cut.
        batch_size: Prompts answered at a time.
        temperature: Divides the logits; 0 takes the most likely tokens, whatever the seeds.
        seeds: One a prompt, for what is drawn.
        on_progress: Told how many are done, of how many.

    Returns:
        The answers as text, and whether each was cut at the maximum, in the order of the records.
    """
    groups = generate_responses(
        policy,
        [record.messages for record in records],
        max_response_tokens=max_response_tokens,
        batch_size=batch_size,
        temperature=temperature,
        seeds=seeds if temperature > 0 else None,
        on_progress=on_progress,
    )
    answers = [group[0] for group in groups]
    return [answer.text for answer in answers], [answer.was_cut for answer in answers]
