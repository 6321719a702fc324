"""The tables of held-out metrics: of one policy, and before and after training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from rlsr.evaluation.metrics import describe, labelled
from rlsr.statistics.in_words import mean_with_interval, number

if TYPE_CHECKING:
    from rlsr.evaluation import MetricChange
    from rlsr.pipeline.evaluate import SuiteSummary
    from rlsr.statistics import Estimate


def means_table(found: "SuiteSummary", confidence: float) -> Table:
    """Lay out the metrics of one policy.

    Args:
        found: What an evaluation has found by one suite.
        confidence: Level of the intervals.

    Returns:
        A table for the terminal.
    """
    table = Table(
        title=f"{found.num_prompts} {found.title} prompts, greedy responses, {100 * confidence:g}% intervals",
        title_justify="left",
        box=box.SIMPLE,
    )
    table.add_column("metric")
    table.add_column("mean", justify="right", no_wrap=True)
    for metric in found.metrics:
        table.add_row(
            labelled(metric.name, in_reward=metric.in_reward),
            mean_with_interval(metric.after, describe(metric.name).digits),
        )
    return table


def change_table(changes: "Sequence[MetricChange]", confidence: float) -> Table:
    """Lay out held-out metrics before and after.

    Args:
        changes: One a metric, not empty.
        confidence: Level of the intervals.

    Returns:
        A table for the terminal.
    """
    count = changes[0].difference.num
    table = Table(
        title=f"{count} held-out prompts, greedy responses, {100 * confidence:g}% intervals",
        title_justify="left",
        box=box.SIMPLE,
    )
    table.add_column("metric")
    for title in ("before", "after", "paired difference"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("reading", no_wrap=True)
    for change in changes:
        decimals = describe(change.name).digits
        table.add_row(
            labelled(change.name, in_reward=change.in_reward),
            number(change.before.mean, decimals),
            number(change.after.mean, decimals),
            mean_with_interval(change.difference, decimals, sign=True),
            reading(change.difference),
        )
    return table


def reading(difference: "Estimate") -> str:
    """Say what an interval shows.

    Args:
        difference: A paired difference, after minus before.

    Returns:
        ``up`` or ``down`` where the interval excludes 0, else ``no difference shown``.
    """
    if not difference.excludes_zero:
        return "no difference shown"
    return "up" if difference.mean > 0 else "down"
