"""Evaluations as they are kept, made of numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rlsr.evaluation.kept import KeptEvaluation, KeptMetric, KeptSuite
from rlsr.evaluation.metrics import describe
from rlsr.statistics import bootstrap_mean

RESAMPLES = 200
NUM_PROMPTS = 40

Scores = Mapping[str, Sequence[float]]


def kept(
    model: str, *, prompts: Sequence[str] | None = None, scorer: str | None = None, **suites: Scores
) -> KeptEvaluation:
    """Write down an evaluation: by suite and metric one score a prompt."""
    return KeptEvaluation(
        "0.1",
        "2026-01-01T00:00:00+00:00",
        model,
        "my.jsonl",
        "greedy responses",
        0.95,
        RESAMPLES,
        {name: _suite(name, scores, prompts, scorer) for name, scores in suites.items()},
    )


def _suite(
    name: str, scores: Scores, prompts: Sequence[str] | None, scorer: str | None
) -> KeptSuite:
    number = len(next(iter(scores.values())))
    metrics = tuple(
        KeptMetric(
            metric,
            describe(metric).better or "higher",
            metric in {"reward", "similarity"},
            scorer,
            bootstrap_mean(np.array(values, dtype=np.float64), num_resamples=RESAMPLES),
            tuple(map(float, values)),
        )
        for metric, values in scores.items()
    )
    own = prompts or [f"{name}-{place:04d}" for place in range(number)]
    return KeptSuite(tuple(own), metrics, None)


def normal(mean: float, seed: int = 0, number: int = NUM_PROMPTS) -> list[float]:
    """Draw scores around a mean; the same seed gives the same prompts' luck."""
    drawn: Any = np.random.default_rng(seed).normal(mean, 0.1, size=number)
    values: list[float] = drawn.tolist()
    return values
