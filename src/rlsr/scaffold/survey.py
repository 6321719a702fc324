"""What somebody's data are like, and the machine that they shall be trained on."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal, NamedTuple

from rlsr.config import RunConfig
from rlsr.config.data import ColumnNames, DataConfig
from rlsr.data import Dataset, load_dataset
from rlsr.data.rows import RawRow
from rlsr.data.sources import read_rows
from rlsr.errors import DataError, RlsrError
from rlsr.pipeline.token_lengths import TokenLengths, lengths_of, measure_lengths

Answers = Literal["texts", "numbers", "numbers at the end", "labels"]
"""What the references are."""

_PAIRS = (
    ("question", "answer"),
    ("query", "answer"),
    ("query", "response"),
    ("question", "response"),
    ("prompt", "answer"),
    ("prompt", "output"),
    ("instruction", "response"),
    ("input", "output"),
    ("input", "target"),
    ("source", "target"),
)
"""Columns of prompt and answer in sets of no known layout, the surest first."""
_NUM_FIRST_ROWS = 20

_NUMBER = re.compile(r"\s*[-+]?[$€£]?[\d,]*\.?\d+\s*%?\.?\s*")
_NUMBER_AT_END = re.compile(r"####\s*[-+]?[$]?[\d,]*\.?\d+\s*$")
_MOST_LABELS, _FEWEST_OF_A_LABEL = 20, 5
_NEARLY_ALL = 0.95


@dataclass(frozen=True)
class Machine:
    """What there is to train on."""

    device: Literal["cpu", "cuda", "mps"] | None
    """Where a run would be; None where PyTorch is not installed or cannot choose."""
    memory_gb: float | None
    """Of the device, in all."""
    num_cores: int
    """Processor cores that this process may use."""

    @property
    def in_words(self) -> str:
        """For a comment."""
        cores = f"{self.num_cores} core{'s' if self.num_cores > 1 else ''}"
        if self.device is None:
            return f"{cores}; PyTorch is not installed here, so nothing else is known of the device"
        memory = "" if self.memory_gb is None else f", {self.memory_gb:.0f} GB of memory"
        return f"{'a GPU' if self.device != 'cpu' else f'the CPU with {cores}'}{memory}"


@dataclass(frozen=True)
class Survey:
    """What is known before anything is trained."""

    config: RunConfig
    """With the data and the policy as they were named, and what was guessed of them."""
    guessed_columns: bool
    """Whether the columns were chosen by their names alone."""
    skips_bad_rows: bool
    """Whether more rows cannot be used than are left out without being asked."""
    dataset: Dataset
    """The rows, split."""
    answers: Answers
    """What the references are."""
    prompts: TokenLengths
    """In tokens of the policy, or in words."""
    references: TokenLengths
    """The same."""
    unit: Literal["tokens", "words"]
    """What the lengths are in: words where the policy's tokenizer is not at hand."""
    num_parameters: int | None
    """Weights of the policy, where it is at hand."""
    context: int | None
    """Positions that the policy knows, where it says so."""
    machine: Machine
    """What there is to train on."""
    unknown: tuple[str, ...]
    """What could not be found out, and why, in sentences."""


def survey(config: RunConfig) -> Survey:
    """Look at data, policy and machine; nothing is written.

    Args:
        config: It names data and policy.

    Raises:
        RlsrError: The data cannot be used.
    """
    config, dataset, guessed, skips = load_rows(config)
    records = [*dataset.train, *dataset.heldout]
    references = [text for record in records for text in record.references]
    found = Survey(
        config=config,
        guessed_columns=guessed,
        skips_bad_rows=skips,
        dataset=dataset,
        answers=kind_of_answers(references),
        prompts=_words([record.prompt for record in records]),
        references=_words(references),
        unit="words",
        num_parameters=None,
        context=None,
        machine=_machine(config),
        unknown=(),
    )
    try:
        return _with_tokens(found, references)
    except RlsrError as error:
        reason = str(error).partition("\n")[0]
        return replace(
            found, unknown=(f"lengths are in words, not in tokens of the policy: {reason}",)
        )


