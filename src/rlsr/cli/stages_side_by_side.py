"""What stages have done, side by side: the held-out metrics after each, and some answers to look at."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from rlsr.cli.table import table_of_differences
from rlsr.evaluation.metrics import describe, labelled
from rlsr.statistics.in_words import mean_with_interval, number

if TYPE_CHECKING:
    from rlsr.config.training import EvaluationConfig
    from rlsr.pipeline.stages_summary import StageAnswers, StageSummary

NUM_SHOWN = 3
"""Held-out prompts whose answers are shown."""

_LONGEST = 400
"""Characters of an answer that are shown."""


def stand_side_by_side(stages: "Sequence[StageSummary]") -> bool:
    """Say whether several stages were measured by the same metrics, each with what it began with.

    Args:
        stages: In their order.
    """
    names = [tuple(change.name for change in stage.changes) for stage in stages]
    return len(stages) > 1 and bool(names[0]) and len(set(names)) == 1


def side_by_side_table(stages: "Sequence[StageSummary]", evaluation: "EvaluationConfig") -> Table:
    """Lay out held-out metrics before training and after every stage, and what the last stage gave.

    Args:
        stages: That stand side by side.
        evaluation: How they were measured; its level is that of all readings together.

    Returns:
        A table for the terminal.
    """
    *_, before, last = stages
    table = table_of_differences(
        last.changes,
        evaluation,
        explained=f"; the difference is that of {last.name} from {before.name}, prompt by prompt",
    )
    table.add_column("metric")
    for title in ("before", *(stage.name for stage in stages), "difference"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("reading", no_wrap=True)
    for place, change in enumerate(last.changes):
        digits = describe(change.name).digits
        table.add_row(
            labelled(change.name, in_reward=change.in_reward),
            number(stages[0].changes[place].before.mean, digits),
            *(number(stage.changes[place].after.mean, digits) for stage in stages),
            mean_with_interval(change.difference, digits, sign=True),
            change.reading,
        )
    return table


def show_answers(console: Console, found: "Sequence[StageAnswers]") -> None:
    """Show what was answered to some held-out prompts before training and after every stage.

    Args:
        console: Where to.
        found: The prompts to show.
    """
    for one in found:
        console.print()
        _show(console, "prompt", one.prompt, style="bold")
        _show(console, "reference", one.reference)
        for name, answer in one.answers.items():
            _show(console, name, answer)


def _show(console: Console, name: str, text: str, style: str | None = None) -> None:
    short = textwrap.shorten(text, _LONGEST, placeholder=" ...") or "(nothing)"
    console.print(f"{name:>9}: {short}", markup=False, style=style)
