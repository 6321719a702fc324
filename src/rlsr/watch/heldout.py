"""The held-out metrics of a stage: as its summary has them, or what was measured so far."""

import math
from collections.abc import Iterable

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rlsr.config import RunConfig
from rlsr.evaluation import MetricChange, how_to_read, num_scored
from rlsr.evaluation.metrics import describe, in_reward
from rlsr.printable import printable
from rlsr.runs.record import Stage
from rlsr.runs.rows import HeldoutRow
from rlsr.runs.typed_json import from_table
from rlsr.statistics.against_baseline import NO_DIFFERENCE
from rlsr.statistics.in_words import interval, number, percent

_MOST_STEPS = 3
"""Measurements along the way that a narrow table has room for."""

_NO_DIFFERENCE = "none shown"
"""Shorter than elsewhere, so that the table fits into 80 columns."""


def heldout_view(stage: Stage) -> RenderableType:
    """Lay out what is known of the held-out prompts.

    Args:
        stage: Complete or not.

    Returns:
        A table with a sentence about it, or the sentence alone.
    """
    changes = _changes(stage)
    if changes:
        return _summary(changes, stage)
    if stage.before or stage.along_the_way or stage.after:
        return _so_far(stage)
    if stage.known_config is not None and not stage.known_config.evaluation.enabled:
        return Text("This run measures nothing on held-out prompts: evaluation.enabled is false.")
    return Text("No held-out prompt was answered yet.")


def _changes(stage: Stage) -> tuple[MetricChange, ...]:
    """Read what the summary says; of another version it may say it in another way, and the answers speak for themselves."""
    try:
        return from_table(tuple[MetricChange, ...], (stage.manifest or {}).get("heldout", []))
    except ValueError:
        return ()


def _summary(changes: tuple[MetricChange, ...], stage: Stage) -> RenderableType:
    table = _table("before", "after")
    table.add_column("difference", justify="right", no_wrap=True)
    table.add_column("reading")
    for change in changes:
        digits = describe(change.name).digits
        difference = number(change.difference.mean, digits, sign=True)
        table.add_row(
            _label(change.name, is_in_reward=change.in_reward),
            number(change.before.mean, digits),
            number(change.after.mean, digits),
            f"{difference} {interval(change.difference, digits, sign=True)}".strip(),
            _reading(change),
        )
    config = stage.known_config or RunConfig()
    level = changes[0].confidence or config.evaluation.confidence
    reading = how_to_read(changes, config.evaluation.confidence)
    words = (
        f"{num_scored(changes)} held-out prompts, differences with {percent(level)} intervals; * is in the reward. "
        f"{reading[:1].upper()}{reading[1:]}"
    )
    return Group(table, Text(words.strip(), style="dim"))


def _reading(change: MetricChange) -> Text:
    """Write a reading, in a colour that says the same."""
    if change.reading == NO_DIFFERENCE:
        return Text(_NO_DIFFERENCE)
    better = {"higher": "up", "lower": "down"}.get(describe(change.name).better or "")
    style = "" if better is None else "green" if change.reading == better else "red"
    return Text(change.reading, style=style)


def _so_far(stage: Stage) -> RenderableType:
    """Lay out means over the prompts that were answered every time, without intervals: those come with the summary."""
    measured = {
        f"step {found.spent.steps}": found.rows for found in stage.along_the_way[-_MOST_STEPS:]
    }
    ends = {"before": stage.before, "after": stage.after}
    shared = {row.key for row in stage.along_the_way[0].rows} if stage.along_the_way else None
    answers = {
        name: [row for row in rows if shared is None or row.key in shared]
        for name, rows in {"before": ends["before"], **measured, "after": ends["after"]}.items()
        if rows
    }
    table = _table(*answers)
    first = next(iter(answers.values()))
    for name in first[0].scores if first else ():
        table.add_row(
            _label(name, is_in_reward=_is_in_reward(name, stage)),
            *(number(_mean(name, rows), describe(name).digits) for rows in answers.values()),
        )
    words = f"Means over {len(first)} held-out prompts; * is in the reward. Intervals come with the summary, after training."  # fmt: skip
    return Group(table, Text(words, style="dim"))


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("metric")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _label(name: str, *, is_in_reward: bool) -> str:
    metric = describe(name)
    return printable(f"{metric.short_label or metric.label or name}{' *' if is_in_reward else ''}")


def _is_in_reward(name: str, stage: Stage) -> bool:
    return stage.known_config is not None and in_reward(name, stage.known_config)


def _mean(name: str, rows: Iterable[HeldoutRow]) -> float:
    scored = [score for row in rows if math.isfinite(score := row.scores.get(name, math.nan))]
    return math.fsum(scored) / len(scored) if scored else math.nan
