"""A finished comparison as a typed value, and ``compare.json``, where it is kept. No torch.

The keys are the names of the fields. NaN (not scored) is written as null and read back as NaN, never as 0.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from rlsr.errors import RunError
from rlsr.evaluation.comparison import MetricComparison, WinShares
from rlsr.evaluation.metrics import SharedMetric
from rlsr.runs.directory import read_json, write_json

VERSION = 1


@dataclass(frozen=True)
class ComparisonBudget:
    """What every trained run was allowed to use up."""

    by: Literal["wall_clock", "tokens", "steps"]
    """Seconds of training steps, response tokens that updates learn from, or optimiser steps."""
    amount: float
    """How much of it."""


@dataclass(frozen=True)
class ComparedRun:
    """One run of one recipe."""

    seed: int
    """The run's seed."""
    path: str
    """Its directory, as seen from the directory of the comparison."""
    num_steps: int
    """Optimiser steps that were taken; 0 for an untrained policy."""
    seconds: float
    """Of training steps, without evaluations."""
    tokens: int | None
    """Response tokens that updates learnt from; None where a run did not count them."""
    peak_memory_gb: float | None
    """The most memory that its process took; None without training."""


@dataclass(frozen=True)
class ComparedRecipe:
    """One recipe with all its runs."""

    name: str
    """As in the experiment."""
    methods: tuple[str, ...]
    """The methods of its stages in order; empty for the untrained policy."""
    runs: tuple[ComparedRun, ...]
    """One a seed; one in all for the untrained policy."""
    metrics: Mapping[str, MetricComparison]
    """By name of the metric."""
    wins: Mapping[str, WinShares]
    """Wins and ties against the baseline by scorers that no reward has seen; empty for the baseline."""
    seconds: float
    """Mean over the runs."""
    tokens: float | None
    """Mean over the runs; None where one did not count them."""
    num_steps: float
    """Mean over the runs."""
    peak_memory_gb: float | None
    """Maximum over the runs."""


@dataclass(frozen=True)
class Comparison:
    """Everything that a comparison has found."""

    version: int
    """Of the format."""
    rlsr: str
    """The version that wrote it."""
    created: str
    """ISO time."""
    commit: str | None
    """Commit of the source tree; None for an installed package."""
    machine: Mapping[str, Any]
    """What it ran on."""
    experiment: Mapping[str, Any]
    """The resolved experiment, as in ``experiment.json``."""
    budget: ComparisonBudget
    """The same for every trained run."""
    baseline: str
    """The recipe that the others are compared with."""
    seeds: tuple[int, ...]
    """Of the trained runs."""
    num_prompts: int
    """Held-out prompts."""
    confidence: float
    """Level of the means' intervals, and of those of all differences of a metric together."""
    adjusted_confidence: float
    """Level of the interval of one difference."""
    num_comparisons: int
    """Recipes that are compared with the baseline."""
    metrics: tuple[SharedMetric, ...]
    """What every recipe is measured by."""
    recipes: tuple[ComparedRecipe, ...]
    """In the order of the experiment."""
    notes: tuple[str, ...]
    """What a reader of the numbers should know, in sentences."""

    def recipe(self, name: str) -> ComparedRecipe:
        """Find a recipe.

        Args:
            name: As in the experiment.

        Returns:
            The recipe.
        """
        return next(recipe for recipe in self.recipes if recipe.name == name)


def write_comparison(file: Path, comparison: Comparison) -> None:
    """Write ``compare.json``, atomically.

    Args:
        file: Where to; its directory exists.
        comparison: What was found.
    """
    write_json(file, dataclasses.asdict(comparison))


def read_comparison(file: Path) -> Comparison:
    """Read what :func:`write_comparison` wrote.

    Args:
        file: A ``compare.json``.

    Returns:
        The same comparison.

    Raises:
        RunError: The file is missing, damaged, or of another version.
    """
    table = read_json(file)
    if table.get("version") != VERSION:
        raise RunError(
            f"{file}: expected version {VERSION} of the format, got {table.get('version')!r}; compare again with this rlsr"
        )
    try:
        return TypeAdapter(Comparison).validate_python(_with_nan(table))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise RunError(f"{file}: damaged: {place}: {first['msg']}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{file}: damaged: {type(error).__name__}: {error}") from error


def _with_nan(table: Mapping[str, Any]) -> dict[str, Any]:
    """Turn null back into NaN where a number was not scored: in estimates and shares."""
    recipes = []
    for recipe in table.get("recipes", ()):
        metrics = {
            name: {
                **found,
                "mean": _numbers(found["mean"]),
                "difference": _numbers(found["difference"]),
            }
            for name, found in recipe["metrics"].items()
        }
        wins = {name: _numbers(shares) for name, shares in recipe["wins"].items()}
        recipes.append({**recipe, "metrics": metrics, "wins": wins})
    return {**table, "recipes": recipes}


def _numbers(table: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if table is None:
        return None
    return {name: float("nan") if value is None else value for name, value in table.items()}
