"""Held-out metrics."""

from rlsr.evaluation.heldout import HeldoutEvaluation, HeldoutScores, MetricChange

__all__ = ["HeldoutEvaluation", "HeldoutScores", "MetricChange"]
