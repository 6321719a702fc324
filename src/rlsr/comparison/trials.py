"""Trials and the choice that is made by them: what each reached on validation prompts, and which is the best."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from rlsr.comparison.cells import Cell, Say
from rlsr.comparison.choice_table import choice_in_words
from rlsr.comparison.choices import Choice, Trial, read_choices, write_choices
from rlsr.comparison.choose import Values
from rlsr.comparison.plan import ComparisonPlan
from rlsr.errors import RunError
from rlsr.runs.step_totals import Spent
from rlsr.runs.validation import MEASURES, kept_measurement

Failed = list[tuple[Cell, int]]
"""Cells that did not come to their end, with the exit codes of their processes."""


def make_choices(
    plan: ComparisonPlan, path: Path, say: Say, run: Callable[[Sequence[Cell], str], Failed]
) -> tuple[list[Choice], Failed]:
    """Run the trials that are not done yet, and choose by what they have reached.

    Args:
        plan: What ``plan_comparison`` returned.
        path: The directory of the comparison, whose ``choices.json`` grows by a choice at a time.
        say: Told what was chosen.
        run: Runs cells and returns those that failed.

    Returns:
        The choices of the recipes whose trials are all complete, and the trials that failed.

    Raises:
        RunError: A choice was made of other values before, or cannot be made.
    """
    file = path / "choices.json"
    choices, failed = list(read_choices(file)), []
    made = {choice.recipe: choice for choice in choices}
    for recipe in plan.recipes:
        if not recipe.chooses:
            continue
        values = [candidate.values for candidate in recipe.candidates]
        if recipe.name in made:
            _require_same_values(file, made[recipe.name], values)
            continue
        trials = plan.trials(recipe, path)
        failed += run(trials, "trial ")
        if all(trial.is_complete for trial in trials):
            taken_by = [
                other.name
                for other in plan.recipes
                if other.chosen_by == recipe.name and not other.chooses
            ]
            choices.append(choose(trials, values, taken_by))
            write_choices(file, choices)
            say(choice_in_words(choices[-1]))
    return choices, failed


def _require_same_values(file: Path, choice: Choice, values: Sequence[Values]) -> None:
    """Refuse a file that somebody has changed: runs may have begun with what it says."""
    found = [dict(trial.values) for trial in choice.trials]
    if found != list(values):
        raise RunError(
            f"{file}: {choice.recipe} has chosen from other values than the experiment names; restore the file, or compare anew "
            "in another directory"
        )


def choose(
    cells: Sequence[Cell], candidates: Sequence[Values], taken_by: Sequence[str] = ()
) -> Choice:
    """Choose by what the trials of a recipe have reached.

    Args:
        cells: The trials, all complete.
        candidates: The values of each.
        taken_by: The recipes that take the choice.

    Raises:
        RunError: No trial has a score.
    """
    first = cells[0]
    config = first.stages[-1]
    better: Literal["higher", "lower"] = (
        "lower" if MEASURES[config.validation_metric].lower_is_better else "higher"
    )
    trials = tuple(read_trial(cell, values) for cell, values in zip(cells, candidates, strict=True))
    chosen = best_place([trial.best for trial in trials], better)
    if chosen is None:
        raise RunError(
            f"{first.path.parent}: nothing can be chosen for {first.recipe}, since no answer of a trial was scored by "
            f"{MEASURES[config.validation_metric].words} on the validation prompts; put right why (the logs of the trials say it), "
            "or write the values into the recipe in place of choose, and compare anew in another directory"
        )
    return Choice(
        recipe=first.recipe,
        taken_by=tuple(taken_by),
        metric=config.validation_metric,
        better=better,
        num_prompts=int(config.validation.num_prompts),
        seed=first.seed,
        trials=trials,
        chosen=chosen,
    )


def read_trial(cell: Cell, values: Values) -> Trial:
    """Read what a complete trial has reached, in a pipeline at its last stage, and what all of it took."""
    metrics = [run.read_metrics() for run in cell.runs]
    last = cell.stages[-1]
    kept = kept_measurement(metrics[-1], last.validation_metric, last.validation.tolerance)
    spent = sum(map(Spent.of, metrics), Spent())
    return Trial(
        values=values,
        path=cell.place,
        best=kept.value if kept else math.nan,
        best_step=kept.step if kept else None,
        num_steps=spent.steps,
        seconds=spent.seconds,
    )


def best_place(values: Sequence[float], better: Literal["higher", "lower"]) -> int | None:
    """Find the best of some values.

    Args:
        values: NaN where there was no score, which is never the best.
        better: Which way.

    Returns:
        Its place, of equal ones the first; None where nothing is scored.
    """
    scored = [place for place, value in enumerate(values) if not math.isnan(value)]
    sign = 1 if better == "higher" else -1
    return max(scored, key=lambda place: sign * values[place], default=None)
