"""What a monitor is."""

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
