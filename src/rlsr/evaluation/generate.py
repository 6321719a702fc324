"""Answers of a policy to the prompts that it is measured on."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

from rlsr.data.record import PromptRecord
from rlsr.evaluation.kept_responses import KeptResponses, question_of
from rlsr.models import Policy, prompt_ids
from rlsr.models.generate import Response, generate_responses, stop_ids, takes_groups


def answer_prompts(  # noqa: PLR0913 - what to answer, how, and what is known already
    policy: Policy,
    records: Sequence[PromptRecord],
    *,
    max_response_tokens: int,
    batch_size: int,
    temperature: float = 0.0,
    seeds: Sequence[Sequence[int]] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    kept: KeptResponses | None = None,
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
        kept: Responses of this policy from before, which are not written again; gets the new ones. None keeps nothing.

    Returns:
        The answers as text, and whether each was cut at the maximum, in the order of the records.
    """
    seeds = seeds if temperature > 0 else None
    prompts: list[list[int]] = []
    questions: list[str] = []
    # Without seeds what is drawn is another answer every time.
    if kept is not None and (seeds is not None or temperature == 0):
        prompts = [prompt_ids(policy.tokenizer, record.messages) for record in records]
        questions = _questions(policy, prompts, max_response_tokens, batch_size, temperature, seeds)
    known = kept.read(questions) if kept is not None else {}
    missing = [
        place for place in range(len(records)) if not questions or questions[place] not in known
    ]
    portions = [missing]
    if kept is not None and questions and takes_groups(policy.model):
        # The very batches that would be written together, each kept once it is there.
        ordered = sorted(missing, key=lambda place: len(prompts[place]))
        portions = [ordered[start : start + batch_size] for start in range(0, len(ordered), batch_size)]  # fmt: skip
    num_known = len(records) - len(missing)
    if num_known and on_progress is not None:
        on_progress(num_known, len(records))
    written: dict[int, Response] = {}
    for portion in portions:
        num_done = num_known + len(written)
        groups = generate_responses(
            policy,
            [records[place].messages for place in portion],
            max_response_tokens=max_response_tokens,
            batch_size=batch_size,
            temperature=temperature,
            seeds=None if seeds is None else [seeds[place] for place in portion],
            on_progress=on_progress and partial(_tell, on_progress, num_done, len(records)),
        )
        found = {place: group[0] for place, group in zip(portion, groups, strict=True)}
        if kept is not None and questions:
            kept.write({questions[place]: response for place, response in found.items()})
        written |= found
    answers = [
        written[place] if place in written else known[questions[place]]
        for place in range(len(records))
    ]
    return [answer.text for answer in answers], [answer.was_cut for answer in answers]


def _tell(
    on_progress: Callable[[int, int], None], num_before: int, number: int, num_done: int, _: int
) -> None:
    on_progress(num_before + num_done, number)


def _questions(
    policy: Policy,
    prompts: Sequence[Sequence[int]],
    max_response_tokens: int,
    batch_size: int,
    temperature: float,
    seeds: Sequence[Sequence[int]] | None,
) -> list[str]:
    """Write what decides each answer."""
    batch = None
    if not takes_groups(policy.model):
        # Padded batches draw from one generator, and round by who is beside whom.
        everything = repr((batch_size, prompts, seeds))
        batch = hashlib.sha256(everything.encode()).hexdigest()
    return [
        question_of(
            prompt,
            max_response_tokens=max_response_tokens,
            temperature=temperature,
            seed=None if seeds is None else seeds[place],
            stop_ids=stop_ids(policy),
            batch=batch,
        )
        for place, prompt in enumerate(prompts)
    ]
