"""The table of a gate, and what it says in the end."""

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from rlsr.evaluation.metrics import describe, labelled
from rlsr.statistics.in_words import mean_with_interval, number, percent

if TYPE_CHECKING:
    from rlsr.evaluation.gate import Gate, GatedMetric


def show_gate(console: Console, gate: "Gate", baseline: str) -> None:
    """Print what decides, and the decision.

    Args:
        console: Where to.
        gate: What was found.
        baseline: Its place, as it was given.
    """
    console.print()
    console.print(gate_table(gate, baseline))
    unpaired = list(dict.fromkeys(one.suite for one in gate.metrics if not one.is_paired))
    if unpaired:
        console.print(
            f"the prompts of {' and '.join(unpaired)} are not those of the baseline: differences are of means over different prompts, which "
            "shows less than a difference prompt by prompt",
            markup=False,
        )
    worse = [f"{describe(one.metric.name).short_label} of {one.suite}" for one in gate.worse]
    console.print(
        f"gate: worse than {baseline} in {', '.join(worse)}"
        if worse
        else f"gate: passed; no metric is worse than {baseline} beyond its interval",
        markup=False,
    )


def gate_table(gate: "Gate", baseline: str) -> Table:
    """Lay out a gate for the terminal, one row a metric.

    Args:
        gate: What was found.
        baseline: Its place, as it was given.
    """
    together = (
        f", at which all {len(gate.metrics)} hold together at {percent(gate.confidence)}"
        if len(gate.metrics) > 1
        else ""
    )
    table = Table(
        title=f"against {baseline}, {percent(gate.adjusted_confidence)} intervals{together}",
        title_justify="left",
        box=box.SIMPLE,
    )
    for title in ("suite", "metric", "better"):
        table.add_column(title)
    for title in ("baseline", "now", "difference"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("reading", no_wrap=True)
    for one in gate.metrics:
        table.add_row(*_cells(one))
    return table


def _cells(one: "GatedMetric") -> tuple[str, ...]:
    digits = describe(one.metric.name).digits
    paired = "" if one.is_paired else " (not paired)"
    return (
        one.suite,
        labelled(one.metric.name, in_reward=one.metric.in_reward),
        str(one.metric.better),
        number(one.before.mean, digits),
        number(one.metric.mean.mean, digits),
        mean_with_interval(one.difference, digits, sign=True) + paired,
        one.reading,
    )
