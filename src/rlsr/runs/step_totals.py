"""What the steps of a run come to. No torch."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rlsr.runs.step_metrics import HELDOUT_SECONDS, PEAK_MEMORY, STEP_SECONDS, TRAINED_TOKENS

Row = Mapping[str, Any]


def step_seconds(row: Row) -> float:
    """Add up what a step took, as budgets count it.

    Args:
        row: The numbers of the step.

    Returns:
        Seconds of the step and of the measurement for a stopping rule after it; what was not measured counts nothing.
    """
    return float(sum(_scored([row], STEP_SECONDS) + _scored([row], HELDOUT_SECONDS)))


def seconds_spent(rows: Sequence[Row]) -> float:
    """Add up the time of steps.

    Args:
        rows: Of ``metrics.jsonl``.

    Returns:
        Seconds of all steps and of the measurements between them.
    """
    return float(sum(map(step_seconds, rows)))


def tokens_trained(rows: Sequence[Row]) -> int:
    """Add up what updates have learnt from.

    Args:
        rows: Of ``metrics.jsonl``.

    Returns:
        Response tokens.
    """
    return int(sum(_scored(rows, TRAINED_TOKENS)))


def peak_memory_gb(rows: Sequence[Row]) -> float | None:
    """Find the most memory that a run took.

    Args:
        rows: Of ``metrics.jsonl``.

    Returns:
        Gigabytes (10^9 bytes); None where no step measured it.
    """
    return max(_scored(rows, PEAK_MEMORY), default=None)


def _scored(rows: Sequence[Row], name: str) -> list[float]:
    """List the values of a column; null, NaN and what is missing are left out."""
    values = (row.get(name) for row in rows)
    return [value for value in values if value is not None and math.isfinite(value)]
