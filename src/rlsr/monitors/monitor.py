"""What a monitor is."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Rows = Sequence[Mapping[str, Any]]
"""Lines of ``metrics.jsonl``, the last step's being the last; NaN and None are unscored."""


@dataclass(frozen=True)
class Monitor:
    """One sign of failure."""

    name: str
    """Of the sign, in snake case."""
    look: Callable[[Rows], str | None]
    """Says in a sentence what it has found, and the way out where there is one; None where all is well."""
    ends_training: bool = False
    """True: it is asked after every step, and what it finds ends the run. False: it is asked once about the whole run."""


def scored(rows: Rows, name: str) -> list[float]:
    """List the numbers of a column that are there.

    Args:
        rows: Of a run.
        name: The column.

    Returns:
        Its values in order; what is missing or unscored is left out.
    """
    values = (row.get(name) for row in rows)
    return [value for value in values if value is not None and not math.isnan(value)]
