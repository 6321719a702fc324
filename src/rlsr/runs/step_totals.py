"""What the steps of a run come to. No torch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlsr.runs.step_metrics import PEAK_MEMORY, STEP_SECONDS, TRAINED_TOKENS, VALIDATION_SECONDS

Row = Mapping[str, Any]


def step_seconds(row: Row) -> float:
    """Add up the seconds of a step and of the measurement on validation prompts after it, as budgets count them."""
    return _or_zero(row.get(STEP_SECONDS)) + _or_zero(row.get(VALIDATION_SECONDS))


def _or_zero(seconds: float | None) -> float:
    return float(seconds) if seconds is not None and math.isfinite(seconds) else 0.0


def seconds_spent(rows: Sequence[Row]) -> float:
    """Add up the seconds of steps, those of the measurements between them included."""
    return float(sum(map(step_seconds, rows)))


def tokens_trained(rows: Sequence[Row]) -> int:
    """Add up the response tokens that updates have learnt from."""
    return int(sum(scored(rows, TRAINED_TOKENS)))


def steps_taken(rows: Sequence[Row]) -> int:
    """Count the optimiser steps; a row of step 0 measures the policy before them."""
    return sum(row["step"] > 0 for row in rows)


@dataclass(frozen=True)
class Spent:
    """What steps came to, in every unit that a budget may have."""

    seconds: float = 0.0
    """Wall-clock of the steps and of the measurements on validation prompts between them."""
    tokens: int = 0
    """Response tokens that updates have learnt from."""
    steps: int = 0
    """Optimiser steps."""

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Spent":
        """Add up rows of ``metrics.jsonl``."""
        return cls(seconds_spent(rows), tokens_trained(rows), steps_taken(rows))

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.seconds + other.seconds, self.tokens + other.tokens, self.steps + other.steps
        )


NOTHING_SPENT = Spent()
"""Before the first step."""


def peak_memory_gb(rows: Sequence[Row]) -> float | None:
    """Find the most memory that a run took, in gigabytes (10^9 bytes); None where no step measured it."""
    return max(scored(rows, PEAK_MEMORY), default=None)


def scored(rows: Sequence[Row], name: str) -> list[float]:
    """List the values of a column; null, NaN and what is missing are left out."""
    values = (row.get(name) for row in rows)
    return [value for value in values if value is not None and math.isfinite(value)]
