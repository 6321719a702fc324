"""A loaded dataset and the report on it."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from rlsr.config.data import LayoutName
from rlsr.data.record import PromptRecord
from rlsr.data.rows import Problem, show, show_names


@dataclass(frozen=True)
class Lengths:
    """How long texts are, in characters."""

    minimum: int
    median: float
    maximum: int


@dataclass(frozen=True)
class ColumnFacts:
    """What a further column holds."""

    name: str
    """The column."""
    types: tuple[str, ...]
    """JSON types of its values, the most frequent first; null is none of them."""
    num_filled: int
    """Training and held-out rows in which it is there and not null."""


@dataclass(frozen=True)
class DataReport:
    """What was read, and what was left out."""

    source: str
    """The config's ``data.path``."""
    heldout_source: str | None
    """The config's ``data.heldout_path``."""
    layout: LayoutName
    """The layout of ``source``, named or found."""
    answer_column: str
    """The column that the references of ``source`` are read from."""
    beside: tuple[str, ...]
    """Columns of its first rows that are not read, and might be taken for the prompt, the reference or a judgement."""
    num_rows: int
    """Rows read, bad ones included: ``num_train + num_heldout + num_merged + num_repeated + num_overlapping +
    len(skipped)``."""
    num_train: int
    num_heldout: int
    num_merged: int
    """Rows whose answer is a further reference of an earlier row with the same prompt."""
    num_repeated: int
    """Rows that repeat prompt and answer of earlier rows, and are left out."""
    skipped: tuple[Problem, ...]
    """The bad rows that are left out (``data.on_bad_row``), each with its reason, in file order."""
    prompt_chars: Lengths
    """Over training and held-out rows; the text of a prompt's messages without their roles."""
    reference_chars: Lengths
    """Over all references of training and held-out rows."""
    num_several_references: int
    """Training and held-out rows with several references."""
    num_rejected: int
    """Training and held-out rows with a worse answer beside the reference."""
    columns: tuple[ColumnFacts, ...]
    """Further columns, in the order of their first row."""
    num_overlapping: int = 0
    """Training rows that are left out since they hold a prompt of ``data.remove_overlap``."""

    @property
    def answer_in_words(self) -> str:
        """Which column the references are, and which columns beside it are not."""
        words = f"references are read from {show(self.answer_column)}"
        if self.beside:
            words += f"; no part of prompts or references: {show_names(self.beside)}"
        return words


@dataclass(frozen=True)
class Dataset:
    """Prompts with their references, in file order."""

    train: Sequence[PromptRecord]
    """Kept in a file of this process, and read when they are asked for."""
    heldout: tuple[PromptRecord, ...]
    """Never trained on; empty if nothing is held out."""
    report: DataReport
    train_keys: np.ndarray = field(compare=False)
    """The ``prompt_key`` of each training record."""

    @cached_property
    def sha256(self) -> str:
        """Hash of all prompts, answers and their split, wherever they came from; equal data give equal hashes."""
        return self._hash(_facts)

    @cached_property
    def columns_sha256(self) -> str | None:
        """Hash of the further columns of all records, None where there are none.

        It stands apart, since runs that were begun when further columns were dropped know the other hash alone.
        """
        if not self.report.columns:
            return None
        return self._hash(lambda record: record.columns)

    def _hash(self, facts: Callable[[PromptRecord], Mapping[str, object]]) -> str:
        digest = hashlib.sha256()
        for part in (self.train, self.heldout):
            for record in part:
                digest.update(json.dumps(facts(record), sort_keys=True).encode())
            digest.update(b"|")
        return digest.hexdigest()


def _facts(record: PromptRecord) -> dict[str, object]:
    # Name by name: dataclasses.asdict takes ten times as long.
    facts: dict[str, object] = {
        "id": record.id,
        "messages": [{"role": turn.role, "content": turn.content} for turn in record.messages],
        "reference": record.reference,
        "location": None,
        "category": record.category,
    }
    # So that sets without these keep the hash that they had before there were any.
    if record.rejected:
        facts["rejected"] = record.rejected
    if record.other_references:
        facts["other_references"] = record.other_references
    return facts
