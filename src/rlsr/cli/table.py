"""The tables of held-out metrics: of one policy, and before and after training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from rlsr.evaluation.labels import digits, label
from rlsr.statistics.in_words import mean_with_interval, number

if TYPE_CHECKING:
    from rlsr.evaluation import MetricChange
    from rlsr.pipeline.evaluate import MetricMean
    from rlsr.statistics import Estimate


def means_table(metrics: "Sequence[MetricMean]", confidence: float) -> Table:
    """Lay out held-out metrics of one policy.

    Args:
        metrics: Not empty.
        confidence: Level of the intervals.

    Returns:
        A table for the terminal.
    """
    table = Table(
        title=f"{max(metric.after.num for metric in metrics)} held-out prompts, greedy responses, {100 * confidence:g}% intervals",
        title_justify="left",
        box=box.SIMPLE,
    )
    table.add_column("metric")
    table.add_column("mean", justify="right", no_wrap=True)
    for metric in metrics:
        table.add_row(
            _label(metric),
            mean_with_interval(metric.after, digits(metric.name)),
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
        decimals = digits(change.name)
        table.add_row(
            _label(change),
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


def _label(metric: "MetricMean | MetricChange") -> str:
    """Name a metric; what the policy was trained on cannot show that it became better, so that stands beside it."""
    name = label(metric.name)
    return f"{name} (in the reward)" if metric.in_reward else name
