"""Is SFT still learning? Where it is, more of it may give what RLSR would."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rlsr.runs.rows import StepRow
from rlsr.runs.step_metrics import NLL
from rlsr.runs.validation import MEASURES
from rlsr.statistics import Estimate

WATCHED: dict[str, Literal["higher", "lower"]] = {
    measure.column: "lower" if measure.lower_is_better else "higher"
    for measure in MEASURES.values()
} | {NLL: "lower"}
"""Numbers of a step by which SFT is seen to learn, the best first, and which way is better."""

LEAST_ROWS = 3
"""Points without which a slope has no interval."""


@dataclass(frozen=True)
class Learning:
    """How a number of SFT's steps moved in the last third of them."""

    metric: str
    """Its column in ``metrics.jsonl``."""
    better: Literal["higher", "lower"]
    """Which way is better."""
    change: Estimate
    """The slope of the straight line through the last third of the steps times their number; ``num`` counts measured steps."""

    @property
    def goes_on(self) -> bool:
        """Whether the interval shows that the number still becomes better."""
        return self.change.excludes_zero and (self.change.mean > 0) == (self.better == "higher")


def sft_learning(rows: Sequence[StepRow], confidence: float = 0.95) -> Learning | None:
    """Look at the last third of the steps of a run.

    Args:
        rows: ``metrics.jsonl`` of a supervised run.
        confidence: Level of the interval, in (0, 1).

    Returns:
        How the first of the watched numbers moved that was measured often enough; None where none was.
    """
    last = rows[len(rows) - len(rows) // 3 :]
    for metric, better in WATCHED.items():
        points = [
            (row["step"], row[metric]) for row in last if not np.isnan(row.get(metric, np.nan))
        ]
        if len(points) >= LEAST_ROWS:
            return Learning(metric, better, change_of_line(points, confidence))
    return None


def change_of_line(points: Sequence[tuple[float, float]], confidence: float = 0.95) -> Estimate:
    """Estimate how much the straight line through some points rises from the first to the last.

    Args:
        points: At least three of step and number, with different steps.
        confidence: Level of the interval, in (0, 1).

    Returns:
        The rise with the t interval of least squares, which takes deviations from the line as independent.
    """
    from scipy import stats

    steps, values = np.array(points, dtype=np.float64).T
    found = stats.linregress(steps, values)
    span = float(np.ptp(steps))
    half = float(stats.t.ppf((1 + confidence) / 2, len(steps) - 2) * found.stderr)
    return Estimate(
        float(found.slope) * span,
        (float(found.slope) - half) * span,
        (float(found.slope) + half) * span,
        len(points),
    )
