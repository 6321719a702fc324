"""What a report's table shows: of a finished comparison of recipes, or of plain runs put side by side."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rlsr.evaluation.comparison import WinShares
from rlsr.evaluation.comparison_result import ComparedRecipe, Comparison, ComparisonBudget
from rlsr.evaluation.metrics import SharedMetric
from rlsr.evaluation.statistics import Estimate


@dataclass(frozen=True)
class Score:
    """One metric of one column."""

    mean: Estimate
    """Over prompts and seeds."""
    difference: Estimate | None
    """From the column that it is compared with, prompt by prompt; None where there is none."""
    verdict: str
    """``higher``, ``lower``, ``no difference shown``, ``baseline``, or nothing where no interval says."""


@dataclass(frozen=True)
class Column:
    """A recipe, or a policy of a run."""

    name: str
    """Unique in a report."""
    remark: str
    """How it was trained, unless its name says that; may be empty."""
    scores: Mapping[str, Score]
    """By name of the metric."""
    compared_with: str | None
    """The column that its differences are taken from."""
    wins: Mapping[str, WinShares] = field(default_factory=dict)
    """By name of the metric."""
    seconds: float | None = None
    """Wall-clock of training steps, mean over seeds."""
    tokens: float | None = None
    """Response tokens that updates learnt from, mean over seeds."""
    num_steps: float | None = None
    """Optimiser steps, mean over seeds."""
    peak_memory_gb: float | None = None
    """Largest of the seeds."""


@dataclass(frozen=True)
class Results:
    """What a report's table shows."""

    baseline: str
    """The column that others are compared with; empty where there is no common one."""
    num_prompts: int
    """Held-out prompts."""
    metrics: tuple[SharedMetric, ...]
    """In the order of the table."""
    columns: tuple[Column, ...]
    """In the order of the table."""
    confidence: float
    """Level of the intervals of means."""
    adjusted_confidence: float
    """Level of the intervals of differences."""
    num_comparisons: int = 1
    """Comparisons that the second level was adjusted for."""
    seeds: tuple[int, ...] = ()
    """Of the runs."""
    budget: ComparisonBudget | None = None
    """What every run was given; None if nothing was agreed on."""
    notes: tuple[str, ...] = ()
    """What a reader should know."""


def results_of(comparison: Comparison) -> Results:
    """Take over what a comparison found.

    Args:
        comparison: As in ``compare.json``.

    Returns:
        The same, a column a recipe.
    """
    return Results(
        baseline=comparison.baseline,
        num_prompts=comparison.num_prompts,
        metrics=comparison.metrics,
        columns=tuple(_column(recipe, comparison.baseline) for recipe in comparison.recipes),
        confidence=comparison.confidence,
        adjusted_confidence=comparison.adjusted_confidence,
        num_comparisons=comparison.num_comparisons,
        seeds=comparison.seeds,
        budget=comparison.budget,
        notes=comparison.notes,
    )


def _column(recipe: ComparedRecipe, baseline: str) -> Column:
    how = " then ".join(recipe.methods) or "not trained"
    return Column(
        name=recipe.name,
        remark="" if how == recipe.name else how,
        scores={
            name: Score(found.mean, found.difference, found.verdict)
            for name, found in recipe.metrics.items()
        },
        compared_with=None if recipe.name == baseline else baseline,
        wins=recipe.wins,
        seconds=recipe.seconds if recipe.methods else None,
        tokens=recipe.tokens if recipe.methods else None,
        num_steps=recipe.num_steps if recipe.methods else None,
        peak_memory_gb=recipe.peak_memory_gb,
    )
