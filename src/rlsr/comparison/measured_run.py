"""What was measured of one run before, during and after its training, as its files have it."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlsr.comparison.cells import Cell
from rlsr.comparison.curve import AFTER, ALONG, BEFORE, PlainStep
from rlsr.errors import RunError
from rlsr.runs import RunDirectory
from rlsr.runs.rows import HeldoutRow
from rlsr.runs.step_metrics import STEP_SECONDS, TRAINED_TOKENS
from rlsr.runs.step_totals import NOTHING_SPENT, Spent, scored


@dataclass(frozen=True)
class Measurement:
    """Answers of a policy, and what it had cost."""

    what: str
    """As ``CurvePoint`` has it."""
    seconds: float
    """Of all training steps so far."""
    num_steps: int
    """Optimiser steps so far."""
    tokens: int | None
    """Response tokens learnt from so far; None where they were not counted."""
    answers: Mapping[tuple[str, str, str], HeldoutRow]
    """By what tells prompts apart."""


@dataclass(frozen=True)
class MeasuredRun:
    """One recipe with one seed."""

    name: str
    """For people."""
    measurements: tuple[Measurement, ...]
    """In order of time, those of a pipeline's stages one after another; at least one."""
    until: float
    """Seconds up to which its policy is known; an untrained policy is the same for ever."""


def answers_after(run: RunDirectory) -> list[HeldoutRow]:
    """Read what the policy of a complete run answered.

    Args:
        run: A run, or a stage.

    Raises:
        RunError: The answers are missing or damaged.
    """
    rows = run.read_evaluation("after")
    if not rows:
        raise RunError(
            f"{run.path}: the run is complete, but its evaluation/after.jsonl is missing or empty; put it back, or "
            "remove the run's directory and give the same command again"
        )
    return rows


def measured_run(cell: Cell, amount: float | None) -> MeasuredRun:
    """Read what was measured of a complete run.

    Args:
        cell: The run.
        amount: Its budget in seconds; None where the budget is no time. A run that ended before it has stopped by itself, and
            its policy stays what it is for the rest of the time.

    Raises:
        RunError: A file is damaged or missing.
    """
    if cell.is_untrained:
        answers = answers_after(cell.runs[0])
        only = _measurement(BEFORE, NOTHING_SPENT, answers, counts_tokens=True)
        return MeasuredRun(cell.name, (only,), math.inf)
    found: list[Measurement] = []
    earlier, counts_tokens = NOTHING_SPENT, True
    for place, run in enumerate(cell.runs):
        steps = run.read_metrics()
        counts_tokens &= not steps or bool(scored(steps, TRAINED_TOKENS))
        if place == 0 and (before := run.read_evaluation("before")):
            found.append(_measurement(BEFORE, NOTHING_SPENT, before, counts_tokens=True))
        found += [
            _measurement(ALONG, earlier + step.spent, step.rows, counts_tokens=counts_tokens)
            for step in run.read_evaluated_steps()
        ]
        earlier += Spent.of(steps)
        what = AFTER if place == len(cell.stages) - 1 else f"after {run.path.name}"
        found.append(_measurement(what, earlier, answers_after(run), counts_tokens=counts_tokens))
    return MeasuredRun(cell.name, tuple(found), max(found[-1].seconds, amount or 0.0))


def plain_sft_step(cells: Sequence[Cell]) -> PlainStep | None:
    """Say what a step of plain SFT took on the machine of some runs.

    Args:
        cells: Complete.

    Returns:
        The median over all steps of stages that train by sft with as many prompts as the first such stage; None without one.
    """
    found = [
        (config.training.prompts_per_step, scored(run.read_metrics(), STEP_SECONDS))
        for cell in cells
        if not cell.is_untrained
        for config, run in zip(cell.stages, cell.runs, strict=True)
        if config.method.type == "sft"
    ]
    seconds = [second for prompts, of_run in found if prompts == found[0][0] for second in of_run]
    return PlainStep(statistics.median(seconds), found[0][0]) if seconds else None


def common_prompts(runs: Sequence[MeasuredRun]) -> tuple[tuple[str, str, str], ...]:
    """Find the prompts that every measurement of every run has, in the order of the data.

    Args:
        runs: At least one.

    Raises:
        RunError: There are none.
    """
    tables = [measurement.answers for run in runs for measurement in run.measurements]
    common = set(tables[0]).intersection(*tables)
    if not common:
        raise RunError(
            f"{runs[0].name} and others: no held-out prompt was answered in every measurement along the way; the data has changed "
            "between the runs, so compare anew in another directory"
        )
    return tuple(key for key in tables[0] if key in common)


def _measurement(
    what: str, spent: Spent, rows: Sequence[HeldoutRow], *, counts_tokens: bool
) -> Measurement:
    return Measurement(
        what,
        spent.seconds,
        spent.steps,
        spent.tokens if counts_tokens else None,
        {row.key: row for row in rows},
    )
