"""A row on its way from a source to a record, and what can be wrong with it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from rlsr.data.record import PromptRecord

ProblemKind = Literal[
    "broken_json",
    "broken_csv",
    "invalid_utf8",
    "not_an_object",
    "duplicate_key",
    "missing_field",
    "wrong_type",
    "empty_prompt",
    "empty_response",
    "bad_conversation",
    "prompt_mismatch",
    "same_response",
    "two_answers",
    "judged_wrong",
    "bad_split",
    "prompt_too_long",
    "split_leak",
    "duplicate",
    "conflicting_reference",
]
Mark = Literal["train", "heldout"]

_LABELS: dict[ProblemKind, str] = {
    kind: kind.replace("_", " ")
    .replace("json", "JSON")
    .replace("csv", "CSV")
    .replace("utf8", "UTF-8")
    for kind in get_args(ProblemKind)
}
_SHOWN_CHARS = 40


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as its source holds it, not yet looked at."""

    location: str
    """Where the row stands, as in ``my.jsonl:7`` or ``my.parquet:row 3``."""
    value: object


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row cannot be used."""

    location: str
    kind: ProblemKind
    message: str
    """What was wrong and the way out, without the place and the kind."""

    @property
    def line(self) -> str:
        """The place, the kind and the message, as a list of problems shows them."""
        return f"{self.location}: {_LABELS[self.kind]}: {self.message}"


@dataclass(frozen=True, slots=True)
class MarkedRecord:
    """A record with what its row says about the split."""

    record: PromptRecord
    mark: Mark | None = None
    """The side of the split that the row asks for; None leaves the choice open."""
    left_out: tuple[str, ...] = ()
    """Further columns of the row that are not in the record, since JSON cannot hold their values."""


@dataclass(frozen=True, slots=True)
class MergedRow:
    """A row that is no record of its own, since an earlier row has its prompt."""

    location: str
    """Where the row stands."""
    is_repeated: bool
    """Whether an earlier row has its answer too; otherwise its answer is a further reference of the earlier row."""


Entry = MarkedRecord | MergedRow | Problem
"""What became of one row: every row becomes exactly one."""


def count_kinds(problems: Iterable[Problem]) -> str:
    """Count problems by kind, the most frequent first: ``2 empty response, 1 broken JSON``."""
    counts = Counter(problem.kind for problem in problems)
    return ", ".join(f"{count} {_LABELS[kind]}" for kind, count in counts.most_common())


def show(text: str) -> str:
    """Quote foreign text for a message: short, and with unprintable characters escaped."""
    short = text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 3] + "..."
    return f"`{repr(short)[1:-1]}`"


def show_names(names: Iterable[object], most: int = 12) -> str:
    """List column names for a message, cut after ``most`` of them."""
    shown = [show(str(name)) for name in names]
    rest = f" and {len(shown) - most} more" if len(shown) > most else ""
    return (", ".join(shown[:most]) + rest) or "none"
