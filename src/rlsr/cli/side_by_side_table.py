"""The table of several models, and what is said below it."""

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from rlsr.comparison.side_by_side_words import (
    level_in_words,
    losses_in_words,
    wins_in_words,
)
from rlsr.evaluation.metrics import describe, labelled
from rlsr.statistics.in_words import mean_with_interval, number

if TYPE_CHECKING:
    from rlsr.comparison.result import ComparedRecipe
    from rlsr.comparison.side_by_side import SideBySide
    from rlsr.evaluation.metrics import SharedMetric


def show_side_by_side(console: Console, found: "SideBySide") -> None:
    """Print the table of several models, and in words what is lost and how often they win.

    Args:
        console: Where to.
        found: What was found.
    """
    console.print(side_by_side_table(found))
    wins = [line for one in found.suites.values() for line in wins_in_words(one)]
    notes = dict.fromkeys(note for one in found.suites.values() for note in one.notes)
    for line in [*losses_in_words(found), *wins, *notes]:
        console.print(line, markup=False)


def side_by_side_table(found: "SideBySide") -> Table:
    """Lay out several models for the terminal, one row a suite and metric, one column a model.

    Args:
        found: What was found.
    """
    table = Table(
        title=f"against {found.baseline}",
        title_justify="left",
        caption=level_in_words(found),
        caption_justify="left",
        box=box.SIMPLE,
    )
    table.add_column("metric")
    for name in found.models:
        table.add_column(name, justify="right")
    for place, comparison in enumerate(found.suites.values()):
        if place:
            table.add_section()
        table.add_row(f"{comparison.num_prompts} {comparison.prompts_in_words}", style="bold")
        for metric in comparison.metrics:
            table.add_row(
                labelled(metric.name, in_reward=metric.in_reward),
                *(_cell(metric, recipe) for recipe in comparison.recipes),
            )
    return table


def _cell(metric: "SharedMetric", recipe: "ComparedRecipe") -> str:
    found, digits = recipe.metrics[metric.name], describe(metric.name).digits
    lines = [number(found.mean.mean, digits)]
    if found.difference is not None:
        lines.append(mean_with_interval(found.difference, digits, sign=True))
    if found.verdict not in {None, "baseline"}:
        lines.append(str(found.verdict))
    return "\n".join(lines)
