"""The table of a comparison, as a page and a Markdown file show it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rlsr.comparison.result import ComparedRecipe, Comparison
from rlsr.comparison.words import Tone, duration, tone, training_in_words
from rlsr.evaluation.metrics import SharedMetric, describe
from rlsr.evaluation.suites import HELDOUT
from rlsr.statistics.against_baseline import Verdict
from rlsr.statistics.in_words import NOTHING, interval, number
from rlsr.statistics.wins import WinShares

# What training did not aim at comes first: only it can show that a policy became better.
_TITLES = (
    ("by measures that are not in the reward", False),
    ("by what is in the reward", True),
)
_BETTER_WORDS = {
    "higher": "higher is better",
    "lower": "lower is better",
    "near_one": "best near 1",
}


@dataclass(frozen=True)
class TableCell:
    """What stands in one field of the table."""

    value: str
    """The number itself."""
    interval: str = ""
    """Of the value, or of the difference where there is one."""
    difference: str = ""
    """From the baseline, with its sign."""
    verdict: Verdict | None = None
    """What the interval of the difference shows."""
    tone: Tone = ""
    """Whether the verdict is good."""
    shares: tuple[float, float, float] | None = None
    """Win, tie and loss, for a bar."""


@dataclass(frozen=True)
class TableRow:
    """One line of the table."""

    label: str
    """In words."""
    remark: str
    """Small, below the label."""
    cells: tuple[TableCell, ...]
    """One a recipe."""


@dataclass(frozen=True)
class TableGroup:
    """Lines that belong together."""

    title: str
    """In words."""
    rows: tuple[TableRow, ...]
    """At least one."""


@dataclass(frozen=True)
class ComparisonTable:
    """Recipes in columns, and groups of lines."""

    columns: tuple[str, ...]
    """Names of the recipes."""
    remarks: tuple[str, ...]
    """How each was trained."""
    groups: tuple[TableGroup, ...]
    """In order."""


def table_of(comparison: Comparison) -> ComparisonTable:
    """Lay out what was found."""
    recipes, suite = comparison.recipes, comparison.prompts
    whose = "Held-out prompts" if suite == HELDOUT else f"Prompts of {suite}"
    groups = (
        *(
            TableGroup(
                f"{whose}, {title}",
                tuple(
                    _metric_row(metric, recipes, is_primary=metric.name in comparison.primary)
                    for metric in comparison.metrics
                    if metric.in_reward == wanted
                ),
            )
            for title, wanted in _TITLES
        ),
        TableGroup(
            f"Prompt by prompt against {comparison.baseline}",
            tuple(
                _wins_row(metric, recipes)
                for metric in comparison.metrics
                if any(metric.name in recipe.wins for recipe in recipes)
            ),
        ),
        TableGroup("Cost of training", _cost_rows(recipes)),
    )
    return ComparisonTable(
        columns=tuple(recipe.name for recipe in recipes),
        remarks=tuple(map(training_in_words, recipes)),
        groups=tuple(group for group in groups if group.rows),
    )


def _metric_row(
    metric: SharedMetric, recipes: Sequence[ComparedRecipe], *, is_primary: bool
) -> TableRow:
    cells = tuple(_metric_cell(metric, recipe) for recipe in recipes)
    better = _BETTER_WORDS.get(metric.better or "", "")
    remark = ", ".join(filter(None, ("primary" if is_primary else "", better)))
    return TableRow(describe(metric.name).label, remark, cells)


def _metric_cell(metric: SharedMetric, recipe: ComparedRecipe) -> TableCell:
    found = recipe.metrics.get(metric.name)
    if found is None:
        return TableCell(NOTHING)
    decimals, difference = describe(metric.name).digits, found.difference
    value = typeset(number(found.mean.mean, decimals))
    if difference is None:
        return TableCell(value, typeset(interval(found.mean, decimals)), verdict=found.verdict)
    return TableCell(
        value,
        typeset(interval(difference, decimals, sign=True)),
        typeset(number(difference.mean, decimals, sign=True)),
        found.verdict,
        tone(metric, found.verdict),
    )


def typeset(numbers: str) -> str:
    """Write minus signs as print has them."""
    return numbers.replace("-", "\N{MINUS SIGN}")


def _wins_row(metric: SharedMetric, recipes: Sequence[ComparedRecipe]) -> TableRow:
    wins = [recipe.wins.get(metric.name) for recipe in recipes]
    margins = {shares.margin for shares in wins if shares}
    margin = f"; a tie is within {min(margins):g}" if len(margins) == 1 else ""
    return TableRow(
        describe(metric.name).label, f"won / tied / lost{margin}", tuple(map(_wins_cell, wins))
    )


def _wins_cell(wins: WinShares | None) -> TableCell:
    shares = (wins.win, wins.tie, wins.loss) if wins else (math.nan,) * 3
    if not all(map(math.isfinite, shares)):
        return TableCell(NOTHING)
    return TableCell(" / ".join(f"{100 * share:.0f}" for share in shares) + " %", shares=shares)


def _cost_rows(recipes: Sequence[ComparedRecipe]) -> tuple[TableRow, ...]:
    """List what training took; without a step there is nothing to tell."""
    costs: list[tuple[str, str, Callable[[float], str], Callable[[ComparedRecipe], float | None]]] = [
        ("wall-clock", "of training steps", duration, lambda recipe: recipe.seconds),
        ("response tokens learnt from", "", lambda n: f"{n:,.0f}", lambda recipe: recipe.tokens),
        ("optimiser steps", "", lambda n: f"{n:,.4g}", lambda recipe: recipe.num_steps),
        ("peak memory", "", lambda n: f"{n:.2f} GB", lambda recipe: recipe.peak_memory_gb),
    ]  # fmt: skip
    rows = []
    for name, remark, write, read in costs:
        values = [read(recipe) if recipe.num_steps else None for recipe in recipes]
        if any(value is not None for value in values):
            written = (NOTHING if value is None else write(value) for value in values)
            rows.append(TableRow(name, remark, tuple(map(TableCell, written))))
    return tuple(rows)
