"""Responses to prompts, several to each: the rollout."""

from collections.abc import Callable, Collection, Sequence
from itertools import accumulate
from typing import Any

import torch

from rlsr.forward.attention import attention_by_plan
from rlsr.forward.group_cache import GroupAttention, PromptAttention
from rlsr.forward.layout import Segments
from rlsr.forward.rollout_weights import rollout_weights
from rlsr.forward.sampling import Sampling, Seed, draw_tokens, uniform_numbers
from rlsr.forward.threads import decoding_threads

DROP_SHARE = 8
"""Ended responses leave the batch when one in this many has ended; each time, the kept keys are copied."""


def generate_groups(  # noqa: PLR0913 - what to write, how, and how much at a time
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    num_generations: int,
    max_response_tokens: int,
    stop_ids: Collection[int],
    sampling: Sampling,
    seeds: Sequence[Seed] | None = None,
    rows_at_a_time: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[list[list[int]]]:
    """Write responses.

    Each prompt passes once, without padding, and its group shares its keys and values; responses that ended leave the
    batch; adapters are merged for the while. In float32 greedy responses are those of ``model.generate``.

    Args:
        model: A causal language model, with or without adapters; put into evaluation mode for the while.
        prompts: Token ids, at least one each.
        num_generations: Responses to each prompt.
        max_response_tokens: Longest response.
        stop_ids: Tokens that end a response.
        sampling: How tokens are drawn.
        seeds: One a response, those of a group next to each other; each response is then drawn by numbers of its own. None
            takes them from PyTorch's generator.
        rows_at_a_time: Responses written side by side, if memory sets a limit; whole groups go together.
        on_progress: Told how many prompts are done, of how many.

    Returns:
        For each prompt its responses as token ids, the stop token included where there is one.

    Raises:
        UnsupportedPolicyError: The model's attention has parts that these passes do not know.
    """
    rows = len(prompts) * num_generations if rows_at_a_time is None else rows_at_a_time
    at_a_time = max(1, rows // num_generations)
    stops = torch.tensor(sorted(stop_ids), dtype=torch.long, device=model.device)
    was_training = model.training
    model.eval()
    groups: list[list[list[int]]] = []
    try:
        with (
            torch.inference_mode(),
            decoding_threads(model),
            attention_by_plan(model),
            rollout_weights(model),
        ):
            for start in range(0, len(prompts), at_a_time):
                part = prompts[start : start + at_a_time]
                uniform = None
                if seeds is not None:
                    first = start * num_generations
                    own = seeds[first : first + len(part) * num_generations]
                    uniform = uniform_numbers(own, max_response_tokens).to(model.device)
                responses = _generate(
                    model, part, num_generations, max_response_tokens, stops, sampling, uniform
                )
                groups += responses
                if on_progress is not None:
                    on_progress(len(groups), len(prompts))
    finally:
        model.train(was_training)
    return groups


def _generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    num_generations: int,
    max_response_tokens: int,
    stop_ids: torch.Tensor,
    sampling: Sampling,
    uniform: torch.Tensor | None,
) -> list[list[list[int]]]:
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=model.device)
    logits, prompt_attention = _read_prompts(model, prompts)
    prompt_of_row = torch.arange(len(prompts), device=model.device)
    prompt_of_row = prompt_of_row.repeat_interleave(num_generations)
    attention = GroupAttention(prompt_attention, prompt_of_row)
    num_rows = len(prompt_of_row)
    rows = torch.arange(num_rows, device=model.device)

    def draw(logits: torch.Tensor, step: int) -> torch.Tensor:
        return draw_tokens(logits, sampling, None if uniform is None else uniform[rows, step])

    drawn = draw(logits[prompt_of_row], 0)
    written = torch.empty(num_rows, max_response_tokens, dtype=torch.long, device=model.device)
    ends = torch.full((num_rows,), max_response_tokens, device=model.device)
    for step in range(max_response_tokens):
        written[rows, step] = drawn
        ended = torch.isin(drawn, stop_ids)
        ends[rows[ended]] = ends[rows[ended]].clamp(max=step + 1)
        running = ends[rows] > step + 1
        num_running = int(running.sum())
        if num_running == 0 or step + 1 == max_response_tokens:
            break
        if (len(rows) - num_running) * DROP_SHARE >= len(rows):
            attention.keep(running.nonzero().squeeze(1))
            rows, drawn = rows[running], drawn[running]
        positions = lengths[prompt_of_row[rows]] + step
        output = model(
            input_ids=drawn[:, None],
            position_ids=positions[:, None],
            logits_to_keep=1,
            use_cache=False,
            plan=attention,
        )
        attention.advance()
        drawn = draw(output.logits[:, -1], step + 1)
    responses = [tokens[:end] for tokens, end in zip(written.tolist(), ends.tolist(), strict=True)]
    return [
        responses[start : start + num_generations] for start in range(0, num_rows, num_generations)
    ]


def _read_prompts(
    model: Any, prompts: Sequence[Sequence[int]]
) -> tuple[torch.Tensor, PromptAttention]:
    """Pass all prompts in one row: logits of what follows each, and the keys and values."""
    lengths = [len(prompt) for prompt in prompts]
    ends = list(accumulate(lengths))
    starts = [end - length for end, length in zip(ends, lengths, strict=True)]
    attention = PromptAttention(Segments.of(starts, lengths, model.device))
    tokens = [token for prompt in prompts for token in prompt]
    positions = [place for length in lengths for place in range(length)]
    output = model(
        input_ids=torch.tensor([tokens], device=model.device),
        position_ids=torch.tensor([positions], device=model.device),
        logits_to_keep=torch.tensor(ends, device=model.device) - 1,
        use_cache=False,
        plan=attention,
    )
    return output.logits[0], attention
