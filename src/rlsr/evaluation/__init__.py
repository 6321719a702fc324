"""Held-out metrics and their statistics."""

from rlsr.evaluation.heldout import HeldoutEvaluation, HeldoutScores, MetricChange
from rlsr.evaluation.statistics import Estimate, bootstrap_mean, paired_difference

__all__ = [
    "Estimate",
    "HeldoutEvaluation",
    "HeldoutScores",
    "MetricChange",
    "bootstrap_mean",
    "paired_difference",
]
