"""The rows of an audit: prompts with references, and whatever else a row may carry that the reward can be checked with."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rlsr.config.data import DataConfig
from rlsr.data import PromptRecord, load_dataset
from rlsr.data.answers import LABEL_COLUMNS, REFERENCE
from rlsr.data.checks import merge_same_prompts
from rlsr.data.convert import to_entry
from rlsr.data.fields import Fields, as_fields
from rlsr.data.layouts import resolve_layout
from rlsr.data.record import Message
from rlsr.data.rows import Entry, MarkedRecord, Problem, RawRow, show
from rlsr.data.sources import read_rows
from rlsr.errors import DataError

SECOND_COLUMNS = ("second_reference", "paraphrase")
"""Columns with another good answer to the same prompt."""


@dataclass(frozen=True)
class LabelledAnswer:
    """An answer that somebody judged."""

    text: str
    """The answer."""
    label: float
    """Its quality; only the order within a prompt, or of 0 and 1, counts."""


@dataclass(frozen=True)
class AuditRow:
    """One prompt of an audit."""

    record: PromptRecord
    """Prompt and reference."""
    second_reference: str | None = None
    """Another good answer, where the data has one; none of the references."""
    answers: tuple[LabelledAnswer, ...] = ()
    """Judged answers, where the data has them."""


def load_audit_rows(config: DataConfig, max_rows: int, seed: int) -> tuple[AuditRow, ...]:
    """Read the rows of an audit.

    Three kinds of data are understood: an SFT set in any layout, with an optional column ``second_reference`` or
    ``paraphrase``, in place of which the last reference is taken where most prompts have several; judged answers, with the columns ``prompt``, ``reference``, ``response`` and one of ``label``,
    ``score`` and ``is_correct``; preferences, with ``prompt``, ``reference``, ``chosen`` and ``rejected``.

    Args:
        config: What to read and how.
        max_rows: Most prompts to keep; chosen at random where there are more.
        seed: Of that choice.

    Returns:
        The rows, in the order of the data.

    Raises:
        DataError: The data cannot be read, or has judged answers and no references.
    """
    rows = _judged_rows(config) if _is_judged(_first_fields(config)) else _sft_rows(config)
    if len(rows) <= max_rows:
        return rows
    chosen = np.random.default_rng(seed).permutation(len(rows))[:max_rows]
    return tuple(rows[place] for place in sorted(chosen.tolist()))


def shuffled(rows: Sequence[AuditRow], seed: int) -> tuple[AuditRow, ...]:
    """Mix rows, so that the first few of them stand for all.

    Args:
        rows: The rows of an audit.
        seed: Of the order.

    Returns:
        The same rows in another order.
    """
    order = np.random.default_rng(seed).permutation(len(rows))
    return tuple(rows[place] for place in order.tolist())


def _first_fields(config: DataConfig) -> Fields:
    rows = read_rows(config.path, split=config.split)
    values = (row.value for row in rows if isinstance(row, RawRow))
    return next((value for value in values if isinstance(value, dict)), {})


def _is_judged(fields: Fields) -> bool:
    return {"chosen", "rejected"} <= fields.keys() or (
        "response" in fields and any(column in fields for column in LABEL_COLUMNS)
    )


def _sft_rows(config: DataConfig) -> tuple[AuditRow, ...]:
    """Load as for training, so that the same mistakes get the same messages."""
    dataset = load_dataset(config)
    rows = [_with_second_answer(record) for record in (*dataset.train, *dataset.heldout)]
    num_several = sum(bool(row.record.other_references) for row in rows)
    # Where few prompts happen to have several, an audit of these alone would say little about the others.
    if 2 * num_several >= len(rows):
        rows = [_with_last_reference_apart(row) for row in rows]
    return tuple(rows)


def _with_second_answer(record: PromptRecord) -> AuditRow:
    texts = (record.columns.get(column) for column in SECOND_COLUMNS)
    return AuditRow(record, next((text for text in texts if isinstance(text, str)), None))


def _with_last_reference_apart(row: AuditRow) -> AuditRow:
    """Take the last of several references for a good answer, which then is none of them any more."""
    if row.second_reference is not None or not row.record.other_references:
        return row
    *others, last = row.record.other_references
    return AuditRow(replace(row.record, other_references=tuple(others)), last)


def _judged_rows(config: DataConfig) -> tuple[AuditRow, ...]:
    """Gather the judged answers and the references to each prompt."""
    columns = config.columns.model_copy(update={"response": REFERENCE})
    layout = resolve_layout([], layout="prompt_response", columns=columns, source=config.path)
    entries: list[Entry] = []
    answers: dict[tuple[Message, ...], list[LabelledAnswer]] = defaultdict(list)
    for row in read_rows(config.path, split=config.split):
        entry = row if isinstance(row, Problem) else to_entry(_as_sft(config, row), layout)
        if isinstance(entry, Problem):
            raise DataError(f"{config.path}: {entry.line}", [entry.line])
        assert isinstance(row, RawRow), "a problem stays a problem"
        entries.append(entry)
        answers[entry.record.messages] += _answers_of(row)
    records = [row.record for row in merge_same_prompts(entries) if isinstance(row, MarkedRecord)]
    return tuple(AuditRow(record, answers=tuple(answers[record.messages])) for record in records)


def _as_sft(config: DataConfig, row: RawRow) -> RawRow:
    """Ask for a reference; a row that is no object is left to be refused as such."""
    if not isinstance(row.value, dict):
        return row
    if REFERENCE not in row.value:
        raise DataError(
            f"{config.path}: {row.location}: rows with judged answers need a column `reference` with the answer to be "
            f"close to; got {', '.join(map(str, row.value))}"
        )
    # Its rejected answer is judged here, and need not be one that could be trained on.
    return replace(row, value={**row.value, "rejected": None})


def _answers_of(row: RawRow) -> list[LabelledAnswer]:
    fields = as_fields(row.value)
    if "chosen" in fields:
        pair = [(fields["chosen"], 1.0), (fields.get("rejected"), 0.0)]
    else:
        column = next((column for column in LABEL_COLUMNS if column in fields), LABEL_COLUMNS[0])
        pair = [(fields.get("response"), _as_label(fields.get(column), column, row.location))]
    answers = []
    for text, label in pair:
        if not isinstance(text, str):
            raise DataError(
                f"{row.location}: a judged answer must be text, got {type(text).__name__}; mend the row"
            )
        answers.append(LabelledAnswer(text, label))
    return answers


def _as_label(value: object, column: str, location: str) -> float:
    try:
        label = float(value) if isinstance(value, bool | int | float) else math.nan
    except OverflowError:
        label = math.inf
    if math.isfinite(label):
        return label
    raise DataError(
        f"{location}: `{column}` must be a number or true/false, got {show(repr(value))}; mend the row"
    )
