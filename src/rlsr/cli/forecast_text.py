"""A forecast as it stands in the terminal: a table of 80 columns, what speaks for and against, and the verdict last."""

import textwrap
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from rlsr.statistics.in_words import mean_with_interval, number, percent, too_few

if TYPE_CHECKING:
    from rlsr.forecast import Forecast
    from rlsr.forecast.learning import Learning

STYLES = {"pays": "bold green", "does not pay": "bold red", "cannot say": "bold yellow"}
WIDEST = 100
"""Columns that a sentence is broken at where the terminal has more."""


def show_forecast(console: Console, found: "Forecast") -> None:
    """Print a forecast.

    Args:
        console: Where to.
        found: The forecast.
    """
    judgement, width = found.judgement, min(console.width, WIDEST)
    console.print()
    console.print(effects_table(found))
    for line in notes(found):
        console.print(_broken(line, width), markup=False)
    for warning in found.warnings:
        console.print(_broken(f"warning: {warning}", width), markup=False, style="yellow")
    console.print()
    console.print(judgement.verdict, style=STYLES[judgement.verdict], markup=False)
    for line in (
        f"  because {judgement.reason} (rule: {judgement.rule})",
        f"  next: {judgement.next_step}",
    ):
        console.print(_broken(line, width), markup=False)
    console.print(f"took {found.seconds:.0f} s", markup=False)


def _broken(line: str, width: int) -> str:
    """Break a line between words, what follows a little further in."""
    return textwrap.fill(
        line, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def effects_table(found: "Forecast") -> Table:
    """Lay out what choosing by the reward does, one row a metric.

    Args:
        found: The forecast.

    Returns:
        A table for the terminal.
    """
    few = too_few(found.num_prompts, "prompts")
    intervals = "" if few else f", {percent(found.confidence)} intervals"
    table = Table(
        title=f"the best of {found.num_generations} by the reward, {found.num_prompts} prompts{intervals}",
        title_justify="left",
        caption="* the reward has it: choosing by the reward raises it, whatever it is worth",
        caption_justify="left",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
    )
    table.add_column("metric")
    for title in ("greedy", "mean", "best"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("best - greedy", justify="right", no_wrap=True)
    for metric in found.metrics:
        table.add_row(
            f"{metric.label} *" if metric.in_reward else metric.label,
            *(
                number(estimate.mean, metric.digits)
                for estimate in (metric.greedy, metric.sampled, metric.best)
            ),
            mean_with_interval(metric.best_minus_greedy, metric.digits, sign=True),
        )
    return table


def notes(found: "Forecast") -> list[str]:
    """Say what the table does not.

    Args:
        found: The forecast.

    Returns:
        Lines.
    """
    unseen, spread = found.unseen, found.spread
    return [
        f"expected gain in {unseen.label}: {mean_with_interval(found.gain, unseen.digits, sign=True)}",
        f"best - mean: {mean_with_interval(unseen.best_minus_mean, unseen.digits, sign=True)}",
        f"rewards of a prompt's answers: spread {number(spread.within.mean)} (rounding {spread.noise:.0e}), "
        f"{spread.share_without_signal:.0%} of the prompts without signal",
        f"they rank answers as the unseen similarity does by {mean_with_interval(unseen.agreement, 2)} (1 is the same order)",
        *([] if found.learning is None else [_learning(found.learning)]),
    ]


def _learning(learning: "Learning") -> str:
    state = "still learning" if learning.goes_on else "not shown to learn any more"
    moved = mean_with_interval(learning.change, 3, sign=True)
    return f"SFT: {state}, {learning.metric} moved by {moved} over its last third"
