"""Pairs of a better and a worse answer as the tokens that preference training reads."""

from collections.abc import Sequence
from typing import Any

import torch
from datasets import Dataset

from rlsr.data.record import PromptRecord
from rlsr.engines.trl.supervised_rows import PromptResponseCollator
from rlsr.models import prompt_ids, response_ids


def as_pair_dataset(
    records: Sequence[PromptRecord], tokenizer: Any, *, max_response_tokens: int
) -> Dataset:
    """Encode records for preference training.

    Args:
        records: The training prompts, each with a rejected answer.
        tokenizer: The policy's.
        max_response_tokens: Longest answer, its end of sequence included; a longer one is cut.

    Returns:
        Rows of ``prompt_ids``, ``chosen_ids`` and ``rejected_ids``.
    """

    def encode(answer: str | None) -> list[int]:
        assert answer is not None, "pairs are complete before they are encoded"
        return response_ids(tokenizer, answer, max_response_tokens=max_response_tokens)

    return Dataset.from_list(
        [
            {
                "prompt_ids": prompt_ids(tokenizer, record.messages),
                "chosen_ids": encode(record.reference),
                "rejected_ids": encode(record.rejected),
            }
            for record in records
        ]
    )


class PairCollator:
    """Puts pairs into the tables of ``PromptResponseCollator``: all better answers, then all worse ones.

    Args:
        pad_id: Token of the padding.
    """

    def __init__(self, pad_id: int) -> None:
        self._collate = PromptResponseCollator(pad_id)

    def __call__(self, rows: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        """Pad pairs.

        Args:
            rows: Of the dataset.

        Returns:
            Tables of twice as many rows, as ``PromptResponseCollator`` names them.
        """
        return self._collate(
            [
                {"prompt_ids": row["prompt_ids"], "response_ids": row[answer]}
                for answer in ("chosen_ids", "rejected_ids")
                for row in rows
            ]
        )
