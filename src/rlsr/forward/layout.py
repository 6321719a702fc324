"""Where the tokens of prompts and responses lie when they share one row without padding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch


@dataclass(frozen=True)
class Segments:
    """Pieces of a packed row, and the way between them and a padded table."""

    index: torch.Tensor
    """(piece, place): position in the row; places behind the end of a piece point to its start, those of an empty piece
    to the start of the row. There is at least one place, since kernels want no empty tables."""
    lengths: torch.Tensor
    """(piece,): tokens of each."""

    @classmethod
    def of(cls, starts: Sequence[int], lengths: Sequence[int], device: torch.device) -> Self:
        """Index pieces.

        Args:
            starts: Where each begins.
            lengths: How long each is.
            device: Where the indices go.
        """
        length = torch.tensor(lengths)
        # An empty piece may begin behind the end of the row.
        start = torch.tensor(starts).where(length > 0, 0)[:, None]
        place = torch.arange(max((1, *lengths)))[None]
        index = start + torch.where(place < length[:, None], place, 0)
        return cls(index.to(device), length.to(device))

    @property
    def is_token(self) -> torch.Tensor:
        """(piece, place): whether there is a token, and not padding."""
        place = torch.arange(self.index.shape[1], device=self.index.device)
        return place[None] < self.lengths[:, None]

    def take(self, pieces: Sequence[int]) -> Self:
        """Choose pieces; the table is as wide as the longest of them.

        Args:
            pieces: Their numbers, at least one.

        Returns:
            The pieces, in this order.
        """
        chosen = torch.tensor(pieces, device=self.index.device)
        lengths = self.lengths[chosen]
        width = max(1, int(lengths.max()))
        return type(self)(self.index[chosen, :width], lengths)

    @property
    def causal(self) -> torch.Tensor:
        """(1, place, place): each place of a piece sees itself and those before it."""
        num_places = self.index.shape[1]
        ones = torch.ones(1, num_places, num_places, dtype=torch.bool, device=self.index.device)
        return ones.tril()


@dataclass(frozen=True)
class PackedLayout:
    """One row with each prompt once, followed by its responses, and nothing else.

    The last token of a response is left out: nothing is predicted from it.
    """

    tokens: torch.Tensor
    """(position,): token ids."""
    positions: torch.Tensor
    """(position,): place within prompt and response, as rotary embeddings need it."""
    prompts: Segments
    """The prompts."""
    responses: Segments
    """The responses, without their last tokens."""
    prompt_of_response: torch.Tensor
    """(response,): which prompt it answers."""
    predictors: torch.Tensor
    """(target,): the position that predicts each response token, response by response."""
    targets: torch.Tensor
    """(target,): the response tokens."""
    response_lengths: tuple[int, ...]
    """Tokens of each response, the last one included."""


def pack(
    prompts: Sequence[Sequence[int]],
    responses: Sequence[Sequence[int]],
    prompt_of_response: Sequence[int],
    device: torch.device,
) -> PackedLayout:
    """Put prompts and their responses into one row.

    Args:
        prompts: Token ids, at least one each.
        responses: Token ids, at least one each.
        prompt_of_response: For each response the number of its prompt.
        device: Where the tensors go.
    """
    tokens: list[int] = []
    positions: list[int] = []
    prompt_starts, response_starts = [0] * len(prompts), [0] * len(responses)
    for number, prompt in enumerate(prompts):
        prompt_starts[number] = len(tokens)
        tokens += prompt
        positions += range(len(prompt))
        for row, response in enumerate(responses):
            if prompt_of_response[row] == number:
                response_starts[row] = len(tokens)
                tokens += response[:-1]
                positions += range(len(prompt), len(prompt) + len(response) - 1)
    predictors: list[int] = []
    for row, response in enumerate(responses):
        number = prompt_of_response[row]
        predictors.append(prompt_starts[number] + len(prompts[number]) - 1)
        predictors += range(response_starts[row], response_starts[row] + len(response) - 1)
    lengths = [len(response) for response in responses]
    return PackedLayout(
        tokens=torch.tensor(tokens, device=device),
        positions=torch.tensor(positions, device=device),
        prompts=Segments.of(prompt_starts, [len(prompt) for prompt in prompts], device),
        responses=Segments.of(response_starts, [length - 1 for length in lengths], device),
        prompt_of_response=torch.tensor(prompt_of_response, device=device),
        predictors=torch.tensor(predictors, device=device),
        targets=torch.tensor(
            [token for response in responses for token in response], device=device
        ),
        response_lengths=tuple(lengths),
    )
