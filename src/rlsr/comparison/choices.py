"""What trials have reached and what was chosen by it, as typed values, and ``choices.json``, where they are kept. No torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rlsr.errors import RunError
from rlsr.runs.json_file import read_json, write_json
from rlsr.runs.typed_json import from_table

VERSION = 1


@dataclass(frozen=True)
class Trial:
    """A run with one combination of values."""

    values: Mapping[str, Any]
    """By setting."""
    path: str
    """Its directory, as seen from the directory of the comparison."""
    best: float
    """The best of its measurements on validation prompts, in a pipeline of the last stage; NaN where none was scored."""
    best_step: int | None
    """The step after which it was measured, 0 before the first one; None where none was scored."""
    num_steps: int
    """Optimiser steps that were taken, of all stages."""
    seconds: float
    """Of training steps and measurements, of all stages."""


@dataclass(frozen=True)
class Choice:
    """What a recipe has chosen by its trials."""

    recipe: str
    """As in the experiment."""
    taken_by: tuple[str, ...]
    """The recipes that take it for their stages of this one's method."""
    metric: str
    """What was measured on validation prompts."""
    better: Literal["higher", "lower"]
    """Which way is better."""
    num_prompts: int
    """Validation prompts, which are neither trained on nor held out."""
    seed: int
    """Of all trials."""
    trials: tuple[Trial, ...]
    """In the order of the experiment."""
    chosen: int
    """Place of the best one, counted from 0; of equal ones the first."""

    def __post_init__(self) -> None:
        """Refuse a place where no trial is, as a damaged file may have it."""
        if not 0 <= self.chosen < len(self.trials):
            raise ValueError(f"{self.recipe} has chosen trial {self.chosen} of {len(self.trials)}")

    @property
    def trial(self) -> Trial:
        """The one that was chosen."""
        return self.trials[self.chosen]

    @property
    def seconds(self) -> float:
        """What all trials took, beside the budget."""
        return sum(trial.seconds for trial in self.trials)


def write_choices(file: Path, choices: Sequence[Choice]) -> None:
    """Write ``choices.json``, atomically.

    Args:
        file: Where to; its directory exists.
        choices: One a recipe that has chosen.
    """
    write_json(file, {"version": VERSION, "choices": list(choices)})


def read_choices(file: Path) -> tuple[Choice, ...]:
    """Read what :func:`write_choices` wrote.

    Args:
        file: A ``choices.json``; nothing was chosen yet where it is missing.

    Raises:
        RunError: The file is damaged, or of another version.
    """
    if not file.is_file():
        return ()
    way_out = "restore it, or remove it, and the choice is made again from what the trials left"
    table = read_json(file)
    if table.get("version") != VERSION:
        raise RunError(
            f"{file}: expected version {VERSION} of the format, got {table.get('version')!r}; {way_out}"
        )
    try:
        return from_table(tuple[Choice, ...], table.get("choices"))
    except ValueError as error:
        raise RunError(f"{file}: damaged: {error}; {way_out}") from error