class LoadedRows(NamedTuple):
    """Data as far as they can be used."""

    config: RunConfig
    """With what was guessed of the data."""
    dataset: Dataset
    """The rows, split."""
    guessed_columns: bool
    """Whether the columns were chosen by their names alone."""
    skips_bad_rows: bool
    """Whether more rows cannot be used than are left out without being asked."""


def load_rows(config: RunConfig) -> LoadedRows:
    """Load the data; where they have no known layout by columns of usual names, where many rows are bad without these.

    Args:
        config: It names the data; what it says of them stays.

    Raises:
        DataError: They cannot be used in any of these ways.
    """
    try:
        return LoadedRows(config, load_dataset(config.data), False, False)
    except DataError:
        changes = [
            change
            for change in (_guessed_columns(config.data), {"on_bad_row": "skip"})
            if change is not None and not changes_what_is_said(config.data, change)
        ]
        for change in changes:
            data = config.data.model_copy(update=change)
            try:
                dataset = load_dataset(data)
            except DataError:
                continue
            named = config.model_copy(update={"data": data})
            return LoadedRows(named, dataset, "columns" in change, "on_bad_row" in change)
        raise


def changes_what_is_said(data: DataConfig, change: dict[str, Any]) -> bool:
    """Say whether a change would go over what the user has set."""
    return any(getattr(data, key) != DataConfig.model_fields[key].default for key in change)


def _guessed_columns(data: DataConfig) -> dict[str, Any] | None:
    if data.layout != "auto":
        return None
    rows = islice(read_rows(data.path, split=data.split), _NUM_FIRST_ROWS)
    named = [
        set(row.value) for row in rows if isinstance(row, RawRow) and isinstance(row.value, dict)
    ]
    shared = set.intersection(*named) if named else set()
    pair = next((pair for pair in _PAIRS if shared.issuperset(pair)), None)
    return None if pair is None else {"columns": ColumnNames(prompt=pair[0], response=pair[1])}


def kind_of_answers(references: Sequence[str]) -> Answers:
    """Say what references are.

    Args:
        references: At least one.
    """

    def share(pattern: re.Pattern[str]) -> float:
        found = pattern.search if pattern is _NUMBER_AT_END else pattern.fullmatch
        return sum(found(text) is not None for text in references) / len(references)

    if share(_NUMBER) >= _NEARLY_ALL:
        return "numbers"
    if share(_NUMBER_AT_END) >= _NEARLY_ALL:
        return "numbers at the end"
    counts = Counter(" ".join(text.casefold().split()) for text in references)
    if len(counts) <= _MOST_LABELS and min(counts.values()) >= _FEWEST_OF_A_LABEL:
        return "labels"
    return "texts"


def _words(texts: Sequence[str]) -> TokenLengths:
    return lengths_of([len(text.split()) for text in texts])


def _with_tokens(found: Survey, references: Sequence[str]) -> Survey:
    """Count in the policy's tokens, and ask how large it is."""
    from rlsr.models import (
        PromptLengths,
        count_parameters,
        load_model_config,
        load_tokenizer,
        reference_lengths,
    )

    model = found.config.model
    tokenizer, model_config = load_tokenizer(model), load_model_config(model)
    lengths, records = PromptLengths(tokenizer), [*found.dataset.train, *found.dataset.heldout]
    prompts = [record.messages for record in records]
    context = getattr(model_config.get_text_config(), "max_position_embeddings", None)
    return replace(
        found,
        prompts=measure_lengths(
            prompts, sizes=[lengths.size(prompt) for prompt in prompts], count=lengths.count
        ),
        references=measure_lengths(
            references,
            sizes=[len(text.encode()) + 1 for text in references],
            count=lambda texts: reference_lengths(tokenizer, texts),
        ),
        unit="tokens",
        num_parameters=count_parameters(model_config, model),
        context=context if isinstance(context, int) else None,
    )


def _machine(config: RunConfig) -> Machine:
    from rlsr.engines.memory import total_memory_gb
    from rlsr.models import choose_device

    num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        device = choose_device(config.device)
    except RlsrError:
        return Machine(None, None, num_cores or 1)
    return Machine(device, total_memory_gb(device), num_cores or 1)
