"""Held-out metrics, suites and their statistics."""

from rlsr.evaluation.evaluation import Answers, Evaluation, MetricChange, MetricMean
from rlsr.evaluation.statistics import Estimate, bootstrap_mean, paired_difference

__all__ = [
    "Answers",
    "Estimate",
    "Evaluation",
    "MetricChange",
    "MetricMean",
    "bootstrap_mean",
    "paired_difference",
]
