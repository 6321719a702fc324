"""Rows as TRL's rollouts have them: the dataset holds the places of records alone, and a step reads those that it asks about."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from datasets import Dataset

from rlsr.data.record import PromptRecord
from rlsr.engines.trl.reward_function import RECORD_COLUMN
from rlsr.engines.trl.supervised_rows import REFERENCE_COLUMN
from rlsr.models import as_chat


def places_of(records: Sequence[PromptRecord]) -> Dataset:
    """List the places of records, from 0."""
    return Dataset.from_dict({RECORD_COLUMN: np.arange(len(records))})


class RolloutRows:
    """Reads the rows of a step, in the place of TRL's collator, which leaves rows as they are.

    Args:
        records: The training prompts.
        encode: Gives the tokens of a reference, for a method that learns from them; None where none does.
    """

    def __init__(
        self, records: Sequence[PromptRecord], encode: Callable[[str], list[int]] | None = None
    ) -> None:
        self._records = records
        self._encode = encode

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Read rows.

        Args:
            rows: Places, with whatever else the dataset says of them; each prompt stands there once for every response.

        Returns:
            The same with the prompts, and the tokens of the references where they are learnt from.
        """
        places = dict.fromkeys(row[RECORD_COLUMN] for row in rows)
        records = {place: self._records[place] for place in places}
        references = {
            place: self._encode(record.reference) if self._encode else []
            for place, record in records.items()
        }
        return [
            {
                **row,
                "prompt": as_chat(records[row[RECORD_COLUMN]].messages),
                **({REFERENCE_COLUMN: references[row[RECORD_COLUMN]]} if self._encode else {}),
            }
            for row in rows
        ]
