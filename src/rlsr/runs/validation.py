"""The measurements on validation prompts, as the rows of ``metrics.jsonl`` have them: which one is the best. No torch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlsr.runs.step_metrics import (
    VALIDATION_NLL,
    VALIDATION_PAIR_ACCURACY,
    VALIDATION_PAIR_LOSS,
    VALIDATION_REWARD,
    VALIDATION_SIMILARITY,
)

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ValidationMeasure:
    """A number that chooses weights."""

    column: str
    """In ``metrics.jsonl``."""
    words: str
    """What it is called within a sentence."""
    lower_is_better: bool = False

    def is_better(self, value: float, than: float) -> bool:
        """Say whether one value is better than another; equal ones are not."""
        return value < than if self.lower_is_better else value > than


MEASURES: Mapping[str, ValidationMeasure] = {
    "independent_similarity": ValidationMeasure(
        VALIDATION_SIMILARITY, "similarity by an independent encoder"
    ),
    "reward": ValidationMeasure(VALIDATION_REWARD, "reward"),
    "nll": ValidationMeasure(
        VALIDATION_NLL, "negative log-likelihood of the references", lower_is_better=True
    ),
    "pair_loss": ValidationMeasure(
        VALIDATION_PAIR_LOSS, "Bradley-Terry loss of pairs", lower_is_better=True
    ),
    "pair_accuracy": ValidationMeasure(
        VALIDATION_PAIR_ACCURACY, "share of pairs in the right order"
    ),
}
"""By the name that ``validation.metric`` has for it."""


@dataclass(frozen=True)
class Measurement:
    """The policy after a step, measured on validation prompts."""

    step: int
    """Steps taken; 0 before the first."""
    value: float
    """Mean over the prompts, or over the tokens of their references."""


def measurements(rows: Rows, metric: str) -> list[Measurement]:
    """List what was measured.

    Args:
        rows: Of ``metrics.jsonl``.
        metric: A key of ``MEASURES``.

    Returns:
        In the order of the steps; where nothing could be scored there is none.
    """
    column = MEASURES[metric].column
    found = ((row["step"], row.get(column)) for row in rows)
    return [
        Measurement(int(step), float(value))
        for step, value in found
        if value is not None and math.isfinite(value)
    ]


def best_measurement(rows: Rows, metric: str) -> Measurement | None:
    """Find the weights that are kept.

    Args:
        rows: Of ``metrics.jsonl``.
        metric: A key of ``MEASURES``.

    Returns:
        The best measurement, of equal ones the first: less training has gone into it. None where there is none.
    """
    best: Measurement | None = None
    for found in measurements(rows, metric):
        if best is None or MEASURES[metric].is_better(found.value, best.value):
            best = found
    return best


def num_without_gain(rows: Rows, metric: str) -> int:
    """Count the measurements since the best one, which none of them has surpassed.

    Args:
        rows: Of ``metrics.jsonl``.
        metric: A key of ``MEASURES``.
    """
    best = best_measurement(rows, metric)
    return sum(found.step > best.step for found in measurements(rows, metric)) if best else 0


def kept_in_words(
    best: Measurement | None, *, metric: str, num_prompts: int, num_steps: int
) -> str:
    """Say which weights a run has kept, for people.

    Args:
        best: The best measurement; None where nothing could be scored.
        metric: A key of ``MEASURES``.
        num_prompts: Validation prompts.
        num_steps: Steps that the run has taken.

    Returns:
        A part of a sentence, as in ``the weights after step 30 of 55, the best by reward on 32 validation prompts (0.584)``.
    """
    by = f"{MEASURES[metric].words} on {num_prompts} validation prompts"
    if best is None:
        return (
            f"the weights after the last of {num_steps} steps, since the {by} could not be scored"
        )
    if best.step == 0:
        return f"the policy that training began with: after none of {num_steps} steps was the {by} better than {best.value:.4g}"
    return f"the weights after step {best.step} of {num_steps}, the best by {by} ({best.value:.4g})"
