"""The rows of a run's files: the numbers of its steps, and what a policy answered to the held-out prompts."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator

from rlsr.errors import RunError
from rlsr.runs.json_file import RESTORE, read_json_lines
from rlsr.runs.typed_json import from_table

T = TypeVar("T")

StepRow = dict[str, float]
"""The numbers of one optimiser step by name, as in ``metrics.jsonl``, with ``step``, counted from 1; NaN where nothing was
scored. A row of step 0 is the validation of the policy before the first step."""

Text = Annotated[
    str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)
]


@dataclass(frozen=True)
class HeldoutRow:
    """One held-out prompt, a policy's answer to it, and how good that was."""

    id: Text
    """Of the prompt."""
    prompt: str
    """What was asked."""
    reference: str
    """The answer in the data."""
    response: str
    """The policy's answer."""
    scores: Mapping[str, float]
    """By metric; NaN where it could not be scored."""
    category: Text | None = None
    """Of the prompt, if the data has it."""
    references: tuple[str, ...] = ()
    """All answers in the data, where it has several."""
    further: Mapping[str, Any] = field(default_factory=dict)
    """What else was written down, by name, such as the formulas that a reward compared in place of the texts."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two rows of different runs rows of the same prompt."""
        return self.id, self.prompt, self.reference

    def table(self) -> dict[str, Any]:
        """List the row as its file has it, but with NaN where that has null."""
        several = {"references": list(self.references)} if self.references else {}
        return {
            "id": self.id, "category": self.category, "prompt": self.prompt, "reference": self.reference, **several,
            "response": self.response, **self.further, "scores": self.scores,
        }  # fmt: skip


_FIELDS = {found.name for found in dataclasses.fields(HeldoutRow)}


def read_heldout_rows(file: Path) -> list[HeldoutRow]:
    """Read the rows of an evaluation.

    Args:
        file: One line a prompt.

    Raises:
        RunError: A line is damaged; the message names it.
    """
    return [_heldout_row(place, line) for place, line in read_json_lines(file)]


def mean_scores(rows: Iterable[HeldoutRow]) -> dict[str, float]:
    """Average the scores of held-out answers.

    Args:
        rows: Of one policy.

    Returns:
        The mean over the scored answers by metric; NaN where none was scored.
    """
    scored: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.scores.items():
            scored.setdefault(name, []).extend([value] if math.isfinite(value) else [])
    return {
        name: math.fsum(values) / len(values) if values else math.nan
        for name, values in scored.items()
    }


def _heldout_row(place: str, line: Any) -> HeldoutRow:
    if isinstance(line, dict):
        known = {name: value for name, value in line.items() if name in _FIELDS}
        line = {**known, "further": {name: line[name] for name in line if name not in _FIELDS}}
    return _checked(HeldoutRow, line, place)


@dataclass(frozen=True)
class ValidationRow:
    """The policy after a step, measured on each validation prompt."""

    step: int
    """Steps taken; 0 before the first."""
    scores: tuple[float, ...]
    """By what chooses the weights, a number a prompt, or one of all; NaN where it could not be scored."""


def read_validation_rows(file: Path) -> list[ValidationRow]:
    """Read what was measured on validation prompts; a last line cut off by a crash is left out.

    Args:
        file: One line a measurement; a run that kept none has no file, and no lines.

    Raises:
        RunError: A line is damaged; the message names it.
    """
    lines = read_json_lines(file, may_be_cut_off=True)
    return [_checked(ValidationRow, line, place) for place, line in lines]


class StepRows:
    """The rows of ``metrics.jsonl`` as they count, line by line.

    A run that was interrupted and resumed has taken some steps twice; of each the last line counts, and what stood after it
    was taken back: the run may end earlier than before the crash.
    """

    def __init__(self) -> None:
        self.rows: list[StepRow] = []
        """One row a step, in order."""
        self.times_taken_back = 0
        """How often a line has taken back earlier ones."""

    def add(self, place: str, line: Any) -> None:
        """Add the next line.

        Args:
            place: Where it stands, as messages name it.
            line: What it holds.

        Raises:
            RunError: It is damaged.
        """
        row = _checked(StepRow, line, place)
        number = row.get("step", math.nan)
        if not math.isfinite(number):
            raise RunError(f"{place}: damaged line: it has no step; {RESTORE}")
        step = int(number)
        if self.rows and self.rows[-1]["step"] >= step:
            self.times_taken_back += 1
        while self.rows and self.rows[-1]["step"] >= step:
            self.rows.pop()
        self.rows.append({**{intern(name): row[name] for name in row}, "step": step})


def read_step_rows(file: Path) -> list[StepRow]:
    """Read the numbers of steps, as they count after a resume; a last line cut off by a crash is left out.

    Args:
        file: One line a step.

    Returns:
        One row a step, in order.

    Raises:
        RunError: A line is damaged; the message names it.
    """
    found = StepRows()
    for place, line in read_json_lines(file, may_be_cut_off=True):
        found.add(place, line)
    return found.rows


def _checked(kind: type[T], line: Any, place: str) -> T:
    try:
        return from_table(kind, line)
    except ValueError as error:
        raise RunError(f"{place}: damaged: {error}; {RESTORE}") from error
