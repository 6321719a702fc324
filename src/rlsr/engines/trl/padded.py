"""Between TRL's padded tables and the tokens that are in them."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Self

import torch

RESPONSE_TABLES = (
    "completion_ids",
    "completion_mask",
    "advantages",
    "tool_mask",
    "ref_per_token_logps",
    "old_per_token_logps",
    "sampling_per_token_logps",
    "importance_sampling_ratio",
)
"""Entries of TRL's batch with a column for each response token, where they are tables."""

PROMPT_TABLES = ("prompt_ids", "prompt_mask")
"""Entries of TRL's batch with a column for each prompt token, padded on the left."""


@dataclass(frozen=True)
class Responses:
    """Prompts and responses without their padding."""

    prompts: list[tuple[int, ...]]
    """Token ids of the prompt of each response."""
    responses: list[list[int]]
    """Token ids of each response; empty where all of it is masked."""
    groups: list[int]
    """For each response the number of its prompt, equal prompts sharing one."""

    @classmethod
    def of(cls, prompts: Sequence[tuple[int, ...]], responses: Sequence[list[int]]) -> Self:
        """Number the prompts of responses, equal ones sharing a number."""
        numbers: dict[tuple[int, ...], int] = {}
        groups = [numbers.setdefault(prompt, len(numbers)) for prompt in prompts]
        return cls(list(prompts), list(responses), groups)

    def followed_by(self, others: Self) -> Self:
        """Put others behind these; a prompt that both have gets one number."""
        return self.of([*self.prompts, *others.prompts], [*self.responses, *others.responses])

    def take(self, rows: list[int]) -> "Responses":
        """Take some of them, with the numbers of their prompts unchanged."""
        return Responses(
            [self.prompts[row] for row in rows],
            [self.responses[row] for row in rows],
            [self.groups[row] for row in rows],
        )

    def emptied(self, rows: Set[int]) -> Self:
        """Leave some without a token, so that they take part in no pass."""
        responses = [[] if row in rows else ids for row, ids in enumerate(self.responses)]
        return replace(self, responses=responses)

    @property
    def prompt_lengths(self) -> list[int]:
        """Tokens of the prompt of each response."""
        return [len(prompt) for prompt in self.prompts]

    @property
    def response_lengths(self) -> list[int]:
        """Tokens of each response."""
        return [len(response) for response in self.responses]


def read_responses(input_ids: torch.Tensor, mask: torch.Tensor, num_tokens: int) -> Responses:
    """Take the padding off.

    Args:
        input_ids: (row, position): prompts padded on the left, responses padded on the right.
        mask: The same shape; 0 is padding.
        num_tokens: Positions of the response, at the end of a row.
    """
    prompts, responses = [], []
    for ids, kept in zip(input_ids.tolist(), mask.bool().tolist(), strict=True):
        tokens = list(zip(ids, kept, strict=True))
        prompts.append(tuple(token for token, keep in tokens[:-num_tokens] if keep))
        responses.append([token for token, keep in tokens[-num_tokens:] if keep])
    return Responses.of(prompts, responses)


def rollout_responses(batch: dict[str, Any]) -> Responses:
    """Take the padding off the tables of TRL's batch; a response is empty where all of it is masked."""
    return read_responses(
        torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1),
        torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1),
        batch["completion_ids"].size(1),
    )


def token_mask(lengths: Sequence[int], table: torch.Tensor) -> torch.Tensor:
    """Say where a table, (row, token), has tokens, given their number in each row; the rest is padding."""
    places = torch.arange(table.shape[1], device=table.device)
    return places[None] < torch.tensor(lengths, device=table.device)[:, None]


def take_rows(batch: dict[str, Any], rows: list[int]) -> dict[str, Any]:
    """Take some responses out of TRL's batch, without the padding that they do not need.

    Args:
        batch: As ``_generate_and_score_completions`` returns it.
        rows: Numbers of the responses.

    Returns:
        A batch of the same entries; numbers about the whole rollout stay as they are.
    """
    num_rows = len(batch["completion_ids"])
    longest_response = int(batch["completion_mask"][rows].sum(1).max())
    longest_prompt = int(batch["prompt_mask"][rows].sum(1).max())
    part: dict[str, Any] = {}
    for name, value in batch.items():
        is_table = isinstance(value, torch.Tensor) and value.ndim > 0 and len(value) == num_rows
        part[name] = value[rows] if is_table else value
        if is_table and name in RESPONSE_TABLES and value.ndim > 1 and value.shape[1] > 1:
            part[name] = part[name][:, :longest_response]
        elif is_table and name in PROMPT_TABLES:
            part[name] = part[name][:, value.shape[1] - longest_prompt :]
    return part
