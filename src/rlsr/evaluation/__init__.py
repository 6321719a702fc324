"""Held-out metrics, and suites of prompts that they are measured on."""

from rlsr.evaluation.evaluation import Answers, Evaluation, MetricChange, MetricMean

__all__ = ["Answers", "Evaluation", "MetricChange", "MetricMean"]
