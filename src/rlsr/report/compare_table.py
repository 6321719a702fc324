"""The table of a report and the sentences above it: what was compared with what, and what that shows."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rlsr.evaluation.comparison import WinShares
from rlsr.evaluation.metrics import SharedMetric, describe
from rlsr.evaluation.statistics import Estimate
from rlsr.report.findings import NO_DIFFERENCE, Finding, findings
from rlsr.report.page import NOTHING, number
from rlsr.report.results import Column, Results

Tone = Literal["good", "bad", "even", ""]

# What training did not aim at comes first: only it can show that a policy became better.
_HELDOUT_TITLES = (
    ("Held-out prompts, by measures that are not in the reward", False),
    ("Held-out prompts, by what is in the reward", True),
)
_BETTER_WORDS = {
    "higher": "higher is better",
    "lower": "lower is better",
    "near_one": "best near 1",
}


@dataclass(frozen=True)
class Cell:
    """What stands in one field of the table."""

    value: str
    """The number itself."""
    interval: str = ""
    """Of the value, or of the difference where there is one."""
    difference: str = ""
    """From the baseline, with its sign."""
    verdict: str = ""
    """In plain words."""
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
    cells: tuple[Cell, ...]
    """One a column."""


@dataclass(frozen=True)
class TableGroup:
    """Lines that belong together."""

    title: str
    """In words."""
    rows: tuple[TableRow, ...]
    """At least one."""


@dataclass(frozen=True)
class ReportTable:
    """The table of a report."""

    columns: tuple[str, ...]
    """Names of the columns or policies."""
    remarks: tuple[str, ...]
    """How each was trained."""
    groups: tuple[TableGroup, ...]
    """In order."""
    findings: tuple[Finding, ...]
    """One a column that is compared with another."""
    caption: str
    """How the numbers were made."""


def report_table(results: Results) -> ReportTable:
    """Lay out what was found.

    Args:
        results: What was found.

    Returns:
        The table, with the sentences that it allows.
    """
    columns = results.columns
    groups = (
        *(
            TableGroup(
                title,
                tuple(_metric_row(m, columns) for m in results.metrics if m.in_reward == wanted),
            )
            for title, wanted in _HELDOUT_TITLES
        ),
        TableGroup(
            f"Prompt by prompt against {results.baseline}",
            tuple(
                _wins_row(metric, columns)
                for metric in results.metrics
                if any(metric.name in column.wins for column in columns)
            ),
        ),
        TableGroup("Cost of training", _cost_rows(columns)),
    )
    return ReportTable(
        columns=tuple(column.name for column in columns),
        remarks=tuple(column.remark for column in columns),
        groups=tuple(group for group in groups if group.rows),
        findings=findings(results),
        caption=_caption(results),
    )


def _metric_row(metric: SharedMetric, columns: Sequence[Column]) -> TableRow:
    cells = tuple(_metric_cell(metric, column) for column in columns)
    return TableRow(describe(metric.name).label, _BETTER_WORDS.get(metric.better or "", ""), cells)


def _metric_cell(metric: SharedMetric, column: Column) -> Cell:
    score = column.scores.get(metric.name)
    if score is None:
        return Cell(NOTHING)
    decimals = describe(metric.name).digits
    value = _plain(score.mean.mean, decimals)
    if score.difference is None:
        return Cell(value, _interval(score.mean, decimals), verdict=score.verdict)
    difference = score.difference
    return Cell(
        value,
        _interval(difference, decimals, sign=True),
        _signed(difference.mean, decimals),
        score.verdict,
        _tone(metric, score.verdict),
    )


def _tone(metric: SharedMetric, verdict: str) -> Tone:
    if verdict == NO_DIFFERENCE:
        return "even"
    if verdict not in {"higher", "lower"} or metric.better not in {"higher", "lower"}:
        return ""
    return "good" if verdict == metric.better else "bad"


def _interval(estimate: Estimate, decimals: int, *, sign: bool = False) -> str:
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return ""
    form = _signed if sign else _plain
    return f"[{form(estimate.low, decimals)}, {form(estimate.high, decimals)}]"


def _plain(value: float, decimals: int) -> str:
    return number(value, decimals).replace("-", "\N{MINUS SIGN}")


def _signed(value: float, decimals: int) -> str:
    return (
        f"{value:+.{decimals}f}".replace("-", "\N{MINUS SIGN}") if math.isfinite(value) else NOTHING
    )


def _wins_row(metric: SharedMetric, columns: Sequence[Column]) -> TableRow:
    margins = {column.wins[metric.name].margin for column in columns if metric.name in column.wins}
    margin = f"; a tie is within {min(margins):g}" if len(margins) == 1 else ""
    cells = tuple(_wins_cell(column.wins.get(metric.name)) for column in columns)
    return TableRow(describe(metric.name).label, f"won / tied / lost{margin}", cells)


def _wins_cell(wins: WinShares | None) -> Cell:
    shares = (wins.win, wins.tie, wins.loss) if wins else (math.nan,) * 3
    if not all(map(math.isfinite, shares)):
        return Cell(NOTHING)
    return Cell(" / ".join(f"{100 * share:.0f}" for share in shares) + " %", shares=shares)


def _cost_rows(columns: Sequence[Column]) -> tuple[TableRow, ...]:
    costs: list[tuple[str, str, Callable[[float], str], list[float | None]]] = [
        ("wall-clock", "of training steps", duration, [c.seconds for c in columns]),
        ("response tokens learnt from", "", lambda n: f"{n:,.0f}", [c.tokens for c in columns]),
        ("optimiser steps", "", lambda n: f"{n:,.4g}", [c.num_steps for c in columns]),
        ("peak memory", "", lambda n: f"{n:.2f} GB", [c.peak_memory_gb for c in columns]),
    ]
    return tuple(
        TableRow(name, remark, tuple(_cost_cell(value, write) for value in values))
        for name, remark, write, values in costs
        if any(value is not None for value in values)
    )


def _cost_cell(value: float | None, write: Callable[[float], str]) -> Cell:
    return Cell(NOTHING if value is None or not math.isfinite(value) else write(value))


def duration(seconds: float) -> str:
    """Write a time for people.

    Args:
        seconds: At least 0.

    Returns:
        For example ``12.3 s``, ``4 min 30 s`` or ``2 h 5 min``.
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"


def _caption(results: Results) -> str:
    seeds = len(results.seeds)
    over = f"{results.num_prompts} held-out prompts"
    if seeds > 1:
        over += f" and {seeds} seeds"
    sentences = [f"Means over {over}."]
    if any(column.compared_with for column in results.columns):
        level = f"{100 * results.adjusted_confidence:.4g} %"
        sentences.append(
            f"The second number is the mean difference from the baseline, prompt by prompt, with its {level} interval. Where the "
            "interval holds 0, no difference is shown, which is not the same as none."
        )
        if results.num_comparisons > 1:
            sentences.append(
                f"With this level all {results.num_comparisons} comparisons of a metric hold together at "
                f"{100 * results.confidence:g} %."
            )
    return " ".join(sentences)
