"""Responses whose beginning is given to the policy."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch


class Beginning(NamedTuple):
    """What a response begins with."""

    tokens: list[int]
    """Token ids."""
    kind: int
    """The same number for the responses of a group that begin alike, in every group."""


NO_BEGINNING = Beginning([], 0)
"""The policy writes all of the response."""


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
        write: Takes texts, how many responses to write to each, and which responses of the rollout these are.
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
    """Say which tokens of responses were given, in the shape of ``is_token``: (response, token)."""
    lengths = torch.tensor([len(beginning.tokens) for beginning in beginnings])
    places = torch.arange(is_token.shape[1])
    return (places[None] < lengths[:, None]).to(is_token.device) & is_token.bool()
