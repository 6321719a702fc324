"""Which held-out metrics mean the same for every recipe, and which of them a reward has seen. No torch."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from rlsr.config import RunConfig
from rlsr.evaluation.metrics.metric import Better
from rlsr.evaluation.metrics.table import describe, find_metric, metrics_of
from rlsr.rewards import reward_kind

MOST_PRIMARY = 3
"""Readings of more metrics would need wider intervals, since those of a table have to hold together."""


@dataclass(frozen=True)
class SharedMetric:
    """A metric that every recipe is measured by."""

    name: str
    """As in the scores of an evaluation."""
    in_reward: bool
    """Whether a reward of some recipe has it, so that a policy may have been trained on it."""
    better: Better | None
    """Which way is better; None where nothing says so."""


def shared_metrics(configs: Sequence[RunConfig]) -> tuple[SharedMetric, ...]:
    """Find the metrics that are computed in the same way under every config.

    Args:
        configs: Resolved configs.

    Returns:
        The metrics, in the order of an evaluation; what is scored by different rewards or encoders is left out.
    """
    scorers = [metric_scorers(config) for config in configs]
    return tuple(
        SharedMetric(
            name, any(in_reward(name, config) for config in configs), describe(name).better
        )
        for name, scorer in scorers[0].items()
        if all(other.get(name) == scorer for other in scorers)
    )


def metric_scorers(config: RunConfig) -> dict[str, str]:
    """Say for every metric of an evaluation what its numbers depend on besides the response.

    Args:
        config: A resolved config.

    Returns:
        A text by metric; equal texts are equal scorers. Empty where the evaluation is switched off.
    """
    if not config.evaluation.enabled:
        return {}
    return {
        metric.name: json.dumps(metric.scorer(config), sort_keys=True)
        for metric in metrics_of(config)
    }


def in_reward(name: str, config: RunConfig) -> bool:
    """Say whether the reward of a run has a metric, or what is nearly the same.

    Args:
        name: The metric.
        config: The config of the run.

    Returns:
        True where a policy that is trained on the reward is trained on the metric. What no table knows is given by the reward.
    """
    metric = find_metric(name)
    return metric is None or metric.of_reward or name in reward_kind(config).seen_metrics(config)


def primary_metrics(metrics: Sequence[SharedMetric]) -> list[SharedMetric]:
    """Choose the few metrics whose differences are read, those that no reward has seen first, each by its ``rank``."""
    ranks = {metric: describe(metric.name).rank for metric in metrics}
    ranked = [
        (metric.in_reward, rank, metric) for metric, rank in ranks.items() if rank is not None
    ]
    return [metric for *_, metric in sorted(ranked, key=lambda found: found[:2])][:MOST_PRIMARY]
