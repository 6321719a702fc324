"""A finished comparison as a typed value, and ``compare.json``, where that of recipes is kept. No torch."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rlsr.comparison.choices import Choice
from rlsr.comparison.curve import Curves
from rlsr.comparison.experiment import BudgetConfig
from rlsr.config.file_names import is_file_name
from rlsr.errors import RunError
from rlsr.evaluation.metrics import SharedMetric
from rlsr.evaluation.suites import HELDOUT
from rlsr.runs.json_file import read_json, write_json
from rlsr.runs.rows import StepRow
from rlsr.runs.step_metrics import TRAINED_TOKENS
from rlsr.runs.step_totals import peak_memory_gb, scored, seconds_spent, steps_taken, tokens_trained
from rlsr.runs.typed_json import from_table, to_table
from rlsr.statistics.against_baseline import MetricComparison
from rlsr.statistics.wins import WinShares

VERSION = 1


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

    @classmethod
    def of_steps(cls, seed: int, path: str, steps: Sequence[StepRow]) -> "ComparedRun":
        """Add up what the steps of a run took, those of a pipeline's stages one after another."""
        counts_tokens = not steps or bool(scored(steps, TRAINED_TOKENS))
        return cls(
            seed=seed,
            path=path,
            num_steps=steps_taken(steps),
            seconds=seconds_spent(steps),
            tokens=tokens_trained(steps) if counts_tokens else None,
            peak_memory_gb=peak_memory_gb(steps),
        )


@dataclass(frozen=True)
class ComparedRecipe:
    """One recipe with all its runs, or a policy of a plain run."""

    name: str
    """As in the experiment; unique in a comparison."""
    methods: tuple[str, ...]
    """The methods of its stages in order; empty for a policy that was not trained."""
    runs: tuple[ComparedRun, ...]
    """One a seed; one in all for an untrained policy, and none for the policy that plain runs began with."""
    metrics: Mapping[str, MetricComparison]
    """By name of the metric; without those that it was not measured by."""
    wins: Mapping[str, WinShares]
    """Wins and ties against the baseline by scorers that no reward has seen; empty for the baseline."""
    compared_with: str | None = None
    """The recipe that its differences are taken from; None where there is none."""

    @property
    def seconds(self) -> float:
        """Mean over the runs."""
        return _mean([run.seconds for run in self.runs])

    @property
    def tokens(self) -> float | None:
        """Mean over the runs; None where one did not count them."""
        counted = [run.tokens for run in self.runs if run.tokens is not None]
        return _mean(counted) if len(counted) == len(self.runs) else None

    @property
    def num_steps(self) -> float:
        """Mean over the runs; 0 for a policy that was not trained."""
        return _mean([run.num_steps for run in self.runs])

    @property
    def peak_memory_gb(self) -> float | None:
        """Maximum over the runs."""
        measured = [run.peak_memory_gb for run in self.runs if run.peak_memory_gb is not None]
        return max(measured, default=None)


@dataclass(frozen=True)
class Validated:
    """What a recipe reached on prompts that are neither trained on nor held out, by which recipes may be chosen."""

    metric: str
    """As ``validation.metric`` names it, ``auto`` filled in."""
    values: tuple[float, ...]
    """One a seed: the best measurement of the last stage, whose weights were kept; NaN where none was scored."""


_COSTS = ("seconds", "tokens", "num_steps", "peak_memory_gb")


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else 0.0


@dataclass(frozen=True)
class Origin:
    """Where a comparison of recipes comes from."""

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


@dataclass(frozen=True)
class Comparison:
    """Everything that a comparison has found, of recipes or of plain runs that were put side by side."""

    origin: Origin | None
    """Where it comes from; None for plain runs, which say so themselves."""
    budget: BudgetConfig | None
    """The same for every trained run; None where nothing was agreed on."""
    baseline: str
    """The recipe that the others are compared with; empty where there is none."""
    seeds: tuple[int, ...]
    """Of the trained runs; empty for plain runs."""
    num_prompts: int
    """Held-out prompts."""
    confidence: float
    """Level of the means' intervals, and of those of all differences that are read, together."""
    adjusted_confidence: float
    """Level of the interval of one difference."""
    num_comparisons: int
    """Differences that are read, for which the level was adjusted: recipes beside the baseline times primary metrics, and in
    older files recipes alone."""
    metrics: tuple[SharedMetric, ...]
    """What every recipe is measured by."""
    recipes: tuple[ComparedRecipe, ...]
    """In the order of the experiment."""
    notes: tuple[str, ...]
    """What a reader of the numbers should know, in sentences."""
    choices: tuple[Choice, ...] = ()
    """What recipes have chosen by trials, beside the budget; empty where none had a choice to make."""
    validation: Mapping[str, Validated] = field(default_factory=dict)
    """How good what each recipe has kept was on validation prompts; without recipes that measured nothing there."""
    curves: Curves | None = None
    """The recipes over time; None for plain runs, and in files that are older than that."""
    scores: Mapping[str, Mapping[str, tuple[tuple[float, ...], ...]]] = field(default_factory=dict)
    """The score of every held-out prompt at the end, by recipe and metric, (seed, prompt), with five digits: whoever compares
    gains of several recipes needs them, since intervals of ratios do not follow from intervals of means. Empty for plain runs,
    whose files have them, and in older files."""
    primary: tuple[str, ...] = ()
    """The metrics whose differences are read; empty in older files, which read every metric by itself."""
    prompts: str = HELDOUT
    """The suite that the prompts are of."""

    @property
    def prompts_in_words(self) -> str:
        """What the prompts are, as in ``held-out prompts``."""
        return f"{'held-out' if self.prompts == HELDOUT else self.prompts} prompts"


def write_comparison(file: Path, comparison: Comparison) -> None:
    """Write the comparison of an experiment as ``compare.json``, atomically.

    The keys are the names of the fields, those of the origin among them. Whom a recipe is compared with goes without
    saying; what its runs took is there as a whole, too.

    Args:
        file: Where to; its directory exists.
        comparison: What was found.
    """
    table = to_table(comparison)
    for found, recipe in zip(table["recipes"], comparison.recipes, strict=True):
        del found["compared_with"]
        found |= {cost: getattr(recipe, cost) for cost in _COSTS}
    del table["prompts"]
    for name in ("validation", "curves", "scores", "primary"):
        if not table[name]:
            del table[name]
    write_json(file, {"version": VERSION, **table.pop("origin"), **table})


def read_comparison(file: Path) -> Comparison:
    """Read what :func:`write_comparison` wrote.

    Args:
        file: A ``compare.json``.

    Raises:
        RunError: The file is missing, damaged, or of another version.
    """
    table = read_json(file)
    if table.get("version") != VERSION:
        raise RunError(
            f"{file}: expected version {VERSION} of the format, got {table.get('version')!r}; compare again with this rlsr"
        )
    try:
        found = from_table(Comparison, {**table, "origin": table})
    except ValueError as error:
        raise RunError(f"{file}: damaged: {error}; restore the file, or compare again") from error
    for place in (run.path for recipe in found.recipes for run in recipe.runs):
        if not all(map(is_file_name, place.split("/"))):
            raise RunError(
                f"{file}: damaged: runs lie in the directory of their comparison, got {place!r}; restore the file, or compare again"
            )
    recipes = (
        replace(recipe, compared_with=None if recipe.name == found.baseline else found.baseline)
        for recipe in found.recipes
    )
    return replace(found, recipes=tuple(recipes))
