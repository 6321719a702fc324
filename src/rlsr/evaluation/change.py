"""Held-out metrics before and after training, and which of the differences may be read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlsr.evaluation.metrics import SharedMetric, describe, primary_metrics
from rlsr.statistics import Estimate, bootstrap_mean, paired_difference
from rlsr.statistics.against_baseline import NO_DIFFERENCE, adjusted_confidence, verdict
from rlsr.statistics.in_words import percent, too_few

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MetricChange:
    """One metric before and after training."""

    name: str
    """The metric."""
    before: Estimate
    """Its mean before training."""
    after: Estimate
    """Its mean after training."""
    difference: Estimate
    """The mean of the paired differences, after minus before."""
    in_reward: bool = False
    """Whether the reward has it, so that a policy trained on the reward was trained on it."""
    is_primary: bool = False
    """Whether its difference is read; that of the others has an interval and no reading."""
    confidence: float | None = None
    """Level of the interval of the difference, at which those of all primary metrics hold together; None in older files."""

    @property
    def reading(self) -> str:
        """What the difference shows, in words; nothing where it is not read, or too few prompts are scored for an interval."""
        found = verdict(self.difference) if self.is_primary else None
        return {"higher": "up", "lower": "down", NO_DIFFERENCE: NO_DIFFERENCE}.get(found or "", "")


def metric_changes(
    before: Mapping[str, Floats],
    after: Mapping[str, Floats],
    is_in_reward: Callable[[str], bool],
    *,
    confidence: float,
    num_resamples: int,
) -> tuple[MetricChange, ...]:
    """Put the scores of two policies side by side, metric by metric.

    Args:
        before: One score a prompt by metric, of the policy before training; NaN is unscored.
        after: The same of the policy after training.
        is_in_reward: Whether the reward has a metric.
        confidence: Level of the means' intervals, and of those of all differences that are read together.
        num_resamples: Bootstrap resamples of the prompts.

    Returns:
        One change a metric, in their order.
    """
    metrics = [SharedMetric(name, is_in_reward(name), describe(name).better) for name in before]
    primary = primary_metrics(metrics)
    level = adjusted_confidence(confidence, len(primary))
    return tuple(
        MetricChange(
            name=metric.name,
            before=bootstrap_mean(
                before[metric.name], confidence=confidence, num_resamples=num_resamples
            ),
            after=bootstrap_mean(
                after[metric.name], confidence=confidence, num_resamples=num_resamples
            ),
            difference=paired_difference(
                before[metric.name],
                after[metric.name],
                confidence=level,
                num_resamples=num_resamples,
            ),
            in_reward=metric.in_reward,
            is_primary=metric in primary,
            confidence=level,
        )
        for metric in metrics
    )


def num_scored(changes: Sequence[MetricChange]) -> int:
    """Count the prompts that are scored before and after, by the metric that has most of them."""
    return max(change.difference.num for change in changes)


def how_to_read(changes: Sequence[MetricChange], confidence: float) -> str:
    """Say in sentences which differences are read and how their intervals hold together, or why none is.

    Args:
        changes: One a metric, not empty.
        confidence: Level of all readings together.
    """
    few = too_few(num_scored(changes), "prompts")
    primary = [describe(change.name).label for change in changes if change.is_primary]
    if few or not primary:
        return few
    level = changes[0].confidence
    together = (
        f"; at {percent(level)} each they hold together at {percent(confidence)}"
        if level is not None and len(primary) > 1
        else ""
    )
    return (
        f"readings are of the primary metrics ({', '.join(primary)}){together}; other differences have "
        "an interval and no reading"
    )
