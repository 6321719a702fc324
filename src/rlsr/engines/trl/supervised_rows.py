"""References, and their prompts, as the tokens that the policy learns from."""

from collections.abc import Sequence
from typing import Any

import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence

from rlsr.data.record import PromptRecord
from rlsr.models import prompt_ids, response_ids

REFERENCE_COLUMN = "reference_ids"
"""Dataset column with the tokens of a row's reference, beside the prompts of a method with rollouts."""


def as_reference_dataset(
    records: Sequence[PromptRecord], tokenizer: Any, *, max_response_tokens: int
) -> Dataset:
    """Encode records for supervised training.

    Args:
        records: The training prompts with their references.
        tokenizer: The policy's.
        max_response_tokens: Longest reference, its end of sequence included; a longer one is cut, and then teaches no end.

    Returns:
        Rows of ``prompt_ids`` and ``response_ids``: one row for every reference.
    """
    return Dataset.from_list(
        [
            {
                "prompt_ids": prompt_ids(tokenizer, record.messages),
                "response_ids": response_ids(
                    tokenizer, reference, max_response_tokens=max_response_tokens
                ),
            }
            for record in records
            for reference in record.references
        ]
    )


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
