"""The table and the sentences of a comparison."""

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from rlsr.comparison.curve_words import (
    shown_curves,
    steps_in_words,
    time_in_words,
    unseen_metrics,
)
from rlsr.comparison.words import amount_in_words
from rlsr.evaluation.metrics import describe, primary_metrics
from rlsr.statistics.in_words import mean_with_interval, number, percent, too_few

if TYPE_CHECKING:
    from rlsr.comparison.curve import CurvePoint
    from rlsr.comparison.result import ComparedRecipe, Comparison
    from rlsr.evaluation.metrics import SharedMetric


def comparison_table(comparison: "Comparison") -> Table:
    """Lay out a comparison for the terminal, one row a recipe."""
    metrics, budget = primary_metrics(comparison.metrics), comparison.budget
    assert budget is not None, "recipes are compared after the same budget"
    few = too_few(comparison.num_prompts, "prompts")
    intervals = "" if few else f" with {percent(comparison.confidence)} intervals"
    seeds = f"{len(comparison.seeds)} seed{'s' if len(comparison.seeds) > 1 else ''}"
    table = Table(
        title=(
            f"{comparison.num_prompts} held-out prompts, {seeds}, after "
            f"{amount_in_words(budget.by, budget.amount)} of training; means{intervals}"
        ),
        title_justify="left",
        caption="* the reward has it, so that training on the reward was training on it"
        if any(metric.in_reward for metric in metrics)
        else None,
        caption_justify="left",
        box=box.SIMPLE,
    )
    table.add_column("recipe", no_wrap=True)
    for metric in metrics:
        table.add_column(_heading(metric), justify="right")
    for title in ("steps", "seconds", "GB"):
        table.add_column(title, justify="right", no_wrap=True)
    for recipe in comparison.recipes:
        table.add_row(
            recipe.name,
            *(
                mean_with_interval(recipe.metrics[metric.name].mean, describe(metric.name).digits)
                for metric in metrics
            ),
            *_costs(recipe),
        )
    return table


def curve_table(comparison: "Comparison") -> Table | None:
    """Lay the first of the primary metrics that no reward has out over time, one row a time.

    Args:
        comparison: What was found.

    Returns:
        The table; None where nothing was measured along the way, or every metric is in the reward.
    """
    curves, metrics = shown_curves(comparison), unseen_metrics(comparison)
    if curves is None or not metrics:
        return None
    metric = describe(metrics[0].name)
    table = Table(
        title=f"{metric.label} over time",
        title_justify="left",
        caption="in brackets the optimiser steps by then",
        caption_justify="left",
        box=box.SIMPLE,
    )
    table.add_column("after", justify="right", no_wrap=True)
    for recipe in curves.recipes:
        table.add_column(recipe.recipe, justify="right")
    for points in zip(*(recipe.at_times for recipe in curves.recipes), strict=True):
        table.add_row(
            time_in_words(points[0].seconds),
            *(_reached(point, metrics[0].name, metric.digits) for point in points),
        )
    return table


def _reached(point: "CurvePoint", metric: str, digits: int) -> str:
    steps = steps_in_words(point)
    return f"{number(point.metrics[metric].mean, digits)}{f' ({steps})' if steps else ''}"


def sentences(comparison: "Comparison") -> list[str]:
    """Say in words what the differences to the baseline show.

    Args:
        comparison: What was found.

    Returns:
        A line that says how to read the others, then one a recipe.
    """
    what = "readings" if comparison.primary else "comparisons of a metric"
    corrected = (
        f", so that the {comparison.num_comparisons} {what} hold together at {percent(comparison.confidence)}"
        if comparison.num_comparisons > 1
        else ""
    )
    intervals = f"{percent(comparison.adjusted_confidence)} intervals{corrected}"
    few = too_few(comparison.num_prompts, "prompts")
    return [
        f"against {comparison.baseline}, paired by prompt{f'; {few}' if few else f', {intervals}'}:",
        *(
            f"- {_sentence(comparison, recipe)}"
            for recipe in comparison.recipes
            if recipe.name != comparison.baseline
        ),
    ]


def _sentence(comparison: "Comparison", recipe: "ComparedRecipe") -> str:
    parts = []
    for metric in primary_metrics(comparison.metrics):
        found = recipe.metrics[metric.name]
        assert found.difference is not None, "only the baseline has none"
        difference = mean_with_interval(found.difference, describe(metric.name).digits, sign=True)
        parts.append(" ".join(filter(None, (_heading(metric), found.verdict, f"({difference})"))))
    # By one scorer; the file has all.
    wins = [
        f"wins {shares.win:.0%}, ties {shares.tie:.0%}, loses {shares.loss:.0%} ({describe(name).label})"
        for name, shares in list(recipe.wins.items())[:1]
    ]
    return f"{recipe.name}: {'; '.join([', '.join(parts), *wins])}"


def _heading(metric: "SharedMetric") -> str:
    label = describe(metric.name).label
    return f"{label} *" if metric.in_reward else label


def _costs(recipe: "ComparedRecipe") -> list[str]:
    """Write what a recipe took; nothing for the policy before training."""
    if not recipe.methods:
        return ["-", "-", "-"]
    memory = "-" if recipe.peak_memory_gb is None else f"{recipe.peak_memory_gb:.1f}"
    return [f"{recipe.num_steps:.0f}", f"{recipe.seconds:.0f}", memory]
