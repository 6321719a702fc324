"""What the steps of a run come to. No torch."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rlsr.runs.step_metrics import HELDOUT_SECONDS, PEAK_MEMORY, STEP_SECONDS, TRAINED_TOKENS

Row = Mapping[str, Any]


def step_seconds(row: Row) -> float:
    """Add up the seconds of a step and of the measurement for a stopping rule after it, as budgets count them."""
    return float(sum(scored([row], STEP_SECONDS) + scored([row], HELDOUT_SECONDS)))


def seconds_spent(rows: Sequence[Row]) -> float:
    """Add up the seconds of steps, those of the measurements between them included."""
    return float(sum(map(step_seconds, rows)))


def tokens_trained(rows: Sequence[Row]) -> int:
    """Add up the response tokens that updates have learnt from."""
    return int(sum(scored(rows, TRAINED_TOKENS)))


def peak_memory_gb(rows: Sequence[Row]) -> float | None:
    """Find the most memory that a run took, in gigabytes (10^9 bytes); None where no step measured it."""
    return max(scored(rows, PEAK_MEMORY), default=None)


def scored(rows: Sequence[Row], name: str) -> list[float]:
    """List the values of a column; null, NaN and what is missing are left out."""
    values = (row.get(name) for row in rows)
    return [value for value in values if value is not None and math.isfinite(value)]
