"""Responses of a policy to conversations, as text: for evaluation and for samples outside training."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlsr.data.record import Message
from rlsr.forward.ways import wants_groups
from rlsr.models.chat import prompt_ids
from rlsr.models.load import Policy

logger = logging.getLogger(__name__)

Tokens = Sequence[int]
Groups = list[list[list[int]]]
Seeds = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Response:
    """What a policy answered."""

    text: str
    """Without special tokens."""
    was_cut: bool
    """Whether it reached the longest length before its end."""


@dataclass(frozen=True)
class _Request:
    """What both ways of generating are asked for."""

    num_generations: int
    max_response_tokens: int
    batch_size: int
    temperature: float
    stop_ids: tuple[int, ...]
    seeds: Seeds | None
    on_progress: Callable[[int, int], None] | None


def generate_responses(  # noqa: PLR0913 - what to write, how, and how much at a time
    policy: Policy,
    conversations: Sequence[Sequence[Message]],
    *,
    num_generations: int = 1,
    max_response_tokens: int,
    batch_size: int,
    temperature: float,
    seeds: Seeds | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[list[Response]]:
    """Let a policy answer conversations.

    Prompts of like length share a batch, so that little is padded and a batch ends soon after its last response.

    Args:
        policy: The policy; put into evaluation mode for the while.
        conversations: The prompts' turns.
        num_generations: Responses to each.
        max_response_tokens: Longest response; a longer one is cut.
        batch_size: Responses written at a time; the responses to one prompt go together.
        temperature: Divides the logits; 0 takes the most likely token.
        seeds: One a response, those to one conversation next to each other, so that PyTorch's generator stays as it is. A response
            then depends on its own seed alone; where the policy is not asked by groups, on all seeds of its batch. None draws
            tokens from PyTorch's generator.
        on_progress: Told how many prompts are done, of how many.

    Returns:
        The responses to each conversation, in the order of the conversations.
    """
    prompts = [prompt_ids(policy.tokenizer, messages) for messages in conversations]
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    request = _Request(
        num_generations=num_generations,
        max_response_tokens=max_response_tokens,
        batch_size=batch_size,
        temperature=temperature,
        stop_ids=stop_ids(policy),
        seeds=_in_order(seeds, order, num_generations),
        on_progress=on_progress,
    )
    generate = _in_groups if takes_groups(policy.model) else _in_padded_batches
    groups: list[list[Response]] = [[] for _ in prompts]
    written = generate(policy, [prompts[place] for place in order], request)
    for place, group in zip(order, written, strict=True):
        texts = policy.tokenizer.batch_decode(group, skip_special_tokens=True)
        groups[place] = [
            Response(text=text, was_cut=not any(token in request.stop_ids for token in tokens))
            for text, tokens in zip(texts, group, strict=True)
        ]
    return groups


def _in_order(seeds: Seeds | None, order: Sequence[int], num_generations: int) -> Seeds | None:
    """Let seeds follow their prompts."""
    if seeds is None:
        return None
    starts = [place * num_generations for place in order]
    return [seed for start in starts for seed in seeds[start : start + num_generations]]


def stop_ids(policy: Policy) -> tuple[int, ...]:
    """List the tokens that end a response: the tokenizer's and those that the model declares.

    Args:
        policy: The policy.

    Returns:
        Token ids, rising.
    """
    declared = policy.model.generation_config.eos_token_id
    declared = [declared] if isinstance(declared, int) else list(declared or [])
    return tuple(sorted({policy.tokenizer.eos_token_id, *declared} - {None}))


def takes_groups(model: Any) -> bool:
    """Say whether a policy is asked by groups; what an engine is told about its passes is no matter of evaluation.

    Args:
        model: A causal language model.

    Returns:
        True on a CPU or CUDA, unless the policy's attention does not allow it.
    """
    from rlsr.forward.support import check_support

    if not wants_groups("auto", model.device.type):
        return False
    reason = check_support(model)
    if reason is not None:
        logger.debug("responses by model.generate: %s", reason)
    return reason is None


def _in_groups(policy: Policy, prompts: Sequence[Tokens], request: _Request) -> Groups:
    from rlsr.forward.generation import generate_groups
    from rlsr.forward.sampling import Sampling

    return generate_groups(
        policy.model,
        prompts,
        num_generations=request.num_generations,
        max_response_tokens=request.max_response_tokens,
        stop_ids=request.stop_ids,
        sampling=Sampling(temperature=request.temperature),
        seeds=request.seeds,
        rows_at_a_time=request.batch_size,
        on_progress=request.on_progress,
    )


def _in_padded_batches(policy: Policy, prompts: Sequence[Tokens], request: _Request) -> Groups:
    """Let transformers generate, for policies that the grouped way does not know."""
    import torch

    at_a_time = max(1, request.batch_size // request.num_generations)
    groups: Groups = []
    was_training = policy.model.training
    policy.model.eval()
    try:
        for start in range(0, len(prompts), at_a_time):
            first, number = (count * request.num_generations for count in (start, at_a_time))
            own = None if request.seeds is None else request.seeds[first : first + number]
            with torch.no_grad(), _drawing_by(own, policy.model.device):
                groups += _padded_batch(policy, prompts[start : start + at_a_time], request)
            if request.on_progress is not None:
                request.on_progress(len(groups), len(prompts))
    finally:
        policy.model.train(was_training)
    return groups


@contextmanager
def _drawing_by(seeds: Seeds | None, device: Any) -> Iterator[None]:
    """Seed PyTorch's generators for a batch, and put them back."""
    import torch

    if seeds is None:
        yield
        return
    together = np.random.SeedSequence([number for seed in seeds for number in seed])
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(together.generate_state(1)[0]))
        yield


def _padded_batch(policy: Policy, prompts: Sequence[Tokens], request: _Request) -> Groups:
    from transformers import GenerationConfig

    batch = policy.tokenizer.pad({"input_ids": list(map(list, prompts))}, return_tensors="pt")
    drawing = (
        {"do_sample": True, "temperature": request.temperature, "top_k": 0, "top_p": 1.0}
        if request.temperature > 0
        else {"do_sample": False}
    )
    output = policy.model.generate(
        **batch.to(policy.model.device),
        generation_config=GenerationConfig(
            max_new_tokens=request.max_response_tokens,
            num_return_sequences=request.num_generations,
            eos_token_id=list(request.stop_ids),
            pad_token_id=policy.tokenizer.pad_token_id,
            **drawing,
        ),
    )
    rows: list[list[int]] = output[:, batch["input_ids"].shape[1] :].tolist()
    return [
        rows[start : start + request.num_generations]
        for start in range(0, len(rows), request.num_generations)
    ]
