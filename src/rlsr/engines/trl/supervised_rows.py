"""References, and their prompts, as the tokens that the policy learns from."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence

from rlsr.data.record import PromptRecord
from rlsr.data.stored import EveryReference
from rlsr.models import prompt_ids

REFERENCE_COLUMN = "reference_ids"
"""Dataset column with the tokens of a row's reference, beside the prompts of a method with rollouts."""
_PLACE = "place"


class PromptResponseCollator:
    """Puts rows into the tables that TRL's GRPO has for a rollout: prompts padded on the left, responses on the right.

    Args:
        pad_id: Token of the padding.
    """

    def __init__(self, pad_id: int) -> None:
        self._pad_id = pad_id

    def __call__(self, rows: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        """Pad rows.

        Args:
            rows: Of the dataset.

        Returns:
            ``prompt_ids``, ``prompt_mask``, ``completion_ids`` and ``completion_mask``: (row, token).
        """
        prompts, prompt_mask = self._pad([row["prompt_ids"] for row in rows], "left")
        responses, response_mask = self._pad([row["response_ids"] for row in rows], "right")
        return {
            "prompt_ids": prompts,
            "prompt_mask": prompt_mask,
            "completion_ids": responses,
            "completion_mask": response_mask,
        }

    def _pad(self, rows: Sequence[list[int]], side: str) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = [torch.tensor(row, dtype=torch.long) for row in rows]
        ones = [torch.ones_like(row) for row in tokens]
        options: dict[str, Any] = {"batch_first": True, "padding_side": side}
        return (
            pad_sequence(tokens, padding_value=self._pad_id, **options),
            pad_sequence(ones, padding_value=0, **options),
        )


class SupervisedRows:
    """Reads the references of a step, in the place of a collator; the dataset holds the places of all references alone.

    Args:
        records: The training prompts with their references.
        tokenizer: The policy's.
        encode: Gives the tokens of a reference.
    """

    def __init__(
        self,
        records: Sequence[PromptRecord],
        tokenizer: Any,
        encode: Callable[[str], list[int]],
    ) -> None:
        self._references = EveryReference(records)
        self._tokenizer = tokenizer
        self._encode = encode
        self._collate = PromptResponseCollator(tokenizer.pad_token_id)

    @property
    def places(self) -> Dataset:
        """A row for every reference."""
        return Dataset.from_dict({_PLACE: np.arange(len(self._references))})

    def row(self, place: int) -> dict[str, list[int]]:
        """Read a reference and its prompt, as ``prompt_ids`` and ``response_ids``."""
        record, reference = self._references.with_record(place)
        return {
            "prompt_ids": prompt_ids(self._tokenizer, record.messages),
            "response_ids": self._encode(reference),
        }

    def __call__(self, rows: Sequence[dict[str, int]]) -> dict[str, torch.Tensor]:
        """Read rows.

        Args:
            rows: Of ``places``.

        Returns:
            Tables of ``PromptResponseCollator``.
        """
        return self._collate([self.row(row[_PLACE]) for row in rows])
