"""Held-out metrics: one table of what each is called, how it is shown and what scores it."""

from rlsr.evaluation.metrics.metric import Better, Given, HeldoutBatch, Metric
from rlsr.evaluation.metrics.shared import (
    SharedMetric,
    in_reward,
    metric_scorers,
    primary_metrics,
    shared_metrics,
)
from rlsr.evaluation.metrics.table import (
    BUILT_IN,
    describe,
    find_metric,
    installed_metrics,
    labelled,
    measured_in_words,
    metrics_of,
    require_metrics,
    tie_margins,
)

__all__ = [
    "BUILT_IN",
    "Better",
    "Given",
    "HeldoutBatch",
    "Metric",
    "SharedMetric",
    "describe",
    "find_metric",
    "in_reward",
    "installed_metrics",
    "labelled",
    "measured_in_words",
    "metric_scorers",
    "metrics_of",
    "primary_metrics",
    "require_metrics",
    "shared_metrics",
    "tie_margins",
]
