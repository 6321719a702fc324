"""A loaded dataset and the report on it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from rlsr.data.layouts import LayoutName
from rlsr.data.record import PromptRecord
from rlsr.data.rows import Problem


@dataclass(frozen=True)
class Lengths:
    """How long texts are, in characters."""

    minimum: int
    median: float
    maximum: int


@dataclass(frozen=True)
class DataReport:
    """What was read, and what was left out."""

    source: str
    """The config's ``data.path``."""
    heldout_source: str | None
    """The config's ``data.heldout_path``."""
    layout: LayoutName
    """The layout of ``source``, named or found."""
    num_rows: int
    """Rows read, bad ones included: ``num_train + num_heldout + len(skipped)``."""
    num_train: int
    num_heldout: int
    skipped: tuple[Problem, ...]
    """The rows left out with ``data.on_bad_row=skip``, each with its reason, in file order."""
    prompt_chars: Lengths
    """Over training and held-out rows; the text of a prompt's messages without their roles."""
    reference_chars: Lengths
    """Over training and held-out rows."""
    num_rejected: int
    """Training and held-out rows with a worse answer beside the reference."""


@dataclass(frozen=True)
class Dataset:
    """Prompts with their references, in file order."""

    train: tuple[PromptRecord, ...]
    heldout: tuple[PromptRecord, ...]
    """Never trained on; empty if nothing is held out."""
    report: DataReport

    @property
    def sha256(self) -> str:
        """Hash of all records and their split, wherever they came from; equal data give equal hashes."""
        digest = hashlib.sha256()
        for part in (self.train, self.heldout):
            for record in part:
                facts = {**asdict(record), "location": None}
                # So that sets without these keep the hash that they had before there were any.
                for later in ("rejected", "other_references", "columns"):
                    if not facts[later]:
                        del facts[later]
                digest.update(json.dumps(facts, sort_keys=True).encode())
            digest.update(b"|")
        return digest.hexdigest()


def measure_prompts(records: Sequence[PromptRecord]) -> Lengths:
    """Measure the prompts of at least one record."""
    return _measure(
        [sum(len(message.content) for message in record.messages) for record in records]
    )


def measure_references(records: Sequence[PromptRecord]) -> Lengths:
    """Measure the references of at least one record."""
    return _measure([len(record.reference) for record in records])


def _measure(lengths: list[int]) -> Lengths:
    return Lengths(min(lengths), float(median(lengths)), max(lengths))
