"""Responses whose beginning is given to the policy: how it gets to where TRL samples, and how the policy goes on from it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch

Row = Mapping[str, Any]
"""A row of the dataset, as TRL reads it: messages of the prompt, and further columns."""

BEGINNING = "beginning"
"""Key of the last message of a prompt. TRL hands a rollout nothing of a row but its messages."""


class Beginning(NamedTuple):
    """What a response begins with."""

    tokens: list[int]
    """Token ids."""
    kind: int
    """The same number for the responses of a group that begin alike, of every group."""


NO_BEGINNING = Beginning([], 0)


def begin(rows: Sequence[Row], beginnings: Sequence[Beginning]) -> list[Row]:
    """Write beginnings into the rows of a step.

    Args:
        rows: Rows of the dataset.
        beginnings: One a row.

    Returns:
        Rows whose last message has one more key.
    """
    return [
        {**row, "prompt": [*row["prompt"][:-1], {**row["prompt"][-1], BEGINNING: beginning}]}
        for row, beginning in zip(rows, beginnings, strict=True)
    ]


def beginning_of(prompt: Sequence[dict[str, Any]]) -> Beginning:
    """Read what the response to a prompt begins with.

    Args:
        prompt: Messages.

    Returns:
        Its beginning; an empty one where none was written.
    """
    return prompt[-1].get(BEGINNING, NO_BEGINNING)


def without_beginning(prompt: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give back the messages that a chat template knows.

    Args:
        prompt: Messages.

    Returns:
        The same without what their response begins with.
    """
    return [{key: message[key] for key in message if key != BEGINNING} for message in prompt]


def go_on(
    prompts: Sequence[list[int]],
    beginnings: Sequence[Beginning],
    write: Callable[[list[list[int]], int, list[int]], list[list[int]]],
    *,
    num_generations: int,
    max_tokens: int,
    end: int,
) -> list[list[int]]:
    """Write responses from their beginnings on.

    The responses of a group that begin alike are one group, whose prompt and beginning are read once.

    Args:
        prompts: Token ids, each prompt once for every response.
        beginnings: Of the responses.
        write: Writes so many responses to each of some texts, which responses of the rollout these are.
        num_generations: Responses of a prompt.
        max_tokens: Longest response, its beginning included.
        end: Token behind which nothing is written.

    Returns:
        Token ids of the responses with their beginnings.
    """
    responses = [beginning.tokens for beginning in beginnings]
    kinds = [beginning.kind for beginning in beginnings]
    for kind in dict.fromkeys(kinds):
        rows = [
            row
            for row, begun in enumerate(responses)
            if kinds[row] == kind and begun[-1:] != [end] and len(begun) < max_tokens
        ]
        if rows:
            texts = [[*prompts[row], *responses[row]] for row in rows]
            written = write(texts, kinds[:num_generations].count(kind), rows)
            for row, tokens in zip(rows, written, strict=True):
                responses[row] = [*responses[row], *tokens][:max_tokens]
    return responses


def given_tokens(beginnings: Sequence[Beginning], is_token: torch.Tensor) -> torch.Tensor:
    """Say which tokens of responses were given.

    Args:
        beginnings: Of the responses.
        is_token: (response, token): whether there is a token.

    Returns:
        The same shape, as flags.
    """
    lengths = torch.tensor([len(beginning.tokens) for beginning in beginnings])
    places = torch.arange(is_token.shape[1])
    return (places[None] < lengths[:, None]).to(is_token.device) & is_token.bool()
