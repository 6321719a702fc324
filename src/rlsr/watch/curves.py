"""Which numbers of a run have a curve, in which order, and with which points."""

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from rlsr.rewards import reward_kind
from rlsr.runs.record import Stage
from rlsr.runs.rows import StepRow
from rlsr.runs.step_metrics import (
    ENTROPY,
    GRADIENT_NORM,
    GROUP_SPREAD,
    HEADS,
    KL,
    LOSS,
    MEAN_REWARD,
    NLL,
    RESPONSE_LENGTH,
    SHARE_CUT,
    STEP_SECONDS,
    VALIDATION,
    StepMetric,
    step_metrics,
)

_FIRST = (MEAN_REWARD, VALIDATION, NLL, LOSS, KL, ENTROPY, RESPONSE_LENGTH, SHARE_CUT, GROUP_SPREAD, GRADIENT_NORM)  # fmt: skip
"""What people look at first, where the method has it; numbers measured on validation prompts all stand at their head."""

_TITLES = {
    MEAN_REWARD: "Reward",
    NLL: "Loss on references (nll)",
    KL: "KL from the start",
    RESPONSE_LENGTH: "Response length",
    SHARE_CUT: "Share cut off",
    GROUP_SPREAD: "Spread in a group",
    STEP_SECONDS: "Seconds of a step",
}
"""Shorter than on a page, or what has no chart of its own there."""


@dataclass(frozen=True)
class Curve:
    """A number over the steps of a stage."""

    name: str
    """Its column in ``metrics.jsonl``."""
    title: str
    """What it is called."""
    steps: Sequence[float]
    """Those after which it was scored, at least one."""
    values: Sequence[float]
    """One a step, none of them NaN."""


class Curves:
    """The numbers of a stage by column. Looked at again, only the rows that are new are gone through."""

    def __init__(self) -> None:
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._columns: dict[str, tuple[array[float], array[float]]] = {}
        self._done: tuple[StepRow, ...] = ()

    def of(self, stage: Stage) -> list[Curve]:
        """List the curves of the stage.

        Args:
            stage: The same one as before, further on or taken back; another one is gone through anew.

        Returns:
            What people look at first, then everything else that a report draws, in the order of its table.
        """
        count = len(self._done)
        if self._done and not (len(stage.steps) >= count and stage.steps[count - 1] is self._done[-1]):  # fmt: skip
            self._begin_anew()
        for row in stage.steps[len(self._done) :]:
            self._add(row)
        self._done = stage.steps
        shown = [
            metric
            for metric in step_metrics(self._columns, _reward_parts(stage))
            if self._is_shown(metric)
        ]
        return [
            Curve(metric.name, _title(metric), *self._columns[metric.name])
            for metric in sorted(shown, key=_rank)
        ]

    def _add(self, row: StepRow) -> None:
        step = row["step"]
        for name, value in row.items():
            if math.isfinite(value):
                column = self._columns.get(name)
                if column is None:
                    column = self._columns[name] = array("d"), array("d")
                column[0].append(step)
                column[1].append(value)

    def _is_shown(self, metric: StepMetric) -> bool:
        if metric.drawn == "if_above_zero":
            return any(self._columns[metric.name][1])
        is_drawn = metric.drawn == "always" and metric.name != "step"
        return is_drawn or metric.name in _TITLES


def _rank(metric: StepMetric) -> tuple[int, int]:
    """Put what a trainer logs for itself last; sorting leaves the rest in the order of the table."""
    for rank, name in enumerate(_FIRST):
        if name in (metric.name, metric.head):
            return 0, rank
    return (1 if is_of_table(metric.name) else 2), 0


def _title(metric: StepMetric) -> str:
    words = _TITLES.get(metric.name, metric.words)
    if metric.head == VALIDATION and metric.brief is not None:
        words = metric.brief.title
    if not is_of_table(metric.name):
        return f"{metric.head}: {words}" if "/" in metric.name else words
    return words[:1].upper() + words[1:]


def _reward_parts(stage: Stage) -> dict[str, StepMetric]:
    """Describe what the reward is made of, as it says itself; of a config that cannot be read it is not known."""
    config = stage.known_config
    if config is None:
        return {}
    return {
        part.column: StepMetric(part.column, part.title, drawn="if_above_zero" if part.is_share else "always")
        for part in reward_kind(config).parts(config)
    }  # fmt: skip


def is_of_table(name: str) -> bool:
    """Say whether a number is one of ours, and not what a trainer logs for itself.

    Args:
        name: Of its column.
    """
    return name.partition("/")[0] in HEADS


def written(value: float) -> str:
    """Write a number of a curve in at most seven characters, or so.

    Args:
        value: Finite.
    """
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 100_000 or size < 0.0001:
        return f"{value:.1e}"
    if size >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if size >= 1 else f"{value:.3f}" if size >= 0.01 else f"{value:.4f}"
