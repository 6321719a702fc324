"""Held-out metrics, and suites of prompts that they are measured on."""

from rlsr.evaluation.change import MetricChange, how_to_read, num_scored
from rlsr.evaluation.evaluation import Answers, Evaluation, MetricMean
from rlsr.evaluation.pairs import PairEvaluation

__all__ = [
    "Answers",
    "Evaluation",
    "MetricChange",
    "MetricMean",
    "PairEvaluation",
    "how_to_read",
    "num_scored",
]
