"""The tables of held-out metrics: of one policy, and before and after training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from rlsr.evaluation import how_to_read, num_scored
from rlsr.evaluation.metrics import describe, labelled, measured_in_words
from rlsr.statistics.in_words import mean_with_interval, number, percent, too_few

if TYPE_CHECKING:
    from rlsr.config.training import EvaluationConfig
    from rlsr.evaluation import MetricChange
    from rlsr.pipeline.evaluate import SuiteSummary


def means_table(found: "SuiteSummary", evaluation: "EvaluationConfig") -> Table:
    """Lay out the metrics of one policy.

    Args:
        found: What an evaluation has found by one suite.
        evaluation: How it was measured.

    Returns:
        A table for the terminal.
    """
    prompts = f"{found.title} prompts"
    few = too_few(found.num_prompts, prompts)
    intervals = "" if few else f", {percent(evaluation.confidence)} intervals"
    measured = found.answers_in_words or measured_in_words((metric.name for metric in found.metrics), evaluation)  # fmt: skip
    table = Table(
        title=f"{found.num_prompts} {prompts}, {measured}{intervals}",
        title_justify="left",
        caption=few or None,
        caption_justify="left",
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


def table_of_differences(
    changes: "Sequence[MetricChange]", evaluation: "EvaluationConfig", *, explained: str = ""
) -> Table:
    """Begin a table that has a column of differences: its title says what they are over, its caption how they are read.

    Args:
        changes: One a metric, not empty.
        evaluation: How it was measured; its level is that of all readings together.
        explained: What else the title says.
    """
    level = changes[0].confidence or evaluation.confidence
    count = num_scored(changes)
    intervals = "" if too_few(count, "prompts") else f", {percent(level)} intervals"
    measured = measured_in_words((change.name for change in changes), evaluation)
    return Table(
        title=f"{count} held-out prompts, {measured}{intervals}{explained}",
        title_justify="left",
        caption=how_to_read(changes, evaluation.confidence) or None,
        caption_justify="left",
        box=box.SIMPLE,
    )


def change_table(changes: "Sequence[MetricChange]", evaluation: "EvaluationConfig") -> Table:
    """Lay out held-out metrics before and after.

    Args:
        changes: One a metric, not empty.
        evaluation: How it was measured; its level is that of all readings together.

    Returns:
        A table for the terminal.
    """
    table = table_of_differences(changes, evaluation)
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
            change.reading,
        )
    return table
