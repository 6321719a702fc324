"""The mean of the weights of a recipe's seeds as one policy more: written, and with what all seeds cost."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from rlsr.comparison.cells import Cell, Say
from rlsr.comparison.recipe import Recipe
from rlsr.comparison.result import ComparedRun, Comparison
from rlsr.errors import ConfigError
from rlsr.models.mean import write_mean
from rlsr.models.mean_of_adapters import are_adapters
from rlsr.models.weight_files import dtypes_of
from rlsr.runs.whole_directory import write_directory

AVERAGED = "averaged"
"""The way of measuring once more that is of means."""


def require_one_base(recipes: Iterable[Recipe]) -> None:
    """Refuse recipes whose weights have no mean.

    Args:
        recipes: Of the experiment.

    Raises:
        ConfigError: One trains adapters on weights that each seed has trained before.
    """
    for recipe in recipes:
        *before, last = (stage.model.lora for stage in recipe.stages)
        if last is not None and None in before and not recipe.is_untrained:
            raise ConfigError(
                f"average: recipes.{recipe.name} trains all weights and then adapters, which stand on another model in each seed, and have no mean; let all "
                "stages train one or the other (model.lora), or leave average out"
            )


def write_means(trained: Sequence[Cell], directory: Path, say: Say) -> dict[str, Path]:
    """Write the mean of each recipe's seeds that is not there yet.

    Args:
        trained: All cells of a comparison, complete.
        directory: Where to, a directory each.
        say: Told how far the seeds are apart.

    Returns:
        The directories by recipe.

    Raises:
        ModelError: The seeds of a recipe are too far apart for a mean.
        RunError: The place cannot be written.
    """
    found = {}
    for name in dict.fromkeys(cell.recipe for cell in trained if not cell.is_untrained):
        models = [Path(cell.policy.name) for cell in trained if cell.recipe == name]
        found[name] = directory / name
        if not found[name].is_dir():
            apart = 100 * max(_write_mean(models, found[name]))
            length = "change" if are_adapters(models[0]) else "weights"
            say(
                f"[{AVERAGED}] {name}: {len(models)} seeds, {apart:.2g} % of the length of their {length} apart"
            )
    return found


def with_cost_of_all_seeds(found: Comparison, comparison: Comparison) -> Comparison:
    """Say of each mean what its seeds have cost together.

    Args:
        found: Of the means, a run each.
        comparison: Of the seeds.
    """
    runs = {recipe.name: recipe.runs for recipe in comparison.recipes}
    recipes = tuple(
        replace(recipe, runs=(_together(recipe.runs[0], runs[recipe.name]),))
        for recipe in found.recipes
    )
    budget = comparison.budget
    if budget is not None:
        amount = len(comparison.seeds) * budget.amount
        budget = budget.model_copy(update={"amount": amount})
    return replace(found, recipes=recipes, budget=budget)


def _together(run: ComparedRun, seeds: Sequence[ComparedRun]) -> ComparedRun:
    tokens = [one.tokens for one in seeds if one.tokens is not None]
    memory = [one.peak_memory_gb for one in seeds if one.peak_memory_gb is not None]
    return replace(
        run,
        num_steps=sum(one.num_steps for one in seeds),
        seconds=sum(one.seconds for one in seeds),
        tokens=sum(tokens) if len(tokens) == len(seeds) else None,
        peak_memory_gb=max(memory, default=None),
    )


def _write_mean(models: Sequence[Path], place: Path) -> list[float]:
    (dtype, _), *_ = dtypes_of(models[0]).most_common(1)
    apart: list[float] = []
    write_directory(place, lambda aside: apart.extend(write_mean(models, aside, dtype)))
    return apart
