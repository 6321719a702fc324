"""The rows of an audit: prompts with references, and whatever else a row may carry that the reward can be checked with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rlsr.config.data import DataConfig
from rlsr.data import PromptRecord, load_dataset
from rlsr.data.convert import to_entry
from rlsr.data.layouts import resolve_layout
from rlsr.data.record import Message
from rlsr.data.rows import MarkedRecord, Problem, RawRow
from rlsr.data.sources import read_rows
from rlsr.errors import DataError

SECOND_COLUMNS = ("second_reference", "paraphrase")
"""Columns with another good answer to the same prompt."""
LABEL_COLUMNS = ("label", "score", "is_correct")
"""Columns that say how good the answer in ``response`` is; higher is better."""

Fields = Mapping[str, object]


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
    """Another good answer, where the data has one."""
    answers: tuple[LabelledAnswer, ...] = ()
    """Judged answers, where the data has them."""


def load_audit_rows(config: DataConfig, max_rows: int, seed: int) -> tuple[AuditRow, ...]:
    """Read the rows of an audit.

    Three kinds of data are understood: an SFT set in any layout, with an optional column ``second_reference`` or
    ``paraphrase``; judged answers, with the columns ``prompt``, ``reference``, ``response`` and one of ``label``,
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
    raw = list(read_rows(config.path, split=config.split))
    fields = [row.value for row in raw if isinstance(row, RawRow) and isinstance(row.value, dict)]
    first = fields[0] if fields else {}
    rows = _judged_rows(config, raw) if _is_judged(first) else _sft_rows(config, raw)
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


def _is_judged(fields: Fields) -> bool:
    return {"chosen", "rejected"} <= fields.keys() or (
        "response" in fields and any(column in fields for column in LABEL_COLUMNS)
    )


def _sft_rows(config: DataConfig, raw: Sequence[RawRow | Problem]) -> tuple[AuditRow, ...]:
    """Load as for training, so that the same mistakes get the same messages, then add the second references."""
    dataset = load_dataset(config)
    second = {
        row.location: next(
            (text for column in SECOND_COLUMNS if isinstance(text := row.value.get(column), str)),
            None,
        )
        for row in raw
        if isinstance(row, RawRow) and isinstance(row.value, dict)
    }
    records = (*dataset.train, *dataset.heldout)
    return tuple(AuditRow(record, second.get(record.location)) for record in records)


def _judged_rows(config: DataConfig, raw: Sequence[RawRow | Problem]) -> tuple[AuditRow, ...]:
    """Gather the judged answers to each prompt."""
    as_sft = [_with_reference_as_response(config, row) for row in raw]
    layout = resolve_layout(
        as_sft, layout="prompt_response", columns=config.columns, source=config.path
    )
    rows: dict[tuple[Message, ...], AuditRow] = {}
    for row, sft in zip(raw, as_sft, strict=True):
        entry = sft if isinstance(sft, Problem) else to_entry(sft, layout)
        if isinstance(entry, Problem):
            raise DataError(f"{config.path}: {entry.line}", [entry.line])
        assert isinstance(row, RawRow), "a problem stays a problem"
        assert isinstance(row.value, dict), "checked by to_entry"
        _add_answers(rows, entry, row.value, row.location)
    return tuple(rows.values())


def _with_reference_as_response(config: DataConfig, row: RawRow | Problem) -> RawRow | Problem:
    if isinstance(row, Problem) or not isinstance(row.value, dict):
        return row
    if "reference" not in row.value:
        raise DataError(
            f"{config.path}: {row.location}: rows with judged answers need a column `reference` with the answer to be "
            f"close to; got {', '.join(map(str, row.value))}"
        )
    # Its rejected answer is judged here, and need not be one that could be trained on.
    as_sft = {**row.value, "response": row.value["reference"], "rejected": None}
    return replace(row, value=as_sft)


def _add_answers(
    rows: dict[tuple[Message, ...], AuditRow], entry: MarkedRecord, fields: Fields, location: str
) -> None:
    key = entry.record.messages
    row = rows.setdefault(key, AuditRow(entry.record))
    rows[key] = replace(row, answers=(*row.answers, *_answers_of(fields, location)))


def _answers_of(fields: Fields, location: str) -> list[LabelledAnswer]:
    if "chosen" in fields:
        pair = [(fields["chosen"], 1.0), (fields["rejected"], 0.0)]
    else:
        column = next(column for column in LABEL_COLUMNS if column in fields)
        pair = [(fields["response"], _as_label(fields[column], column, location))]
    answers = []
    for text, label in pair:
        if not isinstance(text, str):
            raise DataError(
                f"{location}: a judged answer must be text, got {type(text).__name__}; mend the row"
            )
        answers.append(LabelledAnswer(text, label))
    return answers


def _as_label(value: object, column: str, location: str) -> float:
    if isinstance(value, bool | int | float):
        return float(value)
    raise DataError(
        f"{location}: `{column}` must be a number or true/false, got {value!r}; mend the row"
    )
