"""From the finished runs of a comparison to its numbers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

import rlsr
from rlsr.comparison.cells import Cell
from rlsr.comparison.choice_table import choice_notes
from rlsr.comparison.choices import Choice
from rlsr.comparison.curve import Curves
from rlsr.comparison.curve_estimates import CurveSettings, trace_curves
from rlsr.comparison.experiment import BudgetConfig
from rlsr.comparison.measured_run import answers_after, measured_run, plain_sft_step
from rlsr.comparison.plan import ComparisonPlan
from rlsr.comparison.result import ComparedRecipe, ComparedRun, Comparison, Origin, Validated
from rlsr.errors import RunError
from rlsr.evaluation.metrics import primary_metrics
from rlsr.runs import collect_provenance
from rlsr.runs.json_file import Row
from rlsr.runs.rows import HeldoutRow
from rlsr.runs.validation import kept_measurement
from rlsr.statistics.against_baseline import (
    MetricComparison,
    adjusted_confidence,
    compare_metric,
)
from rlsr.statistics.resamples import Floats
from rlsr.statistics.wins import WinShares, win_shares

Table = tuple[tuple[float, ...], ...]

FEW_SEEDS = 5
"""Below it a bootstrap over seeds has too few to draw from."""

_MACHINE = (
    "platform",
    "processor",
    "cores",
    "python",
    "device",
    "threads",
    "accelerator",
    "packages",
)


def collect(
    plan: ComparisonPlan,
    cells: Sequence[Cell],
    choices: Sequence[Choice] = (),
    answered: Mapping[str, Cell] | None = None,
) -> Comparison:
    """Read the scores of all runs and compare the recipes.

    Args:
        plan: What was planned.
        cells: All of them complete.
        choices: What was chosen by trials before.
        answered: The cell that measures what each has trained once more, by the place of the latter; None takes what the runs have measured themselves, on
            the way as well as at the end.

    Returns:
        Means, paired differences to the baseline, wins, and what they cost.

    Raises:
        RunError: The runs do not hold answers to the same prompts.
    """
    experiment = plan.experiment
    by_recipe = {
        recipe.name: [cell for cell in cells if cell.recipe == recipe.name]
        for recipe in plan.recipes
    }
    answers = {
        name: [answers_after((answered or {}).get(cell.place, cell).runs[-1]) for cell in found]
        for name, found in by_recipe.items()
    }
    num_prompts = _require_same_prompts(by_recipe, answers)
    baseline = experiment.baseline_name
    options: dict[str, Any] = {
        "confidence": experiment.confidence,
        "num_resamples": plan.recipes[0].stages[0].evaluation.num_resamples,
    }
    primary = primary_metrics(plan.metrics)
    num_readings = (len(plan.recipes) - 1) * len(primary)
    metrics: dict[str, dict[str, MetricComparison]] = {}
    wins: dict[str, dict[str, WinShares]] = {name: {} for name in by_recipe}
    kept: dict[str, dict[str, Table]] = {name: {} for name in by_recipe}
    for metric in plan.metrics:
        scores = {
            name: np.array([[row.scores[metric.name] for row in rows] for rows in runs])
            for name, runs in answers.items()
        }
        for name, values in scores.items():
            kept[name][metric.name] = _with_five_digits(values)
        metrics[metric.name] = compare_metric(
            scores, baseline, num_readings=num_readings, is_read=metric in primary, **options
        )
        if metric.name in plan.tie_margins and not metric.in_reward:
            for name in by_recipe:
                if name != baseline:
                    margin = plan.tie_margins[metric.name]
                    wins[name][metric.name] = win_shares(scores[name], scores[baseline], margin)
    recipes = tuple(
        ComparedRecipe(
            recipe.name,
            recipe.methods,
            tuple(map(_compared_run, by_recipe[recipe.name])),
            metrics={name: found[recipe.name] for name, found in metrics.items()},
            wins=wins[recipe.name],
            compared_with=None if recipe.name == baseline else baseline,
        )
        for recipe in plan.recipes
    )
    sessions = [session for cell in cells for run in cell.runs for session in run.read_sessions()]
    return Comparison(
        origin=Origin(
            rlsr=rlsr.__version__,
            created=datetime.now(tz=UTC).isoformat(timespec="seconds"),
            commit=collect_provenance()["commit"],
            machine={name: sessions[-1].get(name) for name in _MACHINE} if sessions else {},
            experiment=plan.table,
        ),
        budget=experiment.budget,
        baseline=baseline,
        seeds=experiment.seeds,
        num_prompts=num_prompts,
        confidence=experiment.confidence,
        adjusted_confidence=adjusted_confidence(experiment.confidence, num_readings),
        num_comparisons=num_readings,
        metrics=plan.metrics,
        recipes=recipes,
        notes=(
            *_seed_notes(experiment.seeds),
            *_budget_notes(experiment.budget, recipes),
            *_machine_notes(sessions),
            *(note for choice in choices for note in choice_notes(choice)),
            *plan.warnings,
        ),
        choices=tuple(choices),
        validation=_validation(by_recipe),
        curves=_curves(plan, by_recipe, num_resamples=options["num_resamples"])
        if answered is None
        else None,
        scores=kept,
        primary=tuple(metric.name for metric in primary),
    )


def _validation(by_recipe: Mapping[str, Sequence[Cell]]) -> dict[str, Validated]:
    found = {}
    for name, cells in by_recipe.items():
        config = cells[0].stages[-1]
        if cells[0].is_untrained or not config.validation.num_prompts:
            continue
        metric = config.validation_metric
        kept = [
            kept_measurement(cell.runs[-1].read_metrics(), metric, config.validation.tolerance)
            for cell in cells
        ]
        found[name] = Validated(metric, tuple(one.value if one else np.nan for one in kept))
    return found


def _curves(
    plan: ComparisonPlan, by_recipe: Mapping[str, Sequence[Cell]], num_resamples: int
) -> Curves:
    budget = plan.experiment.budget
    amount = budget.amount if budget.by == "wall_clock" else None
    runs = {
        name: [measured_run(cell, amount) for cell in cells] for name, cells in by_recipe.items()
    }
    stages = [stage for recipe in plan.recipes for stage in recipe.stages]
    settings = CurveSettings(
        rival=plan.rival,
        baseline=plan.experiment.baseline_name,
        shares=tuple(sorted({share for stage in stages for share in stage.evaluation.during})),
        confidence=plan.experiment.confidence,
        num_resamples=num_resamples,
    )
    cells = [cell for of_recipe in by_recipe.values() for cell in of_recipe]
    return trace_curves(runs, plan.metrics, settings, plain_sft_step(cells))


def _with_five_digits(scores: Floats) -> Table:
    """Round to what no difference of interest is smaller than, so that the file stays small."""
    return tuple(tuple(float(f"{score:.5g}") for score in row) for row in scores)


def _require_same_prompts(
    by_recipe: Mapping[str, Sequence[Cell]],
    answers: Mapping[str, Sequence[Sequence[HeldoutRow]]],
) -> int:
    """Make sure that all answers are to the same prompts in the same order, and count them."""
    expected: list[str] | None = None
    for name, cells in by_recipe.items():
        for cell, rows in zip(cells, answers[name], strict=True):
            ids = [row.id for row in rows]
            expected = ids if expected is None else expected
            if ids != expected:
                raise RunError(
                    f"{cell.path}: its answers are to other held-out prompts than those of the other runs; the data has "
                    "changed since, so compare anew in another directory"
                )
    return len(expected or ())


def _compared_run(cell: Cell) -> ComparedRun:
    steps = [row for run in cell.runs for row in run.read_metrics()]
    return ComparedRun.of_steps(cell.seed, cell.place, steps)


def _seed_notes(seeds: Sequence[int]) -> list[str]:
    if len(seeds) == 1:
        return [
            "seeds were not varied: the intervals cover other prompts and not other seeds, so that the luck of one seed can "
            "look like an effect"
        ]
    if len(seeds) < FEW_SEEDS:
        return [
            f"{len(seeds)} seeds tell little about how much seeds differ: where they differ more than prompts do, the intervals "
            "are too narrow"
        ]
    return []


def _budget_notes(budget: BudgetConfig, recipes: Sequence[ComparedRecipe]) -> list[str]:
    """Say which recipes used clearly less or more than they were given."""
    notes = []
    for recipe in recipes:
        used = {"wall_clock": recipe.seconds, "tokens": recipe.tokens, "steps": recipe.num_steps}
        amount = used[budget.by]
        if not recipe.methods or amount is None or 0.9 <= amount / budget.amount <= 1.1:
            continue
        unit = {"wall_clock": "seconds"}.get(budget.by, budget.by)
        notes.append(f"{recipe.name} used {amount:,.0f} of {budget.amount:,.0f} {unit}")
    return notes


def _machine_notes(sessions: Sequence[Row]) -> list[str]:
    machines = {(session.get("processor"), session.get("accelerator")) for session in sessions}
    if len(machines) < 2:
        return []
    names = sorted(" and ".join(filter(None, machine)) or "unknown" for machine in machines)
    return [
        f"the runs were on different machines, so that their times do not compare: {', '.join(names)}"
    ]
