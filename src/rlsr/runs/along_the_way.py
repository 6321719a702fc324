"""The held-out answers of a policy while it was trained, with what training had cost by then. No torch."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rlsr.runs.rows import HeldoutRow, StepRow, read_heldout_rows
from rlsr.runs.step_totals import Spent

_NAME = re.compile(r"step-(\d{6,})\.jsonl")


@dataclass(frozen=True)
class EvaluatedStep:
    """A policy on its way."""

    spent: Spent
    """What training had taken by then, of this run alone; its ``steps`` are the step after which the policy answered."""
    rows: tuple[HeldoutRow, ...]
    """Its answers to the first of the held-out prompts, in their order."""


def name_of_step(step: int) -> str:
    """Name the evaluation after a step, as ``RunDirectory.write_evaluation`` takes it.

    Args:
        step: Counted from 1.
    """
    return f"step-{step:06d}"


def read_evaluated_steps(directory: Path, steps: list[StepRow]) -> list[EvaluatedStep]:
    """Read the evaluations along the way.

    Args:
        directory: With a file for each.
        steps: The rows of ``metrics.jsonl``.

    Returns:
        In the order of the steps. What was measured after steps that a resumed run did not come to again is left out.

    Raises:
        RunError: A file is damaged; the message names the place.
    """
    taken = {int(row["step"]) for row in steps}
    files = evaluation_files(directory)
    return [
        EvaluatedStep(spent_by(steps, step), tuple(read_heldout_rows(files[step])))
        for step in sorted(files.keys() & taken)
    ]


def evaluation_files(directory: Path) -> dict[int, Path]:
    """Find the files of evaluations along the way.

    Args:
        directory: With a file for each.

    Returns:
        By step, whether the run has come to it again or not.
    """
    return {
        int(match[1]): file
        for file in directory.glob("step-*.jsonl")
        if (match := _NAME.fullmatch(file.name)) is not None
    }


def spent_by(steps: Sequence[StepRow], step: int) -> Spent:
    """Add up what training has taken by the end of a step.

    Args:
        steps: The rows of ``metrics.jsonl``.
        step: Counted from 1.
    """
    return Spent.of([row for row in steps if row["step"] <= step])
