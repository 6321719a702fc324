"""What a comparison will do: every recipe resolved and checked before the first one runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlsr.comparison.budget import without_effect
from rlsr.comparison.cells import Cell
from rlsr.comparison.experiment import ExperimentConfig
from rlsr.comparison.recipe import Recipe, check_agreement, resolve_recipes
from rlsr.config import RunConfig
from rlsr.errors import ConfigError, EngineError, ModelError
from rlsr.evaluation.metrics import SharedMetric, metric_scorers, shared_metrics, tie_margins
from rlsr.evaluation.suites import require_heldout
from rlsr.pipeline.plan import RunPlan, plan_run
from rlsr.runs.typed_json import to_table


@dataclass(frozen=True)
class ComparisonPlan:
    """What a comparison will do, with everything checked that can be checked before it."""

    experiment: ExperimentConfig
    """What was asked."""
    recipes: tuple[Recipe, ...]
    """The recipes with every value filled in that follows from the data."""
    metrics: tuple[SharedMetric, ...]
    """What every recipe is measured by."""
    tie_margins: Mapping[str, float]
    """Differences that are called a tie, by the metrics that wins are counted by."""
    num_train: int
    """Training prompts."""
    num_heldout: int
    """Held-out prompts."""
    data_sha256: str
    """Hash of the records."""
    warnings: tuple[str, ...]
    """What is allowed and may surprise."""

    @property
    def rival(self) -> str:
        """The recipe that the others are to pass over time."""
        plain = [recipe.name for recipe in self.recipes if recipe.methods == ("sft",)]
        return self.experiment.rival or [*plain, self.experiment.baseline_name][0]

    @property
    def table(self) -> dict[str, Any]:
        """The resolved experiment as ``experiment.json`` has it."""
        experiment = self.experiment
        table: dict[str, Any] = {
            "seeds": experiment.seeds,
            "budget": experiment.budget,
            "baseline": experiment.baseline_name,
            "rival": self.rival,
            "tie_margins": self.tie_margins,
            "confidence": experiment.confidence,
            "keep_checkpoints": experiment.keep_checkpoints,
            "data_sha256": self.data_sha256,
            "recipes": {
                recipe.name: {
                    "methods": recipe.methods,
                    "stages": {
                        f"{place}": stage.model_dump(mode="json", exclude={"seed"})
                        for place, stage in enumerate(recipe.stages)
                    },
                }
                for recipe in self.recipes
            },
        }
        return dict(to_table(table))

    def cells(self, directory: Path) -> list[Cell]:
        """List what is run, in order: untrained policies, then seed by seed, so that an interruption leaves whole rounds."""
        untrained = [recipe for recipe in self.recipes if recipe.is_untrained]
        trained = [recipe for recipe in self.recipes if not recipe.is_untrained]
        seeds = self.experiment.seeds
        return [
            *(_cell(recipe, seeds[0], directory) for recipe in untrained),
            *(_cell(recipe, seed, directory) for seed in seeds for recipe in trained),
        ]


def _cell(recipe: Recipe, seed: int, directory: Path) -> Cell:
    stages = tuple(stage.model_copy(update={"seed": seed}) for stage in recipe.stages)
    return Cell(recipe.name, seed, stages, recipe.is_untrained, directory)


def plan_comparison(experiment: ExperimentConfig) -> ComparisonPlan:
    """Resolve and check every recipe before the first one runs, and write nothing.

    Args:
        experiment: The experiment.

    Raises:
        RlsrError: A recipe cannot be run, or the recipes cannot be compared.
    """
    margins = tie_margins(experiment.tie_margins)
    recipes = resolve_recipes(experiment)
    open_limit = [
        stage
        for recipe in recipes
        for stage in recipe.stages
        if stage.method.max_response_tokens is None
    ]
    if open_limit:
        tokens = plan_run(open_limit[0]).config.method.max_response_tokens
        assert tokens is not None, "resolved by the plan"
        recipes = tuple(recipe.with_response_limit(tokens) for recipe in recipes)
    check_agreement(recipes)
    plans = {recipe.name: _plan_stages(recipe, experiment.seeds[0]) for recipe in recipes}
    resolved = tuple(
        Recipe(
            recipe.name,
            tuple(plan.config for plan in plans[recipe.name]),
            recipe.is_untrained,
            recipe.notes,
        )
        for recipe in recipes
    )
    first = plans[recipes[0].name][0]
    require_heldout(first.config, first.dataset)
    configs = [stage for recipe in resolved for stage in recipe.stages]
    return ComparisonPlan(
        experiment=experiment,
        recipes=resolved,
        metrics=shared_metrics(configs),
        tie_margins=margins,
        num_train=len(first.dataset.train),
        num_heldout=len(first.dataset.heldout),
        data_sha256=first.dataset.sha256,
        warnings=(
            *without_effect(experiment.base),
            *(note for recipe in resolved for note in recipe.notes),
            *_left_out(configs),
            *_plan_warnings(plans),
        ),
    )


def _plan_stages(recipe: Recipe, seed: int) -> list[RunPlan]:
    """Plan every stage with the model of the first: what a later one starts from has the same shape."""
    try:
        return [plan_run(stage.model_copy(update={"seed": seed})) for stage in recipe.stages]
    except (ConfigError, EngineError, ModelError) as error:
        raise type(error)(f"recipes.{recipe.name}: {error}") from error


def _left_out(configs: list[RunConfig]) -> list[str]:
    """Name the metrics that mean another thing for every recipe."""
    shared = {metric.name for metric in shared_metrics(configs)}
    names = dict.fromkeys(name for config in configs for name in metric_scorers(config))
    missing = [name for name in names if name not in shared]
    if not missing:
        return []
    return [
        f"not compared, since the recipes do not all score it in the same way: {', '.join(missing)}"
    ]


def _plan_warnings(plans: dict[str, list[RunPlan]]) -> list[str]:
    """Say what is said of every recipe once, and the rest with the recipe's name."""
    found = {
        name: list(dict.fromkeys(warning for plan in stages for warning in plan.warnings))
        for name, stages in plans.items()
    }
    texts = dict.fromkeys(text for warnings in found.values() for text in warnings)
    lines = []
    for text in texts:
        names = [name for name, warnings in found.items() if text in warnings]
        lines.append(text if len(names) == len(found) else f"{', '.join(names)}: {text}")
    return lines
