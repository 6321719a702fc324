"""What a comparison will do: every recipe resolved and checked before the first one runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rlsr.comparison.budget import without_effect
from rlsr.comparison.candidates import resolve_recipes
from rlsr.comparison.cells import Cell
from rlsr.comparison.choose import read_settings
from rlsr.comparison.experiment import ExperimentConfig
from rlsr.comparison.recipe import Recipe, check_agreement
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
    """Training prompts, without those that are set aside for validation."""
    num_heldout: int
    """Held-out prompts."""
    data_sha256: str
    """Hash of the records."""
    warnings: tuple[str, ...]
    """What is allowed and may surprise."""

    def with_warnings(self, warnings: Sequence[str]) -> "ComparisonPlan":
        """Add what may surprise for another reason than its settings."""
        return replace(self, warnings=(*self.warnings, *warnings))

    def with_seeds(self, seeds: Sequence[int]) -> "ComparisonPlan":
        """Take other seeds, as where one policy stands for all of them."""
        experiment = self.experiment.model_copy(update={"seeds": tuple(seeds)})
        return replace(self, experiment=experiment)

    @property
    def rival(self) -> str:
        """The recipe that the others are to pass over time."""
        plain = [recipe.name for recipe in self.recipes if recipe.methods == ("sft",)]
        return self.experiment.rival or [*plain, self.experiment.baseline_name][0]

    @property
    def devices(self) -> tuple[str, ...]:
        """What runs compute on, as their configs say."""
        return tuple({stage.device for recipe in self.recipes for stage in recipe.stages})

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
            "recipes": {recipe.name: self._recipe_table(recipe) for recipe in self.recipes},
        }
        if any(recipe.chooses for recipe in self.recipes):
            table["trial_share"] = experiment.trial_share
        return dict(to_table(table))

    def _recipe_table(self, recipe: Recipe) -> dict[str, Any]:
        """Write a recipe; where it leaves settings to a choice they are there with the first of their values."""
        stages = {
            f"{place}": stage.model_dump(mode="json", exclude={"seed"})
            for place, stage in enumerate(recipe.stages)
        }
        table: dict[str, Any] = {"methods": recipe.methods, "stages": stages}
        if recipe.chosen_by is not None:
            asked = self.experiment.recipes[recipe.name]["choose"]
            table["choose"] = read_settings(asked) if recipe.chooses else asked
        return table

    def trials(self, recipe: Recipe, directory: Path) -> list[Cell]:
        """List the trials of a recipe, one a combination of values and all with the first seed; empty without a choice."""
        seed = self.experiment.seeds[0]
        return [
            _cell(recipe, candidate.trial, seed, directory, trial)
            for trial, candidate in enumerate(recipe.candidates, start=1)
            if candidate.trial
        ]

    def cells(
        self, directory: Path, chosen: Mapping[str, int] = MappingProxyType({})
    ) -> list[Cell]:
        """List what is compared, in order: untrained policies, then seed by seed, so that an interruption leaves whole rounds.

        Args:
            directory: Of the comparison.
            chosen: Places of the values that were chosen, by the recipe whose trials they come from. Recipes whose choice is
                not made yet are left out.
        """
        ready = [
            recipe if recipe.chosen_by is None else recipe.with_choice(chosen[recipe.chosen_by])
            for recipe in self.recipes
            if recipe.chosen_by is None or recipe.chosen_by in chosen
        ]
        untrained = [recipe for recipe in ready if recipe.is_untrained]
        trained = [recipe for recipe in ready if not recipe.is_untrained]
        seeds = self.experiment.seeds
        return [
            *(_cell(recipe, recipe.stages, seeds[0], directory) for recipe in untrained),
            *(
                _cell(recipe, recipe.stages, seed, directory)
                for seed in seeds
                for recipe in trained
            ),
        ]


def _cell(
    recipe: Recipe,
    configs: Sequence[RunConfig],
    seed: int,
    directory: Path,
    trial: int | None = None,
) -> Cell:
    stages = tuple(stage.model_copy(update={"seed": seed}) for stage in configs)
    return Cell(recipe.name, seed, stages, recipe.is_untrained, directory, trial)


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
        for stage in recipe.possible_stages
        if stage.method.max_response_tokens is None
    ]
    if open_limit:
        tokens = plan_run(open_limit[0]).config.method.max_response_tokens
        assert tokens is not None, "resolved by the plan"
        recipes = tuple(recipe.with_response_limit(tokens) for recipe in recipes)
    check_agreement(recipes)
    plans: dict[str, list[RunPlan]] = {recipe.name: [] for recipe in recipes}
    resolved = tuple(
        _planned(recipe, experiment.seeds[0], plans[recipe.name]) for recipe in recipes
    )
    first = plans[recipes[0].name][0]
    require_heldout(first.config, first.dataset)
    configs = [stage for recipe in resolved for stage in recipe.possible_stages]
    return ComparisonPlan(
        experiment=experiment,
        recipes=resolved,
        metrics=shared_metrics(configs),
        tie_margins=margins,
        num_train=len(first.train),
        num_heldout=len(first.dataset.heldout),
        data_sha256=first.dataset.sha256,
        warnings=(
            *without_effect(experiment.base),
            *without_choice(experiment, resolved),
            *(note for recipe in resolved for note in recipe.notes),
            *_left_out(configs),
            *_plan_warnings(plans),
        ),
    )


def _planned(recipe: Recipe, seed: int, plans: list[RunPlan]) -> Recipe:
    """Fill in what follows from the data, and keep the plans. A later stage starts from a model of the first one's shape."""

    def plan(stage: RunConfig) -> RunConfig:
        plans.append(plan_run(stage.model_copy(update={"seed": seed}), in_child=True))
        return plans[-1].config

    try:
        return recipe.with_stages(plan)
    except (ConfigError, EngineError, ModelError) as error:
        raise type(error)(f"recipes.{recipe.name}: {error}") from error


def without_choice(experiment: ExperimentConfig, recipes: Sequence[Recipe]) -> list[str]:
    """Say which recipes of supervised learning may not be the best that it can do, and what has no effect without a choice.

    Args:
        experiment: The experiment.
        recipes: Its recipes.
    """
    found = []
    names = [recipe.name for recipe in recipes if recipe.chosen_by is None and recipe.is_supervised]
    if names:
        have = f"recipe {names[0]} has" if len(names) == 1 else f"recipes {', '.join(names)} have"
        found.append(
            f"{have} no choice to make: other settings may do better, and what is compared with them looks the better for it; "
            "add values to try, as in choose: {training.learning_rate: [2.0e-5, 5.0e-5, 1.0e-4]}"
        )
    if "trial_share" in experiment.model_fields_set and not any(r.chooses for r in recipes):
        found.append(
            f"trial_share={experiment.trial_share:g} is without effect, since no recipe has a choice to make"
        )
    return found


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
